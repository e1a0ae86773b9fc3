//! Latency counts from when an event happened, where a column tells.

use arrow::datatypes::TimeUnit;

use super::*;
use crate::codec::json::JsonDecoder;
use crate::codec::{Column, ColumnKind};
use crate::metrics::Snapshot;
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

/// The latencies of a lane that reads events which happened so many milliseconds after now, in records of now.
fn late(after: &[i64]) -> Snapshot {
    let now = i64::try_from(millis_now()).expect("fits");
    let message = |(nth, after): (usize, &i64)| Message {
        timestamp: now,
        ..Message::new(
            "in",
            0,
            nth as i64,
            format!(r#"{{"at":{}}}"#, now + after).as_bytes(),
        )
    };
    let messages = after.iter().enumerate().map(message).collect();
    let metrics = Arc::new(LaneMetrics::default());
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(MemorySink::new(Arc::default()))];
    let lane = Lane::new(
        Box::new(MemorySource::new(vec![Script::Messages(messages)])),
        carrier(false, &metrics),
        sinks,
        rules(),
        Arc::clone(&metrics),
        Stop::default(),
    );
    lane.run().expect("runs");
    metrics.latency.snapshot()
}

#[test]
fn an_event_of_an_hour_ago_in_a_record_of_now_is_an_hour_late() {
    let late = late(&[-3_600_000]);
    assert_eq!(late.count(), 1);
    assert!((3_600_000..3_700_000).contains(&late.sum_ms), "{late:?}");
}

/// A device whose clock is wrong spoils its own figures, and those of nobody else.
#[test]
fn events_of_the_future_are_not_late_and_those_of_1970_are_very_late() {
    let to_1970 = -i64::try_from(millis_now()).expect("fits");
    let late = late(&[86_400_000, to_1970 - 5_000, 6_000_000_000_000, -2_000]);
    assert_eq!(late.count(), 4);
    assert_eq!(late.counts[..30].iter().sum::<u64>(), 2, "{late:?}");
    let p75 = late.quantile(0.75).expect("a quantile");
    assert!((2_000..4_000).contains(&p75), "{p75}");
    assert_eq!(late.counts.last(), Some(&1), "{late:?}");
}
