//! `check`, `schema`, `connectors` and `--version` as the binary prints them.

mod metrics;
mod mistakes;
mod page;
mod reference;
mod schema;

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use crate::sensors;

fn forebay(arguments: &[&str]) -> Output {
    crate::output(crate::forebay(arguments))
}

fn check(edits: &[(&str, &str)]) -> (i32, String) {
    let folder = TempDir::new().expect("a folder");
    let path = sensors::pipeline(&folder, edits);
    let output = forebay(&["check", &path.display().to_string()]);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn the_example_fits_and_its_plan_is_printed_without_a_broker() {
    let (code, text) = check(&[]);
    assert_eq!(code, 0, "{text}");
    for line in [
        "sensors float32[rows, 9] <- f1, f2",
        "probabilities float32[rows, 2]",
        "rejects  go to telemetry.dead",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn what_does_not_fit_is_said_at_its_place() {
    let cases: &[((&str, &str), &[&str])] = &[
        (
            ("format: json\n    columns", "fromat: json\n    columns"),
            &["pipeline.yaml:", "format"],
        ),
        (
            (
                "format: json\n    columns:\n      id: int64",
                "format: raw\n    columns:\n      id: string",
            ),
            &["raw payloads", "fixed width", "column=id"],
        ),
        (
            ("format: json, key: id", "format: raw, include: original"),
            &["raw payloads", "original"],
        ),
        (
            ("[f1, f2, f3, f4, f5, f6, f7, f8, f9]", "[f1, f2]"),
            &["takes 9 values a row, its columns give 2"],
        ),
        (
            ("{ sensors: [", "{ sensor: ["),
            &["no input `sensor`", "did you mean", "sensors"],
        ),
        (("f8, f9] }", "f8, f10] }"), &["no column `f10`"]),
        (
            ("label: predicted", "labels: predicted"),
            &["no output `labels`", "label"],
        ),
        (
            ("SELECT id, anomaly", "SELECT id, anomoly"),
            &["anomoly", "anomaly"],
        ),
        (("f1: float32", "f1: string"), &["f1", "does not fit the tensor"]),
        (("key: id", "key: nobody"), &["nobody"]),
        (("kind: kafka", "kind: msk"), &["the key `auth` is missing"]),
        (("FROM input", "FROM other"), &["input"]),
    ];
    for (edit, words) in cases {
        let (code, text) = check(&[*edit]);
        assert_eq!(code, 2, "{edit:?}: {text}");
        assert!(
            words.iter().all(|word| text.contains(word)),
            "{edit:?}: {words:?}: {text}"
        );
    }
}

#[test]
fn a_model_that_is_missing_or_no_model_is_named() {
    let folder = TempDir::new().expect("a folder");
    let path = sensors::pipeline(&folder, &[]);
    let text = fs::read_to_string(&path).expect("the pipeline");
    let model = sensors::example().join("model.onnx").display().to_string();
    fs::write(folder.path().join("no.onnx"), b"no model").expect("write a file");
    for name in ["missing.onnx", "no.onnx"] {
        fs::write(&path, text.replace(&model, name)).expect("write the pipeline");
        let output = forebay(&["check", &path.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && said.contains("pipeline.yaml:"), "{said}");
    }
}

#[test]
fn a_reader_that_leaves_ends_nothing_a_full_disk_does() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = crate::forebay(&["schema"])
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux");
    let output = crate::forebay(&["schema"])
        .stdout(full)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("standard output"),
        "{said}"
    );
}

#[test]
fn the_schema_is_json_and_the_rest_speaks() {
    let schema = forebay(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    assert!(schema["properties"]["pipeline"].is_object(), "{schema}");
    let connectors = String::from_utf8_lossy(&forebay(&["connectors"]).stdout).into_owned();
    assert!(
        connectors.contains("kafka") && connectors.contains("event-hubs"),
        "{connectors}"
    );
    let version = String::from_utf8_lossy(&forebay(&["--version"]).stdout).into_owned();
    assert!(
        version.contains("librdkafka 2.") && version.contains("onnxruntime"),
        "{version}"
    );
}
