//! The real clouds, for those who have accounts: not run anywhere else. Each test wants variables, and three topics (event hubs)
//! `forebay-test-in`, `forebay-test-out` and `forebay-test-dead`, which are created where the service lets a client do that.
//!
//! - `FOREBAY_TEST_MSK`: a cluster's ARN; credentials as AWS's own tools find them, IAM turned on, reachable from here.
//! - `FOREBAY_TEST_CONFLUENT`: `host:port`, with `FOREBAY_TEST_CONFLUENT_KEY` and `FOREBAY_TEST_CONFLUENT_SECRET`.
//! - `FOREBAY_TEST_EVENT_HUBS`: a namespace, with an identity that `auth: { default: {} }` finds.
//! - `FOREBAY_TEST_GOOGLE`: `host:port`, on a machine with a metadata server.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_testcontainers::{await_until, process};
use serde_json::Value;
use tempfile::TempDir;

use super::OWN;
use crate::sensors::{event, pipeline};

const EVENTS: u64 = 500;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}; the top of this file says what it is"))
}

fn forebay(arguments: &[&str]) -> String {
    let output = crate::output(crate::forebay(arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}:\n{out}{err}");
    out
}

/// The sensors through the cloud: doctor, topics, events in, results out, each event once. What earlier runs left in the topics has
/// other ids.
fn goes_through(connector: &str, creates: bool) {
    let folder = TempDir::new().expect("a folder");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let first = u64::try_from(now.as_millis()).expect("a time") * 1000;
    let edits = [
        (OWN, connector),
        ("topic: telemetry-scores", "topic: forebay-test-out"),
        ("topic: telemetry\n", "topic: forebay-test-in\n"),
        ("topic: telemetry.dead", "topic: forebay-test-dead"),
        ("group: sensors", &format!("group: forebay-test-{first}")),
    ];
    let path = pipeline(&folder, &edits).display().to_string();
    if creates {
        forebay(&["topics", "create", &path]);
    }
    forebay(&["doctor", &path]);
    let events = folder.path().join("events.jsonl");
    let lines: Vec<String> = (first..first + EVENTS)
        .map(|number| String::from_utf8(event(number).1).expect("JSON"))
        .collect();
    fs::write(&events, lines.join("\n")).expect("events");
    forebay(&["produce", &path, "--file", &events.display().to_string()]);
    let mut running = process::spawn(crate::forebay(&["run", &path])).expect("start forebay");
    await_until(Duration::from_secs(300), "every event has one result", || {
        assert!(running.try_wait().expect("forebay").is_none(), "forebay ended");
        let ids: Vec<u64> = forebay(&["consume", &path])
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["id"].as_u64())
            .filter(|id| *id >= first)
            .collect();
        let different: BTreeSet<&u64> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "an event was scored twice");
        ids.len() as u64 == EVENTS
    });
    process::signal(&running, libc::SIGTERM);
    assert!(running.wait().expect("forebay").success());
}

#[test]
#[ignore = "needs an account: FOREBAY_TEST_MSK"]
fn msk() {
    let arn = variable("FOREBAY_TEST_MSK");
    goes_through(
        &format!("local: {{ kind: msk, cluster_arn: {arn:?}, auth: {{ iam: {{}} }} }}"),
        true,
    );
}

#[test]
#[ignore = "needs an account: FOREBAY_TEST_CONFLUENT"]
fn confluent() {
    let (bootstrap, key) = (
        variable("FOREBAY_TEST_CONFLUENT"),
        variable("FOREBAY_TEST_CONFLUENT_KEY"),
    );
    let auth = format!("{{ api_key: {key:?}, api_secret: \"${{FOREBAY_TEST_CONFLUENT_SECRET}}\" }}");
    goes_through(
        &format!("local: {{ kind: confluent, bootstrap: [{bootstrap:?}], auth: {auth} }}"),
        true,
    );
}

#[test]
#[ignore = "needs an account: FOREBAY_TEST_EVENT_HUBS"]
fn event_hubs() {
    let namespace = variable("FOREBAY_TEST_EVENT_HUBS");
    let connector =
        format!("local: {{ kind: event-hubs, namespace: {namespace:?}, auth: {{ default: {{}} }} }}");
    goes_through(&connector, false);
}

#[test]
#[ignore = "needs an account: FOREBAY_TEST_GOOGLE"]
fn google() {
    let bootstrap = variable("FOREBAY_TEST_GOOGLE");
    goes_through(
        &format!("local: {{ kind: google, bootstrap: [{bootstrap:?}] }}"),
        true,
    );
}
