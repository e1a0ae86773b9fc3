//! Where logs begin and end, asked of the brokers: a consumer's own figures rest while it fetches nothing.
//! A member of no group.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::metrics::{Bounds, Ends};
use forebay_core::records::{Partitions, Positions, TopicPartition};
use forebay_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::diagnose::Listener;
use super::endpoint::Endpoint;
use super::login::subscribe;
use super::refused;
use crate::connector::LogBounds;

/// How long one question may take.
const ASK: Duration = Duration::from_secs(10);

/// How long is looked for a record, and at how many partitions at a time.
const LOOK: Duration = Duration::from_secs(2);
const LOOKED_AT: usize = 64;

/// A consumer that asks, and reads no more than whether there is something to read.
pub(super) struct KafkaBounds {
    // Before the client: it holds its handle.
    _token: Option<Subscription>,
    consumer: BaseConsumer<Listener>,
}

impl fmt::Debug for KafkaBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaBounds")
    }
}

impl KafkaBounds {
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self> {
        let consumer: BaseConsumer<Listener> = endpoint
            .reader()
            .create_with_context(Listener::default())
            .map_err(refused)?;
        let token = subscribe(&endpoint.credentials, consumer.client())?;
        Ok(Self {
            _token: token,
            consumer,
        })
    }

    /// One question to each leader. The end is the last stable offset: what an open transaction has written is not there yet.
    fn offsets(&self, partitions: &Partitions, what: Offset) -> KafkaResult<BTreeMap<TopicPartition, i64>> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition_offset(&partition.topic, partition.partition, what)?;
        }
        let told = self.consumer.offsets_for_times(asked, ASK)?;
        let elements = told.elements();
        let known = elements
            .iter()
            .filter_map(|element| match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(offset)) => {
                    Some((TopicPartition::new(element.topic(), element.partition()), offset))
                }
                _ => None,
            });
        Ok(known.collect())
    }
}

impl KafkaBounds {
    /// Reads partitions of one topic until each has given a record or its end.
    fn look(&self, topic: &str, positions: &[(i32, i64)]) -> KafkaResult<Vec<i32>> {
        let mut asked = TopicPartitionList::new();
        for (partition, position) in positions {
            asked.add_partition_offset(topic, *partition, Offset::Offset(*position))?;
        }
        self.consumer.assign(&asked)?;
        let mut open: BTreeSet<i32> = positions.iter().map(|(partition, _)| *partition).collect();
        let (mut empty, until) = (Vec::new(), Instant::now() + LOOK);
        while !open.is_empty() && Instant::now() < until {
            match self
                .consumer
                .poll(until.saturating_duration_since(Instant::now()))
            {
                Some(Ok(message)) => drop(open.remove(&message.partition())),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if open.remove(&partition) {
                        empty.push(partition);
                    }
                }
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(empty)
    }
}

impl LogBounds for KafkaBounds {
    fn ask(&mut self, partitions: &Partitions) -> Result<Ends> {
        // Serves the client: a new token comes this way.
        self.consumer.poll(Duration::ZERO);
        let both = self
            .offsets(partitions, Offset::Beginning)
            .and_then(|low| Ok((low, self.offsets(partitions, Offset::End)?)));
        let (low, high) = both.map_err(|e| Error::retry("ask where logs end").caused_by(e))?;
        let bounds = high.into_iter().filter_map(|(partition, high)| {
            let low = *low.get(&partition)?;
            Some((partition, Bounds { low, high }))
        });
        Ok(bounds.collect())
    }

    fn empty(&mut self, positions: &Positions) -> Result<Partitions> {
        let mut by_topic: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
        for (partition, position) in positions.iter().take(LOOKED_AT) {
            let of_topic = by_topic.entry(&partition.topic).or_default();
            of_topic.push((partition.partition, *position));
        }
        let mut empty = Partitions::new();
        let mut looked = Ok(());
        for (topic, positions) in by_topic {
            match self.look(topic, &positions) {
                Ok(found) => empty.extend(found.into_iter().map(|p| TopicPartition::new(topic, p))),
                Err(error) => looked = Err(error),
            }
        }
        looked
            .and(self.consumer.unassign())
            .map_err(|e| Error::retry("look whether records wait").caused_by(e))?;
        Ok(empty)
    }
}
