//! The integration tests of the whole: real processes on a real Kafka, in one binary. What takes long lies in `long`.

mod check;
mod clouds;
mod connectors;
mod contract;
mod delivery;
#[cfg(feature = "demo")]
mod demo;
mod drift;
mod export;
mod gaps;
mod groups;
mod init;
mod lag;
mod observed;
mod page;
mod pipeline_file;
mod pipeline_tests;
mod readme;
mod rejects;
mod schemas;
mod scrape;
mod secure;
mod sensors;
mod start;
mod topics;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

/// The binary with these arguments, to be changed and run.
fn forebay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A port that nobody has.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    listener.expect("a port").port()
}

/// The metrics at a port of this machine, as OpenMetrics; nothing where nobody answers.
fn metrics(port: u16) -> String {
    let asked = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        let open = "application/openmetrics-text";
        write!(stream, "GET /metrics HTTP/1.0\r\naccept: {open}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    asked().unwrap_or_default()
}

/// One of them, summed over its series, in whole numbers; 0 where nobody answers.
fn metric(port: u16, name: &str) -> u64 {
    let text = metrics(port);
    let series = text.lines().filter(|line| line.split('{').next() == Some(name));
    let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum::<f64>() as u64
}

/// A Python with the packages of a requirements file; `make python` fetches it.
fn python(requirements: &str) -> String {
    let mut command = Command::new("scripts/fetch-python.sh");
    command
        .args(["--where", requirements])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}; `make python` fetches it");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs it to its end, which must come.
fn output(command: Command) -> Output {
    forebay_testcontainers::process::output(command, Duration::from_secs(120))
}

/// Runs a pipeline to its end, which must come.
fn run_to_the_end(pipeline: &std::path::Path) -> Output {
    output(forebay(&["run", &pipeline.display().to_string()]))
}
