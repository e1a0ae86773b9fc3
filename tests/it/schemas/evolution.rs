//! A writer's schema changes four times while the pipeline runs: nothing is restarted, nothing is lost, and what the last change
//! takes away goes to the dead letters with that reason.

use std::time::Duration;

use forebay_testcontainers::{Kafka, Registry, await_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::sensors::long;
use super::{framed, pipeline, produce, register, run, said, stop};

fn record(fields: &[Value]) -> Value {
    json!({ "type": "record", "name": "Payment", "fields": fields })
}

fn text(out: &mut Vec<u8>, text: &str) {
    long(out, text.len() as i64);
    out.extend_from_slice(text.as_bytes());
}

/// The body of a payment of this id.
type Body = fn(i64) -> Vec<u8>;

/// Each step's schema, and the body of payment `id` of 1.5 written with it.
fn steps() -> Vec<(Value, Body)> {
    let id = json!({ "name": "id", "type": "int" });
    let amount = json!({ "name": "amount", "type": "double" });
    vec![
        (record(&[id.clone(), amount.clone()]), |id| {
            let mut out = Vec::new();
            long(&mut out, id);
            out.extend_from_slice(&1.5f64.to_le_bytes());
            out
        }),
        // A field is added, and another promoted.
        (
            record(&[
                json!({ "name": "id", "type": "long" }),
                amount.clone(),
                json!({ "name": "currency", "type": "string", "default": "EUR" }),
            ]),
            |id| {
                let mut out = Vec::new();
                long(&mut out, id);
                out.extend_from_slice(&1.5f64.to_le_bytes());
                text(&mut out, "USD");
                out
            },
        ),
        // Fields change places, one is renamed with an alias, one may be null.
        (
            record(&[
                json!({ "name": "total", "aliases": ["amount"], "type": ["null", "float"] }),
                json!({ "name": "currency", "type": "string" }),
                json!({ "name": "id", "type": "long" }),
            ]),
            |id| {
                let mut out = Vec::new();
                long(&mut out, 1);
                out.extend_from_slice(&1.5f32.to_le_bytes());
                text(&mut out, "USD");
                long(&mut out, id);
                out
            },
        ),
        // The currency is gone: its default stands in.
        (record(&[amount, id.clone()]), |id| {
            let mut out = 1.5f64.to_le_bytes().to_vec();
            long(&mut out, id);
            out
        }),
        // The amount is gone: the contract is broken.
        (record(&[id]), |id| {
            let mut out = Vec::new();
            long(&mut out, id);
            out
        }),
    ]
}

const OF_A_STEP: i64 = 100;

#[test]
fn four_changes_of_the_schema_need_no_restart_and_a_fifth_breaks_the_contract() {
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let (input, output) = (
        kafka.create_topic("evolution-in", 1),
        kafka.create_topic("evolution-out", 1),
    );
    let dead = kafka.create_topic("evolution-dead", 1);
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        r#"
connector: local
connectors:
  local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}
pipeline:
  name: payments
  source:
    topic: {input}
    group: evolution
    format: avro
    columns:
      id: int64
      amount: float64
      currency: {{ type: string, default: EUR }}
  sink: {{ topic: {output}, format: json, key: id }}
  dead_letters: {{ topic: {dead} }}
telemetry: {{ listen: "127.0.0.1:0" }}
"#,
        kafka.bootstrap(),
        registry.url()
    );
    let (mut forebay, log) = run(&pipeline(&folder, &text));
    let steps = steps();
    for (step, (schema, body)) in steps.iter().enumerate() {
        let id = register("evolution-in-value", schema);
        let first = step as i64 * OF_A_STEP;
        let events: Vec<Vec<u8>> = (first..first + OF_A_STEP).map(|n| framed(id, &body(n))).collect();
        produce(kafka, &input, &events);
        let (results, letters) = match step + 1 == steps.len() {
            false => ((step as u64 + 1) * OF_A_STEP as u64, 0),
            true => (step as u64 * OF_A_STEP as u64, OF_A_STEP as u64),
        };
        await_until(Duration::from_secs(60), "the step's events came through", || {
            assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
            (kafka.count(&output), kafka.count(&dead)) == (results, letters)
        });
    }
    let metrics = super::metrics(&log);
    assert!(
        metrics.contains(r#"stage="schema",reason="a schema without the columns"} 100"#),
        "{}",
        metrics
            .lines()
            .filter(|l| l.contains("rejects"))
            .collect::<String>()
    );
    assert!(
        metrics.contains(r#"outcome="answered"} 6"#),
        "one request a schema, and one at the start: {metrics}"
    );
    stop(forebay);
    let currency = |id: i64| match id / OF_A_STEP {
        0 | 3 => "EUR",
        _ => "USD",
    };
    for (id, message) in (0..).zip(kafka.read_all(&output)) {
        let value: Value = serde_json::from_slice(&message.payload.unwrap_or_default()).expect("a result");
        assert_eq!(
            value,
            json!({ "id": id, "amount": 1.5, "currency": currency(id) })
        );
    }
    let letter = &kafka.read_all(&dead)[0];
    let reason = letter
        .headers
        .iter()
        .find(|(name, _)| name == "__connect.errors.exception.message");
    let reason = String::from_utf8_lossy(reason.and_then(|(_, v)| v.as_deref()).unwrap_or_default());
    assert!(reason.contains("`amount`"), "{reason}");
}
