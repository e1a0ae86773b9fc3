//! How many requests a question costs, as the client that asks counts them itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use forebay_testcontainers::await_until;
use rdkafka::ClientContext;
use rdkafka::mocking::MockCluster;
use serde::Deserialize;

use super::*;
use crate::Scalar;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a client has sent to each broker since it was created, by the requests' names.
type Sent = BTreeMap<i32, BTreeMap<String, u64>>;

/// Keeps what the client's statistics say.
#[derive(Default)]
struct Counts {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    times: usize,
    sent: Sent,
}

#[derive(Deserialize)]
struct Statistics {
    brokers: HashMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    nodeid: i32,
    req: HashMap<String, u64>,
}

impl ClientContext for Counts {
    fn stats_raw(&self, statistics: &[u8]) {
        let statistics: Statistics = serde_json::from_slice(statistics).expect("statistics");
        let mut told = self.lock();
        told.times += 1;
        told.sent = BTreeMap::new();
        for broker in statistics.brokers.into_values() {
            let sent = broker.req.into_iter().filter(|(_, count)| *count > 0);
            told.sent.entry(broker.nodeid).or_default().extend(sent);
        }
    }
}

impl ConsumerContext for Counts {}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("what was told")
    }
}

/// What was sent until now: statistics that began before do not count.
fn sent(bounds: &KafkaBounds<Counts>) -> Sent {
    let counts = bounds.consumer.context();
    let before = counts.lock().times;
    await_until(PATIENCE, "statistics", || {
        bounds.consumer.poll(Duration::from_millis(10));
        counts.lock().times >= before + 2
    });
    std::mem::take(&mut counts.lock().sent)
}

#[test]
fn a_question_is_two_requests_to_each_broker_that_leads_one_of_the_partitions() {
    const QUESTIONS: u64 = 5;
    let cluster = MockCluster::new(3).expect("a cluster");
    for topic in ["in", "more"] {
        cluster.create_topic(topic, 8, 1).expect("a topic");
        for partition in 0..8 {
            // The third one leads nothing.
            let leader = Some(1 + partition % 2);
            cluster
                .partition_leader(topic, partition, leader)
                .expect("a leader");
        }
    }
    let endpoint = Endpoint {
        client: [("statistics.interval.ms".to_owned(), Scalar("50".into()))].into(),
        ..Endpoint::plaintext(cluster.bootstrap_servers())
    };
    let mut bounds = KafkaBounds::told_by(&endpoint, Counts::default()).expect("a client");
    let all = ["in", "more"].into_iter();
    let all: Partitions = all
        .flat_map(|topic| (0..8).map(move |n| TopicPartition::new(topic, n)))
        .collect();
    // The first one has to get to know the cluster.
    assert_eq!(bounds.ask(&all).expect("an answer").len(), 16);
    let before = sent(&bounds);
    for _ in 0..QUESTIONS {
        assert_eq!(bounds.ask(&all).expect("an answer").len(), 16);
    }
    let after = sent(&bounds);
    let of = |sent: &Sent, broker| sent.get(&broker).cloned().unwrap_or_default();
    for (broker, questions) in [(1, QUESTIONS), (2, QUESTIONS), (3, 0)] {
        let mut expected = of(&before, broker);
        if questions > 0 {
            *expected.entry("ListOffsets".into()).or_default() += 2 * questions;
        }
        assert_eq!(of(&after, broker), expected, "broker {broker}, of {after:?}");
    }
}
