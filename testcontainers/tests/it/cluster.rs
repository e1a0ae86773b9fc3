//! What a cluster does while it is there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use forebay_testcontainers::{Audit, Kafka, Listener, Load, Mechanism, await_until};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(30);

fn record(n: u64) -> (Vec<u8>, Vec<u8>) {
    (
        n.to_string().into_bytes(),
        format!(r#"{{"id":{n}}}"#).into_bytes(),
    )
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "test")
        .set("log_level", "2");
    config
}

#[test]
fn old_records_stay_except_where_a_topic_has_a_retention() {
    let kafka = Kafka::shared();
    let stays = kafka.create_topic("old", 1);
    let goes = kafka.topic("old-goes").config("retention.ms", "1000").create();
    let producer: BaseProducer = client(kafka.bootstrap()).create().expect("a producer");
    for topic in [&stays, &goes] {
        let old = BaseRecord::to(topic)
            .key("k")
            .payload("v")
            .timestamp(1_700_000_000_000);
        producer.send(old).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(WITHIN).expect("write");
    await_until(WITHIN, "retention has looked at the topics", || {
        kafka.read_all(&goes).is_empty()
    });
    assert_eq!(kafka.read_all(&stays).len(), 1);
}

#[test]
fn what_is_written_is_read_back_committed_and_deleted() {
    let kafka = Kafka::shared();
    let topic = kafka.create_topic("round-trip", 3);
    Load::all(kafka.bootstrap(), &topic, 100, record);
    let read = kafka.read_all(&topic);
    assert_eq!((read.len(), kafka.count(&topic)), (100, 100));
    assert!(
        read.iter()
            .all(|m| m.key.as_deref() == m.header("n").map(str::as_bytes))
    );
    let audit = Audit::of(&read, &read);
    assert_eq!(
        (audit.produced, audit.lost, audit.duplicated, audit.out_of_order),
        (100, 0, 0, 0)
    );

    assert!(kafka.committed("test", &topic).is_empty());
    let consumer: BaseConsumer = client(kafka.bootstrap()).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 1, Offset::Offset(7)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
    assert_eq!(kafka.committed("test", &topic), [(1, 7)].into());

    kafka.delete_records(&topic, 1, 5);
    let left = kafka.read_all(&topic);
    assert_eq!(left.len(), 95);
    assert!(left.iter().all(|m| m.partition != 1 || m.offset >= 5));
    kafka.delete_topic(&topic);
    kafka.create_topic(&topic, 1);
    assert_eq!(kafka.count(&topic), 0);
}

#[test]
fn a_transactions_marker_at_the_end_does_not_hold_a_reader_up() {
    let kafka = Kafka::shared();
    let topic = kafka.create_topic("transactions", 1);
    let mut config = client(kafka.bootstrap());
    let producer: BaseProducer = config.set("transactional.id", "transactions").create().unwrap();
    producer.init_transactions(WITHIN).unwrap();
    for (payload, keep) in [("kept", true), ("aborted", false)] {
        producer.begin_transaction().unwrap();
        assert!(
            producer
                .send(BaseRecord::<(), str>::to(&topic).payload(payload))
                .is_ok()
        );
        producer.flush(WITHIN).unwrap();
        if keep {
            producer.commit_transaction(WITHIN).unwrap();
        } else {
            producer.abort_transaction(WITHIN).unwrap();
        }
    }
    let read = kafka.read_all(&topic);
    let payloads: Vec<_> = read.iter().map(|m| m.payload.as_deref()).collect();
    assert_eq!(payloads, [Some(&b"kept"[..])]);
}

#[test]
fn retention_acts_within_seconds() {
    let kafka = Kafka::shared();
    let topic = kafka
        .topic("retention")
        .config("retention.ms", "1")
        .config("segment.ms", "100")
        .create();
    Load::all(kafka.bootstrap(), &topic, 10, record);
    await_until(
        Duration::from_secs(60),
        "retention has removed the records",
        || kafka.read_all(&topic).is_empty(),
    );
    assert_eq!(kafka.count(&topic), 10);
}

#[test]
fn two_clusters_run_at_once_and_one_has_a_setting_and_a_class_path_of_its_own() {
    let [classes, folder] = [(); 2].map(|()| TempDir::new().expect("a folder"));
    fs::create_dir(classes.path().join("kafka")).expect("a folder");
    let resource = classes.path().join("kafka/kafka-version.properties");
    fs::write(resource, "version=4.4.0\ncommitId=of-the-test\n").expect("write a resource");
    let (one, other) = (
        Kafka::shared(),
        Kafka::builder()
            .property("message.max.bytes", "2000")
            .class_path(classes.path())
            .folder(folder.path())
            .start(),
    );
    let topic = one.create_topic("two", 1);
    other.create_topic(&topic, 1);
    for kafka in [one, &other] {
        let producer: BaseProducer = client(kafka.bootstrap()).create().unwrap();
        assert!(
            producer
                .send(BaseRecord::<(), [u8]>::to(&topic).payload(&[0; 5000]))
                .is_ok()
        );
        producer.flush(WITHIN).unwrap();
    }
    assert_eq!((one.count(&topic), other.count(&topic)), (1, 0));
    assert!(log(folder.path(), "node-1").contains("Kafka commitId: of-the-test"));
}

#[test]
fn three_nodes_go_on_without_one_and_take_it_back() {
    let secure = Listener::sasl_tls("SECURE", &[Mechanism::ScramSha512]);
    let folder = TempDir::new().expect("a folder");
    let builder = Kafka::builder().nodes(3).folder(folder.path());
    let kafka = builder.listener(secure).user("app", "secret").start();
    let topic = kafka.create_topic("three", 6);
    let node = kafka
        .bootstrap()
        .split(',')
        .nth(1)
        .expect("three addresses")
        .to_owned();
    let load = Load::start(kafka.bootstrap(), &topic, 500, record);
    for end in [Kafka::stop_node, Kafka::kill_node] {
        end(&kafka, 1);
        assert!(
            std::net::TcpStream::connect(&node).is_err(),
            "the node still listens"
        );
        // The first of both is asked to end.
        assert_eq!(log(folder.path(), "node-2").matches("signal SIGTERM").count(), 1);
        let before = kafka.count(&topic);
        await_until(Duration::from_secs(60), "the other two take records", || {
            kafka.count(&topic) > before + 500
        });
        kafka.start_node(1);
        // Back means that it answers itself, where it was before, and knows the others.
        let own: BaseConsumer = client(&node).create().unwrap();
        assert_eq!(
            own.fetch_metadata(None, Duration::from_secs(5))
                .unwrap()
                .brokers()
                .len(),
            3
        );
    }
    assert_secure_nodes(&kafka);
    let count = load.stop();
    let read = kafka.read_all(&topic);
    let audit = Audit::of(&read, &read);
    assert_eq!(
        (read.len() as u64, audit.produced, audit.duplicated),
        (count, count, 0)
    );
}

/// What a node has said, of the one cluster below the folder.
fn log(folder: &Path, node: &str) -> String {
    let mut clusters = fs::read_dir(folder).expect("list the folder");
    let cluster = clusters.next().expect("a cluster").expect("an entry");
    fs::read_to_string(cluster.path().join(node).join("kafka.log")).expect("a log")
}

/// Asserts that each node takes the user on its secure listener, and names the others' secure ones.
fn assert_secure_nodes(kafka: &Kafka) {
    let addresses = kafka.address("SECURE");
    for node in addresses.split(',') {
        let mut config = client(node);
        config
            .set("broker.address.family", "v4")
            .set("security.protocol", "sasl_ssl")
            .set("ssl.ca.location", kafka.authority().ca().display().to_string())
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", "app")
            .set("sasl.password", "secret");
        let client: BaseConsumer = config.create().expect("a client");
        let metadata = client.fetch_metadata(None, WITHIN).expect("metadata");
        let brokers = metadata.brokers().iter();
        let mut told: Vec<String> = brokers.map(|b| format!("{}:{}", b.host(), b.port())).collect();
        let mut all: Vec<&str> = addresses.split(',').collect();
        told.sort_unstable();
        all.sort_unstable();
        assert_eq!(told, all);
    }
}
