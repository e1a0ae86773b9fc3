//! Where logs begin and end, asked of the brokers: a consumer's own figures rest while it fetches nothing.
//! A member of no group.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::metrics::{Bounds, Ends, First};
use forebay_core::records::{Partitions, Positions, TopicPartition};
use forebay_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tracing::debug;

use super::diagnose::Listener;
use super::endpoint::Endpoint;
use super::login::subscribe;
use super::refused;
use crate::connector::LogBounds;

/// How long one question may take.
const ASK: Duration = Duration::from_secs(10);

/// How long is looked for records.
const LOOK: Duration = Duration::from_secs(2);
/// One record of each partition is wanted. Brokers send a first batch that is larger all the same.
const LOOK_FETCHES: [(&str, &str); 2] = [("fetch.message.max.bytes", "65536"), ("queued.min.messages", "1")];

/// A consumer that asks, and reads no more than the first record.
pub(super) struct KafkaBounds<C: ConsumerContext + 'static = Listener> {
    // Before the client: it holds its handle.
    _token: Option<Subscription>,
    consumer: BaseConsumer<C>,
}

impl<C: ConsumerContext> fmt::Debug for KafkaBounds<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaBounds")
    }
}

impl KafkaBounds {
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self> {
        Self::told_by(endpoint, Listener::default())
    }
}

impl<C: ConsumerContext> KafkaBounds<C> {
    /// By a client that tells `context` of itself.
    fn told_by(endpoint: &Endpoint, context: C) -> Result<Self> {
        let mut reader = endpoint.reader();
        for (setting, value) in LOOK_FETCHES {
            reader.set(setting, value);
        }
        let consumer: BaseConsumer<C> = reader.create_with_context(context).map_err(refused)?;
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

type Found = BTreeMap<TopicPartition, Option<First>>;

impl<C: ConsumerContext> KafkaBounds<C> {
    /// Reads partitions of one topic until each has given a record or its end.
    fn look(
        &self,
        topic: &str,
        positions: &[(i32, i64)],
        until: Instant,
        found: &mut Found,
    ) -> KafkaResult<()> {
        let mut asked = TopicPartitionList::new();
        for (partition, position) in positions {
            asked.add_partition_offset(topic, *partition, Offset::Offset(*position))?;
        }
        self.consumer.assign(&asked)?;
        let mut open: BTreeSet<i32> = positions.iter().map(|(partition, _)| *partition).collect();
        while !open.is_empty() && Instant::now() < until {
            let (partition, first) = match self
                .consumer
                .poll(until.saturating_duration_since(Instant::now()))
            {
                Some(Ok(message)) => (
                    message.partition(),
                    Some(First {
                        offset: message.offset(),
                        at: message.timestamp().to_millis(),
                    }),
                ),
                Some(Err(KafkaError::PartitionEOF(partition))) => (partition, None),
                Some(Err(error)) => return Err(error),
                None => break,
            };
            if open.remove(&partition) {
                found.insert(TopicPartition::new(topic, partition), first);
            }
        }
        Ok(())
    }
}

impl<C: ConsumerContext> LogBounds for KafkaBounds<C> {
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

    fn first(&mut self, positions: &Positions) -> Result<Found> {
        let mut by_topic: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
        for (partition, position) in positions {
            let of_topic = by_topic.entry(&partition.topic).or_default();
            of_topic.push((partition.partition, *position));
        }
        let (mut found, until) = (Found::new(), Instant::now() + LOOK);
        for (topic, positions) in by_topic {
            if let Err(error) = self.look(topic, &positions, until, &mut found) {
                debug!(topic, %error, "what waits there is not known for now");
            }
        }
        self.consumer
            .unassign()
            .map_err(|e| Error::retry("end a look for records").caused_by(e))?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
