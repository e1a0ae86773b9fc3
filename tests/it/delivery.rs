//! What a plain pipeline does on a real Kafka: where it starts, what it reads, what it keeps, what it counts, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use forebay_testcontainers::{Kafka, Load, await_until, process};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;

use crate::sensors;

const WITHIN: Duration = Duration::from_secs(60);

/// A run of a pipeline that passes `id` on; ends with the test.
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

/// `source` and `sink` are the keys beside those every pipeline here has; `rest` stands behind the sink.
fn pipeline(kafka: &Kafka, name: &str, source: &str, sink: &str, rest: &str) -> (TempDir, PathBuf, u16) {
    let folder = TempDir::new().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let text = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"{}\"] }}\npipeline:\n  name: {name}\n  \
         source: {{ group: {name}, format: json, columns: {{ id: int64 }}, {source} }}\n  \
         steps:\n    - sql: SELECT id FROM input WHERE id % 10 <> 7\n  \
         sink: {{ topic: {name}-out, format: json, {sink} }}\n{rest}telemetry: {{ listen: \"127.0.0.1:{port}\" }}\n",
        kafka.bootstrap()
    );
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, text).expect("write a pipeline");
    (folder, path, port)
}

fn run(kafka: &Kafka, name: &str, source: &str, sink: &str, rest: &str) -> Run {
    let (folder, path, port) = pipeline(kafka, name, source, sink, rest);
    let child = sensors::run(&path);
    Run {
        _folder: folder,
        port,
        child,
    }
}

impl Run {
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// A metric, summed over its series.
    fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").unwrap_or_default();
        let series = text.lines().filter(|l| l.split('{').next() == Some(name));
        series
            .filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    fn await_assigned(&self, partitions: u64) {
        await_until(WITHIN, "partitions are assigned", || {
            self.metric("forebay_partitions_assigned") == partitions
        });
    }

    fn stop(mut self) {
        process::signal(&self.child, libc::SIGTERM);
        assert!(self.child.wait().expect("forebay").success());
    }
}

fn number(n: u64) -> (Vec<u8>, Vec<u8>) {
    (n.to_string().into_bytes(), format!("{{\"id\":{n}}}").into_bytes())
}

/// Records of one partition with these timestamps, numbered from 0.
fn at(kafka: &Kafka, topic: &str, timestamps: &[i64]) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .expect("a producer");
    for (n, timestamp) in timestamps.iter().enumerate() {
        let (key, payload) = number(n as u64);
        let record = BaseRecord::to(topic)
            .key(&key)
            .payload(&payload)
            .timestamp(*timestamp);
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(WITHIN).expect("write");
}

fn payloads(kafka: &Kafka, topic: &str) -> Vec<String> {
    let messages = kafka.read_all(topic).into_iter();
    messages
        .map(|m| String::from_utf8(m.payload.expect("a payload")).expect("text"))
        .collect()
}

#[test]
fn start_says_where_a_new_group_begins_and_only_a_new_one() {
    let kafka = Kafka::shared();
    let input = kafka.create_topic("starts-in", 1);
    at(
        kafka,
        &input,
        &[1_700_000_000_000, 1_700_000_001_000, 1_700_000_002_000],
    );
    for (name, start, results) in [
        ("starts-earliest", "earliest", vec![0, 1, 2]),
        ("starts-timestamp", "\"2023-11-14T22:13:20.5Z\"", vec![1, 2]),
        ("starts-late", "\"2023-11-15T00:00:00Z\"", vec![]),
        ("starts-latest", "latest", vec![]),
    ] {
        let output = kafka.create_topic(&format!("{name}-out"), 1);
        let source = format!("topic: starts-in, start: {start}");
        let results: Vec<String> = results.iter().map(|n| format!("{{\"id\":{n}}}")).collect();
        let first = run(kafka, name, &source, "", "");
        first.await_assigned(1);
        await_until(WITHIN, "the results are there", || {
            kafka.count(&output) == results.len() as u64
        });
        let is_new = kafka.committed(name, &input).is_empty();
        first.stop();
        assert_eq!(payloads(kafka, &output), results, "{start}");
        // A group that has a commit goes on there, whatever `start` says.
        if !results.is_empty() {
            assert_eq!(kafka.committed(name, &input)[&0], 3);
            let again = run(kafka, name, "topic: starts-in, start: earliest", "", "");
            again.await_assigned(1);
            again.stop();
            assert_eq!(kafka.count(&output), results.len() as u64);
        } else {
            assert!(is_new, "nothing was read, so nothing is committed");
        }
    }
}

#[test]
fn a_pattern_and_a_list_read_what_they_name() {
    let kafka = Kafka::shared();
    for topic in ["several-a", "several-b", "other-several-c"] {
        kafka.create_topic(topic, 2);
        Load::all(kafka.bootstrap(), topic, 5, number);
    }
    for (name, source) in [
        ("by-pattern", "pattern: \"^several-.*\""),
        ("by-list", "topics: [several-a, several-b]"),
    ] {
        let output = kafka.create_topic(&format!("{name}-out"), 1);
        let run = run(kafka, name, source, "", "");
        run.await_assigned(4);
        await_until(WITHIN, "the results are there", || kafka.count(&output) == 10);
        run.stop();
        assert_eq!(kafka.count(&output), 10, "{name}");
    }
}

#[test]
fn keys_headers_and_timestamps_are_kept_whatever_the_compression() {
    let kafka = Kafka::shared();
    let input = kafka.create_topic("kept-in", 1);
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .expect("a producer");
    for n in 0..5 {
        let (key, payload) = number(n);
        let headers = OwnedHeaders::new()
            // W3C's trace context: a result belongs to the trace of its event.
            .insert(Header {
                key: "traceparent",
                value: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            })
            .insert(Header {
                key: "trace",
                value: Some("one"),
            })
            .insert(Header {
                key: "trace",
                value: Some("two"),
            })
            .insert(Header {
                key: "none",
                value: None::<&str>,
            });
        let mut record = BaseRecord::to(&input).payload(&payload).headers(headers);
        record = record.timestamp(1_700_000_000_000 + n as i64);
        record.key = (n != 3).then_some(&key);
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(WITHIN).expect("write");
    let events = kafka.read_all(&input);
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let name = format!("kept-{compression}");
        let output = kafka.create_topic(&format!("{name}-out"), 1);
        let sink = format!("compression: {compression}, headers: {{ model: v1 }}");
        let run = run(kafka, &name, "topic: kept-in", &sink, "");
        await_until(WITHIN, "the results are there", || kafka.count(&output) == 5);
        run.stop();
        for (event, mut result) in events.iter().zip(kafka.read_all(&output)) {
            assert_eq!(result.headers.pop(), Some(("model".into(), Some(b"v1".to_vec()))));
            assert_eq!(&result, event, "{compression}");
        }
    }
}

#[test]
fn the_counters_balance_on_a_scrape_and_livez_answers() {
    let kafka = Kafka::shared();
    let input = kafka.create_topic("balance-in", 3);
    kafka.create_topic("balance-out", 1);
    let dead = kafka.create_topic("balance-dead", 1);
    Load::all(kafka.bootstrap(), &input, 1000, |n| match n % 100 {
        0 => (number(n).0, b"{".to_vec()),
        _ => number(n),
    });
    let run = run(
        kafka,
        "balance",
        "topic: balance-in",
        "",
        "  dead_letters: { topic: balance-dead }\n",
    );
    await_until(WITHIN, "everything is settled", || {
        run.metric("forebay_records_consumed_total") == 1000 && run.metric("forebay_records_in_flight") == 0
    });
    let of = |outcome: &str| run.metric(&format!("forebay_records_{outcome}_total"));
    assert_eq!(
        (of("dead_lettered"), of("filtered"), of("delivered")),
        (10, 100, 890)
    );
    assert_eq!((of("dropped"), of("abandoned")), (0, 0));
    assert_eq!(run.metric("forebay_rejects_total"), 10);
    assert_eq!(kafka.count(&dead), 10);
    await_until(WITHIN, "the lag is gone", || {
        run.metric("forebay_lag_records") == 0
    });
    assert!(run.get("/livez").is_some_and(|text| text.contains(" 200 ")));
    assert!(crate::metrics(run.port).ends_with("# EOF\n"));
    run.stop();
}

#[test]
fn a_gap_that_opens_while_running_is_named_and_not_committed_past() {
    let kafka = Kafka::shared();
    let input = kafka.create_topic("opens-in", 1);
    let output = kafka.create_topic("opens-out", 1);
    Load::all(kafka.bootstrap(), &input, 1000, number);
    let (_folder, path, _) = pipeline(kafka, "opens", "topic: opens-in", "", "");
    let mut command = crate::forebay(&["run", &path.display().to_string()]);
    command.stderr(Stdio::piped());
    let mut child = process::spawn(command).expect("start forebay");
    await_until(WITHIN, "all is committed", || {
        kafka.committed("opens", &input).get(&0) == Some(&1000)
    });
    process::signal(&child, libc::SIGSTOP);
    Load::all(kafka.bootstrap(), &input, 1000, number);
    kafka.delete_records(&input, 0, 1600);
    process::signal(&child, libc::SIGCONT);
    await_until(WITHIN, "it stops", || {
        child.try_wait().expect("forebay").is_some()
    });
    assert_eq!(child.wait().expect("forebay").code(), Some(1));
    let mut text = String::new();
    child
        .stderr
        .take()
        .expect("its log")
        .read_to_string(&mut text)
        .expect("text");
    assert!(
        text.contains("of opens-in[0] no longer exists: the log holds 1600 to 2000"),
        "{text}"
    );
    // What a fetch had brought before the records went is delivered and committed, and nothing else.
    let committed = kafka.committed("opens", &input)[&0];
    assert!((1000..1600).contains(&committed), "{committed}");
    let passed = (0..committed).filter(|n| n % 1000 % 10 != 7).count() as u64;
    assert_eq!(kafka.count(&output), passed);
}

#[test]
fn a_topic_that_is_created_again_is_read_from_its_beginning() {
    let kafka = Kafka::shared();
    let input = kafka.create_topic("again-in", 1);
    let output = kafka.create_topic("again-out", 1);
    Load::all(kafka.bootstrap(), &input, 100, number);
    let run = run(kafka, "again", "topic: again-in, on_gap: earliest", "", "");
    await_until(WITHIN, "all is delivered", || kafka.count(&output) == 90);
    kafka.delete_topic(&input);
    kafka.create_topic("again-in", 1);
    Load::all(kafka.bootstrap(), &input, 20, number);
    await_until(Duration::from_secs(120), "the new records are delivered", || {
        kafka.count(&output) == 108
    });
    run.stop();
    assert_eq!(kafka.count(&output), 108);
}

#[test]
fn a_second_signal_leaves_at_once() {
    let kafka = Kafka::start();
    let input = kafka.create_topic("twice-in", 1);
    let output = kafka.create_topic("twice-out", 1);
    Load::all(kafka.bootstrap(), &input, 100, number);
    // The commit is left to the drain, and a drain without a broker waits for it.
    let (_folder, path, _) = pipeline(
        &kafka,
        "twice",
        "topic: twice-in",
        "",
        "  commit: { every: 1h }\n",
    );
    let mut command = crate::forebay(&["run", &path.display().to_string()]);
    command.stderr(Stdio::piped());
    let mut child = process::spawn(command).expect("start forebay");
    await_until(WITHIN, "all is delivered", || kafka.count(&output) == 90);
    kafka.stop_node(0);
    process::signal(&child, libc::SIGTERM);
    let log = BufReader::new(child.stderr.take().expect("its log"));
    let mut lines = log.lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("stopping")),
        "the first signal is answered"
    );
    let begin = Instant::now();
    process::signal(&child, libc::SIGTERM);
    let status = child.wait().expect("forebay");
    assert_eq!(status.code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}
