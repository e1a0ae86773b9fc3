//! JSON Schema: may this schema be deployed, what a schema of no events gets, and Debezium's envelope in `check`, `test` and
//! `baseline`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::check;
use crate::sensors;

const TENSOR: &str = "it fills the tensor `sensors` of step 1";

/// The example's pipeline, with events in this format.
fn in_format(folder: &TempDir, format: &str) -> String {
    let format = format!("format: {format}\n    columns");
    let registry = r#"bootstrap: ["localhost:9092"], schema_registry: { url: "http://127.0.0.1:1" } }"#;
    let edits = [
        (r#"bootstrap: ["localhost:9092"] }"#, registry),
        ("format: json\n    columns", format.as_str()),
        (sensors::DRIFT, ""),
    ];
    sensors::pipeline(folder, &edits).display().to_string()
}

/// A row of the example's events, with another schema for `f1`.
fn row(f1: Value) -> Value {
    let names = [
        "id", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "anomaly",
    ];
    let mut properties: serde_json::Map<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "integer" })))
        .collect();
    properties["f1"] = f1;
    json!({ "type": "object", "properties": properties, "required": names })
}

#[test]
fn each_json_schema_has_its_verdict() {
    let folder = TempDir::new().expect("a folder");
    let path = in_format(&folder, "json-schema");
    let file = folder.path().join("new.json").display().to_string();
    let (number, none) = (json!({ "type": "number" }), json!({ "type": "null" }));
    let breaks = |words: &'static str| (2, vec!["column `f1`", words, TENSOR]);
    let warns = |words: &'static str| (0, vec!["warning", "column `f1`", words, TENSOR]);
    let cases = [
        (row(number.clone()), (0, vec![])),
        (
            row(json!({ "oneOf": [none, number] })),
            warns("its field `f1` may be null"),
        ),
        (
            row(json!({ "type": ["number", "string"] })),
            warns("its field `f1` may be a string, and an event with that is a reject"),
        ),
        (
            row(json!({ "enum": ["a", "b"] })),
            breaks("its field `f1` is string"),
        ),
        (row(json!(false)), breaks("allows no value in its field `f1`")),
        (json!(5), (2, vec!["found the json of a value, integer"])),
        (json!("x"), (2, vec!["found the json of a value, string"])),
        (
            json!({ "type": "array" }),
            (
                2,
                vec!["its events are array, and columns are members of an object"],
            ),
        ),
    ];
    for (schema, (code, words)) in cases {
        fs::write(&file, schema.to_string()).expect("write a schema");
        let (output, text) = check(&["check", &path, "--against", &file]);
        assert_eq!(output.status.code(), Some(code), "{schema}: {text}");
        assert_eq!(
            text.contains(&format!("{file}: ")),
            !words.is_empty(),
            "{schema}: {text}"
        );
        for word in words {
            assert!(text.contains(word), "{schema}: {word} is not in {text}");
        }
    }
}

/// A pipeline of Debezium's change events.
fn of_debezium(folder: &TempDir) -> String {
    in_format(folder, "{ json-schema: { envelope: debezium, deletes: before } }")
}

#[test]
fn the_contract_holds_inside_debezium_s_envelope() {
    let folder = TempDir::new().expect("a folder");
    let path = of_debezium(&folder);
    let file = folder.path().join("new.json").display().to_string();
    let event = |before: &str, after: &str| {
        let row = |f1: &str| json!({ "oneOf": [{ "type": "null" }, row(json!({ "type": f1 }))] });
        json!({ "type": "object", "properties": { "before": row(before), "after": row(after), "op": { "type": "string" } } })
    };
    let cases = [
        (event("number", "number"), 0, "<- after.f1"),
        (event("number", "string"), 2, "its field `after.f1` is string"),
        (event("string", "number"), 2, "its field `before.f1` is string"),
        (
            row(json!({ "type": "number" })),
            2,
            "no envelope of debezium: the schema has no field `op`",
        ),
    ];
    for (schema, code, words) in cases {
        fs::write(&file, schema.to_string()).expect("write a schema");
        let (output, text) = check(&["check", &path, "--against", &file]);
        assert_eq!(output.status.code(), Some(code), "{schema}: {text}");
        assert!(
            text.contains(words) && !text.contains("warning"),
            "{words}: {text}"
        );
        assert!(
            code == 0 || words.contains("op") || text.contains(TENSOR),
            "{text}"
        );
    }
}

/// The example's event of this number, as it is.
fn plain(number: u64) -> Value {
    serde_json::from_slice(&sensors::event(number).1).expect("JSON")
}

fn lines(events: impl IntoIterator<Item = Value>) -> String {
    events.into_iter().map(|event| format!("{event}\n")).collect()
}

#[test]
fn a_pipeline_under_test_reads_debezium_s_envelope() {
    let folder = TempDir::new().expect("a folder");
    let path = of_debezium(&folder);
    let cases = folder.path().join("pipeline.tests");
    fs::create_dir(&cases).expect("a folder for cases");
    let events = [
        json!({ "op": "c", "before": null, "after": plain(1) }),
        json!({ "op": "d", "before": plain(2), "after": null }),
        plain(3),
    ];
    fs::write(cases.join("all.input.jsonl"), lines(events)).expect("write events");
    let rejects = r#"{"line":3,"stage":"decode","reason":"no envelope of debezium"}"#;
    fs::write(cases.join("all.rejects.jsonl"), rejects).expect("write rejects");
    let results =
        [1, 2].map(|number| json!({ "id": plain(number)["id"], "anomaly": plain(number)["anomaly"] }));
    fs::write(cases.join("all.results.jsonl"), lines(results)).expect("write results");
    fs::write(cases.join("all.yaml"), "ignore: [predicted, score]\n").expect("write options");
    let output = crate::output(crate::forebay(&["test", &path]));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("3 events"), "{said}");
}

#[test]
fn a_baseline_is_made_of_rows_inside_debezium_s_envelope() {
    let folder = TempDir::new().expect("a folder");
    let path = of_debezium(&folder);
    let events = folder.path().join("events.jsonl");
    let row = |number| json!({ "op": "r", "before": null, "after": plain(number) });
    fs::write(&events, lines((0..500).map(row))).expect("write events");
    let mut command = crate::forebay(&["baseline", &path, "--window-rows", "50", "--from"]);
    command.arg(&events);
    let output = crate::output(command);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("500 records, 0 rejects"), "{said}");
}
