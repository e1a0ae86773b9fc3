//! Topics: created, verified, read by nobody's member.

use std::time::Duration;

use forebay_core::Kind;

use super::events::{differences, numbered, numbers};
use super::{Outcome, Subject, rule, sound};
use crate::connector::{NewTopic, Start};
use crate::finding::{Needs, Outcome as Found};

pub(super) fn are_created_once(subject: &Subject<'_>) -> Outcome {
    let name = subject.topic(3)?;
    let again = NewTopic {
        name: name.clone(),
        partitions: Some(3),
        replication: None,
    };
    let created = sound(subject.connector.create_topics(&[again]))?;
    rule(
        "a topic that is there is not created again",
        created.is_empty(),
        || format!("{created:?}"),
    )?;
    let absent = subject.fresh("absent");
    let needs = |read: &[&String]| Needs {
        read: read.iter().map(|name| (*name).clone()).collect(),
        ..Needs::default()
    };
    let found = sound(subject.connector.verify(&needs(&[&name]), Duration::ZERO))?;
    rule(
        "verify tells how many partitions a topic has",
        found.get(&name) == Some(&3),
        || format!("{found:?}"),
    )?;
    let refused = subject
        .connector
        .verify(&needs(&[&name, &absent]), Duration::ZERO);
    let named = refused
        .as_ref()
        .err()
        .map(|e| (e.kind(), e.to_string().contains(&absent)));
    rule(
        "verify refuses a topic that is not there, naming it",
        named == Some((Kind::Fatal, true)),
        || format!("{refused:?}"),
    )?;
    let mut failures = Vec::new();
    subject
        .connector
        .diagnose(&needs(&[&name, &absent]), &mut |finding| {
            if matches!(finding.outcome, Found::Failure(_)) {
                failures.push(format!("{}: {}", finding.subject, finding.found));
            }
        });
    rule(
        "a diagnosis fails at what is missing, and there alone",
        failures.len() == 1 && failures[0].starts_with(&format!("{absent}: ")),
        || format!("{failures:?}"),
    )
}

pub(super) fn are_read_to_their_end(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(3)?;
    let empty = subject.read(&topic)?;
    rule("a new topic is empty", empty.is_empty(), || {
        format!("{} records", empty.len())
    })?;
    subject.write(&topic, &numbered(0, 300))?;
    let found = numbers(&subject.read(&topic)?);
    rule(
        "a reader sees every record once",
        found == (0..300).collect::<Vec<_>>(),
        || differences(&found, 300),
    )?;
    let mut late = sound(subject.connector.reader(&topic, Start::Latest))?;
    let none = sound(late.read(Duration::from_millis(50)))?;
    rule(
        "a reader from the end sees what is written later",
        none.is_empty() && late.is_at_end(),
        || format!("{} records", none.len()),
    )
}
