//! From Python to a pipeline: the scripts of `examples/export` and the pages that explain them. Python trains and exports
//! here, and its own predictions are what is expected.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use forebay_testcontainers::{Kafka, await_until, process};
use tempfile::TempDir;

const WAYS: [&str; 3] = ["scikit_learn", "scikit_learn_columns", "onnx_helper"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect(name)
}

fn python(script: &str, folder: &Path) -> Command {
    let mut command = Command::new(crate::python("examples/export/requirements.txt"));
    command.arg(root().join(script)).arg(folder);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn ends_well(command: Command) -> String {
    let output = crate::output(command);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

#[test]
fn what_python_exports_scores_as_python_does() {
    let folder = TempDir::new().expect("a folder");
    for way in WAYS {
        ends_well(python(&format!("examples/export/{way}.py"), folder.path()));
        let file = format!("{way}.yaml");
        fs::copy(
            root().join("examples/export").join(&file),
            folder.path().join(&file),
        )
        .expect("the pipeline");
        let fresh = fs::read(folder.path().join(format!("{way}.tests/python.input.jsonl"))).expect("events");
        assert_eq!(
            fresh,
            fs::read(root().join(format!("examples/export/{way}.tests/python.input.jsonl"))).expect("events")
        );
    }
    let here = folder.path().display().to_string();
    let said = ends_well(crate::forebay(&["test", &here]));
    assert!(said.contains("3 of 3 cases passed"), "{said}");
    // A prediction that is not Python's is seen.
    let results = folder.path().join("scikit_learn.tests/python.results.jsonl");
    let wrong = fs::read_to_string(&results)
        .expect("results")
        .replacen("\"score\": 0.", "\"score\": 0.9", 1);
    fs::write(&results, wrong).expect("results");
    let output = crate::output(crate::forebay(&["test", &here]));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("field `score`"), "{}", text(&output));
}

#[test]
fn what_is_committed_fits_and_passes() {
    for way in WAYS {
        let said = ends_well(crate::forebay(&["check", &format!("examples/export/{way}.yaml")]));
        assert!(
            !said.contains("warning") || way == "scikit_learn_columns",
            "{said}"
        );
    }
    let said = ends_well(crate::forebay(&["test", "examples/export"]));
    assert!(said.contains("3 of 3 cases passed"), "{said}");
}

/// What the guide says of exports that go wrong is what `check` says of them.
#[test]
fn the_guide_quotes_what_is_said_of_each_trap() {
    let folder = TempDir::new().expect("a folder");
    ends_well(python("tests/export/traps.py", folder.path()));
    let right = read("examples/export/scikit_learn.yaml");
    fs::copy(
        root().join("examples/export/scikit_learn.onnx"),
        folder.path().join("scikit_learn.onnx"),
    )
    .expect("a model");
    let mut said = String::new();
    let mut check = |name: &str, text: &str| {
        fs::write(folder.path().join(format!("{name}.yaml")), text).expect("a file");
        let mut command = crate::forebay(&["check", &format!("{name}.yaml")]);
        command.current_dir(folder.path());
        let output = crate::output(command);
        said += &self::text(&output);
        output.status.success()
    };
    let fits: Vec<bool> = ["zipmap", "fixed_rows", "one_row", "whole_numbers", "float64"]
        .iter()
        .map(|name| check(name, &right.replace("scikit_learn.onnx", &format!("{name}.onnx"))))
        .collect();
    assert_eq!(fits, [false, false, true, false, true]);
    let columns = right
        .replace("amount: float32", "amount: string")
        .replace("age_days, orders]", "age_days]");
    let names = right
        .replace("{ label:", "{ output_label:")
        .replace("features:", "input:");
    assert!(!check("columns", &columns) && !check("names", &names));
    let page = read("docs/models.md");
    let quoted: Vec<&str> = page
        .lines()
        .filter(|l| l.starts_with("error: ") || l.starts_with("warning: "))
        .collect();
    assert_eq!(quoted.len(), 8);
    for line in quoted {
        assert!(said.lines().any(|one| one == line), "{line}\n{said}");
    }
}

/// A block that says where it is from stands there, as it is.
#[test]
fn what_the_pages_show_stands_in_the_files_they_name() {
    let mut shown = BTreeSet::new();
    for page in ["docs/models.md", "docs/from-a-python-loop.md"] {
        let page = read(page);
        for block in page.split("```").skip(1).step_by(2) {
            let Some((language, code)) = block.split_once('\n') else {
                continue;
            };
            if language.is_empty() {
                continue;
            }
            let (from, code) = code.split_once('\n').expect("where it is from");
            let file = from.strip_prefix("# from ").expect("where it is from");
            assert!(read(file).contains(code.trim_end()), "{file}:\n{code}");
            shown.insert(file.to_owned());
        }
    }
    assert_eq!(shown.len(), 4, "{shown:?}");
    // What a table points at is there.
    for page in ["docs/models.md", "docs/from-a-python-loop.md"] {
        let page = read(page);
        for path in page
            .split('`')
            .filter(|word| word.starts_with("tests/") || word.starts_with("core/"))
        {
            assert!(root().join(path).exists(), "{path}");
        }
    }
}

#[test]
fn the_loop_and_the_pipeline_write_the_same() {
    let kafka = Kafka::builder().start();
    kafka.create_topic("payments", 2);
    kafka.create_topic("payment-scores", 1);
    kafka.create_topic("payments.dead", 1);
    let folder = TempDir::new().expect("a folder");
    let pipeline = pipeline(&folder, kafka.bootstrap());
    let path = pipeline.display().to_string();
    let events = root().join("examples/export/scikit_learn.tests/python.input.jsonl");
    let events = events.display().to_string();
    ends_well(crate::forebay(&[
        "produce",
        &path,
        "--file",
        &events,
        "--key",
        "payment_id",
    ]));
    let mut loop_ = python("examples/export/loop.py", folder.path());
    loop_.env("KAFKA", kafka.bootstrap());
    scores(&kafka, &path, loop_);
    let of_loop = results(&path, 20);
    // The same events once more, behind what the loop has committed.
    ends_well(crate::forebay(&[
        "produce",
        &path,
        "--file",
        &events,
        "--key",
        "payment_id",
    ]));
    scores(&kafka, &path, crate::forebay(&["run", &path]));
    let both = results(&path, 40);
    assert_eq!(both[..20], of_loop);
    let sorted = |some: &[(String, i64, f64)]| {
        let mut all = some.to_vec();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    for (one, other) in sorted(&both[..20]).iter().zip(sorted(&both[20..])) {
        assert_eq!((&one.0, one.1), (&other.0, other.1));
        assert!((one.2 - other.2).abs() < 1e-6, "{one:?} {other:?}");
    }
}

fn pipeline(folder: &TempDir, bootstrap: &str) -> PathBuf {
    let text = read("examples/export/scikit_learn.yaml").replace("localhost:9092", bootstrap);
    let path = folder.path().join("scikit_learn.yaml");
    fs::write(&path, text).expect("the pipeline");
    fs::copy(
        root().join("examples/export/scikit_learn.onnx"),
        folder.path().join("scikit_learn.onnx"),
    )
    .expect("a model");
    path
}

/// Runs `command` until everything is committed, and ends it.
fn scores(kafka: &Kafka, pipeline: &str, command: Command) {
    let mut running = process::spawn(command).expect("start it");
    await_until(Duration::from_secs(60), "everything is committed", || {
        kafka.committed("scikit-learn", "payments") == kafka.end_offsets("payments")
    });
    process::signal(&running, libc::SIGTERM);
    assert!(running.wait().expect("its end").success(), "{pipeline}");
}

/// What was written: payment, label and score.
fn results(pipeline: &str, count: usize) -> Vec<(String, i64, f64)> {
    let said = crate::output(crate::forebay(&[
        "consume",
        pipeline,
        "--count",
        &count.to_string(),
    ]));
    let said = String::from_utf8(said.stdout).expect("text");
    let one = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let number = |name: &str| value[name].as_f64().expect("a number");
        (
            value["payment_id"].as_str().expect("a text").to_owned(),
            number("fraud") as i64,
            number("score"),
        )
    };
    let all: Vec<_> = said.lines().map(one).collect();
    assert_eq!(all.len(), count, "{said}");
    all
}
