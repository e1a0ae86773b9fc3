//! Events from files into topics and back, on a plaintext and on a secure listener.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use forebay_testcontainers::{Kafka, process};
use tempfile::TempDir;

use crate::{forebay, output, sensors};

/// The example's pipeline with topics of its own.
fn pipeline(folder: &TempDir, name: &str) -> String {
    let kafka = Kafka::shared();
    let edits = [
        ("localhost:9092", kafka.bootstrap()),
        ("topic: telemetry-scores", &format!("topic: {name}-out")),
        ("topic: telemetry\n", &format!("topic: {name}-in\n")),
        ("topic: telemetry.dead", &format!("topic: {name}-dead")),
    ];
    sensors::pipeline(folder, &edits).display().to_string()
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Runs a command with `input` on its standard input.
fn piped(mut command: Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = process::spawn(command).expect("start forebay");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .expect("write");
    child.wait_with_output().expect("its output")
}

#[test]
fn lines_go_in_and_come_back_with_key_and_headers() {
    let folder = TempDir::new().expect("a folder");
    let path = pipeline(&folder, "lines");
    let (created, errors, code) = said(&output(forebay(&[
        "topics",
        "create",
        &path,
        "--partitions",
        "3",
        "--replication",
        "1",
    ])));
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(
        created.lines().filter(|line| line.starts_with("created")).count(),
        3,
        "{created}"
    );
    let (again, _, code) = said(&output(forebay(&["topics", "create", &path])));
    assert_eq!((again.matches("exists").count(), code), (3, Some(0)), "{again}");

    let lines = "{\"id\":1,\"deep\":{\"name\":\"a\"}}\n{\"id\":2,\"deep\":{\"name\":\"b\"}}\n";
    let (_, errors, code) = said(&piped(forebay(&["produce", &path, "--key", "deep.name"]), lines));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("2 records written to lines-in"), "{errors}");

    let records = "{\"key\":\"c\",\"headers\":{\"h\":[\"1\",null]},\"timestamp\":1700000000000,\"text\":\"no JSON\"}\n\
                   {\"key\":null,\"tombstone\":true}\n{\"base64\":\"AP8=\"}\n";
    let file = folder.path().join("records.jsonl");
    fs::write(&file, records).expect("write");
    let arguments = [
        "produce",
        &path,
        "--records",
        "--file",
        &file.display().to_string(),
    ];
    let (_, errors, code) = said(&output(forebay(&arguments)));
    assert_eq!(code, Some(0), "{errors}");

    let (read, errors, code) = said(&output(forebay(&[
        "consume",
        &path,
        "--topic",
        "lines-in",
        "--records",
    ])));
    assert_eq!(code, Some(0), "{errors}");
    let mut all: Vec<serde_json::Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(all.len(), 5, "{read}");
    let of_key = |key: &str| {
        all.iter()
            .find(|r| r["key"] == key)
            .expect("a record of that key")
    };
    assert_eq!(of_key("a")["value"]["id"], 1);
    assert_eq!(of_key("c")["text"], "no JSON");
    assert_eq!(of_key("c")["headers"], serde_json::json!({ "h": ["1", null] }));
    assert_eq!(of_key("c")["timestamp"], 1_700_000_000_000_i64);
    assert!(
        all.iter().any(|r| r["tombstone"] == true) && all.iter().any(|r| r["base64"] == "AP8="),
        "{read}"
    );

    // What was read can be written as it is, to another topic.
    let copied = piped(
        forebay(&["produce", &path, "--topic", "lines-out", "--records"]),
        &read,
    );
    assert_eq!(copied.status.code(), Some(0), "{:?}", said(&copied));
    let (read, _, _) = said(&output(forebay(&["consume", &path, "--records"])));
    let mut copies: Vec<serde_json::Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for record in all.iter_mut().chain(&mut copies) {
        let map = record.as_object_mut().expect("a record");
        ["topic", "partition", "offset"]
            .iter()
            .for_each(|name| drop(map.remove(*name)));
        if map["key"].is_null() {
            map.remove("timestamp");
        }
    }
    let sorted = |mut records: Vec<serde_json::Value>| {
        records.sort_by_key(ToString::to_string);
        records
    };
    assert_eq!(sorted(all), sorted(copies));
}

#[test]
fn a_count_a_rate_and_a_start_are_kept() {
    let folder = TempDir::new().expect("a folder");
    let path = pipeline(&folder, "paced");
    let kafka = Kafka::shared();
    ["paced-in", "paced-out", "paced-dead"]
        .iter()
        .for_each(|topic| drop(kafka.create_topic(topic, 1)));
    let lines: String = (0..100).map(|n| format!("{{\"id\":{n}}}\n")).collect();
    let begin = std::time::Instant::now();
    let arguments = [
        "produce",
        &path,
        "--topic",
        "paced-out",
        "--rate",
        "20",
        "--count",
        "30",
    ];
    let (_, errors, code) = said(&piped(forebay(&arguments), &lines));
    assert!(errors.contains("30 records") && code == Some(0), "{errors}");
    assert!(
        begin.elapsed() >= std::time::Duration::from_millis(1400),
        "{:?}",
        begin.elapsed()
    );
    let (read, _, _) = said(&output(forebay(&["consume", &path, "--count", "7"])));
    assert_eq!(read.lines().last(), Some("{\"id\":6}"));
    let (none, _, code) = said(&output(forebay(&[
        "consume",
        &path,
        "--from",
        "2100-01-01T00:00:00Z",
    ])));
    assert_eq!((none.as_str(), code), ("", Some(0)));
    let (_, errors, code) = said(&output(forebay(&["consume", &path, "--from", "yesterday"])));
    assert!(
        errors.contains("not a place to begin") && code == Some(2),
        "{errors}"
    );
}

#[test]
fn what_is_wrong_with_a_line_or_a_topic_is_named() {
    let folder = TempDir::new().expect("a folder");
    let path = pipeline(&folder, "wrong");
    let (_, errors, code) = said(&piped(forebay(&["produce", &path]), "{}\n"));
    assert!(
        errors.contains("does not know it") && errors.contains("wrong-in") && code == Some(1),
        "{errors}"
    );
    Kafka::shared().create_topic("wrong-in", 1);
    let (_, errors, code) = said(&piped(
        forebay(&["produce", &path, "--key", "id"]),
        "{\"id\":1}\n{}\n{\"id\":3}\n",
    ));
    for part in ["no field `id`", "line=2", "written=1", "standard input"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert_eq!(code, Some(2), "{errors}");
    let (_, errors, code) = said(&piped(
        forebay(&["produce", &path, "--records"]),
        "{\"keys\":1}\n",
    ));
    assert!(
        errors.contains("unknown field `keys`") && errors.contains("line=1"),
        "{errors}"
    );
    assert_eq!(code, Some(2), "{errors}");
    let (read, _, _) = said(&output(forebay(&["consume", &path, "--topic", "wrong-in"])));
    assert_eq!(read, "{\"id\":1}\n");
}

#[test]
fn lines_of_json_are_not_written_where_payloads_have_schemas_unless_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let kafka = Kafka::shared();
    let bootstrap = format!("[\"{}\"] }}", kafka.bootstrap());
    let path = pipeline(&folder, "framed");
    let text = fs::read_to_string(&path).expect("the pipeline");
    let registered = bootstrap.replace(" }", ", schema_registry: { url: \"http://127.0.0.1:1\" } }");
    let text = text.replace(&bootstrap, &registered);
    for topic in ["framed-in", "framed-out", "framed-dead"] {
        kafka.create_topic(topic, 1);
    }
    let refused = |arguments: &[&str], input: &str, format: &str| {
        let (_, errors, code) = said(&piped(forebay(arguments), input));
        assert_eq!(code, Some(2), "{errors}");
        assert!(
            errors.contains(&format!("payloads are `{format}`")) && errors.contains("--raw"),
            "{errors}"
        );
    };
    let written = |arguments: &[&str], input: &str| {
        let (_, errors, code) = said(&piped(forebay(arguments), input));
        assert_eq!(code, Some(0), "{errors}");
    };
    for format in ["avro", "json-schema", "protobuf"] {
        let own = text.replace(
            "format: json\n    columns",
            &format!("format: {format}\n    columns"),
        );
        assert_ne!(own, text);
        fs::write(&path, own).expect("write the pipeline");
        refused(&["produce", &path], "{}\n", format);
        refused(&["produce", &path, "--records"], "{\"value\":{}}\n", format);
    }
    assert_eq!(kafka.count("framed-in"), 0);
    written(&["produce", &path, "--raw"], "{}\n");
    written(&["produce", &path, "--records"], "{\"base64\":\"AAAAAAE=\"}\n");
    assert_eq!(kafka.count("framed-in"), 2);
    // What the pipeline writes as JSON, and topics that it does not know.
    written(&["produce", &path, "--topic", "framed-out"], "{}\n");
    written(&["produce", &path, "--topic", "framed-dead"], "{}\n");
    let own = text
        .replace("format: json,", "format: avro,")
        .replace("format: json }", "format: avro }");
    assert_ne!(own, text);
    fs::write(&path, own).expect("write the pipeline");
    refused(&["produce", &path, "--topic", "framed-out"], "{}\n", "avro");
}
