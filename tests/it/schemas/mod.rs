//! Formats with schemas, on a real Kafka with a real registry: topics that others write and read, schemas that change while a
//! pipeline runs, registries that do not answer, and the contract between schema and model.

mod advice;
mod against;
mod connect;
mod contract;
mod evolution;
mod interop;
mod json;
mod outage;
mod sensors;
mod start;

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use forebay_testcontainers::{Kafka, Load, Registry, await_until, process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Writes a pipeline file into `folder`.
fn pipeline(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("pipeline.yaml");
    std::fs::write(&path, text).expect("write a pipeline");
    path
}

/// `forebay run` with its log in a file beside the pipeline; it dies with this process.
fn run(pipeline: &Path) -> (Child, PathBuf) {
    let log = pipeline.with_extension("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .arg("run")
        .arg(pipeline)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .env("FOREBAY_LOG", "info");
    (process::spawn(command).expect("start forebay"), log)
}

/// Waits until the group has committed everything in `topic`.
fn await_all_read(forebay: &mut Child, log: &Path, kafka: &Kafka, group: &str, topic: &str) {
    await_until(Duration::from_secs(60), "everything is read", || {
        if forebay.try_wait().expect("forebay").is_some() {
            panic!("forebay ended: {}", said(log));
        }
        kafka.committed(group, topic) == kafka.end_offsets(topic)
    });
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

fn stop(mut forebay: Child) {
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
}

/// Java with the jars of a client, and its source to be run; arguments may follow.
pub(crate) fn java(client: &str, source: &str) -> Command {
    let mut where_are_they = Command::new("scripts/fetch-clients.sh");
    where_are_they
        .args(["--where", client])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let jars = said_by(where_are_they);
    let mut java = Command::new("java");
    java.current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(format!("{}/*", jars.trim()))
        .arg(format!("tests/clients/java/{source}"));
    java
}

/// What a client wrote on its standard output; it must have succeeded.
pub(crate) fn said_by(client: Command) -> String {
    let output = crate::output(client);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Registers an Avro schema, and gives its id.
fn register(subject: &str, schema: &Value) -> u32 {
    let body = json!({ "schema": schema.to_string() }).to_string();
    let url = Registry::shared().url();
    let answer = http(
        "POST",
        &format!("{url}/subjects/{subject}/versions"),
        "application/json",
        &body,
    );
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    let id = answer["id"].as_u64().and_then(|id| u32::try_from(id).ok());
    id.unwrap_or_else(|| panic!("no id: {answer}"))
}

/// Asks, and gives the body of the answer.
fn http(method: &str, url: &str, content_type: &str, body: &str) -> String {
    let rest = url.strip_prefix("http://").expect("a plain address");
    let (address, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address).expect("connect");
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0], id.to_be_bytes().as_slice(), body].concat()
}

/// Writes payloads into a topic of one partition, in their order.
fn produce(kafka: &Kafka, topic: &str, payloads: &[Vec<u8>]) {
    Load::all(kafka.bootstrap(), topic, payloads.len() as u64, |number| {
        (Vec::new(), payloads[number as usize].clone())
    });
}

/// What the process that writes this log says of itself now.
fn metrics(log: &Path) -> String {
    let said = said(log);
    let behind = said.split("telemetry at ").nth(1).expect("its address");
    let (address, _) = behind.split_once(',').expect("its address");
    http("GET", &format!("{address}metrics"), "text/plain", "")
}
