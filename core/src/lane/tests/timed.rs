//! Latency counts from when an event happened, where a column tells.

use arrow::datatypes::TimeUnit;

use super::*;
use crate::codec::json::JsonDecoder;
use crate::codec::{Column, ColumnKind};
use crate::records::{NO_TIMESTAMP, Record};

fn carrier(nullable: bool, metrics: &Arc<LaneMetrics>) -> Carrier {
    let at = Column {
        name: "at".into(),
        path: vec!["at".into()],
        kind: ColumnKind::Timestamp(TimeUnit::Millisecond),
        nullable,
        default: None,
    };
    let decode = Box::new(JsonDecoder::new(&[at]));
    let encode = Box::new(VerbatimEncoder::new("out"));
    Carrier::new(decode, Vec::new(), encode, Arc::clone(metrics)).timed_by(Some(0))
}

#[test]
fn times_belong_to_records_and_rejects_and_nulls_have_none() {
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 0);
    for payload in [r#"{"at":1500}"#, "no json", r#"{"at":null}"#, r#"{"at":-1}"#] {
        let payload = Some(payload.as_bytes());
        records.push(
            partition,
            Record {
                payload,
                ..Record::default()
            },
        );
    }
    let carried = carrier(true, &Arc::default()).carry(&Arc::new(records));
    let times = carried.expect("carried").times;
    assert_eq!(times, [1500, NO_TIMESTAMP, NO_TIMESTAMP, -1]);
}

#[test]
fn an_event_of_an_hour_ago_in_a_record_of_now_is_an_hour_late() {
    let now = i64::try_from(millis_now()).expect("fits");
    let text = format!(r#"{{"at":{}}}"#, now - 3_600_000);
    let message = Message {
        timestamp: now,
        ..Message::new("in", 0, 0, text.as_bytes())
    };
    let metrics = Arc::new(LaneMetrics::default());
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(MemorySink::new(Arc::default()))];
    let source = MemorySource::new(vec![Script::Messages(vec![message])]);
    let carrier = carrier(false, &metrics);
    let lane = Lane::new(
        Box::new(source),
        carrier,
        sinks,
        rules(),
        Arc::clone(&metrics),
        Stop::default(),
    );
    lane.run().expect("runs");
    let late = metrics.latency.snapshot();
    assert_eq!(late.count(), 1);
    assert!((3_600_000..3_700_000).contains(&late.sum_ms), "{late:?}");
}
