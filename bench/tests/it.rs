//! The harness against systems that fail in every way there is, on a real Kafka.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use forebay_testcontainers::process;
use serde_json::Value;
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(180);

fn system(folder: &Path, name: &str, script: &str) {
    fs::create_dir_all(folder.join(name)).expect("a folder");
    let run = folder.join(name).join("run");
    fs::write(&run, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("executable");
}

fn bench(folder: &TempDir, systems: &str) -> Command {
    bench_on(folder, ("r", systems), &data(folder))
}

fn data(folder: &TempDir) -> String {
    let data = folder.path().join("data");
    fs::create_dir_all(&data).expect("a folder");
    data.display().to_string()
}

fn bench_on(folder: &TempDir, (workload, systems): (&str, &str), data: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay-bench"));
    let at = |name: &str| folder.path().join(name).display().to_string();
    command.args([
        "run",
        "--workloads",
        workload,
        "--records",
        "2000",
        "--rounds",
        "1",
        "--no-latency",
    ]);
    command.args(["--systems", systems]);
    command.args([
        "--systems-in",
        &at("systems"),
        "--out",
        &at("report"),
        "--data",
        data,
    ]);
    command
}

#[test]
fn what_crashes_hangs_repeats_or_miscomputes_has_no_figure_but_a_reason() {
    let folder = TempDir::new().expect("a folder");
    let systems = folder.path().join("systems");
    // The same network with other weights.
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/image.onnx");
    let mut weights = fs::read(model).expect("a model");
    for four in weights[20_000..40_000].as_chunks_mut::<4>().0 {
        *four = 0.5_f32.to_le_bytes();
    }
    let other = folder.path().join("other.onnx");
    fs::write(&other, weights).expect("another model");
    system(&systems, "good", "exec \"$BENCH_BIN/floor\"");
    system(&systems, "crashes", "echo it is broken; exit 3");
    system(&systems, "hangs", "exec sleep 600");
    system(
        &systems,
        "miscomputes",
        &format!("BENCH_MODEL={} exec \"$BENCH_BIN/floor\"", other.display()),
    );
    system(
        &systems,
        "repeats",
        "\"$BENCH_BIN/floor\" & one=$!\nBENCH_GROUP=$BENCH_GROUP-2 \"$BENCH_BIN/floor\" & two=$!\n\
         trap 'kill $one $two; wait; exit 0' TERM\nwait",
    );
    let mut command = bench(&folder, "good,crashes,hangs,miscomputes,repeats");
    command.args(["--patience", "5"]);
    let output = process::output(command, WITHIN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    let report = fs::read_to_string(folder.path().join("report/report.json"));
    let report = report.unwrap_or_else(|e| panic!("no report ({e}): {said}"));
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let rounds = report["workloads"][0]["rounds"].as_array().expect("rounds");
    let measured: Vec<_> = rounds
        .iter()
        .map(|r| r["system"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(measured, ["good"], "{said}");
    // The cost of so few records is less than the noise of the start that is taken off; what it is made of is not.
    let figure = |name: &str| rounds[0][name].as_f64().unwrap_or_default();
    assert!(figure("cpu_us_per_record") >= 0.0, "{}", rounds[0]);
    for (name, least) in [
        ("start_cpu_s", 0.005),
        ("peak_mib", 10.0),
        ("records_per_s", 1.0),
        ("start_s", 0.01),
    ] {
        assert!(figure(name) > least, "{name}: {}", rounds[0]);
    }
    let reason = |system: &str| {
        let failed = report["failed"].as_array().into_iter().flatten();
        let found = failed
            .filter(|f| f["system"] == system)
            .find_map(|f| f["reason"].as_str());
        found
            .unwrap_or_else(|| panic!("{system} has no reason: {said}"))
            .to_owned()
    };
    assert!(
        reason("crashes").contains("exit code 3: it is broken"),
        "{}",
        reason("crashes")
    );
    assert!(
        reason("hangs").contains("no result for 5s; 0 of 500"),
        "{}",
        reason("hangs")
    );
    assert!(
        reason("miscomputes").contains("miscomputed"),
        "{}",
        reason("miscomputes")
    );
    assert!(reason("repeats").contains("duplicated"), "{}", reason("repeats"));
    let text = fs::read_to_string(folder.path().join("report/report.md")).expect("a report");
    assert!(text.contains("- crashes at R: ended by itself"), "{text}");
    for chart in ["cpu.svg", "rate.svg"] {
        assert!(folder.path().join("report").join(chart).is_file(), "{chart}");
    }
    assert!(is_empty(&folder.path().join("data")));
}

#[test]
fn avro_with_an_id_in_front_is_scored_alike_by_the_floor_and_by_a_pipeline() {
    let program = Path::new(env!("CARGO_BIN_EXE_forebay-bench")).with_file_name("forebay");
    assert!(
        program.is_file(),
        "build the whole workspace: {}",
        program.display()
    );
    let folder = TempDir::new().expect("a folder");
    let systems = folder.path().join("systems");
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let pipeline = |settings: &str| {
        format!(
            "cd {} && LANES=1 {settings} exec \"$BENCH_BIN/forebay\" run \"$BENCH_WORKLOAD.yaml\"",
            pipelines.display()
        )
    };
    system(&systems, "floor", "exec \"$BENCH_BIN/floor\"");
    system(&systems, "forebay", &pipeline(""));
    // Nobody listens there: the lane waits for its schema.
    system(&systems, "waits", &pipeline("BENCH_REGISTRY=http://127.0.0.1:9"));
    let mut command = bench_on(&folder, ("a", "floor,forebay,waits"), &data(&folder));
    command.args(["--patience", "8"]);
    let output = process::output(command, WITHIN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = fs::read_to_string(folder.path().join("report/report.json"));
    let report = report.unwrap_or_else(|e| panic!("no report ({e}): {said}"));
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let rounds = report["workloads"][0]["rounds"].as_array().expect("rounds");
    let measured: Vec<_> = rounds
        .iter()
        .map(|r| r["system"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(measured, ["floor", "forebay"], "{said}");
    let failed = report["failed"].as_array().expect("failures");
    assert_eq!(failed.len(), 1, "{said}");
    let reason = failed[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no result for 8s; 0 of 500"), "{reason}");
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let folder = TempDir::new().expect("a folder");
    system(&folder.path().join("systems"), "hangs", "exec sleep 600");
    let mut command = bench(&folder, "hangs");
    command.args(["--patience", "600"]);
    let log = fs::File::create(folder.path().join("log")).expect("a log");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut run = process::spawn(command).expect("start");
    let until = Instant::now() + WITHIN;
    let await_state = |what: &str, state: &mut dyn FnMut() -> bool| {
        while !state() {
            assert!(Instant::now() < until, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    await_state("a broker", &mut || !brokers(folder.path()).is_empty());
    process::signal(&run, libc::SIGINT);
    await_state("the end", &mut || run.try_wait().expect("wait").is_some());
    await_state("the end of the broker", &mut || brokers(folder.path()).is_empty());
    await_state("the end of its data", &mut || {
        is_empty(&folder.path().join("data"))
    });
}

#[test]
fn what_is_missing_is_said_before_anything_starts() {
    let folder = TempDir::new().expect("a folder");
    let output = process::output(bench(&folder, "no-such"), WITHIN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no system `no-such`"), "{said}");
    let full = bench_on(&folder, ("r", "good"), "/proc");
    system(&folder.path().join("systems"), "good", "true");
    let output = process::output(full, WITHIN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("/proc has 0.0 GB free") && said.contains("--data"),
        "{said}"
    );
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Processes that work on the data below `folder`.
fn brokers(folder: &Path) -> Vec<u32> {
    let data = folder.join("data");
    let pids = fs::read_dir("/proc").expect("proc").flatten();
    let pids = pids.filter_map(|e| e.file_name().to_str()?.parse().ok());
    let works_there =
        |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&data));
    pids.filter(works_there).collect()
}
