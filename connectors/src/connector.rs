//! What every connector can do, and what a lane asks of it. Knows no Kafka.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use forebay_auth::TokenStatus;
use forebay_core::Result;
use forebay_core::metrics::{Ends, First};
use forebay_core::records::{Partitions, Positions, Records, TopicPartition};
use forebay_core::sink::Sink;
use forebay_core::source::Source;

use crate::finding::{Finding, Needs};
use crate::registry::Registry;

/// What the clients of a connector count of their connections to brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClientStatus {
    /// Connections that were made.
    pub connects: u64,
    /// Connections that ended.
    pub disconnects: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// The longest that a broker held back an answer for a quota's sake in the last interval of the clients' statistics, in seconds.
    pub throttle: f64,
    /// What 99 of 100 requests took at most in that interval, of the slowest broker, in seconds.
    pub round_trip: f64,
}

/// A system that lanes read from and write to; opens one source and one sink per lane.
pub trait Connector: Debug + Send + Sync {
    /// Checks that the system answers and gives what a pipeline needs. Returns the number of partitions of each topic.
    /// Creates nothing. A topic without leaders is waited for at most `within`, one that is not known four seconds of it,
    /// for news of a new one to travel; where nothing answers, the cause takes some seconds more.
    ///
    /// # Errors
    /// `Fatal`, or `Auth` where credentials are at fault: the cause, naming the address, the topic or the group.
    fn verify(&self, needs: &Needs, within: Duration) -> Result<BTreeMap<String, usize>>;

    /// Looks step by step at what lies between this process and what a pipeline needs; tells each finding as it comes.
    fn diagnose(&self, needs: &Needs, tell: &mut dyn FnMut(Finding));

    /// Reads one topic from `start` on, as no member of any group: nothing is committed, nobody else reads less.
    ///
    /// # Errors
    /// `Fatal` where the topic's bounds cannot be asked for.
    fn reader(&self, topic: &str, start: Start) -> Result<Box<dyn Reader>>;

    /// One who tells where logs begin and end; nothing where the system has no logs.
    ///
    /// # Errors
    /// `Config` where a setting is refused.
    fn bounds(&self) -> Result<Option<Box<dyn LogBounds>>> {
        Ok(None)
    }

    /// Creates those of `topics` that do not exist, and waits until they can be used; returns their names.
    ///
    /// # Errors
    /// `Fatal` or `Auth` where the system refuses, naming the topic.
    fn create_topics(&self, topics: &[NewTopic]) -> Result<Vec<String>>;

    /// How its token is, where it has one.
    fn token(&self) -> Option<TokenStatus>;

    /// What its clients count of their connections; nothing where it has none.
    fn clients(&self) -> Option<ClientStatus> {
        None
    }

    /// The schema registry beside it, where it has one.
    fn registry(&self) -> Option<Arc<Registry>>;

    /// A reading end for one lane.
    ///
    /// # Errors
    /// `Config` where a setting is refused.
    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>>;

    /// A writing end for one lane; results and dead letters on one connector share it.
    ///
    /// # Errors
    /// `Config` where a setting is refused.
    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>>;
}

/// One who looks at a topic.
pub trait Reader: Send {
    /// What has arrived; where nothing has, waits at most `wait`.
    ///
    /// # Errors
    /// `Fatal` where the topic can no longer be read.
    fn read(&mut self, wait: Duration) -> Result<Records>;

    /// Whether everything has been read that was there when the reader was opened.
    fn is_at_end(&self) -> bool;
}

/// One who asks where logs begin and end.
pub trait LogBounds: Send {
    /// The bounds of these partitions as their leaders tell them now, those without a leader left out.
    ///
    /// # Errors
    /// `Retry` where nobody answers in time.
    fn ask(&mut self, partitions: &Partitions) -> Result<Ends>;

    /// The first record at or behind each of these positions; `None` where none is before the end: what lies there is no reader's, such
    /// as the marker of a transaction or what one has aborted. What cannot be told in time is left out.
    ///
    /// # Errors
    /// `Retry` where the client refuses.
    fn first(&mut self, positions: &Positions) -> Result<BTreeMap<TopicPartition, Option<First>>>;
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// `None` = as the cluster's default is.
    pub partitions: Option<i32>,
    /// Copies of each partition; `None` = as the cluster's default is.
    pub replication: Option<i32>,
}

/// Which topics to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    Names(Vec<String>),
    /// A regular expression that begins with `^`.
    Pattern(String),
}

/// Where to start where the group has no commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
    /// The first record at or after this, in milliseconds since the epoch.
    Timestamp(i64),
}

/// How the group shares its partitions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    CooperativeSticky,
    Range,
    /// KIP-848: the broker decides.
    Consumer,
}

/// What a lane reads.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    pub topics: Topics,
    pub group: String,
    pub start: Start,
    pub protocol: GroupProtocol,
    /// This lane's own id, for static membership (KIP-345).
    pub instance_id: Option<String>,
    /// Bytes that may lie prefetched, at most.
    pub prefetch_bytes: usize,
}

/// How a lane writes.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: String,
    pub linger: Duration,
    /// Bytes that may wait for their confirmation, at most.
    pub buffer_bytes: usize,
}
