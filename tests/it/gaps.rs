//! Offsets that have vanished: nothing is skipped in silence.

use std::path::PathBuf;
use std::time::Duration;

use forebay_testcontainers::{Kafka, Load, await_until, process};
use tempfile::TempDir;

use crate::sensors;

const COUNT: u64 = 1000;
const KEPT: u64 = 400;

fn pipeline(folder: &TempDir, kafka: &Kafka, name: &str, on_gap: &str) -> PathBuf {
    sensors::pipeline(
        folder,
        &[
            ("localhost:9092", kafka.bootstrap()),
            ("topic: telemetry-scores", &format!("topic: {name}-out")),
            (
                "topic: telemetry\n",
                &format!("topic: {name}-in\n    on_gap: {on_gap}\n"),
            ),
            ("group: sensors", &format!("group: {name}")),
            ("  dead_letters: { topic: telemetry.dead }\n", ""),
        ],
    )
}

/// A group that has read half, and whose next records retention has deleted.
fn topics_with_a_gap(kafka: &Kafka, name: &str) -> TempDir {
    let input = kafka.create_topic(&format!("{name}-in"), 1);
    kafka.create_topic(&format!("{name}-out"), 1);
    Load::all(kafka.bootstrap(), &input, COUNT, sensors::event);
    let folder = TempDir::new().expect("a folder");
    let mut forebay = sensors::run(&pipeline(&folder, kafka, name, "stop"));
    await_until(Duration::from_secs(60), "all is committed", || {
        kafka.committed(name, &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    Load::all(kafka.bootstrap(), &input, COUNT, sensors::event);
    kafka.delete_records(&input, 0, (2 * COUNT - KEPT) as i64);
    folder
}

#[test]
fn a_gap_stops_the_pipeline_and_is_named() {
    let kafka = Kafka::shared();
    let folder = topics_with_a_gap(kafka, "gap-stop");
    let path = pipeline(&folder, kafka, "gap-stop", "stop");
    let output = crate::run_to_the_end(&path);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("position 1000 of gap-stop-in[0] no longer exists: the log holds 1600 to 2000"),
        "{text}"
    );
    assert!(text.contains("on_gap"), "{text}");
    assert_eq!(kafka.committed("gap-stop", "gap-stop-in")[&0], COUNT as i64);
}

#[test]
fn a_gap_is_passed_to_where_on_gap_says() {
    let kafka = Kafka::shared();
    for (on_gap, results) in [("earliest", COUNT + KEPT), ("latest", COUNT)] {
        let name = format!("gap-{on_gap}");
        let folder = topics_with_a_gap(kafka, &name);
        let mut forebay = sensors::run(&pipeline(&folder, kafka, &name, on_gap));
        await_until(Duration::from_secs(60), "the end is committed", || {
            kafka.committed(&name, &format!("{name}-in")).get(&0) == Some(&(2 * COUNT as i64))
        });
        process::signal(&forebay, libc::SIGTERM);
        assert!(forebay.wait().expect("forebay").success());
        assert_eq!(kafka.count(&format!("{name}-out")), results, "{on_gap}");
    }
}
