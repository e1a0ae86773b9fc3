//! One pipeline file and one set of events on every cloud, by changing only `--connector`: the same results, row by row.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_testcontainers::{Load, await_until, process};
use tempfile::TempDir;

use super::{Way, assert_quiet, main_ways, run, turn, with_every_connector};
use crate::sensors::event;

const EVENTS: u64 = 2_000;

/// Scores every event by the way and returns the results with their partition and key.
fn results(folder: &TempDir, ways: &[Way], way: &Way) -> BTreeMap<Vec<u8>, (i32, Vec<u8>)> {
    let kafka = way.kafka;
    for (topic, partitions) in [("clouds", 6), ("clouds-scores", 6), ("clouds-dead", 1)] {
        kafka.create_topic(topic, partitions);
    }
    Load::all(kafka.bootstrap(), "clouds", EVENTS, event);
    let (mut forebay, log) = run(&with_every_connector(folder, ways), way);
    await_until(Duration::from_secs(60), "every event is scored", || {
        let ended = forebay.try_wait().expect("forebay");
        assert!(ended.is_none(), "forebay ended: {}", way.connector);
        kafka.committed("clouds", "clouds") == kafka.end_offsets("clouds")
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains("librdkafka"), "its log is there");
    assert_quiet(&log);
    assert_eq!(kafka.count("clouds-dead"), 0, "{}", way.name);
    let read = kafka.read_all("clouds-scores").into_iter();
    read.map(|m| {
        (
            m.payload.unwrap_or_default(),
            (m.partition, m.key.unwrap_or_default()),
        )
    })
    .collect()
}

#[test]
fn the_same_file_gives_the_same_results_on_every_cloud() {
    let _turn = turn();
    let ways = main_ways();
    let mut reference = None;
    for way in &ways {
        let folder = TempDir::new().expect("a folder");
        let results = results(&folder, &ways, way);
        assert_eq!(results.len() as u64, EVENTS, "{}", way.name);
        let reference = reference.get_or_insert_with(|| results.clone());
        assert!(
            *reference == results,
            "{}: other results than on the first",
            way.name
        );
    }
}
