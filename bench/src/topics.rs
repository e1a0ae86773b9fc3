//! Fills topics and reads them back. Plain librdkafka, outside of what is measured.

use std::time::{Duration, Instant};

use forebay_testcontainers::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::audit::Audit;
use forebay_counted::Failure;
use forebay_counted::workloads::Workload;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 8;
const WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn client(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.bootstrap())
        .set("log_level", "3");
    config
}

/// Appends the events `ids` to `topic`, event by event to the next partition.
pub(crate) fn fill(
    kafka: &Kafka,
    topic: &str,
    workload: &Workload,
    ids: std::ops::Range<u64>,
) -> Result<(), Failure> {
    let failed = |e: KafkaError| Failure(format!("fill topic {topic}: {e}"));
    let mut config = client(kafka);
    config
        .set("linger.ms", "20")
        .set("queue.buffering.max.kbytes", "262144");
    let producer: ThreadedProducer<_> = config.create().map_err(failed)?;
    let mut payload = Vec::new();
    let count = ids.end - ids.start;
    for id in ids {
        payload.clear();
        workload.payload(id, &mut payload);
        let mut number = itoa::Buffer::new();
        let mut record = BaseRecord::to(topic)
            .key(number.format(id))
            .payload(&payload[..])
            .partition((id % PARTITIONS as u64) as i32);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(failed(error));
            }
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(Duration::from_secs(120)).map_err(failed)?;
    let filled = kafka.count(topic);
    if filled != count {
        return Err(Failure(format!(
            "filled topic {topic} with {filled} of {count} events"
        )));
    }
    Ok(())
}

/// How many results a topic has.
pub(crate) struct Counter {
    client: BaseConsumer,
    topic: String,
}

impl Counter {
    pub(crate) fn new(kafka: &Kafka, topic: &str) -> Result<Self, Failure> {
        let client = reader(kafka)?;
        Ok(Self {
            client,
            topic: topic.into(),
        })
    }

    pub(crate) fn count(&self) -> Result<u64, Failure> {
        let until = Instant::now() + WITHIN;
        loop {
            match self.ends() {
                Ok(ends) => return Ok(ends.iter().map(|end| *end as u64).sum()),
                Err(error) if Instant::now() >= until => {
                    return Err(Failure(format!("count the results in {}: {error}", self.topic)));
                }
                // A leader of a topic that was made a moment ago may not know of it yet.
                Err(_) => std::thread::sleep(Duration::from_millis(20)), // a pause between two questions
            }
        }
    }

    fn ends(&self) -> KafkaResult<Vec<i64>> {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&self.topic, partition, Offset::End)?;
        }
        let told = self.client.offsets_for_times(list, WITHIN)?;
        let elements = told.elements();
        let end = |element: &TopicPartitionListElem<'_>| {
            element.error()?;
            match element.offset() {
                Offset::Offset(end) => Ok(end),
                _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
            }
        };
        elements.iter().map(end).collect()
    }
}

fn reader(kafka: &Kafka) -> Result<BaseConsumer, Failure> {
    client(kafka)
        .set("group.id", "forebay-bench-reader")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .map_err(|e| Failure(format!("open a reader: {e}")))
}

/// A reader of all partitions of `topic`, from `offset` on.
pub(crate) fn reader_of(kafka: &Kafka, topic: &str, offset: Offset) -> Result<BaseConsumer, Failure> {
    let failed = |e: KafkaError| Failure(format!("read topic {topic}: {e}"));
    let client = reader(kafka)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, offset)
            .map_err(failed)?;
    }
    client.assign(&list).map_err(failed)?;
    Ok(client)
}

/// Hands every result of `topic`, `count` in all, to the audit.
pub(crate) fn audit(kafka: &Kafka, topic: &str, count: u64, audit: &mut Audit<'_>) -> Result<(), Failure> {
    let client = reader_of(kafka, topic, Offset::Beginning)?;
    let (mut read, mut since) = (0, Instant::now());
    while read < count {
        match client.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let appended = message.timestamp().to_millis().unwrap_or(-1);
                audit.take(message.key(), message.payload(), appended);
                (read, since) = (read + 1, Instant::now());
            }
            Some(Err(error)) => return Err(Failure(format!("read topic {topic}: {error}"))),
            None if since.elapsed() > WITHIN => {
                return Err(Failure(format!(
                    "read {read} of {count} results of {topic}, then none for {WITHIN:?}"
                )));
            }
            None => {}
        }
    }
    Ok(())
}
