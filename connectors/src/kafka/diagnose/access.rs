//! Topics and the group: whether they are there, and what this client may do with them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::Metadata;

use super::client::{Answer, Probe};
use crate::finding::{Finding, Needs};
use crate::kafka::NEWS_TRAVEL;
use crate::kafka::ffi::{Operation, Rights, rights_of_group, rights_of_topics};

/// A topic that was created a moment ago may have no leader yet: asked again after this.
const AGAIN: Duration = Duration::from_millis(100);

/// What a broker lets its users do is asked for so long; one that does not tell holds up nothing.
const RIGHTS_WITHIN: Duration = Duration::from_secs(3);

/// Looks at every topic, then at the group; returns the number of partitions of each topic that can be used.
pub(in crate::kafka) fn look(
    probe: &Probe,
    needs: &Needs,
    until: Instant,
    tell: &mut dyn FnMut(Finding),
) -> BTreeMap<String, usize> {
    let begin = Instant::now();
    let known_by = until.min(begin + NEWS_TRAVEL);
    let mut usable = Vec::new();
    for topic in needs.topics() {
        match one(probe, topic, needs, until, known_by) {
            Ok(partitions) => usable.push((topic, partitions)),
            Err(failure) => tell(failure.after(begin.elapsed())),
        }
    }
    let names: Vec<&str> = usable.iter().map(|(topic, _)| *topic).collect();
    let left = until.saturating_duration_since(Instant::now()).min(RIGHTS_WITHIN);
    let rights = match names.is_empty() {
        true => Vec::new(),
        false => rights_of_topics(probe.client.client(), &names, left).unwrap_or_default(),
    };
    let mut partitions = BTreeMap::new();
    for (topic, found) in usable {
        let own = rights.iter().find(|r| r.name == topic);
        let lacking = own.and_then(|own| lacking(own, topic, needs));
        if lacking.is_none() {
            partitions.insert(topic.to_owned(), found.all);
        }
        tell(
            lacking
                .unwrap_or_else(|| found.finding(topic))
                .after(begin.elapsed()),
        );
    }
    if let Some(group) = &needs.group {
        tell(of_group(probe, group));
    }
    partitions
}

/// A topic that is there.
struct Partitions {
    all: usize,
    without_leader: usize,
}

impl Partitions {
    fn finding(&self, topic: &str) -> Finding {
        match self.without_leader {
            0 => Finding::ok("topic", topic, format!("{} partitions", self.all)),
            some => Finding::warning(
                "topic",
                topic,
                format!("{some} of {} partitions have no leader", self.all),
                "look at the brokers: what goes to those partitions waits",
            ),
        }
    }
}

fn one(
    probe: &Probe,
    topic: &str,
    needs: &Needs,
    until: Instant,
    known_by: Instant,
) -> Result<Partitions, Finding> {
    loop {
        let Answer::Cluster(metadata) = probe.metadata(Some(topic), until) else {
            let found = "the cluster did not answer for the topic in time";
            return Err(Finding::failure(
                "topic",
                topic,
                found,
                "try again, and look at the brokers",
            ));
        };
        match state(&metadata, topic, needs) {
            Some(Topic::Settled(settled)) => return settled,
            Some(Topic::Unknown) if Instant::now() + AGAIN >= known_by => return Err(unknown_topic(topic)),
            Some(Topic::Unknown) | None => {}
        }
        if Instant::now() + AGAIN >= until {
            let remedy = "look at the brokers: no partition has a leader";
            return Err(Finding::failure(
                "topic",
                topic,
                "it has no partitions to use yet",
                remedy,
            ));
        }
        std::thread::sleep(AGAIN);
    }
}

/// What the cluster says of a topic.
enum Topic {
    Settled(Result<Partitions, Finding>),
    /// The broker that was asked does not know it.
    Unknown,
}

fn unknown_topic(topic: &str) -> Finding {
    let found = "the topic cannot be used: the cluster does not know it, or hides it from this user";
    let remedy = "create it first, or correct its name: Forebay creates none by itself";
    Finding::failure("topic", topic, found, remedy)
}

/// What the cluster says of a topic; `None` = it will say more in a moment.
fn state(metadata: &Metadata, topic: &str, needs: &Needs) -> Option<Topic> {
    let found = metadata.topics().iter().find(|t| t.name() == topic)?;
    let partitions = found.partitions();
    let settled = match found.error().map(Code::from) {
        None if partitions.is_empty() => return None,
        None => Ok(Partitions {
            all: partitions.len(),
            without_leader: partitions.iter().filter(|p| p.leader() < 0).count(),
        }),
        Some(Code::TopicAuthorizationFailed) => {
            let need = if needs.read.iter().any(|name| name == topic) {
                "read"
            } else {
                "write"
            };
            Err(denied("topic", topic, need, need))
        }
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Some(Topic::Unknown),
        Some(Code::InvalidTopic) => Err(Finding::failure(
            "topic",
            topic,
            "this is no name of a topic",
            "letters, digits, `.`, `_` and `-` only, at most 249 of them",
        )),
        Some(_) => return None,
    };
    Some(Topic::Settled(settled))
}

fn denied(step: &'static str, subject: &str, what: &str, operation: &str) -> Finding {
    let found = format!("this user may not {what} it");
    let remedy = format!("have an access rule (ACL) added that allows `{operation}` on this {step}");
    Finding::failure(step, subject, found, remedy).by_credentials()
}

/// What the pipeline needs and the broker does not allow.
fn lacking(own: &Rights, topic: &str, needs: &Needs) -> Option<Finding> {
    let wants = |all: &[String]| all.iter().any(|name| name == topic);
    let missing = |operation| own.allow(operation) == Some(false);
    if wants(&needs.read) && missing(Operation::RD_KAFKA_ACL_OPERATION_READ) {
        return Some(denied("topic", topic, "read", "read"));
    }
    (wants(&needs.write) && missing(Operation::RD_KAFKA_ACL_OPERATION_WRITE))
        .then(|| denied("topic", topic, "write", "write"))
}

fn of_group(probe: &Probe, group: &str) -> Finding {
    let begin = Instant::now();
    let rights = rights_of_group(probe.client.client(), group, RIGHTS_WITHIN);
    let finding = match rights.as_deref() {
        Ok([own]) if own.error == Some(Code::GroupAuthorizationFailed) => {
            denied("group", group, "join", "read")
        }
        Ok([own]) if own.allow(Operation::RD_KAFKA_ACL_OPERATION_READ) == Some(false) => {
            denied("group", group, "join", "read")
        }
        Ok([own]) => match own.error {
            None => Finding::ok("group", group, "may be joined"),
            Some(code) => unknown(group, code),
        },
        Ok(_) => Finding::ok("group", group, UNTOLD),
        Err(code) => unknown(group, *code),
    };
    finding.after(begin.elapsed())
}

/// An old broker, or one that speaks a part of Kafka's protocol: joining shows it.
const UNTOLD: &str = "the broker does not tell whether it may be joined";

fn unknown(group: &str, code: Code) -> Finding {
    if code == Code::UnsupportedFeature {
        return Finding::ok("group", group, UNTOLD);
    }
    let remedy = "if joining it fails, look at the access rules of the group";
    Finding::warning("group", group, format!("{UNTOLD} ({code})"), remedy)
}
