//! The demo as a newcomer runs it, for six seconds, and what it serves meanwhile.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use forebay_testcontainers::{await_until, process};
use tempfile::TempDir;

#[test]
fn everything_that_streams_is_scored_and_mostly_right() {
    let output = crate::output(crate::forebay(&["demo", "--seconds", "6", "--rate", "2000"]));
    let (text, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}\n{log}");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        let digits = line
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .trim()
            .replace([',', '%'], "");
        digits
            .trim()
            .parse::<f64>()
            .unwrap_or_else(|e| panic!("{name}: {digits}: {e}"))
    };
    assert!(value("events in") > 4000.0, "{text}");
    assert!((value("events in") - value("results out")).abs() < 0.5, "{text}");
    assert!(value("rejects") < 0.5, "{text}");
    assert!(value("accuracy") > 95.0, "{text}");
    assert!(text.contains("mock cluster"), "{text}");
    assert!(
        text.contains("what it does is shown at http://127.0.0.1:"),
        "{text}"
    );
    // The shift costs accuracy, and is no part of the figure above.
    assert!(value("since the shift") < value("accuracy"), "{text}");
    assert!(value("since the shift") > 90.0, "{text}");
    assert!(text.contains("drift of column f3 caught "), "{text}");
    assert!(!text.contains("false alarm"), "{text}");
}

/// A demo of the example with other places in it.
struct Demo(Child);

impl Demo {
    fn start(folder: &TempDir, edits: &[(&str, &str)]) -> Self {
        let telemetry = "shuttle.csv.gz";
        let events = crate::sensors::example().join(telemetry);
        fs::copy(events, folder.path().join(telemetry)).expect("the events");
        let mut command = crate::forebay(&["demo", "--seconds", "60", "--rate", "500"]);
        command
            .arg(crate::sensors::pipeline(folder, edits))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self(process::spawn(command).expect("start the demo"))
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().expect("what it says");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_demo_serves_this_machine_alone_whatever_the_pipeline_says() {
    let (folder, port) = (TempDir::new().expect("a folder"), crate::free_port());
    let listen = format!("telemetry: {{ listen: \"0.0.0.0:{port}\", token: planted-token }}\nconnector:");
    let mut demo = Demo::start(&folder, &[("connector:", &listen)]);
    let said = format!("what it does is shown at http://127.0.0.1:{port}/\n");
    assert_eq!(demo.first_line(), said);
    assert!(crate::metrics(port).starts_with("HTTP/1.0 200"));
    // Loopback, too, but not the address that is listened on.
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
}

/// A version is appended to the model: fields of the file may come in any order.
#[test]
fn the_demo_measures_what_a_run_measures() {
    let (folder, port) = (TempDir::new().expect("a folder"), crate::free_port());
    let example = crate::sensors::example();
    let mut model = fs::read(example.join("model.onnx")).expect("the model");
    model.extend([0x28, 0xac, 0x02]);
    fs::write(folder.path().join("versioned.onnx"), model).expect("a model");
    let listen = format!("telemetry: {{ listen: \"127.0.0.1:{port}\" }}\nconnector:");
    let edits = [
        ("connector:", listen.as_str()),
        ("path: model.onnx", "path: versioned.onnx"),
        (crate::sensors::DRIFT, ""),
    ];
    let _demo = Demo::start(&folder, &edits);
    let info = "forebay_model_info{pipeline=\"sensors\",step=\"1\",file=\"versioned.onnx\",version=\"300\",sha256=\"";
    await_until(Duration::from_secs(30), "all is measured", || {
        let text = crate::metrics(port);
        let has = |name: &str| text.lines().any(|line| line.starts_with(name));
        has(info)
            && has("forebay_partition_lag_seconds{")
            && crate::metric(port, "forebay_client_connects_total") > 0
    });
}
