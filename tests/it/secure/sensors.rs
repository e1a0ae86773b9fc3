//! The sensors example through every secure listener: the same events, the same results, whichever way they came.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_testcontainers::{Load, await_until, process};
use tempfile::TempDir;

use super::{OWN, cluster, pipeline, run};
use crate::sensors::event;

const EVENTS: u64 = 2_000;

/// Ways into the cluster: the listener and the connector's further keys.
const WAYS: &[(&str, &str)] = &[
    ("PLAINTEXT", ""),
    ("TLS", ", tls: { ca: <ca> }"),
    (
        "MTLS",
        ", tls: { ca: <ca>, certificate: <certificate>, key: <key> }",
    ),
    (
        "MTLS",
        ", tls: { ca: <ca>, certificate: <certificate>, key: <locked key>, key_password: \"${KEY_PASSWORD}\" }",
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }, sasl: { mechanism: plain, username: app, password: \"${PASSWORD}\" }",
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }, sasl: { mechanism: scram-sha-256, username: app, password: \"${PASSWORD}\" }",
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }, sasl: { mechanism: scram-sha-512, username: app, password: \"${PASSWORD}\" }, client_rack: a",
    ),
    (
        "OPEN",
        ", allow_insecure: true, sasl: { mechanism: scram-sha-512, username: app, password: \"${PASSWORD}\" }",
    ),
    (
        "OAUTH",
        ", tls: { ca: <ca> }, allow_insecure: true, sasl: { mechanism: oauthbearer, token_url: <token url>, client_id: app, \
         client_secret: \"${CLIENT_SECRET}\" }",
    ),
];

/// Scores every event by the way and returns the results by their key.
fn results(number: usize, connector: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let kafka = &cluster().kafka;
    let output = kafka.create_topic(&format!("scores-{number}"), 6);
    let folder = TempDir::new().expect("a folder");
    let group = format!("group: secure-{number}");
    let edits = [
        (OWN, connector),
        ("topic: telemetry-scores", &format!("topic: {output}")),
        (
            "group: sensors",
            &format!("{group}\n    instance_id: member-{number}"),
        ),
    ];
    let pipeline = pipeline(&folder, &edits);
    let mut forebay = run(&pipeline);
    await_until(Duration::from_secs(60), "every event is scored", || {
        assert!(
            forebay.try_wait().expect("forebay").is_none(),
            "forebay ended: {connector}"
        );
        kafka.committed(&group["group: ".len()..], "telemetry") == kafka.end_offsets("telemetry")
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    let read = kafka.read_all(&output).into_iter();
    let by_id = read.map(|m| (m.payload.clone().unwrap_or_default(), m.key.unwrap_or_default()));
    by_id.collect()
}

#[test]
fn the_same_results_come_by_every_way() {
    let kafka = &cluster().kafka;
    kafka.create_topic("telemetry", 6);
    kafka.create_topic("telemetry.dead", 1);
    Load::all(kafka.bootstrap(), "telemetry", EVENTS, event);
    let mut reference = None;
    for (number, (listener, keys)) in WAYS.iter().enumerate() {
        let results = results(number, &cluster().connector(listener, keys));
        assert_eq!(results.len() as u64, EVENTS, "{listener}{keys}");
        let reference = reference.get_or_insert_with(|| results.clone());
        assert!(
            *reference == results,
            "{listener}{keys}: other results than in plaintext"
        );
    }
}
