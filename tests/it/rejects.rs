//! Bad input on a real Kafka: dead letters byte-equal to the originals, neighbours untouched; without a dead-letter
//! topic a stop that names the place, uncommitted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_testcontainers::{Kafka, Load, Message, await_until, process};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;

/// A pipeline with a cast that fails on text, and a model whose tensor takes no nulls.
fn pipeline(folder: &TempDir, kafka: &Kafka, name: &str, rejects: &str) -> PathBuf {
    let model = crate::sensors::example().join("model.onnx");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: ["{}"] }}
pipeline:
  name: rejects
  source:
    topic: {name}-in
    group: {name}
    format: json
    columns:
      id: int64
      text: string
      small: int32
      size: {{ type: float32, nullable: true }}
      extra: {{ type: int64, default: 7 }}
  steps:
    - sql: SELECT id, extra, size, small, CAST(text AS BIGINT) AS number, length(text) AS length FROM input
    - model:
        path: {}
        inputs: {{ sensors: [size, size, size, size, size, size, size, size, small] }}
        outputs: {{ label: label }}
    - sql: SELECT id, extra, number, length FROM input
  sink: {{ topic: {name}-out, format: json }}
{rejects}
"#,
        kafka.bootstrap(),
        model.display()
    );
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, text).expect("write a pipeline");
    path
}

fn good(id: usize) -> Vec<u8> {
    format!(r#"{{"id":{id},"text":"{id}","small":1,"size":2.5}}"#).into_bytes()
}

/// Payloads that must be rejected, with the stage and a word of the reason.
fn bad() -> Vec<(Option<Vec<u8>>, &'static str, &'static str)> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let deep = format!(
        r#"{{"id":1,"text":"1","small":1,"x":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    vec![
        (text(""), "decode", ""),
        (None, "decode", ""),
        (text(r#"{"id":1,"text":"1","sm"#), "decode", ""),
        (
            text(r#"{"id":"one","text":"1","small":1,"size":1}"#),
            "decode",
            "id",
        ),
        (text(r#"{"id":1,"small":1,"size":1}"#), "decode", "text"),
        (
            text(r#"{"id":1,"text":"1","small":3000000000,"size":1}"#),
            "decode",
            "small",
        ),
        (
            Some(b"{\"id\":1,\"text\":\"\xff\",\"small\":1,\"size\":1}".to_vec()),
            "decode",
            "",
        ),
        (text(&deep), "decode", ""),
        (
            text(r#"{"id":1,"id":2,"text":"1","small":1,"size":1}"#),
            "decode",
            "id",
        ),
        (
            text(r#"{"id":1,"text":"1","small":1,"size":null}"#),
            "model",
            "size",
        ),
        (
            text(r#"{"id":1,"text":"hunter2","small":1,"size":1}"#),
            "sql",
            "number",
        ),
    ]
}

struct Written {
    key: Vec<u8>,
    payload: Option<Vec<u8>>,
    timestamp: i64,
}

/// Writes good records with bad ones between them, to one partition; returns all of them.
fn write(kafka: &Kafka, topic: &str, bad: &[Option<Vec<u8>>]) -> Vec<Written> {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .expect("a producer");
    let mut written = Vec::new();
    for i in 0..bad.len() * 2 {
        let payload = if i % 2 == 0 {
            Some(good(i))
        } else {
            bad[i / 2].clone()
        };
        let record = Written {
            key: format!("k{i}").into_bytes(),
            payload,
            timestamp: 1_700_000_000_000 + i as i64,
        };
        let headers = OwnedHeaders::new()
            .insert(Header {
                key: "trace",
                value: Some(&record.key),
            })
            .insert(Header {
                key: "empty",
                value: None::<&[u8]>,
            });
        let mut message = BaseRecord::to(topic)
            .partition(0)
            .key(&record.key)
            .timestamp(record.timestamp)
            .headers(headers);
        message.payload = record.payload.as_ref();
        producer
            .send(message)
            .map_err(|(e, _)| e)
            .expect("queue a record");
        written.push(record);
    }
    producer
        .flush(Duration::from_secs(30))
        .expect("write the records");
    written
}

fn text_of(message: &Message) -> String {
    String::from_utf8_lossy(message.payload.as_deref().unwrap_or_default()).into_owned()
}

#[test]
fn bad_records_become_dead_letters_and_their_neighbours_are_untouched() {
    let (kafka, folder) = (Kafka::shared(), TempDir::new().expect("a folder"));
    let (input, output) = (kafka.create_topic("bad-in", 1), kafka.create_topic("bad-out", 3));
    let dead = kafka.create_topic("bad-dead", 1);
    let bad = bad();
    let payloads: Vec<_> = bad.iter().map(|(payload, _, _)| payload.clone()).collect();
    let written = write(kafka, &input, &payloads);
    let path = pipeline(&folder, kafka, "bad", "  dead_letters: { topic: bad-dead }");
    let mut forebay = crate::sensors::run(&path);
    await_until(Duration::from_secs(60), "everything is committed", || {
        kafka.committed("bad", &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());

    let mut results: Vec<String> = kafka.read_all(&output).iter().map(text_of).collect();
    let mut expected: Vec<String> = (0..written.len())
        .step_by(2)
        .map(|id| {
            format!(
                r#"{{"id":{id},"extra":7,"number":{id},"length":{}}}"#,
                id.to_string().len()
            )
        })
        .collect();
    results.sort();
    expected.sort();
    assert_eq!(results, expected);

    let letters = kafka.read_all(&dead);
    assert_eq!(letters.len(), bad.len());
    for (letter, (i, (_, stage, word))) in letters.iter().zip(bad.iter().enumerate()) {
        let original = &written[i * 2 + 1];
        assert_eq!(letter.payload, original.payload, "record {i}");
        assert_eq!(letter.key.as_ref(), Some(&original.key));
        assert_eq!(letter.timestamp, original.timestamp);
        assert_eq!(
            letter.headers[0],
            ("trace".to_string(), Some(original.key.clone()))
        );
        assert_eq!(letter.headers[1], ("empty".to_string(), None));
        assert_eq!(letter.header("__connect.errors.topic"), Some("bad-in"));
        assert_eq!(letter.header("__connect.errors.partition"), Some("0"));
        assert_eq!(
            letter.header("__connect.errors.offset"),
            Some((i * 2 + 1).to_string().as_str())
        );
        assert_eq!(
            letter.header("__connect.errors.stage"),
            Some(*stage),
            "record {i}"
        );
        let reason = letter
            .header("__connect.errors.exception.message")
            .expect("a reason");
        assert!(
            reason.contains(word) && !reason.contains("hunter2"),
            "record {i}: {reason}"
        );
    }
}

#[test]
fn without_dead_letters_a_reject_stops_uncommitted_and_names_its_place() {
    let (kafka, folder) = (Kafka::shared(), TempDir::new().expect("a folder"));
    let input = kafka.create_topic("stop-in", 1);
    kafka.create_topic("stop-out", 1);
    write(kafka, &input, &[Some(b"{".to_vec())]);
    let path = pipeline(&folder, kafka, "stop", "");
    let output = crate::run_to_the_end(&path);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in ["topic=stop-in", "partition=0", "offset=1", "decode"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(
        kafka
            .committed("stop", &input)
            .get(&0)
            .is_none_or(|next| *next <= 1)
    );
}

#[test]
fn a_string_of_a_megabyte_is_delivered_like_any_other() {
    let (kafka, folder) = (Kafka::shared(), TempDir::new().expect("a folder"));
    let input = kafka
        .topic("large-in")
        .config("max.message.bytes", "4000000")
        .create();
    let output = kafka
        .topic("large-out")
        .config("max.message.bytes", "4000000")
        .create();
    let text = "x".repeat(1_000_000);
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.bootstrap())
        .set("message.max.bytes", "4000000");
    let producer: BaseProducer = config.create().expect("a producer");
    let payload = format!(r#"{{"text":"{text}"}}"#);
    producer
        .send(BaseRecord::to(&input).key("k").payload(&payload))
        .map_err(|(e, _)| e)
        .expect("queue");
    producer.flush(Duration::from_secs(30)).expect("write");
    let pipeline = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"{}\"] }}\npipeline:\n  name: large\n  \
         source: {{ topic: large-in, group: large, format: json, columns: {{ text: string }} }}\n  \
         sink: {{ topic: large-out, format: json }}\n",
        kafka.bootstrap()
    );
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, pipeline).expect("write a pipeline");
    let mut forebay = crate::sensors::run(&path);
    await_until(Duration::from_secs(60), "it is delivered", || {
        kafka.count(&output) == 1
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    assert_eq!(text_of(&kafka.read_all(&output)[0]), payload);
}

#[test]
fn a_model_that_fails_on_most_rows_stops_the_pipeline_and_no_value_is_shown() {
    let (kafka, folder) = (Kafka::shared(), TempDir::new().expect("a folder"));
    let input = kafka.create_topic("picky-in", 1);
    let (output, dead) = (
        kafka.create_topic("picky-out", 1),
        kafka.create_topic("picky-dead", 1),
    );
    // Every second index is none of the model's table.
    Load::all(kafka.bootstrap(), &input, 200, |n| {
        let index = if n % 2 == 0 { 1 } else { 471_100 + n };
        (
            n.to_string().into_bytes(),
            format!(r#"{{"index":{index}}}"#).into_bytes(),
        )
    });
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/models/picky.onnx");
    let pipeline = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"{}\"] }}\npipeline:\n  name: picky\n  \
         source: {{ topic: picky-in, group: picky, format: json, columns: {{ index: int64 }} }}\n  steps:\n    \
         - model: {{ path: {}, inputs: {{ index: [index] }} }}\n  sink: {{ topic: picky-out, format: json }}\n  \
         dead_letters: {{ topic: picky-dead }}\n",
        kafka.bootstrap(),
        model.display()
    );
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, pipeline).expect("write a pipeline");
    let stopped = crate::run_to_the_end(&path);
    let text = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(1), "{text}");
    assert!(
        text.contains("32 of the last 256 rows") && text.contains("picky.onnx"),
        "{text}"
    );
    assert!(!text.contains("4711"), "{text}");
    let committed = kafka.committed("picky", &input);
    assert!(committed.get(&0).is_none_or(|next| *next < 200), "{committed:?}");
    let written = kafka.count(&output) + kafka.count(&dead);
    assert!(written < 200, "{written}");
}
