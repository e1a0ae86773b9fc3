//! Topics that Confluent's Python client writes, with fastavro and protobuf underneath; and that it reads what Forebay writes.

use std::process::Command;

use forebay_testcontainers::{Kafka, Registry};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{await_all_read, pipeline, run, stop};

const EVENTS: u64 = 1_000;

fn clients(command: &str, format: &str, kafka: &Kafka, registry: &Registry, topic: &str) -> String {
    let mut python = Command::new(crate::python("tests/clients/requirements.txt"));
    python
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tests/clients/clients.py", command, format])
        .args([kafka.bootstrap(), registry.url(), topic, &EVENTS.to_string()]);
    let output = crate::output(python);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the event of a number becomes.
fn expected(number: u64) -> Value {
    let n = number as f64;
    let risk = if number.is_multiple_of(5) { -1.0 } else { n / 8.0 };
    let amount = (n - 100.0) / 100.0;
    let note = (!number.is_multiple_of(3)).then(|| format!("note {number} m{}", number % 7));
    json!({ "id": number, "score": amount * 2.0 + risk + n / 2.0, "note": note })
}

/// The events through a pipeline that reads and writes `format`, back to Python.
fn there_and_back(format: &str, sink: &str) {
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let name = |what: &str| format!("interop-{format}-{what}");
    let (input, output) = (
        kafka.create_topic(&name("in"), 3),
        kafka.create_topic(&name("out"), 3),
    );
    clients("write", format, kafka, registry, &input);
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
pipeline:
  name: orders
  source:
    topic: {input}
    group: {input}
    format: {format}
    key: {{ format: int64, columns: {{ number: int64 }} }}
    columns:
      id: int64
      merchant_id: {{ type: string, path: merchant.id }}
      risk: {{ type: float64, path: merchant.risk, nullable: true }}
      amount: float64
      kind: string
      at: timestamp
      note: {{ type: string, nullable: true }}
      values: float32[3]
  steps:
    - sql: >
        SELECT id, amount * 2 + coalesce(risk, -1) + values[2] AS score, note || ' ' || merchant_id AS note FROM input
        WHERE number = id AND kind IN ('CARD', 'TRANSFER') AND at > '2023-01-01T00:00:00Z'
  sink: {{ topic: {output}, format: {sink}, key: id }}
"#,
        kafka.bootstrap(),
        registry.url()
    );
    let path = pipeline(&folder, &text);
    let (mut forebay, log) = run(&path);
    await_all_read(&mut forebay, &log, kafka, &input, &input);
    stop(forebay);
    let read = clients("read", format, kafka, registry, &output);
    let mut read: Vec<Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect();
    read.sort_by_key(|line| line["value"]["id"].as_u64());
    assert_eq!(read.len() as u64, EVENTS);
    for (number, line) in (0..EVENTS).zip(&read) {
        assert_eq!(line["key"], number.to_string());
        assert_eq!(line["value"], expected(number), "{format}");
    }
}

#[test]
fn avro_with_references() {
    there_and_back("avro", "{ avro: { auto_register: true } }");
}

#[test]
fn json_schema() {
    there_and_back("json-schema", "{ json-schema: { auto_register: true } }");
}

#[test]
fn protobuf_with_message_indexes() {
    there_and_back("protobuf", "{ protobuf: { auto_register: true } }");
}
