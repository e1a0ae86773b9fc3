//! Rights: what a user may not do is said before a lane starts, topic by topic, by `doctor` and by a run alike.

use forebay_testcontainers::{Operation, Resource};

use super::faults::try_one;
use super::{OWN, cluster};

const WEAK: &str = "User:weak";
const KEYS: &str = ", tls: { ca: <ca> }, sasl: { mechanism: scram-sha-512, username: weak, password: weak }";

#[test]
fn every_missing_right_is_named() {
    let kafka = &cluster().kafka;
    for topic in ["rights-in", "rights-out", "rights-dead"] {
        kafka.create_topic(topic, 1);
    }
    let connector = cluster().connector("SECURE", KEYS);
    let edits = [
        (OWN, connector.as_str()),
        ("topic: telemetry-scores", "topic: rights-out"),
        ("topic: telemetry\n", "topic: rights-in\n"),
        ("topic: telemetry.dead", "topic: rights-dead"),
        ("group: sensors", "group: rights"),
    ];
    let grants = [
        // What is granted, and what is missing then.
        (None, "may not write it", "rights-dead"),
        (
            Some((Operation::Describe, Resource::TopicPrefix("rights"))),
            "may not write it",
            "rights-dead",
        ),
        (
            Some((Operation::Write, Resource::Topic("rights-dead"))),
            "may not read it",
            "rights-in",
        ),
        (
            Some((Operation::Read, Resource::Topic("rights-in"))),
            "may not write it",
            "rights-out",
        ),
        (
            Some((Operation::Write, Resource::Topic("rights-out"))),
            "may not join it",
            "rights",
        ),
        (Some((Operation::Read, Resource::Group("rights"))), "", ""),
    ];
    for (grant, missing, what) in grants {
        if let Some((operation, resource)) = grant {
            kafka.allow(WEAK, operation, resource);
        }
        let (text, code) = try_one("doctor", &edits);
        let line = text.lines().find(|line| line.starts_with("failure"));
        if missing.is_empty() {
            assert_eq!(code, Some(0), "{text}");
            continue;
        }
        let line = line.unwrap_or_else(|| panic!("nothing failed:\n{text}"));
        assert!(
            line.contains(missing) && line.contains(what),
            "{what}: {missing}:\n{text}"
        );
        let (text, again) = try_one("run", &edits);
        assert!(
            text.contains(missing) && text.contains(what),
            "{what}: {missing}:\n{text}"
        );
        assert_eq!((code, again), (again, code), "{text}");
    }
}
