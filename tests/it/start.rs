//! What a run says that cannot begin: within 15 seconds, naming what is wrong.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use forebay_testcontainers::Kafka;
use serde_json::Value;
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

/// What each line of a run says that logs as JSON.
fn events(pipeline: &Path, filter: &str) -> Vec<Value> {
    let mut command = crate::forebay(&["run", "--log", "json"]);
    command.arg(pipeline).env("FOREBAY_LOG", filter);
    let output = crate::output(command);
    assert!(!output.status.success());
    let text = said(&output);
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The last event says why the run ended.
fn ends_for(events: &[Value], reason: &str) {
    let last = events.last().expect("an event");
    let message = last["message"].as_str().unwrap_or_default();
    assert!(last["level"] == "ERROR" && message.contains(reason), "{events:?}");
}

#[test]
fn a_run_that_logs_json_says_why_it_fails_as_json_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let folder = TempDir::new().expect("a folder");
    let pipeline = sensors::pipeline(&folder, &[("localhost:9092", &address)]);
    // Somebody listens and does not answer.
    let told = events(&pipeline, "info");
    ends_for(&told, &address);
    let waited = |event: &Value| {
        let said = event["message"].as_str();
        said.is_some_and(|said| said.contains("s without an answer"))
    };
    assert!(told.iter().any(waited), "{told:?}");
    drop(listener);
    ends_for(&events(&pipeline, "off"), "the connection was refused");
    ends_for(&events(&pipeline, "forebay=loudly"), "FOREBAY_LOG");

    let wrong = sensors::pipeline(&folder, &[("group: sensors", "grup: sensors")]);
    ends_for(
        &events(&wrong, "info"),
        "unknown key `grup`: did you mean `group`?",
    );
}
