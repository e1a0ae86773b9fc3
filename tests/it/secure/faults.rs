//! Faults of connections: what `doctor` says step by step, and what a run ends with. Each within 15 seconds.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{OWN, cluster, pipeline, with_secrets};
use crate::{forebay, output};

/// A fault: the listener, the connector's further keys, the step that names it, parts of what it says, the exit code.
type Fault = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    i32,
);

const FAULTS: &[Fault] = &[
    ("TLS", "", "kafka", &["speaks TLS", "tls: {}"], 1),
    (
        "TLS",
        ", tls: {}",
        "tls",
        &["the system does not know it", "tls: { ca: FILE }"],
        1,
    ),
    (
        "OTHER",
        ", tls: { ca: <ca> }",
        "tls",
        &["`tls.ca` holds another authority"],
        1,
    ),
    (
        "EXPIRED",
        ", tls: { ca: <ca> }",
        "tls",
        &["has expired", "renewed"],
        1,
    ),
    (
        "EARLY",
        ", tls: { ca: <ca> }",
        "tls",
        &["not valid yet", "clock"],
        1,
    ),
    (
        "ELSEWHERE",
        ", tls: { ca: <ca> }",
        "tls",
        &["does not name `localhost`", "elsewhere.example"],
        1,
    ),
    (
        "MTLS",
        ", tls: { ca: <ca> }",
        "tls",
        &["wants a client certificate", "tls.certificate"],
        3,
    ),
    (
        "MTLS",
        ", tls: { ca: <ca>, certificate: <strange certificate>, key: <strange key> }",
        "tls",
        &["refused the client certificate", "certificate unknown"],
        3,
    ),
    ("PLAINTEXT", ", tls: { ca: <ca> }", "tls", &["leave out `tls`"], 1),
    (
        "PLAINTEXT",
        ", allow_insecure: true, sasl: { mechanism: plain, username: app, password: x }",
        "kafka",
        &["wants no SASL"],
        1,
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }",
        "kafka",
        &["wants SASL credentials", "sasl: {"],
        3,
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }, sasl: { mechanism: plain, username: app, password: wrong }",
        "sasl",
        &["refused the credentials", "sasl.password"],
        3,
    ),
    (
        "SECURE",
        ", tls: { ca: <ca> }, sasl: { mechanism: scram-sha-512, username: nobody, password: wrong }",
        "sasl",
        &["refused the credentials", "sasl.username"],
        3,
    ),
    (
        "SCRAM",
        ", tls: { ca: <ca> }, sasl: { mechanism: plain, username: app, password: x }",
        "kafka",
        &["does not offer PLAIN", "SCRAM-SHA-512"],
        3,
    ),
    (
        "OPEN",
        ", tls: { ca: <ca> }, sasl: { mechanism: plain, username: app, password: x }",
        "tls",
        &["leave out `tls`"],
        1,
    ),
    (
        "FAR",
        "",
        "brokers",
        &["localhost:1", "refused", "advertised.listeners"],
        1,
    ),
];

pub(super) fn try_one(command: &str, edits: &[(&str, &str)]) -> (String, Option<i32>) {
    let folder = TempDir::new().expect("a folder");
    let pipeline = pipeline(&folder, edits);
    let begin = Instant::now();
    let output = output(with_secrets(forebay(&[command, &pipeline.display().to_string()])));
    let took = begin.elapsed();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let text = text.into_owned();
    assert!(took < Duration::from_secs(15), "{took:?}: {text}");
    assert!(!text.contains("planted"), "{text}");
    (text, output.status.code())
}

/// Every fault by `command`, several at once: each spends its time waiting.
fn all(command: &str, fits: fn(&Fault, &str) -> bool) {
    let one = |fault: &Fault| {
        let (listener, keys, step, parts, code) = fault;
        let (text, exit) = try_one(command, &[(OWN, &cluster().connector(listener, keys))]);
        let wanted =
            format!("{listener}{keys}: wanted {step} {parts:?} and exit {code}, got {exit:?}:\n{text}");
        (!fits(fault, &text) || exit != Some(*code)).then_some(wanted)
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = FAULTS.chunks(FAULTS.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().filter_map(one).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a thread"))
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        FAULTS.len(),
        wrong.join("\n")
    );
}

fn says_all(parts: &[&str], text: &str) -> bool {
    parts.iter().all(|part| text.contains(part))
}

#[test]
fn doctor_names_the_step_the_cause_and_the_remedy() {
    all("doctor", |(_, _, step, parts, _), text| {
        let line = text.split("failure ").nth(1).unwrap_or_default().trim_start();
        line.starts_with(step) && says_all(parts, line)
    });
}

#[test]
fn a_run_ends_with_the_same_cause() {
    all("run", |(_, _, _, parts, _), text| {
        says_all(parts, text.split_once("error: ").map_or("", |(_, line)| line))
    });
}
