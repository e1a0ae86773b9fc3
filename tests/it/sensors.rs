//! The sensors example on a real Kafka: every event comes out once, with its key, in its order, with the score that
//! ONNX Runtime gives in Python.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use forebay_testcontainers::{Audit, Kafka, Load, await_until, process};
use serde_json::Value;
use tempfile::TempDir;

/// What the example's pipeline says of drift.
pub(crate) const DRIFT: &str = "drift: { baseline: pipeline.baseline.json }";

const BASELINE: &str = "pipeline.baseline.json";

/// The folder of the example.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sensors")
}

/// The example's pipeline with other places in it: each pair is replaced, and must be there. The model is the example's
/// own, and so is the baseline where the folder has none.
pub(crate) fn pipeline(folder: &TempDir, edits: &[(&str, &str)]) -> PathBuf {
    let mut text = fs::read_to_string(example().join("pipeline.yaml")).expect("the example's pipeline");
    let model = example().join("model.onnx").display().to_string();
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in the pipeline");
        text = text.replace(from, to);
    }
    text = text.replace("path: model.onnx", &format!("path: {model}"));
    let baseline = folder.path().join(BASELINE);
    if text.contains(BASELINE) && !baseline.exists() {
        fs::copy(example().join(BASELINE), baseline).expect("copy the example's baseline");
    }
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, text).expect("write a pipeline");
    path
}

/// `forebay run`, which dies with this process.
pub(crate) fn run(pipeline: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .arg("run")
        .arg(pipeline)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .env("FOREBAY_LOG", "warn");
    process::spawn(command).expect("start forebay")
}

fn unpacked(name: &str) -> Vec<String> {
    let packed = fs::File::open(example().join(name)).expect("a file of the example");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("unpack");
    text.lines().map(str::to_owned).collect()
}

/// How many rows the example has.
const ROWS: u64 = 49_097;

/// The event of a number: the rows of the example, again and again.
pub(crate) fn event(number: u64) -> (Vec<u8>, Vec<u8>) {
    static LINES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let lines = LINES.get_or_init(|| unpacked("shuttle.csv.gz"));
    let row = &lines[1 + (number % ROWS) as usize];
    let mut json = format!(r#"{{"id":{number}"#);
    for (name, value) in lines[0].split(',').zip(row.split(',')) {
        json.push_str(&format!(r#","{name}":{value}"#));
    }
    json.push('}');
    (format!("key-{}", number % 1000).into_bytes(), json.into_bytes())
}

/// The most memory that a process has held so far, in bytes.
fn peak_memory(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("its peak") << 10
}

#[test]
fn half_a_million_events_are_scored_as_in_python() {
    let kafka = Kafka::shared();
    let (input, output) = (
        kafka.create_topic("telemetry", 6),
        kafka.create_topic("telemetry-scores", 6),
    );
    kafka.create_topic("telemetry.dead", 1);
    let count = 11 * ROWS;
    Load::all(kafka.bootstrap(), &input, count, event);
    let folder = TempDir::new().expect("a folder");
    let edits = [
        ("localhost:9092", kafka.bootstrap()),
        ("key: id", "compression: lz4"),
    ];
    let mut forebay = run(&pipeline(&folder, &edits));
    await_until(Duration::from_secs(240), "everything is scored", || {
        assert!(forebay.try_wait().expect("forebay").is_none(), "forebay ended");
        kafka.committed("sensors", &input) == kafka.end_offsets(&input)
    });
    let peak = peak_memory(&forebay);
    assert!(peak < 250 << 20, "{peak} bytes");
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());

    let (events, results) = (kafka.read_all(&input), kafka.read_all(&output));
    let audit = Audit::of(&events, &results);
    let clean = Audit {
        produced: count,
        lost: 0,
        duplicated: 0,
        out_of_order: 0,
        strange: 0,
    };
    assert_eq!(audit, clean);
    assert_eq!(kafka.count("telemetry.dead"), 0);
    let expected: Vec<(i64, f64)> = unpacked("expected.csv.gz")[1..]
        .iter()
        .map(|line| {
            let mut cells = line.split(',').skip(1);
            let mut cell = || cells.next().expect("a cell");
            (cell().parse().expect("a class"), cell().parse().expect("a score"))
        })
        .collect();
    let partitions: BTreeMap<&[u8], i32> = events
        .iter()
        .filter_map(|m| Some((m.key.as_deref()?, m.partition)))
        .collect();
    let mut worst = 0.0_f64;
    for result in &results {
        let json: Value =
            serde_json::from_slice(result.payload.as_deref().expect("a payload")).expect("JSON");
        let id = json["id"].as_u64().expect("an id");
        let (predicted, score) = expected[(id % ROWS) as usize];
        assert_eq!(json["predicted"].as_i64(), Some(predicted), "id {id}");
        worst = worst.max((json["score"].as_f64().expect("a score") - score).abs());
        let key = result.key.as_deref().expect("a key");
        assert_eq!(
            key,
            format!("key-{}", (id % ROWS + id / ROWS * ROWS) % 1000).as_bytes()
        );
        assert_eq!(
            result.partition, partitions[key],
            "results lie in the partition of their key"
        );
    }
    assert!(worst <= 1e-5, "{worst}");
}
