//! Files of baselines: what is captured, and what is refused.

use std::fs;
use std::path::Path;

use forebay::core::drift::{Baseline, Bins, Part};
use tempfile::TempDir;

use super::{captured, with_drift, write_events};
use crate::sensors;

fn check(pipeline: &Path) -> (i32, String) {
    let output = crate::output(crate::forebay(&["check", &pipeline.display().to_string()]));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn what_a_model_reads_and_predicts_is_captured_and_fits() {
    let (folder, said) = captured();
    let path = folder.path().join("pipeline.baseline.json");
    let baseline = Baseline::load(&path).expect("a baseline");
    assert_eq!(
        (baseline.rows, baseline.window_rows, baseline.windows),
        (6000, 1000, 6)
    );
    let of = |part| {
        baseline
            .columns
            .iter()
            .filter(move |c| c.part == part)
            .map(|c| c.name.as_str())
    };
    let inputs: Vec<&str> = of(Part::Input).collect();
    assert_eq!(inputs, ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"]);
    let predictions: Vec<&str> = of(Part::Prediction).collect();
    assert_eq!(predictions, ["predicted", "probabilities[1]", "probabilities[2]"]);
    for column in &baseline.columns {
        assert_eq!((column.rows(), column.missing()), (6000, 0.0), "{}", column.name);
    }
    let classes = &baseline.column(Part::Prediction, "predicted").expect("it").bins;
    assert_eq!(*classes, Bins::Categories(vec!["0".into(), "1".into()]));
    for line in [
        "6,000 records, 0 rejects, 6 windows of 1,000",
        "input       f1 ",
        "drift: { baseline: pipeline.baseline.json }",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let left: Vec<String> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains("tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let (code, text) = check(&with_drift(
        &folder,
        "{ baseline: pipeline.baseline.json, columns: [f1, predicted], psi: 0.3 }",
    ));
    assert!(code == 0 && text.contains("baseline "), "{code}: {text}");
}

#[test]
fn a_baseline_of_something_else_is_refused_with_the_difference() {
    let (folder, _) = captured();
    let path = folder.path().join("pipeline.baseline.json");
    let text = fs::read_to_string(&path).expect("the file");
    let pipeline = with_drift(&folder, "{ baseline: pipeline.baseline.json }");
    let refused = |text: &str, pipeline: &Path, words: &[&str]| {
        fs::write(&path, text).expect("write the baseline");
        let (code, said) = check(pipeline);
        assert_eq!(code, 2, "{said}");
        for word in words.iter().chain(&["pipeline.yaml:"]) {
            assert!(said.contains(word), "{word}: {said}");
        }
    };
    let digest = text.split("\"sha256\":\"").nth(1).expect("a digest")[..12].to_owned();
    refused(
        &text.replacen(&digest, "0123456789ab", 1),
        &pipeline,
        &["another model", "0123456789ab…", &format!("{digest}…")],
    );
    refused(
        &text.replacen("\"f3\": {", "\"f33\": {", 1),
        &pipeline,
        &["the input `f33`, and the pipeline has not", "did you mean `f3`?"],
    );
    refused(
        &text.replacen("\"predicted\": {", "\"label\": {", 1),
        &pipeline,
        &["the prediction `label`, and the pipeline has not"],
    );
    refused(
        &text.replacen("\"type\": \"float32\"", "\"type\": \"float64\"", 1),
        &pipeline,
        &["the input `f1` is float32, and was float64 when the baseline was captured"],
    );
    refused(
        &text.replacen("{\"0\":", "{\"zero\":", 1),
        &pipeline,
        &["the bins do not fit", "column=predicted"],
    );
    refused(
        &text[..text.len() / 2],
        &pipeline,
        &["it is not JSON", "pipeline.baseline.json"],
    );
    refused(
        &text.replacen("\"format\": 1", "\"format\": 9", 1),
        &pipeline,
        &["format 9"],
    );
    let other = TempDir::new().expect("a folder");
    fs::write(other.path().join("b.json"), &text).expect("write the baseline");
    for (drift, words) in [
        ("{ baseline: absent.json }", "open the baseline"),
        (
            "{ baseline: b.json, columns: [f1, f10] }",
            "the baseline has no column `f10`",
        ),
        (
            "{ baseline: b.json, window: 500ms }",
            "a window lasts at least 1s",
        ),
        ("{ baseline: b.json, psi: -1 }", "must be at least 0"),
        ("{ columns: [f1] }", "`columns` is for comparing with a baseline"),
        ("{ js: 0.2 }", "`js` is for comparing with a baseline"),
    ] {
        let (code, said) = check(&with_drift(&other, drift));
        assert!(code == 2 && said.contains(words), "{drift}: {said}");
    }
    let (code, said) = check(&with_drift(&other, "{}"));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_cannot_be_captured_is_said() {
    let folder = TempDir::new().expect("a folder");
    let pipeline = sensors::pipeline(&folder, &[(sensors::DRIFT, "")])
        .display()
        .to_string();
    let events = folder.path().join("events.jsonl");
    let baseline = |arguments: &[&str]| {
        let mut command = crate::forebay(&["baseline", &pipeline, "--from"]);
        command.arg(&events).args(arguments);
        let output = crate::output(command);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    for (lines, arguments, words) in [
        (
            300,
            &["--columns", "f1,f10"][..],
            "no column `f10` can be observed",
        ),
        (300, &[], "300 records are 0 windows of 1000"),
        (
            300,
            &["--window-rows", "100"],
            "300 records are 3 windows of 100, and a reference has 5 at least",
        ),
        (
            300,
            &["--window-rows", "50", "--out", "/nowhere/at/all.json"],
            "write the baseline (file=/nowhere/at/all.json)",
        ),
        (300, &["--offsets", "0..5"], "cannot be used with"),
    ] {
        write_events(&events, 0, lines);
        let (code, said) = baseline(arguments);
        assert!(code == Some(2) && said.contains(words), "{arguments:?}: {said}");
    }
    fs::write(&events, "{\"id\":1}\nno JSON\n").expect("write events");
    let (code, said) = baseline(&[]);
    assert!(code == Some(2) && said.contains("events.jsonl:2"), "{said}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 2, "a file was written");
}
