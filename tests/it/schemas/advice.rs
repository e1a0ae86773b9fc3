//! What `check` says of schemas as they are met first: keys that are one value, files with several messages, nulls, files that are
//! no schemas.

use std::path::Path;

use forebay_testcontainers::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::check;
use super::{pipeline, register};

/// A pipeline file with this source and no step.
fn with_source(folder: &TempDir, topic: &str, source: &str) -> String {
    let url = Registry::shared().url();
    let text = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"localhost:9092\"], schema_registry: {{ url: {url:?} }} }}\n\
         pipeline:\n  name: advice\n  source:\n    topic: {topic}\n    group: advice\n    {source}\n  sink: {{ topic: out, format: json }}\n"
    );
    pipeline(folder, &text).display().to_string()
}

pub(super) fn written(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("write a schema");
    Path::display(&path).to_string()
}

#[test]
fn a_key_or_payload_of_one_value_fills_one_column() {
    let folder = TempDir::new().expect("a folder");
    register(
        "bare-value",
        &json!({ "type": "record", "name": "Paid", "fields": [{ "name": "amount", "type": "double" }] }),
    );
    register("bare-key", &json!("long"));
    let key = |columns: &str| {
        let source = format!(
            "format: avro\n    columns: {{ amount: float64 }}\n    key: {{ format: avro, columns: {{ {columns} }} }}"
        );
        check(&["check", &with_source(&folder, "bare", &source)])
    };
    let (output, text) = key("acct: int64");
    assert!(output.status.success(), "{text}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.lines().any(|line| words(line) == "acct long"), "{text}");
    let (output, text) = key("acct: int64, branch: int64");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("a value without fields fills one column alone"),
        "{text}"
    );

    let source = "format: avro\n    columns: { reading: float64 }";
    let path = with_source(&folder, "bare", source);
    for (schema, code, said) in [
        (r#""double""#, 0, ""),
        (
            r#"["null","double"]"#,
            0,
            "column `reading`: the value may be null",
        ),
        (r#""string""#, 2, "string does not convert to float64"),
    ] {
        let file = written(&folder, "new.avsc", schema);
        let (output, text) = check(&["check", &path, "--against", &file]);
        assert_eq!(output.status.code(), Some(code), "{schema}: {text}");
        assert!(text.contains(said), "{schema}: {text}");
    }
}

const PROTO: &str = "syntax = \"proto3\"; package sensors; message Other { string note = 1; } \
                     message Reading { int64 id = 1; double value = 2; }";

#[test]
fn the_message_that_is_written_is_named_where_it_is_not_the_first() {
    let folder = TempDir::new().expect("a folder");
    let file = written(&folder, "new.proto", PROTO);
    let against = |format: &str| {
        let source = format!("format: {format}\n    columns: {{ id: int64, value: float64 }}");
        check(&[
            "check",
            &with_source(&folder, "several", &source),
            "--against",
            &file,
        ])
    };
    let (output, text) = against("protobuf");
    assert_eq!(output.status.code(), Some(2), "{text}");
    let advice =
        "the schema has several messages (Other, Reading): name the one that is written as `message`";
    assert!(text.contains(advice), "{text}");
    let (output, text) = against("{ protobuf: { message: Reading } }");
    assert!(output.status.success(), "{text}");
}

#[test]
fn a_file_that_is_no_schema_is_named_first() {
    let folder = TempDir::new().expect("a folder");
    let cases = [
        ("avro", "new.avsc", r#"{"type": "record", "#),
        ("avro", "new.avsc", r#"{"type": "record"}"#),
        ("protobuf", "new.proto", "syntax = \"proto3\"; message {"),
        ("json-schema", "new.json", "[["),
        ("avro", "none.avsc", ""),
    ];
    for (format, name, text) in cases {
        let file = written(&folder, name, text);
        if text.is_empty() {
            std::fs::remove_file(&file).expect("remove a file");
        }
        let path = with_source(
            &folder,
            "unread",
            &format!("format: {format}\n    columns: {{ id: int64 }}"),
        );
        let (output, said) = check(&["check", &path, "--against", &file, "--json"]);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let message = said["problems"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("{file}: ")), "{format}: {message}");
    }
}

#[test]
fn what_a_registry_answers_is_a_schema_too() {
    let folder = TempDir::new().expect("a folder");
    let avro = |of: &str| {
        let schema = json!({ "type": "record", "name": "Event", "fields": [{ "name": "id", "type": of }] });
        json!({ "subject": "s", "version": 1, "schema": schema.to_string() }).to_string()
    };
    let proto =
        json!({ "schemaType": "PROTOBUF", "schema": "syntax = \"proto3\"; message Event { int64 id = 1; }" });
    let cases = [
        ("avro", avro("long"), 0),
        ("avro", avro("string"), 2),
        ("protobuf", proto.to_string(), 0),
    ];
    for (format, text, code) in cases {
        let file = written(&folder, "dump.json", &text);
        let path = with_source(
            &folder,
            "dumped",
            &format!("format: {format}\n    columns: {{ id: int64 }}"),
        );
        let (output, said) = check(&["check", &path, "--against", &file]);
        assert_eq!(output.status.code(), Some(code), "{format}: {said}");
        assert!(code == 0 || said.contains("string does not convert"), "{said}");
    }
}

#[test]
fn a_null_that_a_default_does_not_fill_is_filled_with_coalesce() {
    let folder = TempDir::new().expect("a folder");
    let schema = json!({ "type": "record", "name": "Event", "fields": [{ "name": "f6", "type": ["null", "double"] }] });
    let file = written(&folder, "new.avsc", &schema.to_string());
    let source = "format: avro\n    columns: { f6: { type: float32, default: 9.5 } }";
    let (output, text) = check(&[
        "check",
        &with_source(&folder, "nulls", source),
        "--against",
        &file,
    ]);
    assert!(output.status.success(), "{text}");
    let advice = "make the column `nullable` and fill it with coalesce(f6, 9.5) in a sql step";
    assert!(text.contains(advice), "{text}");

    // In front of a model, where the column is nullable.
    let url = Registry::shared().url();
    let bootstrap = r#"bootstrap: ["localhost:9092"] }"#;
    let registered = bootstrap.replace(" }", &format!(", schema_registry: {{ url: {url:?} }} }}"));
    let edits = [
        (bootstrap, registered.as_str()),
        ("format: json\n    columns", "format: avro\n    columns"),
        (
            "f6: float32",
            "f6: { type: float32, nullable: true, default: 9.5 }",
        ),
        ("f7: float32", "f7: { type: float32, nullable: true }"),
    ];
    let path = crate::sensors::pipeline(&folder, &edits).display().to_string();
    let (_, text) = check(&["check", &path, "--offline"]);
    for (column, filling) in [("f6", "9.5"), ("f7", "0")] {
        let advice = format!(
            "fill it with coalesce({column}, {filling}) in a sql step before the model, or filter with WHERE {column} IS NOT NULL"
        );
        assert!(text.contains(&advice), "{advice}: {text}");
    }
}
