#[cfg(feature = "json")]
mod timed;
mod waiting;

use std::sync::Mutex;

use super::*;
use crate::batch::Batch;
use crate::codec::Decode;
use crate::codec::verbatim::{VerbatimDecoder, VerbatimEncoder};
use crate::memory::{Asked, MemorySink, MemorySource, Message, Script, Written, lock};
use crate::records::{Partitions, Positions, TopicPartition};
use crate::reject::Stage;
use crate::source::Gap;
use crate::steps::{Applied, Step};

/// Filters payloads that start with `f`, rejects those with `r`, fails the batch where one starts with `x`.
struct ByFirstByte;

impl Step for ByFirstByte {
    fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let first = |row: u32| {
            let payload = batch.records.payload(batch.origin[row as usize] as usize);
            payload.and_then(|p| p.first().copied())
        };
        let rows = 0..batch.len() as u32;
        if rows.clone().any(|r| first(r) == Some(b'p')) {
            panic!("planted");
        }
        if rows.clone().any(|r| first(r) == Some(b'x')) {
            return Err(Error::reject("planted failure"));
        }
        let keep: Vec<u32> = rows
            .clone()
            .filter(|r| !matches!(first(*r), Some(b'f' | b'r')))
            .collect();
        let rejects = rows.filter(|r| first(*r) == Some(b'r')).map(|r| Reject {
            record: batch.origin[r as usize],
            stage: Stage::Model,
            cause: "planted",
            reason: "planted reject".into(),
        });
        Ok(Applied {
            rejects: rejects.collect(),
            batch: batch.take(&keep)?,
        })
    }
}

fn rules() -> Rules {
    Rules {
        max_rows: 4,
        commit_every: Duration::from_secs(1),
        commit_at_least: Duration::ZERO,
        max_records: 100,
        max_bytes: 1 << 20,
        on_gap: OnGap::Stop,
        drop_rejects: false,
        dead_letters: None,
        flush_within: Duration::from_secs(1),
    }
}

fn with_dead_letters() -> Rules {
    let letters = DeadLetters {
        topic: "dead".into(),
        sink: 0,
        pipeline: "p".into(),
        stop_after: None,
    };
    Rules {
        dead_letters: Some(letters),
        ..rules()
    }
}

struct Ran {
    outcome: Result<()>,
    written: Arc<Mutex<Written>>,
    asked: Vec<Asked>,
    metrics: Arc<LaneMetrics>,
}

impl Ran {
    fn payloads(&self, topic: &str) -> Vec<String> {
        let written = lock(&self.written);
        let of_topic = written.messages.iter().filter(|m| m.topic == topic);
        of_topic
            .map(|m| String::from_utf8_lossy(m.payload.as_deref().unwrap_or(b"-")).into())
            .collect()
    }

    fn last_commit(&self) -> Option<i64> {
        let commits = self.asked.iter().rev();
        let mut commits = commits.filter_map(|a| match a {
            Asked::Commit(next) => Some(next),
            _ => None,
        });
        commits
            .next()
            .and_then(|next| next.get(&TopicPartition::new("in", 0)).copied())
    }

    fn balances(&self) {
        let m = &self.metrics;
        let settled = m.delivered.get()
            + m.filtered.get()
            + m.dead_lettered.get()
            + m.dropped.get()
            + m.abandoned.get();
        assert_eq!(m.consumed.get(), settled + m.in_flight.get(), "{m:?}");
    }
}

fn lane_of(
    decode: Box<dyn Decode>,
    rules: Rules,
    source: MemorySource,
    written: &Arc<Mutex<Written>>,
    metrics: &Arc<LaneMetrics>,
    stop: &Stop,
) -> Lane {
    let carrier = Carrier::new(
        decode,
        vec![(Stage::Sql, Box::new(ByFirstByte))],
        Box::new(VerbatimEncoder::new("out")),
        Arc::clone(metrics),
    );
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(MemorySink::new(Arc::clone(written)))];
    Lane::new(
        Box::new(source),
        carrier,
        sinks,
        rules,
        Arc::clone(metrics),
        stop.clone(),
    )
}

fn run_all(decode: Box<dyn Decode>, rules: Rules, script: Vec<Script>, written: Written) -> Ran {
    let source = MemorySource::new(script);
    let (asked, written) = (source.asked(), Arc::new(Mutex::new(written)));
    let metrics = Arc::new(LaneMetrics::default());
    let lane = lane_of(decode, rules, source, &written, &metrics, &Stop::default());
    let outcome = lane.run();
    let asked = lock(&asked).clone();
    Ran {
        outcome,
        written,
        asked,
        metrics,
    }
}

fn run_decoded(decode: Box<dyn Decode>, rules: Rules, script: Vec<Script>) -> Ran {
    run_all(decode, rules, script, Written::default())
}

fn run_with(rules: Rules, script: Vec<Script>, written: Written) -> Ran {
    run_all(Box::new(VerbatimDecoder), rules, script, written)
}

fn run(rules: Rules, script: Vec<Script>) -> Ran {
    run_with(rules, script, Written::default())
}

fn messages(payloads: &[&str]) -> Script {
    let message = |(i, p): (usize, &&str)| Message {
        key: Some(format!("k{i}").into_bytes()),
        timestamp: 1000 + i as i64,
        headers: vec![("h".into(), Some(vec![i as u8])), ("none".into(), None)],
        ..Message::new("in", 0, i as i64, p.as_bytes())
    };
    Script::Messages(payloads.iter().enumerate().map(message).collect())
}

#[test]
fn delivers_everything_and_commits_the_end() {
    let ran = run(rules(), vec![messages(&["a", "b", "c", "d", "e", "f1"])]);
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    assert_eq!(ran.payloads("out"), ["a", "b", "c", "d", "e"]);
    assert_eq!(ran.last_commit(), Some(6));
    assert_eq!(ran.metrics.filtered.get(), 1);
    assert_eq!(ran.metrics.latency.snapshot().count(), 5);
    ran.balances();
}

#[test]
fn keys_headers_and_timestamps_are_kept() {
    let ran = run(rules(), vec![messages(&["a", "b"])]);
    let written = lock(&ran.written);
    let second = &written.messages[1];
    assert_eq!(second.key.as_deref(), Some(&b"k1"[..]));
    assert_eq!(second.timestamp, 1001);
    assert_eq!(
        second.headers,
        vec![("h".into(), Some(vec![1])), ("none".into(), None)]
    );
}

#[test]
fn guilty_rows_are_found_alone_and_their_neighbours_are_untouched() {
    let ran = run(
        with_dead_letters(),
        vec![messages(&["a", "x", "b", "p", "c", "d", "r"])],
    );
    assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
    assert_eq!(ran.payloads("out"), ["a", "b", "c", "d"]);
    assert_eq!(ran.payloads("dead"), ["x", "p", "r"]);
    assert_eq!(ran.last_commit(), Some(7));
    assert_eq!(ran.metrics.dead_lettered.get(), 3);
    ran.balances();
}

#[test]
fn a_dead_letter_is_the_original_with_its_reason() {
    let ran = run(with_dead_letters(), vec![messages(&["a", "x"])]);
    let written = lock(&ran.written);
    let letter = written
        .messages
        .iter()
        .find(|m| m.topic == "dead")
        .expect("a dead letter");
    assert_eq!(letter.key.as_deref(), Some(&b"k1"[..]));
    assert_eq!(letter.timestamp, 1001);
    assert_eq!(
        letter.headers[..2],
        [("h".into(), Some(vec![1])), ("none".into(), None)]
    );
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(n, _)| n == name);
        String::from_utf8_lossy(found.and_then(|(_, v)| v.as_deref()).unwrap_or_default()).into_owned()
    };
    assert_eq!(header("__connect.errors.topic"), "in");
    assert_eq!(header("__connect.errors.partition"), "0");
    assert_eq!(header("__connect.errors.offset"), "1");
    assert_eq!(header("__connect.errors.stage"), "sql");
    assert_eq!(header("__connect.errors.exception.message"), "planted failure");
}

#[test]
fn a_reject_without_dead_letters_stops_uncommitted_and_names_its_place() {
    let ran = run(rules(), vec![messages(&["a", "b", "c", "d", "e", "x"])]);
    let error = ran.outcome.as_ref().expect_err("a reject stops").to_string();
    for word in [
        "topic=in",
        "partition=0",
        "offset=5",
        "planted failure",
        "on_reject: drop",
    ] {
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(
        ran.last_commit(),
        Some(4),
        "the batches before it are committed, its own is not"
    );
    assert_eq!(ran.payloads("out"), ["a", "b", "c", "d"]);
    ran.balances();
}

#[test]
fn rejects_are_dropped_only_when_asked_for() {
    let ran = run(
        Rules {
            drop_rejects: true,
            ..rules()
        },
        vec![messages(&["x", "b", "r"])],
    );
    assert!(ran.outcome.is_ok());
    assert_eq!(ran.payloads("out"), ["b"]);
    assert_eq!(ran.metrics.dropped.get(), 2);
    assert_eq!(ran.last_commit(), Some(3));
    ran.balances();
}

#[test]
fn a_broken_step_stops_the_pipeline_and_value_rejects_do_not() {
    let many = |payload: &'static str| vec![messages(&vec![payload; 40])];
    let big = Rules {
        max_rows: 64,
        ..with_dead_letters()
    };
    let ran = run(big.clone(), many("x"));
    let error = ran.outcome.expect_err("broken").to_string();
    assert!(error.contains("32 of the last 256 rows"), "{error}");
    let ran = run(big, many("r"));
    assert!(ran.outcome.is_ok());
    assert_eq!(ran.payloads("dead").len(), 40);
}

#[test]
fn stop_after_counts_every_reject_in_a_row() {
    let mut rules = with_dead_letters();
    if let Some(letters) = &mut rules.dead_letters {
        letters.stop_after = Some(3);
    }
    let ran = run(rules.clone(), vec![messages(&["r", "r", "a", "r", "r", "a"])]);
    assert!(ran.outcome.is_ok());
    let ran = run(rules, vec![messages(&["a", "a", "a", "r", "r", "r", "a"])]);
    let error = ran.outcome.expect_err("three in a row").to_string();
    assert!(error.contains("stop_after: 3"), "{error}");
}

#[test]
fn a_row_the_sink_refuses_becomes_a_dead_letter() {
    let refuse = || Written {
        refuse: Some(b"b".to_vec()),
        ..Written::default()
    };
    let two = Rules {
        dead_letters: None,
        drop_rejects: true,
        ..rules()
    };
    let ran = run_with(two, vec![messages(&["a", "b", "c"])], refuse());
    assert!(ran.outcome.is_ok());
    assert_eq!(ran.metrics.dropped.get(), 1);
    assert_eq!(ran.metrics.delivered.get(), 2);
    let ran = run_with(with_dead_letters(), vec![messages(&["a", "b"])], refuse());
    let error = ran
        .outcome
        .as_ref()
        .expect_err("the same sink refuses the dead letter, too")
        .to_string();
    assert!(error.contains("dead letter cannot be written"), "{error}");
    assert_ne!(ran.last_commit(), Some(2));
}

#[test]
fn revoked_partitions_are_flushed_committed_and_released_in_that_order() {
    let partitions = Partitions::from([TopicPartition::new("in", 0)]);
    let script = vec![
        messages(&["a", "b"]),
        Script::Event(Event::Revoked(partitions.clone())),
    ];
    let ran = run(rules(), script);
    let next = Positions::from([(TopicPartition::new("in", 0), 2)]);
    let end = &ran.asked[ran.asked.len() - 2..];
    assert_eq!(end, [Asked::Commit(next), Asked::Released(partitions)]);
    assert_eq!(lock(&ran.written).flushes, 2, "at the revocation and at the end");
    ran.balances();
}

#[test]
fn a_lane_tells_when_the_record_was_written_that_it_settled_last() {
    let message = |(partition, offset, timestamp)| Message {
        timestamp,
        ..Message::new("in", partition, offset, b"a")
    };
    let both = [(0, 0, 5000), (0, 1, 1000), (1, 0, 2000)].map(message);
    let gone = Partitions::from([TopicPartition::new("in", 1)]);
    let script = vec![
        Script::Messages(both.to_vec()),
        Script::Event(Event::Revoked(gone)),
    ];
    let progress = run(rules(), script).metrics.progress.load_full();
    let told: Vec<_> = progress
        .iter()
        .map(|one| (one.partition.partition, one.position, one.settled_at))
        .collect();
    assert_eq!(told, [(0, 2, Some(1000))]);
}

#[test]
fn what_is_not_confirmed_is_not_committed_at_a_revocation() {
    let partitions = Partitions::from([TopicPartition::new("in", 0)]);
    let script = vec![messages(&["a", "b"]), Script::Event(Event::Revoked(partitions))];
    let ran = run_with(
        rules(),
        script,
        Written {
            hold: true,
            ..Written::default()
        },
    );
    assert_ne!(ran.last_commit(), Some(2));
    assert_eq!(ran.metrics.abandoned.get(), 2);
    ran.balances();
}

#[test]
fn lost_partitions_are_never_committed() {
    let partitions = Partitions::from([TopicPartition::new("in", 0)]);
    let script = vec![messages(&["a"]), Script::Event(Event::Lost(partitions.clone()))];
    let ran = run_with(
        rules(),
        script,
        Written {
            hold: true,
            ..Written::default()
        },
    );
    assert_eq!(ran.asked.last(), Some(&Asked::Released(partitions)));
    assert_ne!(ran.last_commit(), Some(1));
    ran.balances();
}

#[test]
fn nothing_more_is_handed_over_than_max_records() {
    let rules = Rules {
        max_records: 3,
        max_rows: 2,
        ..rules()
    };
    let held = Written {
        hold: true,
        ..Written::default()
    };
    let source = MemorySource::new(vec![messages(&["a", "b", "c", "d", "e"])]);
    let written = Arc::new(Mutex::new(held));
    let stop = Stop::default();
    let metrics = Arc::new(LaneMetrics::default());
    let lane = lane_of(
        Box::new(VerbatimDecoder),
        rules,
        source,
        &written,
        &metrics,
        &stop,
    );
    let thread = std::thread::spawn(move || lane.run());
    while metrics.heartbeat.get() == 0 || metrics.consumed.get() < 3 {
        std::thread::yield_now();
    }
    let before = metrics.heartbeat.get();
    while metrics.heartbeat.get() < before + 5 {
        std::thread::yield_now();
    }
    assert_eq!(metrics.consumed.get(), 3);
    lock(&written).hold = false;
    thread.join().expect("no panic").expect("no error");
    assert_eq!(lock(&written).messages.len(), 5);
}

#[test]
fn a_gap_stops_or_is_passed_and_counted() {
    let partition = TopicPartition::new("in", 0);
    let gap = || {
        Script::Event(Event::Gap(Gap {
            partition: partition.clone(),
            position: 5,
            earliest: 9,
            latest: 20,
        }))
    };
    let start = || Script::Event(Event::Assigned(Positions::from([(partition.clone(), 5)])));
    let ran = run(rules(), vec![start(), gap()]);
    let error = ran.outcome.expect_err("a gap stops").to_string();
    assert!(
        error.contains("position 5 of in[0] no longer exists: the log holds 9 to 20"),
        "{error}"
    );
    let ran = run(
        Rules {
            on_gap: OnGap::Earliest,
            ..rules()
        },
        vec![start(), gap()],
    );
    assert!(ran.outcome.is_ok());
    assert!(
        ran.asked
            .contains(&Asked::Rewound(Positions::from([(partition.clone(), 9)])))
    );
    assert_eq!((ran.metrics.gaps.get(), ran.metrics.gap_offsets.get()), (1, 4));
    assert_eq!(ran.last_commit(), Some(9));
}

#[test]
fn a_source_that_fails_for_now_is_tried_again() {
    let script = vec![Script::Failure(Error::retry("planted")), messages(&["a"])];
    let ran = run(rules(), script);
    assert!(ran.outcome.is_ok());
    assert_eq!(ran.metrics.retries.get(), 1);
    assert_eq!(ran.payloads("out"), ["a"]);
}
