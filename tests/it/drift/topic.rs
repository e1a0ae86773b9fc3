//! A baseline of a topic, and a run whose data shift: said on `/drift`, on `/metrics` and in the log.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use forebay_testcontainers::{Kafka, Load, await_until, process};
use serde_json::Value;
use tempfile::TempDir;

use crate::sensors;

fn drift(port: u16) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET /drift HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split("\r\n\r\n").nth(1)?).ok()
}

/// The verdict of a column; nothing where nobody answers.
fn verdict(port: u16, name: &str) -> String {
    let answer = drift(port).unwrap_or_default();
    let columns = answer["columns"].as_array().cloned().unwrap_or_default();
    let column = columns.iter().find(|column| column["column"] == name);
    column.map_or(String::new(), |column| {
        column["verdict"].as_str().unwrap_or_default().to_owned()
    })
}

#[test]
fn a_shift_is_caught_while_it_streams() {
    let kafka = Kafka::shared();
    let topic = kafka.create_topic("drifting", 2);
    kafka.create_topic("drifting-scores", 1);
    kafka.create_topic("drifting.dead", 1);
    Load::all(kafka.bootstrap(), &topic, 8000, sensors::event);
    let (folder, port) = (TempDir::new().expect("a folder"), crate::free_port());
    let edits = [
        ("localhost:9092", kafka.bootstrap()),
        ("topic: telemetry-scores", "topic: drifting-scores"),
        ("topic: telemetry\n", "topic: drifting\n"),
        ("topic: telemetry.dead", "topic: drifting.dead"),
        ("group: sensors", "group: drifting"),
        (sensors::DRIFT, "drift: { baseline: b.json, window: 1h }"),
        (
            "connector: local\n",
            &format!("connector: local\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}\n"),
        ),
    ];
    let pipeline = sensors::pipeline(&folder, &edits).display().to_string();
    let output = crate::output(crate::forebay(&["baseline", &pipeline, "--offsets", "0..3500"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("7,000 records"),
        "{output:?}"
    );
    assert!(
        kafka.committed("drifting", &topic).is_empty(),
        "a capture commits nothing"
    );

    let log = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .args(["run", &pipeline])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a log"));
    let mut forebay = process::spawn(command).expect("start forebay");
    let within = Duration::from_secs(90);
    await_until(within, "the topic's own events do not drift", || {
        assert!(
            forebay.try_wait().expect("forebay").is_none(),
            "{:?}",
            fs::read_to_string(&log)
        );
        let all = kafka.committed("drifting", &topic) == kafka.end_offsets(&topic);
        all && verdict(port, "f1") == "ok" && verdict(port, "predicted") == "ok"
    });
    let shifted = |number| {
        let (key, event) = sensors::event(number);
        let mut event: Value = serde_json::from_slice(&event).expect("JSON");
        event["f1"] = (event["f1"].as_f64().expect("a number") + 40.0).into();
        (key, event.to_string().into_bytes())
    };
    Load::all(kafka.bootstrap(), &topic, 4000, shifted);
    await_until(within, "f1 drifts", || verdict(port, "f1") == "drift");
    assert_eq!(verdict(port, "f3"), "ok");
    assert!(crate::metric(port, "forebay_drift_rows_total") >= 12 * 8000);
    let warned = || {
        fs::read_to_string(&log)
            .expect("the log")
            .contains("a column drifts")
    };
    await_until(within, "it is said in the log", warned);
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
}
