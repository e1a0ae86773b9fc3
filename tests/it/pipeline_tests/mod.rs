//! `forebay test`: pipelines under test, as the binary runs them and says it. No broker anywhere.

mod differences;
mod files;
mod outputs;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A pipeline whose connector needs a variable that nobody sets.
const PIPELINE: &str = r#"
connector: prod
connectors:
  prod: { kind: kafka, bootstrap: ["${BROKERS_NOBODY_SETS}"] }
pipeline:
  name: orders
  source:
    topic: orders
    group: orders
    format: json
    columns: { id: int64, price: float64, note: { type: string, nullable: true } }
  steps:
    - sql: SELECT id, price * 2 AS double, note FROM input WHERE price >= 0
  sink: { topic: out, format: json, key: id, headers: { by: forebay } }
  dead_letters: { topic: dead }
"#;

const INPUT: &str = r#"{"id":1,"price":1.5,"note":"a"}
{"id":2,"price":-1}
{"id":3,"price":"much"}
{"id":4,"price":0.1}
{"id":5,"price":3,"note":"b"}
"#;

const RESULTS: &str = r#"{"id":1,"double":3,"note":"a"}
{"id":4,"double":0.2000001,"note":null}
{"id":5,"double":6.0,"note":"b"}
"#;

const REJECTS: &str = r#"{"line":3,"stage":"decode","reason":"column `price`"}
"#;

/// A folder with a pipeline and the files of its cases.
struct Folder(TempDir);

impl Folder {
    fn new(pipeline: &str, files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        fs::create_dir(folder.path("pipeline.tests")).expect("a folder for cases");
        fs::write(folder.path("pipeline.yaml"), pipeline).expect("write the pipeline");
        for (name, text) in files {
            fs::write(folder.case(name), text).expect("write a case's file");
        }
        folder
    }

    /// The case `all`, with other files in it.
    fn all(files: &[(&str, &str)]) -> Self {
        let mut there = vec![
            ("all.input.jsonl", INPUT),
            ("all.results.jsonl", RESULTS),
            ("all.rejects.jsonl", REJECTS),
        ];
        there.retain(|(name, _)| !files.iter().any(|(other, _)| other == name));
        there.extend(files);
        there.retain(|(_, text)| !text.is_empty());
        Self::new(PIPELINE, &there)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn case(&self, name: &str) -> PathBuf {
        self.path("pipeline.tests").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.case(name)).expect("a case's file")
    }

    /// The exit code and everything that was printed.
    fn test(&self, arguments: &[&str]) -> (i32, String) {
        self.test_with(arguments, &[])
    }

    fn test_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String) {
        let mut command = crate::forebay(&["test"]);
        command
            .args(arguments)
            .current_dir(self.0.path())
            .envs(env.iter().copied());
        let output = crate::output(command);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().unwrap_or(-1), text)
    }
}

fn contains_all(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn every_example_has_tests_and_they_pass() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for example in fs::read_dir(&examples).expect("the examples") {
        let example = example.expect("an example").path().display().to_string();
        let output = crate::output(crate::forebay(&["test", &example]));
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(0), "{example}: {text}");
        assert!(!text.contains(" 0 of 0"), "{text}");
    }
}

#[test]
fn a_case_passes_without_a_broker_and_without_the_variables_of_connectors() {
    let folder = Folder::all(&[]);
    for arguments in [&[][..], &["pipeline.yaml"], &["."]] {
        let (code, text) = folder.test(arguments);
        assert_eq!(code, 0, "{text}");
        contains_all(
            &text,
            &["pipeline.yaml\n", "ok", "all", "5 events", "1 of 1 case passed"],
        );
    }
}

#[test]
fn how_records_arrive_changes_nothing() {
    let folder = Folder::all(&[]);
    let small = format!("{PIPELINE}  batch: {{ max_rows: 1 }}\n  commit: {{ max_records: 1 }}\n");
    fs::write(folder.path("pipeline.yaml"), small).expect("write the pipeline");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_pipeline_that_does_not_fit_is_said_and_beats_a_failure() {
    let folder = Folder::all(&[("all.rejects.jsonl", "")]);
    fs::write(
        folder.path("other.yaml"),
        PIPELINE.replace("SELECT id", "SELECT it"),
    )
    .expect("write a pipeline");
    fs::create_dir(folder.path("other.tests")).expect("a folder");
    for case in ["a", "b"] {
        fs::write(folder.path(&format!("other.tests/{case}.input.jsonl")), INPUT).expect("write the input");
    }
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 2, "{text}");
    contains_all(
        &text,
        &[
            "ERROR",
            "FAILED",
            "other.yaml:13:",
            "\"it\"",
            "the same as before",
            "0 of 3 cases passed",
        ],
    );
    let (code, text) = folder.test(&["--filter", "all"]);
    assert_eq!(code, 1, "{text}");
    let (code, text) = folder.test(&["--filter", "nobody"]);
    assert_eq!(code, 2, "{text}");
    contains_all(&text, &["no case and no pipeline has `nobody`", "a, b, all"]);
}

#[test]
fn without_tests_it_says_where_it_looked_and_how_to_write_one() {
    let folder = Folder::new(PIPELINE, &[]);
    for (arguments, place) in [(&[][..], "this folder"), (&["pipeline.yaml"], "pipeline.tests/")] {
        let (code, text) = folder.test(arguments);
        assert_eq!(code, 2, "{text}");
        contains_all(
            &text,
            &[
                "no tests found; looked in",
                place,
                "pipeline.tests/first.input.jsonl",
                "--update",
            ],
        );
    }
    let (code, text) = folder.test(&["absent.yaml"]);
    assert_eq!(code, 2, "{text}");
    contains_all(&text, &["read the pipeline file absent.yaml"]);
    fs::remove_file(folder.path("pipeline.yaml")).expect("remove the pipeline");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 2, "{text}");
    contains_all(&text, &["pipeline.tests has no pipeline pipeline.yaml"]);
}

#[test]
fn variables_come_from_the_case_before_the_environment() {
    let pipeline = PIPELINE.replace("price * 2", "price * ${FACTOR}");
    let files = [
        ("all.input.jsonl", INPUT),
        ("all.results.jsonl", RESULTS),
        ("all.rejects.jsonl", REJECTS),
    ];
    let folder = Folder::new(&pipeline, &files);
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 2, "{text}");
    contains_all(
        &text,
        &[
            "`FACTOR` is not set",
            "`env: { NAME: value }` in pipeline.tests/all.yaml",
        ],
    );
    let (code, text) = folder.test_with(&[], &[("FACTOR", "2")]);
    assert_eq!(code, 0, "{text}");
    fs::write(folder.case("all.yaml"), "env: { FACTOR: \"2\" }\n").expect("write the options");
    let (code, text) = folder.test_with(&[], &[("FACTOR", "3")]);
    assert_eq!(code, 0, "{text}");
}
