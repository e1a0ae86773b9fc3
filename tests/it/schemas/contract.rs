//! May this schema be deployed? A table of changes, each with the verdict of `check --against` and the tensor it names; and what the
//! registry's own schemas get.

use std::process::Output;

use forebay_testcontainers::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::register;
use crate::sensors::pipeline;

/// The example's columns, with one of each kind of care: a default, a null, a nested field, another name.
fn edited(folder: &TempDir, registry: &str, topic: &str) -> String {
    let edits = [
        (
            r#"bootstrap: ["localhost:9092"] }"#,
            format!("bootstrap: [\"localhost:9092\"], schema_registry: {{ url: {registry:?} }} }}"),
        ),
        ("topic: telemetry\n", format!("topic: {topic}\n")),
        ("format: json\n    columns", "format: avro\n    columns".into()),
        ("f2: float32", "f2: { type: float32, default: 0.5 }".into()),
        ("f3: float32", "f3: { type: float32, nullable: true }".into()),
        ("f4: float32", "f4: { type: float32, path: reading.value }".into()),
    ];
    let edits = edits.each_ref().map(|(from, to)| (*from, to.as_str()));
    pipeline(folder, &edits).display().to_string()
}

/// The writer's schema today.
fn today() -> Value {
    let float = |name: &str| json!({ "name": name, "type": "float" });
    let reading = json!({ "type": "record", "name": "Reading", "fields": [float("value")] });
    json!({ "type": "record", "name": "Event", "namespace": "shuttle", "fields": [
        { "name": "id", "type": "long" },
        float("f1"), float("f2"), float("f3"),
        { "name": "reading", "type": reading },
        float("f5"), float("f6"), float("f7"), float("f8"), float("f9"),
        { "name": "anomaly", "type": "int" },
    ]})
}

fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    let fields = schema["fields"].as_array_mut().expect("fields");
    fields
        .iter_mut()
        .find(|field| field["name"] == name)
        .expect("a field")
}

fn typed(name: &str, of: Value) -> Value {
    let mut schema = today();
    field(&mut schema, name)["type"] = of;
    schema
}

fn without(name: &str) -> Value {
    let mut schema = today();
    let fields = schema["fields"].as_array_mut().expect("fields");
    fields.retain(|field| field["name"] != name);
    schema
}

fn renamed(from: &str, to: &str, alias: bool) -> Value {
    let mut schema = today();
    let field = field(&mut schema, from);
    field["name"] = to.into();
    if alias {
        field["aliases"] = json!([from]);
    }
    schema
}

fn with(new: Value) -> Value {
    let mut schema = today();
    schema["fields"].as_array_mut().expect("fields").push(new);
    schema
}

fn reversed() -> Value {
    let mut schema = today();
    schema["fields"].as_array_mut().expect("fields").reverse();
    schema
}

/// What `check` says, and what its text holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Fits,
    Warns,
    Breaks,
}

const TENSOR: &str = "it fills the tensor `sensors` of step 1";

fn changes() -> Vec<(&'static str, Value, Verdict, Vec<&'static str>)> {
    use Verdict::{Breaks, Fits, Warns};
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3 });
    let kind = json!({ "type": "enum", "name": "Kind", "symbols": ["A"] });
    let nested = |of: Value| json!({ "type": "record", "name": "Reading", "fields": [{ "name": "value", "type": of }] });
    vec![
        ("no change", today(), Fits, vec![]),
        ("another order", reversed(), Fits, vec![]),
        (
            "a new field",
            with(json!({ "name": "more", "type": "string" })),
            Fits,
            vec![],
        ),
        (
            "a new field of a new record",
            with(json!({ "name": "more", "type": { "type": "map", "values": "long" } })),
            Fits,
            vec![],
        ),
        ("float to double", typed("f1", json!("double")), Fits, vec![]),
        ("float to int", typed("f1", json!("int")), Fits, vec![]),
        ("float to long", typed("f1", json!("long")), Fits, vec![]),
        ("float to decimal", typed("f1", decimal), Fits, vec![]),
        ("int to long", typed("anomaly", json!("long")), Fits, vec![]),
        (
            "renamed with an alias",
            renamed("f1", "first", true),
            Fits,
            vec![],
        ),
        (
            "a union of numbers",
            typed("f1", json!(["int", "double"])),
            Fits,
            vec![],
        ),
        ("gone, with the column's default", without("f2"), Fits, vec![]),
        (
            "gone, and nullable",
            without("f3"),
            Breaks,
            vec!["`f3`", "null in every event", "coalesce", TENSOR],
        ),
        (
            "null alone, and nullable",
            typed("f3", json!("null")),
            Breaks,
            vec!["`f3`", "null in every event", TENSOR],
        ),
        (
            "a number or text",
            typed("f1", json!(["float", "string"])),
            Warns,
            vec!["`f1`", "may be string", "is a reject", TENSOR],
        ),
        (
            "a record or text",
            typed("reading", json!([nested(json!("float")), "string"])),
            Warns,
            vec!["`f4`", "may be string", TENSOR],
        ),
        (
            "a record of another kind",
            typed(
                "reading",
                json!([nested(json!("float")), { "type": "record", "name": "Other", "fields": [] }]),
            ),
            Warns,
            vec!["`f4`", "may be record `shuttle.Other`", TENSOR],
        ),
        (
            "null, which a default does not fill",
            typed("f2", json!(["null", "float"])),
            Warns,
            vec!["`f2`", "may be null", TENSOR],
        ),
        (
            "null, and nullable",
            typed("f3", json!(["null", "float"])),
            Fits,
            vec![],
        ),
        (
            "null at last",
            typed("f1", json!(["null", "float"])),
            Warns,
            vec!["`f1`", "may be null", TENSOR],
        ),
        (
            "null in front of the label",
            typed("anomaly", json!(["null", "int"])),
            Warns,
            vec!["`anomaly`", "may be null"],
        ),
        (
            "a record that may be null",
            typed("reading", json!(["null", nested(json!("float"))])),
            Warns,
            vec!["`f4`", "may be null", TENSOR],
        ),
        ("gone", without("f1"), Breaks, vec!["`f1`", "no field", TENSOR]),
        (
            "renamed without an alias",
            renamed("f9", "f10", false),
            Breaks,
            vec!["`f9`", "no field", TENSOR],
        ),
        (
            "number to text",
            typed("f5", json!("string")),
            Breaks,
            vec!["`f5`", "string", TENSOR],
        ),
        (
            "number to boolean",
            typed("f5", json!("boolean")),
            Breaks,
            vec!["`f5`", "boolean", TENSOR],
        ),
        (
            "number to a list",
            typed("f5", json!({ "type": "array", "items": "float" })),
            Breaks,
            vec!["`f5`", "array", TENSOR],
        ),
        (
            "number to an enum",
            typed("f5", kind),
            Breaks,
            vec!["`f5`", "enum", TENSOR],
        ),
        (
            "number to a record",
            typed("f5", nested(json!("float"))),
            Breaks,
            vec!["`f5`", "record", TENSOR],
        ),
        (
            "the nested field is text",
            typed("reading", nested(json!("string"))),
            Breaks,
            vec!["`f4`", "string", TENSOR],
        ),
        (
            "the record is a number",
            typed("reading", json!("float")),
            Breaks,
            vec!["`f4`", TENSOR],
        ),
        (
            "the record is gone",
            without("reading"),
            Breaks,
            vec!["`f4`", TENSOR],
        ),
        (
            "the id is text",
            typed("id", json!("string")),
            Breaks,
            vec!["`id`", "string"],
        ),
        (
            "the id is a float",
            typed("id", json!("double")),
            Breaks,
            vec!["`id`", "double"],
        ),
        (
            "no schema",
            json!({ "type": "record" }),
            Breaks,
            vec!["avro schema"],
        ),
    ]
}

pub(super) fn check(arguments: &[&str]) -> (Output, String) {
    let output = crate::output(crate::forebay(arguments));
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output, text)
}

#[test]
fn each_change_of_a_schema_has_its_verdict() {
    let folder = TempDir::new().expect("a folder");
    let path = edited(&folder, "http://127.0.0.1:1", "telemetry");
    let file = folder.path().join("new.avsc");
    let file = file.display().to_string();
    for (change, schema, verdict, words) in changes() {
        std::fs::write(&file, schema.to_string()).expect("write a schema");
        let (output, text) = check(&["check", &path, "--against", &file]);
        let code = if verdict == Verdict::Breaks { 2 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{change}: {text}");
        let warned = text.contains(&format!("{file}: column"));
        assert_eq!(
            warned,
            !words.is_empty() && change != "no schema",
            "{change}: {text}"
        );
        for word in words {
            assert!(text.contains(word), "{change}: {word} is not in {text}");
        }
    }
}

#[test]
fn a_null_that_a_step_fills_is_a_warning() {
    let folder = TempDir::new().expect("a folder");
    let path = edited(&folder, "http://127.0.0.1:1", "telemetry");
    let text = std::fs::read_to_string(&path).expect("the pipeline");
    let filled = "steps:\n    - sql: select id, f1, f2, coalesce(f3, 0) as f3, f4, f5, f6, f7, f8, f9, anomaly FROM input\n";
    assert!(text.contains("steps:\n"), "{text}");
    std::fs::write(&path, text.replacen("steps:\n", filled, 1)).expect("write the pipeline");
    let file = folder.path().join("new.avsc").display().to_string();
    std::fs::write(&file, without("f3").to_string()).expect("write a schema");
    let (output, text) = check(&["check", &path, "--against", &file]);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("warning: ") && text.contains("column `f3`: the schema has no value for it"),
        "{text}"
    );
}

#[test]
fn the_registry_s_schemas_are_judged_and_shown() {
    let registry = Registry::shared();
    let folder = TempDir::new().expect("a folder");
    let path = edited(&folder, registry.url(), "judged");
    let (output, text) = check(&["check", &path]);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("warning: ") && text.contains("no such subject") && text.contains("judged-value"),
        "{text}"
    );
    let (output, text) = check(&["check", &path, "--offline"]);
    assert!(output.status.success(), "{text}");

    register("judged-value", &without("f1"));
    register("judged-value", &today());
    let (output, text) = check(&["check", &path]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("judged-value version 2"), "{text}");
    assert!(text.contains("<- reading.value"), "{text}");
    let (output, text) = check(&["check", &path, "--all-versions"]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("judged-value version 1") && text.contains(TENSOR),
        "{text}"
    );
    let (output, text) = check(&["check", &path, "--json"]);
    assert!(output.status.success(), "{text}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let held = &said["plan"]["schemas"][0]["columns"][4];
    assert_eq!(held["column"], "f4", "{said:#}");
    assert_eq!(held["verdict"], "fits");
    assert_eq!(held["tensors"][0]["tensor"], "sensors");
    let page = include_str!("../../../docs/check.md");
    let own = &said["plan"]["schemas"][0];
    for key in [own, held]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|map| map.keys())
    {
        let named = page.contains(&format!("`{key}`")) || page.contains(&format!("`{key}[]`"));
        assert!(
            named && page.contains("`plan.schemas[]`"),
            "docs/check.md has no {key}"
        );
    }
}

#[test]
fn subjects_are_named_or_belong_to_the_topics_of_a_pattern() {
    let registry = Registry::shared();
    let folder = TempDir::new().expect("a folder");
    let path = edited(&folder, registry.url(), "unnamed");
    let whole = std::fs::read_to_string(&path).expect("the pipeline");
    let check = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from} is not in {whole}");
        std::fs::write(&path, whole.replace(from, to)).expect("write the pipeline");
        check(&["check", &path])
    };
    register("shop.Reading", &today());
    register("shop.Other", &without("f1"));
    register("halls-north-value", &today());
    register("halls-south-value", &today());
    register("halls-south-key", &without("f1"));

    let named = |names: &str| format!("format: {{ avro: {{ subjects: [{names}] }} }}\n");
    let (output, text) = check("format: avro\n", &named("shop.Reading"));
    assert!(output.status.success(), "{text}");
    assert!(text.contains("shop.Reading version 1"), "{text}");
    let (output, text) = check("format: avro\n", &named("shop.Reading, shop.Other"));
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("shop.Other version 1") && text.contains(TENSOR),
        "{text}"
    );
    let own = "format: { avro: { subjects: [shop.Reading], schema: own.avsc } }\n";
    let (output, text) = check("format: avro\n", own);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("name one of the two"), "{text}");

    let (output, text) = check("topic: unnamed\n", "pattern: ^halls-.*\n");
    assert!(output.status.success(), "{text}");
    for subject in ["halls-north-value version 1", "halls-south-value version 1"] {
        assert!(text.contains(subject), "{text}");
    }
    assert!(!text.contains("halls-south-key"), "{text}");
    let (output, text) = check("topic: unnamed\n", "pattern: ^nobodys-.*\n");
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("no subject of the registry is named after a topic"),
        "{text}"
    );
}
