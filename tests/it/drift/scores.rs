//! Scores and counts against SciPy and NumPy, on the telemetry and on counts of all kinds.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use forebay::core::drift::scores::{jensen_shannon, psi};
use forebay::core::drift::{Baseline, Bins, Part};
use serde_json::{Value, json};

use super::captured;
use crate::sensors;

/// A script's answer, in the Python that has these packages.
pub(super) fn asked(requirements: &str, script: &str, question: &Value) -> Value {
    let mut child = Command::new(crate::python(requirements))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut input = child.stdin.take().expect("its input");
    input
        .write_all(question.to_string().as_bytes())
        .expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Counts of a reference and of a window, zeros among them.
pub(super) fn pairs() -> Vec<[Vec<u64>; 2]> {
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut pairs = vec![
        [vec![40, 60], vec![50, 50]],
        [vec![0, 100], vec![100, 0]],
        [vec![10, 0, 90], vec![20, 30, 50]],
        [vec![3, 3, 3], vec![300, 300, 300]],
    ];
    for _ in 0..60 {
        let bins = 2 + next(50);
        let mut counts = |most| {
            let mut counts: Vec<u64> = (0..bins).map(|_| next(most).saturating_sub(most / 5)).collect();
            counts[0] += 1;
            counts
        };
        pairs.push([counts(5000), counts(200)]);
    }
    pairs
}

pub(super) fn compare(pairs: &[[Vec<u64>; 2]], answer: &Value) -> f64 {
    let number = |list: &str, i: usize| {
        answer[list][i]
            .as_f64()
            .unwrap_or_else(|| panic!("{list} {i}: {answer}"))
    };
    let mut worst = 0.0_f64;
    for (i, [reference, window]) in pairs.iter().enumerate() {
        let ours =
            [psi(reference, window), jensen_shannon(reference, window)].map(|score| score.expect("a score"));
        for (ours, theirs) in ours.into_iter().zip([number("psi", i), number("js", i)]) {
            worst = worst.max((ours - theirs).abs());
        }
    }
    worst
}

#[test]
fn scores_and_counts_are_those_of_scipy_and_numpy() {
    let (folder, _) = captured();
    let path = folder.path().join("pipeline.baseline.json");
    let baseline = Baseline::load(&path).expect("a baseline");
    let events: Vec<Value> = (0..6000)
        .map(|number| serde_json::from_slice(&sensors::event(number).1).expect("JSON"))
        .collect();
    let inputs: Vec<_> = baseline
        .columns
        .iter()
        .filter(|c| c.part == Part::Input)
        .collect();
    let columns = inputs.iter().map(|column| {
        let Bins::Numbers(edges) = &column.bins else {
            panic!("{} has categories", column.name)
        };
        let values: Vec<&Value> = events.iter().map(|event| &event[&column.name]).collect();
        json!({ "edges": edges, "values": values })
    });
    let pairs = pairs();
    let question = json!({ "pairs": pairs, "columns": columns.collect::<Vec<_>>() });
    let answer = asked(
        "tests/drift/requirements.txt",
        "tests/drift/by_scipy.py",
        &question,
    );
    let worst = compare(&pairs, &answer);
    assert!(worst < 1e-12, "{worst}");
    for (i, column) in inputs.iter().enumerate() {
        assert_eq!(
            answer["counts"][i],
            json!(column.counts[..column.bins.values()]),
            "{}",
            column.name
        );
    }
}
