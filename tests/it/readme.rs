//! The pipelines that the README shows, as they stand there: they fit, and the second one runs on a real Kafka.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_testcontainers::{Kafka, Load, await_until, process};
use tempfile::TempDir;

/// The README's pipeline number `nth` in a folder with the files it names.
fn pipeline(folder: &TempDir, nth: usize, model: &str, kafka: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let blocks: Vec<&str> = readme.split("```yaml\n").skip(1).collect();
    let text = blocks[nth].split("```").next().expect("the block's end");
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, text.replace("localhost:9092", kafka)).expect("write the pipeline");
    fs::copy(
        root.join(format!("core/tests/models/{model}.onnx")),
        folder.path().join("fraud.onnx"),
    )
    .expect("copy a model");
    fs::write(
        folder.path().join("merchants.csv"),
        "merchant_id,risk\nm1,0.25\nm2,2\n",
    )
    .expect("write a table");
    path
}

#[test]
fn both_pipelines_fit_and_the_plan_names_tensors_and_columns() {
    for (nth, model) in [(0, "any_width"), (1, "sum")] {
        let folder = TempDir::new().expect("a folder");
        let path = pipeline(&folder, nth, model, "localhost:9092");
        let output = crate::output(crate::forebay(&["check", &path.display().to_string()]));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            text.contains("features float32[rows, ") && text.contains("fraud_score"),
            "{text}"
        );
    }
}

#[test]
fn the_pipeline_with_a_table_scores_on_a_real_kafka() {
    let (kafka, folder) = (Kafka::shared(), TempDir::new().expect("a folder"));
    let input = kafka.create_topic("payments", 2);
    let output = kafka.create_topic("fraud-scores", 2);
    let dead = kafka.create_topic("payments.dead", 1);
    Load::all(kafka.bootstrap(), &input, 60, |n| {
        let payload = match n % 6 {
            0 => format!(r#"{{"payment_id":"p{n}","amount":0,"currency":"EUR","merchant":{{"id":"m1"}}}}"#),
            1 => format!(
                r#"{{"payment_id":"p{n}","amount":0,"currency":"EUR","merchant":{{"id":"m2"}},"card_age_days":7}}"#
            ),
            2 => format!(
                r#"{{"payment_id":"p{n}","amount":0,"currency":"EUR","merchant":{{"id":"unknown"}}}}"#
            ),
            3 => format!(r#"{{"payment_id":"p{n}","amount":0,"currency":"USD","merchant":{{"id":"m1"}}}}"#),
            4 => format!(r#"{{"payment_id":"p{n}","amount":0,"merchant":{{"id":"m1"}}}}"#),
            _ => format!(
                r#"{{"payment_id":"p{n}","amount":"many","currency":"EUR","merchant":{{"id":"m1"}}}}"#
            ),
        };
        (n.to_string().into_bytes(), payload.into_bytes())
    });
    let path = pipeline(&folder, 1, "sum", kafka.bootstrap());
    let mut forebay = crate::sensors::run(&path);
    await_until(Duration::from_secs(60), "everything is committed", || {
        kafka.committed("fraud", &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    let mut results: Vec<(String, String)> = kafka
        .read_all(&output)
        .into_iter()
        .map(|m| {
            let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.expect("bytes")).expect("text");
            (text(m.key), text(m.payload))
        })
        .collect();
    let scores = [(0, "0.25"), (1, "9.0"), (2, "0.5")];
    let expected = (0..60).step_by(6).flat_map(|first| {
        scores.map(|(nth, score)| {
            let id = format!("p{}", first + nth);
            let payload = format!(r#"{{"payment_id":"{id}","fraud_score":{score}}}"#);
            (id, payload)
        })
    });
    let mut expected: Vec<(String, String)> = expected.collect();
    results.sort();
    expected.sort();
    assert_eq!(results, expected);
    assert_eq!(kafka.count(&dead), 10);
}
