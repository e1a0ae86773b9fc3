//! `init`: what it writes fits, passes its own first test, and runs on a real Kafka as it stands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use forebay_testcontainers::{Kafka, await_until, process};
use tempfile::TempDir;

fn model(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(name).display().to_string()
}

/// In `folder`, with the cluster in the variable that the written file names.
fn forebay(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = crate::forebay(arguments);
    command
        .current_dir(folder.path())
        .env("KAFKA", Kafka::shared().bootstrap());
    command
}

/// What it printed; it must have ended well.
fn done(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert!(
        !text(&output.stdout).contains("warning"),
        "{}",
        text(&output.stdout)
    );
    text(&output.stdout)
}

fn lines(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("a file");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_model_and_twenty_events_become_a_pipeline_that_runs_unchanged() {
    let folder = TempDir::new().expect("a folder");
    fs::copy(
        model("core/tests/models/sum.onnx"),
        folder.path().join("first.onnx"),
    )
    .expect("a model");
    let event = |n: u32| {
        format!(
            "{{\"payment_id\":\"p{n}\",\"amount\":{n}.5,\"merchant\":{{\"city\":\"x\",\"risk\":0.25}},\"age days\":{n}}}\n"
        )
    };
    let events: String = (0..20).map(event).collect();
    fs::write(folder.path().join("events.jsonl"), &events).expect("the events");
    let run = |arguments: &[&str]| done(&crate::output(forebay(&folder, arguments)));
    let said = run(&["init", "--model", "first.onnx", "--sample", "events.jsonl"]);
    assert!(
        said.contains("wrote first.yaml") && said.contains("20 results"),
        "{said}"
    );
    let written = fs::read_to_string(folder.path().join("first.yaml")).expect("the pipeline");
    assert!(written.contains("[amount, risk, age_days]"), "{written}");
    run(&["check", "first.yaml"]);
    run(&["test"]);
    run(&["topics", "create", "first.yaml"]);
    run(&["doctor", "first.yaml"]);
    run(&[
        "produce",
        "first.yaml",
        "--file",
        "events.jsonl",
        "--key",
        "payment_id",
    ]);
    let mut running = process::spawn(forebay(&folder, &["run", "first.yaml"])).expect("forebay");
    let kafka = Kafka::shared();
    await_until(Duration::from_secs(60), "everything is committed", || {
        kafka.committed("first", "first-events") == kafka.end_offsets("first-events")
    });
    process::signal(&running, libc::SIGTERM);
    assert!(running.wait().expect("forebay").success());
    let scored = run(&["consume", "first.yaml", "--count", "20"]);
    let scored: BTreeSet<String> = scored.lines().map(str::to_owned).collect();
    let expected = lines(&folder.path().join("first.tests/sample.results.jsonl"));
    assert_eq!((scored.len(), scored), (20, expected));
    let now = fs::read_to_string(folder.path().join("first.yaml")).expect("the pipeline");
    assert_eq!(now, written);
}

#[test]
fn the_examples_own_model_and_events_give_the_examples_inputs() {
    let folder = TempDir::new().expect("a folder");
    let (onnx, events) = (
        model("examples/sensors/model.onnx"),
        model("examples/sensors/pipeline.tests/scores.input.jsonl"),
    );
    let arguments = [
        "init",
        "--model",
        &onnx,
        "--sample",
        &events,
        "--out",
        "sensors.yaml",
        "--topic",
        "telemetry",
    ];
    done(&crate::output(forebay(&folder, &arguments)));
    let written = fs::read_to_string(folder.path().join("sensors.yaml")).expect("the pipeline");
    for line in [
        "    topic: telemetry\n",
        "sensors: [f1, f2, f3, f4, f5, f6, f7, f8, f9]",
        "key: id }",
        "#   anomaly",
    ] {
        assert!(written.contains(line), "{line}{written}");
    }
    // Its predictions are those that the example expects.
    let label = |path: &Path, name: &str| -> Vec<i64> {
        let text = fs::read_to_string(path).expect("results");
        let one = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value[name].as_i64().expect("a label")
        };
        text.lines().map(one).collect()
    };
    let own = label(&folder.path().join("sensors.tests/sample.results.jsonl"), "label");
    let expected = label(
        Path::new(&model("examples/sensors/pipeline.tests/scores.results.jsonl")),
        "predicted",
    );
    assert_eq!(own, expected[..own.len()]);
}

#[test]
fn without_events_there_is_a_pipeline_with_a_test_all_the_same() {
    let folder = TempDir::new().expect("a folder");
    let onnx = model("core/tests/models/kinds.onnx");
    done(&crate::output(forebay(&folder, &["init", "--model", &onnx])));
    done(&crate::output(forebay(&folder, &["check", "kinds.yaml"])));
    let said = done(&crate::output(forebay(&folder, &["test"])));
    assert!(said.contains("1 of 1 case passed"), "{said}");
}

#[test]
fn what_cannot_be_made_is_said_and_nothing_is_written() {
    let folder = TempDir::new().expect("a folder");
    let sum = model("core/tests/models/sum.onnx");
    let sequence = model("core/tests/models/sequence.onnx");
    fs::write(folder.path().join("list.json"), "[{\"a\":1}]").expect("a file");
    fs::write(folder.path().join("there.yaml"), "mine").expect("a file");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--model", "absent.onnx"], &["open the model", "absent.onnx"]),
        (&["--model", "list.json"], &["must be an ONNX model", "list.json"]),
        (&["--model", &sequence], &["sequence or map", "zipmap off"]),
        (
            &["--model", &sum, "--sample", "absent.jsonl"],
            &["read absent.jsonl"],
        ),
        (
            &["--model", &sum, "--sample", "list.json"],
            &["list.json, line 1", "jq -c"],
        ),
        (
            &["--model", &sum, "--out", "there.yaml"],
            &["there.yaml", "already", "--out"],
        ),
    ];
    for (arguments, words) in cases {
        let all: Vec<&str> = ["init"].iter().chain(*arguments).copied().collect();
        let output = crate::output(forebay(&folder, &all));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(
        fs::read_to_string(folder.path().join("there.yaml")).expect("a file"),
        "mine"
    );
}
