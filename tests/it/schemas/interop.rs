//! Topics that Confluent's Python client writes, with fastavro and protobuf underneath, or Apicurio's Java serializers, with Avro's and
//! Protobuf's own Java underneath; and that they read what Forebay writes.

use std::process::Command;

use forebay_testcontainers::{Kafka, Registry, RegistryStub};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{await_all_read, java, pipeline, run, said_by, stop};

const EVENTS: u64 = 1_000;

/// Who writes the events and reads the results.
#[derive(Clone, Copy, Debug)]
enum Client {
    Python,
    Java,
}

impl Client {
    fn run(self, command: &str, format: &str, registry: &str, topic: &str) -> String {
        let mut client = match self {
            Self::Python => python(),
            Self::Java => java("serdes", "Serdes.java"),
        };
        client.args([command, format, Kafka::shared().bootstrap(), registry, topic]);
        client.arg(EVENTS.to_string());
        said_by(client)
    }
}

fn python() -> Command {
    let mut python = Command::new(crate::python("tests/clients/requirements.txt"));
    python
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("tests/clients/clients.py");
    python
}

/// What the event of a number becomes.
fn expected(number: u64) -> Value {
    let n = number as f64;
    let risk = if number.is_multiple_of(5) { -1.0 } else { n / 8.0 };
    let amount = (n - 100.0) / 100.0;
    let note = (!number.is_multiple_of(3)).then(|| format!("note {number} m{}", number % 7));
    json!({ "id": number, "score": amount * 2.0 + risk + n / 2.0, "note": note })
}

/// The events through a pipeline that reads `format` with one registry and writes it with another, back to the client.
fn there_and_back(client: Client, format: &str, write: &str, registry: &str, sink: &str) {
    let kafka = Kafka::shared();
    let name = |what: &str| format!("interop-{client:?}-{write}-{what}").to_lowercase();
    let (input, output) = (
        kafka.create_topic(&name("in"), 3),
        kafka.create_topic(&name("out"), 3),
    );
    client.run("write", write, registry, &input);
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
  results: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
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
  sink: {{ connector: results, topic: {output}, format: {sink}, key: id }}
"#,
        kafka.bootstrap(),
        registry,
        kafka.bootstrap(),
        Registry::shared().url(),
    );
    let path = pipeline(&folder, &text);
    let (mut forebay, log) = run(&path);
    await_all_read(&mut forebay, &log, kafka, &input, &input);
    stop(forebay);
    let read = client.run("read", format, Registry::shared().url(), &output);
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

const FORMATS: [&str; 3] = ["avro", "json-schema", "protobuf"];

fn both_ways(client: Client, format: &str) {
    let sink = format!("{{ {format}: {{ auto_register: true }} }}");
    there_and_back(client, format, format, Registry::shared().url(), &sink);
}

#[test]
fn avro_with_references() {
    both_ways(Client::Python, "avro");
}

#[test]
fn json_schema() {
    both_ways(Client::Python, "json-schema");
}

#[test]
fn protobuf_with_message_indexes() {
    both_ways(Client::Python, "protobuf");
}

#[test]
fn avro_of_java() {
    both_ways(Client::Java, "avro");
}

#[test]
fn json_schema_of_java() {
    both_ways(Client::Java, "json-schema");
}

#[test]
fn protobuf_of_java_with_message_indexes() {
    both_ways(Client::Java, "protobuf");
}

/// The real registry gives no GUIDs: the one that answers here takes any schema, and knows it by its GUID alone.
#[test]
fn guids_in_headers() {
    const GUID: &str = "89791762-2336-4186-9674-299b90a802e2";
    for format in FORMATS {
        let mut print = python();
        print.args(["schema", format]);
        let schema: Value = serde_json::from_str(&said_by(print)).expect("a schema");
        let stub = RegistryStub::start();
        let input = format!("interop-python-{format}-header-in");
        let mut registered =
            json!({ "id": 1, "guid": GUID, "version": 1, "subject": format!("{input}-value") });
        if let (Some(registered), Some(schema)) = (registered.as_object_mut(), schema.as_object()) {
            registered.extend(schema.clone());
        }
        stub.answer(&format!("POST /subjects/{input}-value/versions"), 200, registered);
        stub.guid(GUID, &schema);
        let sink = format!("{{ {format}: {{ auto_register: true }} }}");
        there_and_back(
            Client::Python,
            format,
            &format!("{format}-header"),
            stub.url(),
            &sink,
        );
        // What is not held to its schema needs none.
        let asked = usize::from(format != "json-schema");
        assert_eq!(
            stub.count(&format!("GET /schemas/guids/{GUID}")),
            asked,
            "{format}"
        );
        assert_eq!(stub.count("GET /schemas/ids/1"), 0);
    }
}
