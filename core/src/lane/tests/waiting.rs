//! A decoder that cannot go on for now: the batch is kept, the group is served, nothing is rejected.

use super::*;
use crate::codec::{Decode, Decoded};

/// Waits for something outside: so many times, or for ever.
struct Waits(usize);

impl Decode for Waits {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let waiting = records.payload(0).is_some_and(|p| p.starts_with(b"w"));
        if waiting && self.0 > 0 {
            self.0 -= 1;
            return Err(Error::retry("the registry does not answer").with("id", 7));
        }
        VerbatimDecoder.decode(records)
    }
}

const FOR_EVER: usize = usize::MAX;

/// A script's messages behind those that wait are not read meanwhile: they keep the source from ending.
fn of(partition: i32, first: i64, payloads: &[&str]) -> Vec<Message> {
    let messages = payloads.iter().zip(first..);
    messages
        .map(|(p, offset)| Message::new("in", partition, offset, p.as_bytes()))
        .collect()
}

fn partitions(numbers: &[i32]) -> Partitions {
    numbers.iter().map(|n| TopicPartition::new("in", *n)).collect()
}

#[test]
fn a_batch_that_cannot_be_decoded_yet_is_kept_whole_and_in_order() {
    let script = vec![messages(&["w", "b", "c", "d", "e"])];
    let ran = run_decoded(Box::new(Waits(3)), with_dead_letters(), script);
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    assert_eq!(ran.payloads("out"), ["w", "b", "c", "d", "e"]);
    assert!(ran.payloads("dead").is_empty());
    assert_eq!((ran.metrics.waits.get(), ran.metrics.waiting.get()), (3, 0));
    assert_eq!(ran.last_commit(), Some(5));
    ran.balances();
}

#[test]
fn partitions_that_go_meanwhile_take_their_records_along() {
    let both: Vec<Message> = [of(0, 0, &["w", "b"]), of(1, 5, &["x0", "y"])].concat();
    let script = vec![
        Script::Messages(both),
        Script::Event(Event::Revoked(partitions(&[1]))),
        Script::Messages(of(0, 2, &["later"])),
    ];
    let ran = run_decoded(Box::new(Waits(4)), rules(), script);
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    assert_eq!(ran.payloads("out"), ["w", "b", "later"]);
    assert!(ran.asked.contains(&Asked::Released(partitions(&[1]))));
    let of_the_other = ran.asked.iter().any(
        |a| matches!(a, Asked::Commit(next) if next.get(&TopicPartition::new("in", 1)).is_some_and(|n| *n > 5)),
    );
    assert!(!of_the_other, "{:?}", ran.asked);
    assert_eq!(ran.metrics.abandoned.get(), 2);
    ran.balances();
}

#[test]
fn a_lost_partition_and_a_gap_behind_the_batch_are_told_in_time() {
    let gap = Gap {
        partition: TopicPartition::new("in", 0),
        position: 1,
        earliest: 9,
        latest: 20,
    };
    let both: Vec<Message> = [of(0, 0, &["w"]), of(1, 5, &["y"])].concat();
    let script = vec![
        Script::Messages(both),
        Script::Event(Event::Gap(gap)),
        Script::Event(Event::Lost(partitions(&[1]))),
        Script::Messages(of(0, 20, &["later"])),
    ];
    let passing = Rules {
        on_gap: OnGap::Latest,
        ..rules()
    };
    let ran = run_decoded(Box::new(Waits(4)), passing, script);
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    assert_eq!(ran.payloads("out"), ["w", "later"]);
    let told: Vec<&Asked> = ran
        .asked
        .iter()
        .filter(|a| !matches!(a, Asked::Commit(_)))
        .collect();
    let rewound = Positions::from([(TopicPartition::new("in", 0), 20)]);
    assert_eq!(
        told,
        [&Asked::Released(partitions(&[1])), &Asked::Rewound(rewound)]
    );
    ran.balances();
}

#[test]
fn a_stop_is_obeyed_while_a_batch_waits() {
    let (stop, metrics) = (Stop::default(), Arc::new(LaneMetrics::default()));
    let script = vec![messages(&["w", "b"]), Script::Messages(of(0, 2, &["later"]))];
    let (source, written) = (MemorySource::new(script), Arc::default());
    let asked = source.asked();
    let lane = lane_of(
        Box::new(Waits(FOR_EVER)),
        rules(),
        source,
        &written,
        &metrics,
        &stop,
    );
    let thread = std::thread::spawn(move || lane.run());
    while metrics.waits.get() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(metrics.waiting.get(), 1);
    stop.request();
    thread.join().expect("no panic").expect("an orderly end");
    assert!(lock(&asked).contains(&Asked::Released(partitions(&[0]))));
    assert!(lock(&written).messages.is_empty());
    assert_eq!((metrics.abandoned.get(), metrics.in_flight.get()), (2, 0));
}

#[test]
fn a_source_that_ends_meanwhile_ends_the_run_with_the_reason() {
    let ran = run_decoded(Box::new(Waits(FOR_EVER)), rules(), vec![messages(&["w", "b"])]);
    let error = ran
        .outcome
        .as_ref()
        .expect_err("nobody waits for ever")
        .to_string();
    assert!(error.contains("the registry does not answer (id=7)"), "{error}");
    assert_eq!(ran.last_commit(), Some(0), "where it began");
}
