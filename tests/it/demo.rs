//! The demo as a newcomer runs it, for six seconds, and what it serves meanwhile.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Stdio;

use forebay_testcontainers::process;

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

#[test]
fn the_demo_serves_this_machine_alone_whatever_the_pipeline_says() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), crate::free_port());
    let listen = format!("telemetry: {{ listen: \"0.0.0.0:{port}\", token: planted-token }}\nconnector:");
    let pipeline = crate::sensors::pipeline(&folder, &[("connector:", &listen)]);
    let telemetry = "shuttle.csv.gz";
    fs::copy(
        crate::sensors::example().join(telemetry),
        folder.path().join(telemetry),
    )
    .expect("the events");
    let mut command = crate::forebay(&["demo", "--seconds", "60", "--rate", "500"]);
    command.arg(pipeline).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = process::spawn(command).expect("start the demo");
    let said = demo.stdout.take().map(|stdout| BufReader::new(stdout).lines());
    let first = said
        .and_then(|mut lines| lines.next())
        .expect("a line")
        .expect("text");
    assert_eq!(
        first,
        format!("what it does is shown at http://127.0.0.1:{port}/")
    );
    assert!(crate::metrics(port).starts_with("HTTP/1.0 200"));
    // Loopback, too, but not the address that is listened on.
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
    demo.kill().expect("end the demo");
    demo.wait().expect("the demo's end");
}
