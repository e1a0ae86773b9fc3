//! One who looks at a topic: assigned by hand, member of no group.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::records::{NO_TIMESTAMP, Record, Records};
use forebay_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::diagnose::Listener;
use super::endpoint::Endpoint;
use super::login::subscribe;
use super::start::at;
use super::{NEWS_TRAVEL, refused};
use crate::connector::{Reader, Start};

/// How long one question may take.
const ASK: Duration = Duration::from_secs(10);
/// A topic that was created, or whose leader moved, a moment ago is asked for again after this.
const AGAIN: Duration = Duration::from_millis(100);
/// Records that are given out at once, at most.
const AT_ONCE: usize = 500;

/// A consumer that was told what to read.
pub(super) struct KafkaReader {
    // Before the client: it holds its handle.
    _token: Option<Subscription>,
    consumer: BaseConsumer<Listener>,
    topic: Arc<str>,
    /// The ends of the logs when the reader was opened, of partitions that are not read up to there.
    ends: BTreeMap<i32, i64>,
}

impl fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaReader({})", self.topic)
    }
}

impl KafkaReader {
    pub(super) fn open(endpoint: &Endpoint, topic: &str, start: Start) -> Result<Self> {
        let consumer: BaseConsumer<Listener> = endpoint
            .reader()
            .create_with_context(Listener::default())
            .map_err(refused)?;
        let token = subscribe(&endpoint.credentials, consumer.client())?;
        let failed = |e: KafkaError| Error::fatal("look at a topic").with("topic", topic).caused_by(e);
        let begin = Instant::now();
        let (asked, ends) = loop {
            match bounds(&consumer, topic, start) {
                Err(error) if begin.elapsed() < passes_within(&error) => std::thread::sleep(AGAIN),
                found => break found.map_err(failed)?,
            }
        };
        consumer.assign(&asked).map_err(failed)?;
        Ok(Self {
            _token: token,
            consumer,
            topic: topic.into(),
            ends,
        })
    }

    fn push(&self, records: &mut Records, message: &BorrowedMessage<'_>) {
        let partition = records.intern(&self.topic, message.partition());
        let record = Record {
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(NO_TIMESTAMP),
            key: message.key(),
            payload: message.payload(),
        };
        records.push(partition, record);
        for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
            records.push_header(header.key, header.value);
        }
    }
}

/// Where reading begins, and the ends of the logs as far as there is something before them.
fn bounds(
    consumer: &BaseConsumer<Listener>,
    topic: &str,
    start: Start,
) -> KafkaResult<(TopicPartitionList, BTreeMap<i32, i64>)> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    let mut partitions = TopicPartitionList::new();
    for found in metadata.topics() {
        if let Some(error) = found.error() {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        for partition in found.partitions() {
            partitions.add_partition(topic, partition.id());
        }
    }
    let low = at(consumer, &partitions, Offset::Beginning)?;
    let mut ends = BTreeMap::new();
    let mut asked = TopicPartitionList::new();
    for (partition, high) in at(consumer, &partitions, Offset::End)? {
        let low = low.get(&partition).copied().unwrap_or(high);
        if high > low {
            ends.insert(partition.partition, high);
        }
        let offset = match start {
            Start::Earliest => Offset::Offset(low),
            Start::Latest => Offset::Offset(high),
            Start::Timestamp(millis) => Offset::Offset(millis),
        };
        asked.add_partition_offset(topic, partition.partition, offset)?;
    }
    if let Start::Timestamp(_) = start {
        asked = consumer.offsets_for_times(asked, ASK)?;
    }
    // What begins at the end has nothing to give of what was there.
    for element in asked.elements() {
        let at_end = match element.offset() {
            Offset::Offset(offset) => ends.get(&element.partition()).is_some_and(|end| offset >= *end),
            _ => true,
        };
        if at_end {
            ends.remove(&element.partition());
        }
    }
    Ok((asked, ends))
}

/// For how long the cluster may come to say something else.
fn passes_within(error: &KafkaError) -> Duration {
    match error.rdkafka_error_code() {
        Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable | Code::ReplicaNotAvailable) => ASK,
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => NEWS_TRAVEL,
        _ => Duration::ZERO,
    }
}

impl Reader for KafkaReader {
    fn read(&mut self, wait: Duration) -> Result<Records> {
        let mut records = Records::default();
        let until = Instant::now() + wait;
        let mut left = wait;
        while records.len() < AT_ONCE {
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    self.push(&mut records, &message);
                    let (partition, next) = (message.partition(), message.offset() + 1);
                    self.ends.retain(|known, end| *known != partition || next < *end);
                    // The rest of what is here, and no waiting for more.
                    left = Duration::ZERO;
                }
                // Behind the last record there may be what no reader sees: the marker of a transaction.
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(self.ends.remove(&partition)),
                Some(Err(error)) => {
                    return Err(Error::fatal("read a topic")
                        .with("topic", &self.topic)
                        .caused_by(error));
                }
                None if records.is_empty() && Instant::now() < until => {
                    left = until.saturating_duration_since(Instant::now());
                }
                None => break,
            }
        }
        Ok(records)
    }

    fn is_at_end(&self) -> bool {
        self.ends.is_empty()
    }
}
