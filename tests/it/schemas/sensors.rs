//! The sensors as Avro on Confluent's stand-in, with a registry beside it: the results of the JSON events, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use forebay::core::drift::Baseline;
use forebay_testcontainers::{Kafka, Load, Registry, await_until, process};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::register;
use crate::clouds::{confluent, list, quoted, turn};
use crate::sensors::{event, pipeline};

const EVENTS: u64 = 5_000;
const OWN: &str = r#"local: { kind: kafka, bootstrap: ["localhost:9092"] }"#;

/// The schema of an event, with fields that no column names around the others.
fn schema() -> Value {
    let mut fields = vec![
        json!({ "name": "before", "type": "string" }),
        json!({ "name": "id", "type": "long" }),
    ];
    fields.extend((1..=9).map(|n| json!({ "name": format!("f{n}"), "type": "float" })));
    fields.push(json!({ "name": "between", "type": ["null", "bytes"] }));
    fields.push(json!({ "name": "anomaly", "type": "long" }));
    json!({ "type": "record", "name": "Reading", "fields": fields })
}

/// An event of JSON as Avro, by hand.
fn avro(id: u32, payload: &[u8]) -> Vec<u8> {
    let fields: Map<String, Value> = serde_json::from_slice(payload).expect("an event");
    let mut out = vec![0];
    out.extend_from_slice(&id.to_be_bytes());
    long(&mut out, 2);
    out.extend_from_slice(b"ab");
    long(&mut out, fields["id"].as_i64().expect("a number"));
    for n in 1..=9 {
        let value = fields[&format!("f{n}")].as_f64().expect("a number");
        out.extend_from_slice(&(value as f32).to_le_bytes());
    }
    long(&mut out, 0);
    long(&mut out, fields["anomaly"].as_i64().expect("a number"));
    out
}

/// A long as Avro writes it: zigzag, seven bits a byte.
pub(super) fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

type Results = BTreeMap<Vec<u8>, (i32, Vec<u8>)>;

/// What comes out, and the baseline of what went in.
fn results(kafka: &Kafka, format: &str, connector: &str) -> (Results, Baseline) {
    let name = |what: &str| format!("schemas-{format}-{what}");
    let (input, output, dead) = (name("in"), name("out"), name("dead"));
    for (topic, partitions) in [(&input, 4), (&output, 4), (&dead, 1)] {
        kafka.create_topic(topic, partitions);
    }
    let id = register(&format!("{input}-value"), &schema());
    let made = |number: u64| {
        let (key, payload) = event(number);
        match format {
            "avro" => (key, avro(id, &payload)),
            _ => (key, payload),
        }
    };
    Load::all(kafka.bootstrap(), &input, EVENTS, made);
    let edits = [
        (OWN, connector),
        (
            "format: json\n    columns",
            &format!("format: {format}\n    columns"),
        ),
        ("topic: telemetry-scores", &format!("topic: {output}")),
        ("topic: telemetry\n", &format!("topic: {input}\n")),
        ("topic: telemetry.dead", &format!("topic: {dead}")),
        ("group: sensors", &format!("group: {input}")),
    ];
    let folder = TempDir::new().expect("a folder");
    let path = pipeline(&folder, &edits);
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .arg("run")
        .arg(&path)
        .env("API_SECRET", confluent().api_secret())
        .env("FOREBAY_LOG", "warn")
        .stdin(Stdio::null());
    let mut forebay = process::spawn(command).expect("start forebay");
    await_until(Duration::from_secs(60), "every event is scored", || {
        assert!(forebay.try_wait().expect("forebay").is_none(), "forebay ended");
        kafka.committed(&input, &input) == kafka.end_offsets(&input)
    });
    super::stop(forebay);
    assert_eq!(kafka.count(&dead), 0, "{format}");
    let read = kafka.read_all(&output).into_iter();
    let results = read.map(|m| {
        (
            m.payload.unwrap_or_default(),
            (m.partition, m.key.unwrap_or_default()),
        )
    });
    (results.collect(), baseline(&path, &folder))
}

/// Captured from the topic that the pipeline reads.
fn baseline(pipeline: &Path, folder: &TempDir) -> Baseline {
    let mut command = crate::forebay(&["baseline", &pipeline.display().to_string()]);
    command.env("API_SECRET", confluent().api_secret());
    let output = crate::output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Baseline::load(&folder.path().join("pipeline.baseline.json")).expect("a baseline")
}

#[test]
fn avro_events_have_the_scores_of_json_events() {
    let _turn = turn();
    let cloud = confluent();
    let connector = format!(
        "local: {{ kind: confluent, bootstrap: [{}], auth: {{ api_key: {}, api_secret: \"${{API_SECRET}}\" }}, tls: {{ ca: {} }}, \
         schema_registry: {{ url: {:?} }} }}",
        list(&cloud.bootstrap()),
        cloud.api_key(),
        quoted(&cloud.ca()),
        Registry::shared().url()
    );
    let (json, of_json) = results(cloud.kafka(), "json", &connector);
    let (avro, of_avro) = results(cloud.kafka(), "avro", &connector);
    assert_eq!(json.len() as u64, EVENTS);
    assert!(json == avro, "other results than of JSON");
    let counts = |baseline: Baseline| {
        let columns = baseline.columns.into_iter();
        columns
            .map(|column| (column.name, column.bins, column.counts))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(of_json), counts(of_avro));
}
