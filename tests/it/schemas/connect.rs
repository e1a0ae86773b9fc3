//! Topics that Kafka Connect's own converters and Kafka's own serializers write, the latter being ksqlDB's keys; and that such converters read
//! what Forebay writes. Neither server runs: what they write is what these classes make of a row.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_testcontainers::{Kafka, Registry};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{await_all_read, java, pipeline, run, said_by, stop};

const EVENTS: u64 = 200;

/// What Java writes, each into a topic of its own.
const WRITTEN: [&str; 9] = [
    "connect",
    "connect-base64",
    "connect-avro",
    "avro-key",
    "ksqldb",
    "string",
    "int32",
    "int64",
    "float64",
];

/// The topic of one of them; all are written by the first who asks.
fn topic(what: &str) -> &'static str {
    static TOPICS: OnceLock<BTreeMap<&str, String>> = OnceLock::new();
    let topics = TOPICS.get_or_init(|| {
        let create = |what| (what, Kafka::shared().create_topic(&format!("connect-{what}"), 2));
        let topics = BTreeMap::from(WRITTEN.map(create));
        let mut write = client("write");
        write.args(topics.iter().map(|(what, topic)| format!("{what}={topic}")));
        said_by(write);
        topics
    });
    &topics[what]
}

fn client(command: &str) -> Command {
    let mut client = java("connect", "Connect.java");
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    client.args([command, kafka.bootstrap(), registry.url(), &EVENTS.to_string()]);
    client
}

/// Takes what Java wrote through a pipeline, and what it makes back to Java: each result's key and value, by the numbers in `id`.
fn through(what: &str, source: &str, sink: &str, read_as: &str) -> Vec<(String, Value)> {
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let input = topic(what);
    let output = kafka.create_topic(&format!("{input}-results"), 2);
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
pipeline:
  name: rows
  source:
    topic: {input}
    group: {input}
{source}
  sink: {{ topic: {output}, {sink} }}
"#,
        kafka.bootstrap(),
        registry.url()
    );
    let (mut forebay, log) = run(&pipeline(&folder, &text));
    await_all_read(&mut forebay, &log, kafka, input, input);
    stop(forebay);
    let mut read = client("read");
    read.arg(format!("{read_as}={output}"));
    let said = said_by(read);
    let lines = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"));
    let mut lines: Vec<Value> = lines.collect();
    lines.sort_by_key(|line| line["value"]["id"].as_u64());
    assert_eq!(lines.len() as u64, EVENTS, "{what}");
    let both = |line: &Value| {
        (
            line["key"].as_str().unwrap_or_default().to_owned(),
            line["value"].clone(),
        )
    };
    lines.iter().map(both).collect()
}

fn risk(id: u64) -> Value {
    match id % 5 {
        0 => Value::Null,
        _ => json!(id as f64 / 8.0),
    }
}

fn note(id: u64) -> Value {
    match id % 3 {
        0 => Value::Null,
        _ => json!(format!("note {id}")),
    }
}

/// The columns of a row that Connect made; how a decimal comes depends on its converter.
fn columns(amount: &str) -> String {
    format!(
        r#"
    columns:
      id: int64
      small: int32
      short: int64
      int: int32
      float: float32
      flag: bool
      merchant: {{ type: string, path: merchant.id }}
      risk: {{ type: float64, path: merchant.risk, nullable: true }}
      amount: {amount}
      at: timestamp
      bytes: bytes
      note: {{ type: string, nullable: true }}
      list: {{ type: "float32[3]", path: values }}
"#
    )
}

/// What does not depend on the converter, as `steps` below make it.
fn common(id: u64) -> Value {
    let n = id as f64;
    json!({
        "id": id, "small": id % 100, "short": -(id as i64), "int": id, "float": n / 4.0, "flag": id % 2 == 1,
        "merchant": format!("m{}", id % 7), "risk": risk(id), "note": note(id), "third": n,
        "late": 1_700_000_000_000u64 + id,
    })
}

const COMMON: &str = r#"id, "small", "short", "int", "float", flag, merchant, risk, note, list[3] AS third, CAST(at AS BIGINT) / 1000000 AS late"#;

fn with(mut of: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        of[*name] = value.clone();
    }
    of
}

#[test]
fn connects_json_with_its_schema_and_a_key_of_the_same() {
    let source = format!(
        "    format: {{ json: {{ envelope: connect }} }}
    key: {{ format: {{ json: {{ envelope: connect }} }}, columns: {{ number: int64 }} }}{}      day: int32
      time: int32
  steps:
    - sql: SELECT {COMMON}, amount, day, time FROM input WHERE number = id",
        columns("float64").trim_end_matches(' ')
    );
    let read = through("connect", &source, "format: json, key: id", "json");
    for (id, (key, value)) in (0..).zip(&read) {
        let amount = (id as f64 - 100.0) / 100.0;
        let more = [
            ("amount", json!(amount)),
            ("day", json!(19_000 + id)),
            ("time", json!(id)),
        ];
        assert_eq!((key, value), (&id.to_string(), &with(common(id), &more)));
    }
}

#[test]
fn connects_decimals_in_base64_are_bytes() {
    let source = format!(
        "    format: {{ json: {{ envelope: connect }} }}{}  steps:
    - sql: SELECT id, amount FROM input",
        columns("bytes")
    );
    let read = through("connect-base64", &source, "format: json", "json");
    for (id, (_, value)) in (0..).zip(&read) {
        let unscaled = id as i64 - 100;
        let bytes = unscaled.to_be_bytes();
        let short: &[u8] = if (-128..128).contains(&unscaled) {
            &bytes[7..]
        } else {
            &bytes[6..]
        };
        assert_eq!(value["amount"], json!(STANDARD.encode(short)), "{id}");
    }
}

#[test]
fn connects_avro_and_back() {
    let source = format!(
        "    format: avro
    key: {{ format: int64, columns: {{ number: int64 }} }}{}      day: timestamp
      time: int32
  steps:
    - sql: SELECT {COMMON}, amount, CAST(day AS BIGINT) / 86400000000000 AS day, time FROM input WHERE number = id * 8589934592",
        columns("float64").trim_end_matches(' ')
    );
    let read = through(
        "connect-avro",
        &source,
        "format: { avro: { auto_register: true } }, key: id",
        "avro",
    );
    for (id, (key, value)) in (0..).zip(&read) {
        let amount = (id as f64 - 100.0) / 100.0;
        let more = [
            ("amount", json!(amount)),
            ("day", json!(19_000 + id)),
            ("time", json!(id)),
        ];
        assert_eq!((key, value), (&id.to_string(), &with(common(id), &more)));
    }
}

#[test]
fn ksqldbs_rows_of_optional_columns_in_capitals() {
    let source = r#"    format: avro
    key: { format: string, columns: { name: string } }
    columns:
      id: { type: int64, path: ID }
      amount: { type: float64, path: AMOUNT }
      merchant: { type: string, path: MERCHANT_ID }
      risk: { type: float64, path: RISK, nullable: true }
      at: { type: timestamp, path: AT }
      list: { type: "float64[3]", path: VALUES }
      tag: { type: int32, path: TAGS.a, nullable: true }
  steps:
    - sql: SELECT id, amount, merchant, risk, CAST(at AS BIGINT) / 1000000 AS late, list[2] AS second, tag FROM input WHERE name = 'key ' || id"#;
    let sink = "format: { avro: { auto_register: true } }, key: merchant";
    for (id, (key, value)) in (0..).zip(&through("ksqldb", source, sink, "avro")) {
        let n = id as f64;
        let expected = json!({
            "id": id, "amount": (n - 100.0) / 100.0, "merchant": format!("m{}", id % 7), "risk": risk(id),
            "late": 1_700_000_000_000u64 + id, "second": n / 2.0, "tag": 1,
        });
        assert_eq!((key, value), (&format!("m{}", id % 7), &expected));
    }
}

#[test]
fn connects_avro_keys_of_one_value() {
    let source = "    format: json
    key: { format: avro, columns: { acct: int64 } }
    columns: { id: int64 }";
    for (id, (key, value)) in (0_u64..).zip(&through("avro-key", source, "format: json, key: acct", "json")) {
        let number = id << 33;
        assert_eq!(
            (key, value),
            (&number.to_string(), &json!({ "id": id, "acct": number }))
        );
    }
}

/// A format of keys, and the key of a number.
type KeyCase = (&'static str, fn(u64) -> Value);

#[test]
fn keys_of_kafkas_serializers() {
    let keys: [KeyCase; 4] = [
        ("string", |id| json!(format!("key {id}"))),
        ("int32", |id| json!(id)),
        ("int64", |id| json!(id << 33)),
        ("float64", |id| json!(id as f64 / 8.0)),
    ];
    for (format, expected) in keys {
        let source = format!(
            "    format: json
    key: {{ format: {format}, columns: {{ k: {format} }} }}
    columns: {{ id: int64 }}"
        );
        let read = through(format, &source, "format: json, key: k", "json");
        for (id, (key, value)) in (0..).zip(&read) {
            let expected = expected(id);
            assert_eq!(value, &json!({ "id": id, "k": expected }), "{format}");
            let text = expected
                .as_str()
                .map_or_else(|| expected.to_string(), str::to_owned);
            assert_eq!(key, &text, "{format}");
        }
    }
}
