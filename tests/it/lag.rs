//! Lag as `/metrics` and `/status` tell it, beside what Kafka's own answers and the clock say.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forebay_testcontainers::{Frozen, Kafka, await_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sensors;

const WITHIN: Duration = Duration::from_secs(60);

struct Run {
    _folder: TempDir,
    port: u16,
    child: Child,
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn run(kafka: &Kafka, group: &str, topic: &str, output: &str) -> Run {
    run_with(kafka, group, topic, output, "")
}

fn run_with(kafka: &Kafka, group: &str, topic: &str, output: &str, sink: &str) -> Run {
    let folder = TempDir::new().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let port = listener.expect("a port").port();
    let text = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"{}\"] }}\npipeline:\n  name: {group}\n  \
         source: {{ topic: {topic}, group: {group}, format: json, columns: {{ id: int64 }} }}\n  \
         sink: {{ topic: {output}, format: json{sink} }}\n  lanes: 1\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}\n",
        kafka.bootstrap()
    );
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, text).expect("write a pipeline");
    Run {
        _folder: folder,
        port,
        child: sensors::run(&path),
    }
}

impl Run {
    fn ask(&self, path: &str) -> String {
        let mut answer = String::new();
        let stream = TcpStream::connect(("127.0.0.1", self.port));
        if let Ok(mut stream) = stream {
            drop(write!(stream, "GET {path} HTTP/1.0\r\n\r\n"));
            drop(stream.read_to_string(&mut answer));
        }
        answer
    }

    fn scrape(&self) -> String {
        self.ask("/metrics")
    }

    /// The only lane, as `/status` has it.
    fn lane(&self) -> Value {
        let answer = self.ask("/status");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or("null");
        let status: Value = serde_json::from_str(body).expect("JSON");
        status["lanes"][0].clone()
    }

    /// A metric of partitions, by partition.
    fn of_partitions(&self, name: &str) -> BTreeMap<i32, f64> {
        by_partition(&self.scrape(), name)
    }

    fn records(&self) -> BTreeMap<i32, f64> {
        self.of_partitions(RECORDS)
    }

    /// The lane's total is the sum of its partitions, in `/metrics` and in `/status`.
    fn adds_up(&self) {
        let text = self.scrape();
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("forebay_lag_records{")?.rsplit(' ').next());
        let total: Option<f64> = total.and_then(|total| total.parse().ok());
        let by_partition = by_partition(&text, RECORDS);
        assert_eq!(total, Some(by_partition.values().sum()), "{by_partition:?}");
        let lane = self.lane();
        let lags = lane["lags"].as_array().expect("lags");
        let sum: u64 = lags.iter().filter_map(|one| one["records"].as_u64()).sum();
        assert_eq!(lane["lag_records"], sum, "{lags:?}");
    }

    fn await_records(&self, what: &str, expected: &[(i32, f64)]) {
        let expected: BTreeMap<i32, f64> = expected.iter().copied().collect();
        await_until(WITHIN, what, || self.records() == expected);
    }
}

const RECORDS: &str = "forebay_partition_lag_records";

fn by_partition(text: &str, name: &str) -> BTreeMap<i32, f64> {
    let series = text.lines().filter(|line| line.split('{').next() == Some(name));
    let one = |line: &str| {
        let partition = line.split("partition=\"").nth(1)?.split('"').next()?;
        Some((partition.parse().ok()?, line.rsplit(' ').next()?.parse().ok()?))
    };
    series.filter_map(one).collect()
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_millis()).expect("fits")
}

fn producer(kafka: &Kafka, transactional: Option<&str>) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap());
    if let Some(id) = transactional {
        config.set("transactional.id", id);
    }
    config.create().expect("a producer")
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, count: usize, timestamp: i64) {
    for _ in 0..count {
        let record = BaseRecord::to(topic).key("k").payload("{\"id\":1}");
        let record = record.partition(partition).timestamp(timestamp);
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(WITHIN).expect("write");
}

/// What waits by Kafka's own answers, where nothing was committed yet.
fn waiting(kafka: &Kafka, topic: &str, group: &str) -> BTreeMap<i32, f64> {
    let committed = kafka.committed(group, topic);
    let ends = kafka.end_offsets(topic).into_iter();
    ends.map(|(partition, end)| {
        (
            partition,
            (end - committed.get(&partition).copied().unwrap_or(0).max(0)) as f64,
        )
    })
    .collect()
}

#[test]
fn a_lane_that_stands_still_lets_lag_grow_and_retention_takes_its_share() {
    let kafka = Kafka::shared();
    let (topic, output) = (
        kafka.create_topic("lag-still", 1),
        kafka.create_topic("lag-still-out", 1),
    );
    let producer = producer(kafka, None);
    let run = run(kafka, "lag-still", &topic, &output);
    run.await_records("nothing waits", &[(0, 0.0)]);
    let _frozen = Frozen::thread(&run.child, "lane-0").expect("stop the lane");
    let sent = Instant::now();
    send(&producer, &topic, 0, 100, now_ms());
    run.await_records("100 records wait", &[(0, 100.0)]);
    assert_eq!(run.records(), waiting(kafka, &topic, "lag-still"));
    run.adds_up();
    await_until(WITHIN, "they have waited for a while", || {
        run.of_partitions("forebay_partition_lag_seconds")[&0] > 15.0
    });
    let late = run.of_partitions("forebay_partition_lag_seconds")[&0];
    let by_the_clock = sent.elapsed().as_secs_f64();
    assert!(
        (late - by_the_clock).abs() < 12.0,
        "{late} s, by the clock {by_the_clock} s"
    );
    let lane = run.lane();
    let one = &lane["lags"][0];
    assert_eq!(
        (&one["topic"], &one["partition"]),
        (&json!(topic), &json!(0)),
        "{lane}"
    );
    assert_eq!(
        (&one["records"], &one["state"]),
        (&json!(100), &json!("ok")),
        "{lane}"
    );
    assert!(one["seconds"].as_f64() >= Some(late), "{lane}");
    send(&producer, &topic, 0, 50, now_ms());
    run.await_records("150 records wait", &[(0, 150.0)]);
    assert_eq!(
        run.of_partitions("forebay_partition_drain_seconds")[&0],
        f64::INFINITY
    );
    kafka.delete_records(&topic, 0, 60);
    run.await_records("60 of them are deleted", &[(0, 90.0)]);
    run.adds_up();
}

/// The sink waits for more: all is read, and nothing is settled.
#[test]
fn a_backlog_from_before_the_start_is_as_old_as_the_first_record_that_waits() {
    const HOUR_MS: i64 = 3_600_000;
    let kafka = Kafka::shared();
    let topic = kafka.create_topic("lag-old", 2);
    let output = kafka.create_topic("lag-old-out", 1);
    let (plain, producer) = (producer(kafka, None), producer(kafka, Some("lag-old")));
    producer
        .init_transactions(WITHIN)
        .expect("a transactional producer");
    producer.begin_transaction().expect("begin");
    send(&producer, &topic, 0, 20, now_ms() - 2 * HOUR_MS);
    producer.abort_transaction(WITHIN).expect("abort");
    await_until(WITHIN, "the marker is written", || {
        kafka.end_offsets(&topic)[&0] == 21
    });
    for partition in 0..2 {
        // Larger than what is fetched of a partition at a time.
        let payload = format!("{{\"id\":1}}{}", " ".repeat(300_000));
        let first = BaseRecord::<str, _>::to(&topic)
            .payload(&payload)
            .partition(partition);
        let first = first.timestamp(now_ms() - HOUR_MS);
        plain.send(first).map_err(|(e, _)| e).expect("queue");
        send(&plain, &topic, partition, 99, now_ms());
    }
    let run = run_with(kafka, "lag-old", &topic, &output, ", linger: 60s");
    await_until(WITHIN, "all is read", || run.lane()["records"]["consumed"] == 200);
    let waiting = waiting(kafka, &topic, "lag-old");
    assert_eq!(
        waiting,
        [(0, 121.0), (1, 100.0)].into(),
        "to Kafka's own tools all wait"
    );
    run.await_records("what was aborted does not wait", &[(0, 100.0), (1, 100.0)]);
    for (partition, age) in run.of_partitions("forebay_partition_lag_seconds") {
        assert!((3_600.0..3_700.0).contains(&age), "{partition}: {age} s");
    }
    run.adds_up();
    let lane = run.lane();
    assert_eq!(lane["records"]["in_flight"], 200, "{lane}");
}

#[test]
fn markers_and_aborted_records_do_not_wait_and_an_open_transaction_is_not_there_yet() {
    let kafka = Kafka::shared();
    let (topic, output) = (
        kafka.create_topic("lag-tx", 1),
        kafka.create_topic("lag-tx-out", 1),
    );
    let (plain, producer) = (producer(kafka, None), producer(kafka, Some("lag-tx")));
    producer
        .init_transactions(WITHIN)
        .expect("a transactional producer");
    producer.begin_transaction().expect("begin");
    send(&producer, &topic, 0, 10, now_ms());
    producer.commit_transaction(WITHIN).expect("commit");
    let run = run(kafka, "lag-tx", &topic, &output);
    await_until(WITHIN, "results", || kafka.count(&output) == 10);
    run.await_records("a marker is no record", &[(0, 0.0)]);
    assert_eq!(
        waiting(kafka, &topic, "lag-tx"),
        [(0, 1.0)].into(),
        "to Kafka's own tools it is one"
    );
    producer.begin_transaction().expect("begin");
    send(&producer, &topic, 0, 20, now_ms());
    send(&plain, &topic, 0, 1, now_ms());
    // Longer than the brokers are asked apart, and than the lane's client learns of them.
    let until = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until {
        assert_eq!(
            run.records(),
            [(0, 0.0)].into(),
            "what is not committed is not there"
        );
        run.adds_up();
        // Between two looks, all of which must hold.
        thread::sleep(Duration::from_millis(200));
    }
    producer.abort_transaction(WITHIN).expect("abort");
    await_until(WITHIN, "what came behind it is there", || {
        kafka.count(&output) == 11
    });
    run.await_records("aborted records are nobody's", &[(0, 0.0)]);
    run.adds_up();
    producer.begin_transaction().expect("begin");
    send(&producer, &topic, 0, 5, now_ms());
    producer.commit_transaction(WITHIN).expect("commit");
    await_until(WITHIN, "results", || kafka.count(&output) == 16);
    run.await_records("all is read", &[(0, 0.0)]);
}

/// Logs are compacted behind a lane that stands still, and of one key the last record stays. Lag begins with the first record that is left:
/// in partition 1 with one of another key, and there holes count.
#[test]
fn what_compaction_removes_before_the_first_record_that_is_left_does_not_wait() {
    let kafka = Kafka::builder().property("log.cleaner.backoff.ms", "200").start();
    let topic = kafka
        .topic("lag-compacted")
        .partitions(2)
        .config("cleanup.policy", "compact")
        .config("segment.ms", "1000")
        .config("min.cleanable.dirty.ratio", "0.01")
        .create();
    let output = kafka.create_topic("lag-compacted-out", 1);
    let producer = producer(&kafka, None);
    let run = run(&kafka, "lag-compacted", &topic, &output);
    run.await_records("nothing waits", &[(0, 0.0), (1, 0.0)]);
    let frozen = Frozen::thread(&run.child, "lane-0").expect("stop the lane");
    let own = BaseRecord::to(&topic)
        .key("own")
        .payload("{\"id\":1}")
        .partition(1);
    producer.send(own).map_err(|(e, _)| e).expect("queue");
    let send_both = |count| (0..2).for_each(|partition| send(&producer, &topic, partition, count, now_ms()));
    send_both(100);
    run.await_records("all wait", &[(0, 100.0), (1, 101.0)]);
    let left = || {
        let mut left = BTreeMap::from([(0, 0.0), (1, 0.0)]);
        for message in kafka.read_all(&topic) {
            *left.entry(message.partition).or_default() += 1.0;
        }
        left
    };
    await_until(WITHIN, "the logs are compacted", || {
        // A segment is closed by what is written a second later.
        send_both(1);
        left().values().all(|count| *count < 50.0)
    });
    let written = kafka.end_offsets(&topic)[&1] as f64;
    await_until(WITHIN, "as many wait as a consumer reads", || {
        run.records() == [(0, left()[&0]), (1, written)].into()
    });
    assert!(left().values().all(|count| *count < 50.0));
    run.adds_up();
    drop(frozen);
    run.await_records("all is read", &[(0, 0.0), (1, 0.0)]);
    run.adds_up();
}

#[test]
fn series_of_partitions_follow_them_from_process_to_process() {
    let kafka = Kafka::shared();
    let (topic, output) = (
        kafka.create_topic("lag-moved", 4),
        kafka.create_topic("lag-moved-out", 1),
    );
    let first = run(kafka, "lag-moved", &topic, &output);
    let all = [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)];
    first.await_records("all are the first one's", &all);
    let second = run(kafka, "lag-moved", &topic, &output);
    await_until(WITHIN, "each has two, and no other's", || {
        let (a, b) = (first.records(), second.records());
        let both: BTreeMap<i32, f64> = a.iter().chain(&b).map(|(p, n)| (*p, *n)).collect();
        a.len() == 2 && b.len() == 2 && both == all.into()
    });
    assert!(first.scrape().contains("state=\"ok\"} 1"));
}
