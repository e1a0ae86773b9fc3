//! What a run says that cannot begin: within 15 seconds, naming what is wrong.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use forebay_testcontainers::Kafka;
use tempfile::TempDir;

use crate::sensors;

fn run_to_the_end(edits: &[(&str, &str)]) -> (Output, Duration) {
    let folder = TempDir::new().expect("a folder");
    let pipeline = sensors::pipeline(&folder, edits);
    let begin = Instant::now();
    (crate::run_to_the_end(&pipeline), begin.elapsed())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unreachable_broker_is_named_within_fifteen_seconds() {
    // A port that was free a moment ago: nobody answers there.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let (output, took) = run_to_the_end(&[("localhost:9092", &format!("127.0.0.1:{port}"))]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("127.0.0.1:{port}")) && text.contains("the connection was refused"),
        "{text}"
    );
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn an_unknown_topic_is_named_and_not_created() {
    let kafka = Kafka::shared();
    for (topic, other) in [("start-in", "start-out"), ("start-in-2", "start-out-2")] {
        let exists = if topic == "start-in" { other } else { topic };
        let missing = if topic == "start-in" { topic } else { other };
        kafka.create_topic(exists, 1);
        let (output, took) = run_to_the_end(&[
            ("localhost:9092", kafka.bootstrap()),
            ("topic: telemetry-scores", &format!("topic: {other}")),
            ("topic: telemetry\n", &format!("topic: {topic}\n")),
            ("  dead_letters: { topic: telemetry.dead }\n", ""),
        ]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(&format!("topic={missing}")) && text.contains("create it first"),
            "{text}"
        );
        assert!(took < Duration::from_secs(15), "{took:?}");
        let again = run_to_the_end(&[
            ("localhost:9092", kafka.bootstrap()),
            ("topic: telemetry-scores", &format!("topic: {other}")),
            ("topic: telemetry\n", &format!("topic: {topic}\n")),
            ("  dead_letters: { topic: telemetry.dead }\n", ""),
        ]);
        assert_eq!(
            again.0.status.code(),
            Some(1),
            "asking for a topic must not create it"
        );
    }
}
