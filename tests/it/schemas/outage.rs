//! A registry that does not answer: a warm pipeline goes on, an unknown schema makes its batch wait and nothing else, and a
//! restart runs from disk.

use std::time::Duration;

use forebay_testcontainers::{Kafka, Outage, RegistryStub, await_until};
use serde_json::json;
use tempfile::TempDir;

use super::sensors::long;
use super::{framed, metrics, pipeline, produce, run, said, stop};

fn schema() -> serde_json::Value {
    let record = json!({ "type": "record", "name": "E", "fields": [{ "name": "id", "type": "long" }] });
    json!({ "schema": record.to_string() })
}

fn events(id: u32, numbers: std::ops::Range<i64>) -> Vec<Vec<u8>> {
    let body = |n: i64| {
        let mut out = Vec::new();
        long(&mut out, n);
        framed(id, &out)
    };
    numbers.map(body).collect()
}

#[test]
fn a_registry_that_is_down_loses_nothing_and_rejects_nothing() {
    let kafka = Kafka::shared();
    let stub = RegistryStub::start();
    stub.schema(1, &schema());
    stub.schema(2, &schema());
    let result = json!({ "type": "record", "name": "R", "fields": [{ "name": "id", "type": "long" }] });
    let latest =
        json!({ "subject": "outage-out-value", "version": 1, "id": 9, "schema": result.to_string() });
    stub.answer("GET /subjects/outage-out-value/versions/latest", 200, latest);
    let (input, output) = (
        kafka.create_topic("outage-in", 1),
        kafka.create_topic("outage-out", 1),
    );
    let folder = TempDir::new().expect("a folder");
    let cache = folder.path().join("cache");
    let text = format!(
        r#"
connector: local
connectors:
  local:
    kind: kafka
    bootstrap: [{:?}]
    schema_registry: {{ url: {:?}, cache: {:?} }}
pipeline:
  name: outage
  source: {{ topic: {input}, group: outage, format: avro, columns: {{ id: int64 }} }}
  sink: {{ topic: {output}, format: {{ avro: {{ use_latest: true }} }} }}
telemetry: {{ listen: "127.0.0.1:0" }}
"#,
        kafka.bootstrap(),
        stub.url(),
        cache.display().to_string()
    );
    let path = pipeline(&folder, &text);
    let (mut forebay, log) = run(&path);
    let mut await_results = |count: u64| {
        await_until(Duration::from_secs(60), "the results are there", || {
            assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
            kafka.count(&output) == count
        });
    };
    produce(kafka, &input, &events(1, 0..10));
    await_results(10);
    assert_eq!(stub.count("GET /schemas/ids/1"), 1);

    // Warm: nobody asks any more.
    stub.service().fail(Some(Outage::Down));
    produce(kafka, &input, &events(1, 10..20));
    await_results(20);

    // A schema that nobody knows: its batch waits, as a member of its group.
    produce(kafka, &input, &events(2, 20..30));
    await_until(Duration::from_secs(30), "the batch waits", || {
        let said = metrics(&log);
        said.contains("forebay_waiting{")
            && said
                .lines()
                .any(|l| l.starts_with("forebay_waiting{") && l.ends_with(" 1"))
    });
    assert_eq!(kafka.count(&output), 20);
    let waiting = said(&log);
    assert!(
        waiting.contains("a batch waits") && waiting.contains("id 2"),
        "{waiting}"
    );
    stub.service().fail(None);
    await_results(30);
    stop(forebay);
    assert!(!said(&log).contains("was rejected"), "{}", said(&log));

    // A restart while the registry is down runs from disk.
    stub.service().fail(Some(Outage::Down));
    let (mut forebay, log) = run(&path);
    produce(kafka, &input, &events(2, 30..40));
    await_until(Duration::from_secs(60), "the results are there", || {
        assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
        kafka.count(&output) == 40
    });
    stop(forebay);
    let written: Vec<Vec<u8>> = kafka
        .read_all(&output)
        .into_iter()
        .filter_map(|m| m.payload)
        .collect();
    assert_eq!(written, events(9, 0..40));
}

#[test]
fn a_registry_that_refuses_the_credentials_ends_the_start() {
    let kafka = Kafka::shared();
    let stub = RegistryStub::start();
    stub.service().fail(Some(Outage::Expired));
    let (input, output) = (
        kafka.create_topic("refused-in", 1),
        kafka.create_topic("refused-out", 1),
    );
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
pipeline:
  name: refused
  source: {{ topic: {input}, group: refused, format: avro, columns: {{ id: int64 }} }}
  sink: {{ topic: {output}, format: json }}
telemetry: {{ listen: "127.0.0.1:0" }}
"#,
        kafka.bootstrap(),
        stub.url()
    );
    let output = crate::run_to_the_end(&pipeline(&folder, &text));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("ask the schema registry: ") && said.contains("answered 401"),
        "{said}"
    );
}
