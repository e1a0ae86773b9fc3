//! A Kafka cluster inside this process, for `demo` and for tests that need a broker to fail: librdkafka's mock
//! cluster. It speaks the protocol over loopback and keeps about 5 MiB a partition, the oldest going first. It is no
//! kind of connector: its address goes into one.

use std::fmt;
use std::time::Duration;

use forebay_core::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::embedded_ffi::first_rebalance_after;

/// How far a writer may be ahead of the reader of a partition, in bytes: well below what the cluster keeps.
pub const MAX_LEAD: u64 = 2 << 20;

/// Groups wait this long for further members; the protocol's three seconds are for real clusters.
const FIRST_REBALANCE: Duration = Duration::from_millis(100);

/// A running cluster with one broker; gone when dropped.
pub struct Embedded {
    /// The client that the cluster lives in.
    host: BaseProducer,
    bootstrap: String,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedded({})", self.bootstrap)
    }
}

impl Embedded {
    /// Starts a cluster with these topics and their numbers of partitions, on free ports of loopback.
    ///
    /// # Errors
    /// The cluster cannot be started, or a topic cannot be created.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self> {
        let failed = |cause: KafkaError| Error::fatal("start the embedded cluster").caused_by(cause);
        let host: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create()
            .map_err(failed)?;
        if !first_rebalance_after(host.client(), FIRST_REBALANCE) {
            return Err(Error::fatal("start the embedded cluster: its client has none"));
        }
        let mut embedded = Self {
            host,
            bootstrap: String::new(),
        };
        let bootstrap = embedded.cluster()?.bootstrap_servers();
        embedded.bootstrap = bootstrap;
        for (topic, partitions) in topics {
            embedded.create(topic, *partitions)?;
        }
        Ok(embedded)
    }

    /// Where it listens, as `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// From now on requests of this sort fail with these errors, one after the other; then they work again.
    ///
    /// # Errors
    /// The cluster is gone.
    pub fn request_errors(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) -> Result<()> {
        self.cluster()?.request_errors(request, errors);
        Ok(())
    }

    /// Closes all connections and takes no new ones.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn broker_down(&self) -> Result<()> {
        let down = self.cluster()?.broker_down(-1);
        down.map_err(|cause| Error::fatal("take the embedded broker down").caused_by(cause))
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn broker_up(&self) -> Result<()> {
        let up = self.cluster()?.broker_up(-1);
        up.map_err(|cause| Error::fatal("bring the embedded broker up").caused_by(cause))
    }

    fn create(&self, topic: &str, partitions: i32) -> Result<()> {
        self.cluster()?
            .create_topic(topic, partitions, 1)
            .map_err(|cause| {
                Error::fatal("create a topic in the embedded cluster")
                    .with("topic", topic)
                    .with("partitions", partitions)
                    .caused_by(cause)
            })
    }

    fn cluster(&self) -> Result<MockCluster<'_, DefaultProducerContext>> {
        let cluster = self.host.client().mock_cluster();
        cluster.ok_or_else(|| Error::fatal("reach the embedded cluster: its client has none"))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Message;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::producer::BaseRecord;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn producer(embedded: &Embedded) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", embedded.bootstrap());
        config.create().unwrap()
    }

    /// The partition of the next message; a poll ends early where it served the group.
    fn next(consumer: &BaseConsumer) -> i32 {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            assert!(std::time::Instant::now() < until, "no message came");
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                return message.unwrap().partition();
            }
        }
    }

    #[test]
    fn a_group_reads_what_was_written_to_topics_with_the_partitions_asked_for() {
        let embedded = Embedded::start(&[("events", 3), ("results", 1)]).unwrap();
        let producer = producer(&embedded);
        for partition in 0..3 {
            let record = BaseRecord::<(), [u8]>::to("events")
                .payload(b"x")
                .partition(partition);
            producer.send(record).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let metadata = producer
            .client()
            .fetch_metadata(Some("events"), PATIENCE)
            .unwrap();
        assert_eq!(metadata.topics()[0].partitions().len(), 3);

        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", embedded.bootstrap())
            .set("group.id", "g")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&["events"]).unwrap();
        let mut seen: Vec<i32> = (0..3).map(|_| next(&consumer)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn injected_errors_reach_the_client_and_end() {
        let embedded = Embedded::start(&[("events", 1)]).unwrap();
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", embedded.bootstrap())
            .set("group.id", "g")
            .create()
            .unwrap();
        let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        embedded
            .request_errors(RDKafkaApiKey::OffsetCommit, &[refused])
            .unwrap();
        let mut next = rdkafka::TopicPartitionList::new();
        next.add_partition_offset("events", 0, rdkafka::Offset::Offset(1))
            .unwrap();
        let commit = || consumer.commit(&next, rdkafka::consumer::CommitMode::Sync);
        assert!(commit().is_err());
        commit().unwrap();
    }
}
