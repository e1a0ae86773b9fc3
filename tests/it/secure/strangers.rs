//! Addresses where no broker is, and topics that are not there: what `doctor` and a run say of them.

use forebay_testcontainers::Fault;

use super::faults::try_one;
use super::{OWN, cluster};

/// Tries both commands; wants the parts in the failure and the exit code.
fn both(edits: &[(&str, &str)], parts: &[&str], code: i32) {
    for command in ["doctor", "run"] {
        let (text, exit) = try_one(command, edits);
        let start = if command == "doctor" {
            "failure "
        } else {
            "error: "
        };
        let failure = text.split_once(start).map_or("", |(_, failure)| failure);
        assert!(
            parts.iter().all(|part| failure.contains(part)),
            "{command}: {parts:?}:\n{text}"
        );
        assert_eq!(exit, Some(code), "{command}: {text}");
    }
}

fn at(address: &str, keys: &str) -> String {
    format!("local: {{ kind: kafka, bootstrap: [\"{address}\"]{keys} }}")
}

#[test]
fn what_is_no_broker_is_called_what_it_is() {
    let (closed, silent, http, cut) = (
        Fault::closed_port(),
        Fault::black_hole(),
        Fault::http(),
        Fault::cut(),
    );
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "no-such-host.invalid:9092",
            "",
            &["resolve", "no-such-host.invalid"],
        ),
        (&closed, "", &["the connection was refused", "check the port"]),
        (&silent.address(), "", &["did not answer within", "firewall"]),
        (
            &silent.address(),
            ", tls: {}",
            &["did not answer TLS", "firewall"],
        ),
        (&http.address(), "", &["speaks HTTP", "proxies"]),
        (&http.address(), ", tls: {}", &["leave out `tls`"]),
        (&cut.address(), "", &["closed the connection", "tls: {}"]),
    ];
    // All at once: each spends its time waiting.
    std::thread::scope(|scope| {
        for (address, keys, parts) in rows {
            scope.spawn(|| both(&[(OWN, &at(address, keys))], parts, 1));
        }
    });
}

#[test]
fn one_address_of_several_suffices() {
    let kafka = &cluster().kafka;
    for topic in ["several-in", "several-out", "several-dead"] {
        kafka.create_topic(topic, 1);
    }
    let connector = format!(
        "local: {{ kind: kafka, bootstrap: [\"{}\", \"{}\"] }}",
        Fault::closed_port(),
        kafka.bootstrap()
    );
    let edits = [
        (OWN, connector.as_str()),
        ("topic: telemetry-scores", "topic: several-out"),
        ("topic: telemetry\n", "topic: several-in\n"),
        ("topic: telemetry.dead", "topic: several-dead"),
    ];
    let (text, code) = try_one("doctor", &edits);
    assert!(
        text.contains("warning  tcp") && text.contains("refused"),
        "{text}"
    );
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_topic_that_is_not_there_is_named_with_every_other_one() {
    let connector = at(cluster().kafka.bootstrap(), "");
    let edits = [
        (OWN, connector.as_str()),
        ("topic: telemetry-scores", "topic: absent-out"),
        ("topic: telemetry\n", "topic: absent-in\n"),
        ("topic: telemetry.dead", "topic: \"not a name\""),
    ];
    let (text, code) = try_one("doctor", &edits);
    let failures: Vec<&str> = text.lines().filter(|line| line.starts_with("failure")).collect();
    assert_eq!(failures.len(), 3, "{text}");
    for (topic, says) in [
        ("absent-in", "does not know it"),
        ("absent-out", "does not know it"),
        ("not a name", "no name of a topic"),
    ] {
        assert!(
            failures.iter().any(|f| f.contains(topic) && f.contains(says)),
            "{topic}:\n{text}"
        );
    }
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn json_says_the_same_and_so_does_the_exit_code() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let pipeline = super::pipeline(&folder, &[(OWN, &at(&Fault::closed_port(), ""))]);
    let path = pipeline.display().to_string();
    let output = crate::output(super::with_secrets(crate::forebay(&["doctor", "--json", &path])));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (report["format"].as_i64(), report["ok"].as_bool()),
        (Some(1), Some(false))
    );
    let findings = report["findings"].as_array().expect("findings");
    let failure = findings
        .iter()
        .find(|f| f["outcome"] == "failure")
        .expect("a failure");
    assert_eq!(
        (failure["step"].as_str(), failure["connector"].as_str()),
        (Some("tcp"), Some("local"))
    );
    assert!(
        failure["remedy"]
            .as_str()
            .is_some_and(|r| r.contains("check the port"))
    );
    assert_eq!(output.status.code(), Some(1));
}
