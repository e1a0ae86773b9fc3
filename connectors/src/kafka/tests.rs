//! The source against the embedded cluster: what no broker can be made to show at will.

use std::time::{Duration, Instant};

use forebay_core::source::{Event, Limit};
use forebay_core::{Positions, TopicPartition};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::connector::{GroupProtocol, Start, Topics};
use crate::embedded::Embedded;

const PATIENCE: Duration = Duration::from_secs(30);

fn source(embedded: &Embedded, protocol: GroupProtocol) -> Box<dyn Source> {
    let kafka = Kafka::new(Endpoint {
        client: [("fetch.wait.max.ms".to_string(), crate::Scalar("5".into()))].into(),
        ..Endpoint::plaintext(embedded.bootstrap())
    });
    let spec = SourceSpec {
        topics: Topics::Names(vec!["events".into()]),
        group: "g".into(),
        start: Start::Earliest,
        protocol,
        instance_id: None,
        prefetch_bytes: 1 << 20,
    };
    kafka.source(&spec).expect("a source")
}

fn write(embedded: &Embedded, count: usize) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config
        .set("bootstrap.servers", embedded.bootstrap())
        .create()
        .expect("a producer");
    for n in 0..count {
        let partition = (n % 2) as i32;
        let record = BaseRecord::<(), str>::to("events")
            .payload("x")
            .partition(partition);
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(PATIENCE).expect("write");
}

/// The offset of the next record of partition 0.
fn next_offset(source: &mut dyn Source) -> i64 {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Event::Records(records) = source
            .poll(Limit { rows: 7 }, Duration::from_millis(5))
            .expect("poll")
        {
            let mine = (0..records.len()).find(|row| records.partition(*row).partition == 0);
            if let Some(row) = mine {
                return records.offset(row);
            }
        }
    }
    panic!("no record of the partition came within {PATIENCE:?}");
}

#[test]
fn after_a_rewind_records_come_again_from_there_and_from_nowhere_else() {
    for protocol in [GroupProtocol::CooperativeSticky, GroupProtocol::Range] {
        let embedded = Embedded::start(&[("events", 2)]).expect("a cluster");
        write(&embedded, 200);
        let mut source = source(&embedded, protocol);
        assert_eq!(next_offset(source.as_mut()), 0);
        for to in [3, 90, 0, 50, 1, 99, 42, 0, 98, 7, 60, 0] {
            let there = Positions::from([(TopicPartition::new("events", 0), to)]);
            source.rewind(&there).expect("a rewind");
            assert_eq!(next_offset(source.as_mut()), to, "{protocol:?}");
        }
    }
}

#[test]
fn a_gap_is_told_when_the_leader_answers() {
    let embedded = Embedded::start(&[("events", 1)]).expect("a cluster");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", embedded.bootstrap());
    let producer: BaseProducer = config.create().expect("a producer");
    for _ in 0..10 {
        let record = BaseRecord::<(), str>::to("events").payload("x");
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(PATIENCE).expect("write");
    let mut source = source(&embedded, GroupProtocol::CooperativeSticky);
    assert_eq!(next_offset(source.as_mut()), 0);

    let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    let asked = embedded.request_errors(RDKafkaApiKey::ListOffsets, &[moved; 3]);
    asked.expect("errors");
    let gone = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    let fetched = embedded.request_errors(RDKafkaApiKey::Fetch, &[gone; 3]);
    fetched.expect("errors");
    let (until, mut unreachable) = (Instant::now() + PATIENCE, 0);
    let gap = loop {
        assert!(Instant::now() < until, "no gap was told");
        let event = source.poll(Limit { rows: 7 }, Duration::from_millis(5));
        match event.expect("poll") {
            Event::Gap(gap) => break gap,
            Event::Unreachable(why) if why.starts_with("read the bounds of events[0]") => unreachable += 1,
            _ => {}
        }
    };
    assert!(unreachable >= 1);
    assert_eq!((gap.earliest, gap.latest), (0, 10));
    assert_eq!(gap.partition, TopicPartition::new("events", 0));
}
