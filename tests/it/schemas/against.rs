//! `check --against` where a schema is not alone: what it refers to, out of files or out of the registry, and the schemas of keys.

use forebay_testcontainers::RegistryStub;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::advice::written;
use super::contract::check;
use super::pipeline;

/// Where no registry listens.
const NOBODY: &str = "http://127.0.0.1:1";
const GIVE: &str = "give what the schema refers to with `--reference NAME=FILE`";

/// A pipeline file with this source, and a connector with a registry at `url`.
fn with_source(folder: &TempDir, url: &str, source: &str) -> String {
    let text = format!(
        "connector: local\nconnectors:\n  local: {{ kind: kafka, bootstrap: [\"localhost:9092\"], schema_registry: {{ url: {url:?} }} }}\n\
         pipeline:\n  name: against\n  source:\n    topic: readings\n    group: against\n    {source}\n  sink: {{ topic: out, format: json }}\n"
    );
    pipeline(folder, &text).display().to_string()
}

/// A schema with a nested `reading.value`, whose type another file has: the format, the name, the schema, what it refers to, and
/// that with a text in place of the number.
fn referring() -> [(&'static str, &'static str, String, String, String); 3] {
    let avro = |of: &str| {
        json!({ "type": "record", "name": "Reading", "namespace": "shop", "fields": [{ "name": "value", "type": of }] })
            .to_string()
    };
    let event = json!({ "type": "record", "name": "Event", "namespace": "shop", "fields": [{ "name": "reading", "type": "Reading" }] });
    let proto =
        |of: &str| format!("syntax = \"proto3\"; package shop; message Reading {{ {of} value = 1; }}");
    let importing =
        "syntax = \"proto3\"; package shop; import \"reading.proto\"; message Event { Reading reading = 1; }";
    let schema = |of: &str| {
        json!({ "type": "object", "required": ["value"], "properties": { "value": { "type": of } } })
            .to_string()
    };
    let object = json!({ "type": "object", "required": ["reading"], "properties": { "reading": { "$ref": "reading.json" } } });
    [
        (
            "avro",
            "shop.Reading",
            event.to_string(),
            avro("double"),
            avro("string"),
        ),
        (
            "protobuf",
            "reading.proto",
            importing.to_owned(),
            proto("double"),
            proto("string"),
        ),
        (
            "json-schema",
            "reading.json",
            object.to_string(),
            schema("number"),
            schema("string"),
        ),
    ]
}

/// As a registry answers, with one reference.
fn answer(format: &str, schema: &str, name: &str) -> Value {
    let mut answer = json!({
        "subject": "event", "version": 1, "id": 7, "schema": schema,
        "references": [{ "name": name, "subject": "reading", "version": 3 }]
    });
    match format {
        "protobuf" => answer["schemaType"] = "PROTOBUF".into(),
        "json-schema" => answer["schemaType"] = "JSON".into(),
        _ => {}
    }
    answer
}

fn source(format: &str) -> String {
    format!(
        "format: {format}\n    columns: {{ value: {{ type: float64, path: reading.value, nullable: true }} }}"
    )
}

#[test]
fn what_a_schema_refers_to_is_given_in_files() {
    for (format, name, schema, fits, breaks) in referring() {
        let folder = TempDir::new().expect("a folder");
        let path = with_source(&folder, NOBODY, &source(format));
        let file = written(&folder, "event", &schema);
        let dumped = written(&folder, "answer", &answer(format, &schema, name).to_string());
        let given = |text: &str| format!("{name}={}", written(&folder, "given", text));
        for file in [&file, &dumped] {
            let against = |reference: &[&str]| {
                check(&[&["check", &path, "--offline", "--against", file], reference].concat())
            };
            let (output, text) = against(&[]);
            assert_eq!(output.status.code(), Some(2), "{format}: {text}");
            assert!(text.contains(GIVE), "{format}: {text}");
            let (output, text) = against(&["--reference", &given(&fits)]);
            assert!(output.status.success(), "{format}: {text}");
            let (output, text) = against(&["--reference", &given(&breaks)]);
            assert_eq!(output.status.code(), Some(2), "{format}: {text}");
            assert!(
                text.contains("string") && !text.contains(GIVE),
                "{format}: {text}"
            );
        }
        let other = written(&folder, "other", &json!({ "schema": "\"long\"" }).to_string());
        let (output, text) = check(&[
            "check",
            &path,
            "--against",
            &file,
            "--reference",
            &format!("{name}={other}"),
        ]);
        let refused = text.contains("no `schemaType`, which means AVRO");
        assert_eq!(
            (output.status.code(), refused),
            (Some(2), format != "avro"),
            "{format}: {text}"
        );
    }
}

#[test]
fn what_an_answer_refers_to_is_fetched_unless_offline() {
    for (format, name, schema, fits, breaks) in referring() {
        let (folder, stub) = (TempDir::new().expect("a folder"), RegistryStub::start());
        let path = with_source(&folder, stub.url(), &source(format));
        let file = written(&folder, "answer", &answer(format, &schema, name).to_string());
        let against = |more: &[&str]| check(&[&["check", &path, "--against", &file], more].concat());
        let (output, text) = against(&[]);
        assert_eq!(output.status.code(), Some(2), "{format}: {text}");
        assert!(
            text.contains("version 3 of `reading`") && text.contains(GIVE),
            "{format}: {text}"
        );
        stub.version("reading", 3, 3, &json!({ "schema": fits }));
        let (output, text) = against(&[]);
        assert!(output.status.success(), "{format}: {text}");
        stub.version("reading", 3, 3, &json!({ "schema": breaks }));
        let (output, text) = against(&[]);
        assert_eq!(output.status.code(), Some(2), "{format}: {text}");
        assert!(text.contains("string"), "{format}: {text}");
        let asked = stub.service().asked();
        let (output, text) = against(&["--offline"]);
        assert_eq!(output.status.code(), Some(2), "{format}: {text}");
        assert!(
            text.contains("`--offline` asks no registry") && text.contains(GIVE),
            "{format}: {text}"
        );
        let given = format!("{name}={}", written(&folder, "given", &fits));
        let (output, text) = against(&["--reference", &given]);
        assert!(output.status.success(), "{format}: {text}");
        assert_eq!(stub.service().asked(), asked, "{format}");
    }
}

#[test]
fn a_registry_that_does_not_answer_is_not_the_schema_s_fault() {
    let folder = TempDir::new().expect("a folder");
    let [(format, name, schema, ..), ..] = referring();
    let path = with_source(&folder, NOBODY, &source(format));
    let file = written(&folder, "answer", &answer(format, &schema, name).to_string());
    let (output, text) = check(&["check", &path, "--against", &file]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no answer") && text.contains(GIVE), "{text}");
}

#[test]
fn an_answer_of_another_language_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let proto = json!({ "schemaType": "PROTOBUF", "schema": "message Event {}" }).to_string();
    let avro = json!({ "schema": "\"long\"" }).to_string();
    for (format, answer, says) in [
        (
            "avro",
            &proto,
            "with the `schemaType` PROTOBUF, where the pipeline's format takes AVRO",
        ),
        (
            "json-schema",
            &proto,
            "with the `schemaType` PROTOBUF, where the pipeline's format takes JSON",
        ),
        (
            "protobuf",
            &avro,
            "with no `schemaType`, which means AVRO, where the pipeline's format takes PROTOBUF",
        ),
    ] {
        let path = with_source(&folder, NOBODY, &source(format));
        let file = written(&folder, "answer", answer);
        let (output, text) = check(&["check", &path, "--against", &file]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn the_schema_of_keys_is_judged_as_theirs() {
    let folder = TempDir::new().expect("a folder");
    let key = "key: { format: avro, columns: { account: int64 } }";
    let record = |of: &str| {
        json!({ "type": "record", "name": "Key", "fields": [{ "name": "account", "type": of }] }).to_string()
    };
    let file = written(&folder, "key.avsc", &record("long"));
    let run = |source: &str, more: &[&str]| {
        let path = with_source(&folder, NOBODY, source);
        check(&[&["check", &path, "--against", &file], more].concat())
    };
    let json = format!("format: json\n    columns: {{ amount: float64 }}\n    {key}");
    let avro = format!("format: avro\n    columns: {{ amount: float64 }}\n    {key}");
    let (output, text) = run(&json, &[]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("the format of the payloads, json, has none; `--key` judges a schema of the keys"),
        "{text}"
    );
    let (output, text) = run(&avro, &[]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("`amount`") && text.contains("it fits the keys: `--key` judges it as theirs"),
        "{text}"
    );
    for source in [&json, &avro] {
        let (output, text) = run(source, &["--key"]);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("account") && text.contains("keys"), "{text}");
    }
    let (output, text) = run("format: avro\n    columns: { amount: float64 }", &["--key"]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("the source has no `key`"), "{text}");
    let string = json.replace(
        "avro, columns: { account: int64 }",
        "string, columns: { account: string }",
    );
    let (output, text) = run(&string, &["--key"]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("the format of the keys, string, has none"),
        "{text}"
    );
    written(&folder, "key.avsc", &record("string"));
    let (output, text) = run(&json, &["--key"]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("column `account`") && text.contains("string does not convert"),
        "{text}"
    );
}
