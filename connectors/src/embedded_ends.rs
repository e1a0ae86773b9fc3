//! The far ends of the embedded cluster: who writes the demo's events and who reads its results. Plain clients, none
//! of a lane's.

use std::time::Duration;

use forebay_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// Writes to a topic.
pub struct Writer(ThreadedProducer<DefaultProducerContext>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// A writer to the cluster at `bootstrap`.
    ///
    /// # Errors
    /// The client cannot be created.
    pub fn new(bootstrap: &str) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("linger.ms", "1")
            .create();
        producer
            .map(Self)
            .map_err(|e| Error::fatal("open a writer").caused_by(e))
    }

    /// Queues a record; false where the queue is full for now.
    ///
    /// # Errors
    /// The client fails.
    pub fn write(&self, topic: &str, key: &[u8], payload: &[u8]) -> Result<bool> {
        match self.0.send(BaseRecord::to(topic).key(key).payload(payload)) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(Error::fatal("write an event")
                .with("topic", topic)
                .caused_by(error)),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// It takes longer than `within`.
    pub fn flush(&self, within: Duration) -> Result<()> {
        self.0
            .flush(within)
            .map_err(|e| Error::fatal("write the last events").caused_by(e))
    }
}

/// Reads a whole topic, from its start.
pub struct Reader(BaseConsumer);

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    /// A reader of a topic with so many partitions.
    ///
    /// # Errors
    /// The client cannot be created.
    pub fn new(bootstrap: &str, topic: &str, partitions: i32) -> Result<Self> {
        let failed = |e: KafkaError| Error::fatal("open a reader").with("topic", topic).caused_by(e);
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "forebay-demo-reader");
        config
            .set("enable.auto.commit", "false")
            .set("fetch.queue.backoff.ms", "5");
        let consumer: BaseConsumer = config.create().map_err(failed)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .map_err(failed)?;
        }
        consumer.assign(&list).map_err(failed)?;
        Ok(Self(consumer))
    }

    /// Hands every payload that has come to `each`; waits at most `wait` for the first.
    pub fn read(&self, wait: Duration, mut each: impl FnMut(&[u8])) {
        let mut wait = wait;
        while let Some(message) = self.0.poll(wait) {
            wait = Duration::ZERO;
            if let Some(payload) = message.ok().as_ref().and_then(Message::payload) {
                each(payload);
            }
        }
    }
}
