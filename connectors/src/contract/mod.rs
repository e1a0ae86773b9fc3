//! What every connector must show. Each check writes and reads through the connector alone, and names the rule that is
//! broken. A new connector is right when [`CHECKS`] hold for it; `CONTRIBUTING.md` says how to run them.

mod events;
mod group;
mod member;
mod reading;
mod topics;
mod writing;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use forebay_core::{Error, Result as CoreResult};

use crate::connector::{Connector, GroupProtocol, NewTopic, SourceSpec, Start, Topics};
use crate::finding::Needs;

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a group's members meet, this must be enough for what must not come to come.
const A_WHILE: Duration = Duration::from_millis(300);

/// A rule that a connector breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: &'static str,
    /// What was seen instead.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" does not hold: {}", self.rule, self.found)
    }
}

impl std::error::Error for Broken {}

/// Whether a rule holds.
pub type Outcome = Result<(), Broken>;

/// One check: what it looks at, and how.
pub type Check = (&'static str, fn(&Subject<'_>) -> Outcome);

/// Every check there is. None needs another; they may run at the same time.
pub const CHECKS: &[Check] = &[
    ("topics are created once and verified", topics::are_created_once),
    ("a reader sees a topic to its end", topics::are_read_to_their_end),
    ("records come in order, each once", reading::in_order_each_once),
    ("a group starts where it is told", reading::starts_where_told),
    ("a poll keeps its limit", reading::keeps_the_limit),
    ("a rewind goes back and no further", reading::rewinds),
    (
        "a commit is the position behind the last record",
        reading::commits_what_is_next,
    ),
    ("a commit without waiting is acknowledged", reading::acknowledges),
    ("partitions move between two lanes", group::moves_partitions),
    ("a member leaves under load", group::leaves_under_load),
    ("bytes are not changed", writing::keeps_bytes),
    ("a full sink says so", writing::says_when_full),
    ("what is refused is named", writing::names_what_is_refused),
    ("a flush keeps its time", writing::flushes_in_time),
];

/// What is looked at.
#[derive(Debug)]
pub struct Subject<'a> {
    connector: &'a dyn Connector,
    /// Topics and groups begin with it.
    name: String,
    protocol: GroupProtocol,
    used: AtomicUsize,
}

impl<'a> Subject<'a> {
    /// `connector`, with topics and groups of its own whose names begin with `name`.
    pub fn new(connector: &'a dyn Connector, name: impl Into<String>) -> Self {
        Self {
            connector,
            name: name.into(),
            protocol: GroupProtocol::CooperativeSticky,
            used: AtomicUsize::new(0),
        }
    }

    /// With groups of this protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: GroupProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Runs every check, one after another.
    ///
    /// # Errors
    /// Every rule that does not hold.
    pub fn check_all(&self) -> Result<(), Vec<Broken>> {
        let broken: Vec<Broken> = CHECKS.iter().filter_map(|(_, check)| check(self).err()).collect();
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }

    fn fresh(&self, what: &str) -> String {
        format!(
            "{}-{what}-{}",
            self.name,
            self.used.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// A new topic, when it can be used.
    fn topic(&self, partitions: i32) -> Result<String, Broken> {
        let name = self.fresh("topic");
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(partitions),
            replication: None,
        };
        sound(self.connector.create_topics(&[topic]))?;
        let needs = Needs {
            read: vec![name.clone()],
            ..Needs::default()
        };
        // Another part of the system may hear of it later than the one that was asked first.
        let until = Instant::now() + PATIENCE;
        loop {
            match self.connector.verify(&needs, PATIENCE) {
                Err(_) if Instant::now() < until => {}
                verified => return sound(verified).map(|_| name),
            }
        }
    }

    /// What a lane of `group` reads.
    fn lane(&self, topic: &str, group: &str, start: Start) -> SourceSpec {
        SourceSpec {
            topics: Topics::Names(vec![topic.to_owned()]),
            group: group.to_owned(),
            start,
            protocol: self.protocol,
            instance_id: None,
            prefetch_bytes: 1 << 20,
        }
    }
}

/// The rule that `holds`, or what was found instead.
fn rule(rule: &'static str, holds: bool, found: impl FnOnce() -> String) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(Broken { rule, found: found() })
}

/// What a call gave that has no reason to fail.
fn sound<T>(called: CoreResult<T>) -> Result<T, Broken> {
    called.map_err(|error: Error| Broken {
        rule: "calls that ask for nothing impossible succeed",
        found: error.to_string(),
    })
}
