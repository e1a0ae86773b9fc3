//! What a test asks of a cluster: topics, messages, positions. Plain librdkafka, nothing of Forebay.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::Kafka;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(30);

/// A message as it lies in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// The value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(found.1.as_deref()?).ok()
    }
}

/// A topic to create.
#[derive(Clone, Debug)]
pub struct TopicBuilder<'a> {
    kafka: &'a Kafka,
    name: String,
    partitions: i32,
    replication: i32,
    configs: Vec<(String, String)>,
}

impl TopicBuilder<'_> {
    #[must_use]
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// A topic setting, such as `retention.ms`.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }

    /// Creates the topic and waits until every partition has a leader that answers.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn create(self) -> String {
        let mut topic = NewTopic::new(
            &self.name,
            self.partitions,
            TopicReplication::Fixed(self.replication),
        );
        for (name, value) in &self.configs {
            topic = topic.set(name, value);
        }
        let admin = admin(self.kafka.bootstrap());
        let results = block_on(admin.create_topics([&topic], &options())).expect("ask to create a topic");
        for result in results {
            result.expect("create a topic");
        }
        let probe = consumer(self.kafka.bootstrap());
        let until = Instant::now() + WITHIN;
        while leaders(&probe, &self.name) < self.partitions as usize {
            assert!(Instant::now() < until, "topic {} got no leaders", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
        bounds(&probe, &self.name, Offset::End);
        self.name
    }
}

impl Kafka {
    /// A topic to create, replicated to all nodes.
    pub fn topic(&self, name: &str) -> TopicBuilder<'_> {
        let replication = self.nodes as i32;
        TopicBuilder {
            kafka: self,
            name: name.into(),
            partitions: 1,
            replication,
            configs: Vec::new(),
        }
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partitions: i32) -> String {
        self.topic(name).partitions(partitions).create()
    }

    /// Whether there is such a topic.
    pub fn has_topic(&self, name: &str) -> bool {
        leaders(&consumer(&self.bootstrap), name) > 0
    }

    /// Deletes a topic and waits until it is gone.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn delete_topic(&self, name: &str) {
        let results = block_on(admin(&self.bootstrap).delete_topics(&[name], &options()));
        for result in results.expect("ask to delete a topic") {
            result.expect("delete a topic");
        }
        let probe = consumer(&self.bootstrap);
        let until = Instant::now() + WITHIN;
        while leaders(&probe, name) > 0 {
            assert!(Instant::now() < until, "topic {name} is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Deletes the records of a partition before `offset`, as retention does.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("an offset");
        let answer = block_on(admin(&self.bootstrap).delete_records(&list, &options()));
        for element in answer.expect("delete records").elements() {
            element.error().expect("delete records");
        }
    }

    /// Per partition the position the group has committed.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let client: BaseConsumer = config(&self.bootstrap)
            .set("group.id", group)
            .create()
            .expect("a client");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions(&client, topic) {
            list.add_partition(topic, partition);
        }
        let committed = client.committed_offsets(list, WITHIN).expect("committed offsets");
        let offsets = committed.elements().into_iter().filter_map(|e| match e.offset() {
            Offset::Offset(offset) => Some((e.partition(), offset)),
            _ => None,
        });
        offsets.collect()
    }

    /// Per partition the position behind the last message.
    pub fn end_offsets(&self, topic: &str) -> BTreeMap<i32, i64> {
        bounds(&consumer(&self.bootstrap), topic, Offset::End)
    }

    /// How many messages a topic has had.
    pub fn count(&self, topic: &str) -> u64 {
        self.end_offsets(topic).values().map(|end| *end as u64).sum()
    }

    /// Every committed message there is now.
    pub fn read_all(&self, topic: &str) -> Vec<Message> {
        let client = consumer(&self.bootstrap);
        let mut list = TopicPartitionList::new();
        let mut left = BTreeMap::new();
        let ends = bounds(&client, topic, Offset::End);
        for (partition, low) in bounds(&client, topic, Offset::Beginning) {
            let high = ends[&partition];
            if low < high {
                left.insert(partition, high);
                list.add_partition_offset(topic, partition, Offset::Offset(low))
                    .expect("an offset");
            }
        }
        client.assign(&list).expect("assign");
        let mut messages = Vec::new();
        let until = Instant::now() + Duration::from_secs(120);
        while !left.is_empty() {
            assert!(Instant::now() < until, "reading {topic} did not end: {left:?}");
            let message = match client.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => message,
                // The last position may hold a transaction's marker, which no reader gets.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    left.remove(&partition);
                    continue;
                }
                Some(Err(_)) | None => continue,
            };
            if left
                .get(&message.partition())
                .is_some_and(|high| message.offset() + 1 >= *high)
            {
                left.remove(&message.partition());
            }
            messages.push(owned(&message));
        }
        messages
    }
}

/// Where each partition's log begins or ends, by `what`. A leader that has just moved, or that a new topic has, may not know of it yet: all
/// are asked until all answer. librdkafka's own question for both bounds may give the end for the beginning where one answer is an error.
fn bounds(client: &BaseConsumer, topic: &str, what: Offset) -> BTreeMap<i32, i64> {
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions(client, topic) {
        asked
            .add_partition_offset(topic, partition, what)
            .expect("an offset");
    }
    let until = Instant::now() + WITHIN;
    loop {
        let told = client.offsets_for_times(asked.clone(), WITHIN);
        let bound = |element: &TopicPartitionListElem<'_>| match (element.error(), element.offset()) {
            (Ok(()), Offset::Offset(offset)) => Ok((element.partition(), offset)),
            (told, offset) => Err(format!("[{}]: {told:?} {offset:?}", element.partition())),
        };
        let told = told.map_err(|error| error.to_string());
        match told.and_then(|told| told.elements().iter().map(bound).collect()) {
            Ok(bounds) => return bounds,
            Err(error) => assert!(Instant::now() < until, "bounds of {topic}: {error}"),
        }
        // A pause between questions.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|h| {
        h.iter()
            .map(|h| (h.key.to_string(), h.value.map(<[u8]>::to_vec)))
            .collect::<Vec<_>>()
    });
    Message {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

pub(crate) fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("log_level", "2")
        .set("reconnect.backoff.max.ms", "500");
    config
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    let mut config = config(bootstrap);
    config
        .set("group.id", "forebay-test-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    config.create().expect("a client")
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    config(bootstrap).create().expect("an admin client")
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(WITHIN))
        .request_timeout(Some(WITHIN))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// All partitions of a topic, also those that have no leader at the moment.
///
/// # Panics
/// Where the topic does not exist.
fn partitions(client: &BaseConsumer, topic: &str) -> i32 {
    let until = Instant::now() + WITHIN;
    loop {
        let metadata = client.fetch_metadata(Some(topic), WITHIN).expect("metadata");
        let mut topics = metadata.topics().iter();
        if let Some(found) = topics.find(|t| t.name() == topic && t.error().is_none()) {
            return found.partitions().len() as i32;
        }
        // One of several brokers may not have heard of it yet.
        assert!(Instant::now() < until, "topic {topic} does not exist");
        std::thread::sleep(Duration::from_millis(20)); // a pause between questions
    }
}

/// Partitions of a topic that have a leader; 0 where it does not exist.
fn leaders(client: &BaseConsumer, topic: &str) -> usize {
    let Ok(metadata) = client.fetch_metadata(Some(topic), WITHIN) else {
        return 0;
    };
    let found = metadata
        .topics()
        .iter()
        .find(|t| t.name() == topic && t.error().is_none());
    found.map_or(0, |t| t.partitions().iter().filter(|p| p.leader() >= 0).count())
}

/// How many brokers answer that the cluster has.
pub(crate) fn brokers(bootstrap: &str) -> usize {
    let client = consumer(bootstrap);
    client
        .fetch_metadata(None, Duration::from_secs(2))
        .map_or(0, |m| m.brokers().len())
}
