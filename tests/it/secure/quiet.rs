//! Planted secrets: with every log line that Forebay and librdkafka can write, none of them comes out anywhere.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_testcontainers::{Certificate, Load, await_until, process};
use tempfile::TempDir;

use super::{CLIENT_SECRET, OWN, PASSWORD, cluster, pipeline, with_secrets};
use crate::sensors::event;

#[test]
fn no_secret_comes_out_anywhere() {
    let kafka = &cluster().kafka;
    for topic in ["quiet-in", "quiet-out", "quiet-dead"] {
        kafka.create_topic(topic, 1);
    }
    let password =
        ", tls: { ca: <ca> }, sasl: { mechanism: MECHANISM, username: app, password: \"${PASSWORD}\" }";
    let ways = [
        ("SECURE", password.replace("MECHANISM", "plain")),
        ("SECURE", password.replace("MECHANISM", "scram-sha-256")),
        ("OAUTH", super::tokens::KEYS.to_owned()),
        (
            "MTLS",
            ", tls: { ca: <ca>, certificate: <certificate>, key: <locked key>, key_password: \"${KEY_PASSWORD}\" }".into(),
        ),
    ];
    for (number, (listener, keys)) in ways.iter().enumerate() {
        let connector = cluster().connector(listener, &format!("{keys}, client: {{ debug: all }}"));
        let said = everything_said(&connector, &format!("quiet-{number}"));
        assert!(said.contains("librdkafka"), "its log is there: {listener}");
        for secret in secrets() {
            let at = said
                .find(&secret)
                .map(|at| said[at.saturating_sub(200)..at].to_owned());
            assert!(
                at.is_none(),
                "{listener}: a secret behind: {}",
                at.unwrap_or_default()
            );
        }
    }
}

/// What must not be seen, in the forms it has on its way.
fn secrets() -> Vec<String> {
    let client = &cluster().client;
    let key = fs::read_to_string(client.key()).expect("the key");
    let line = key.lines().nth(1).expect("a line of the key").to_owned();
    vec![
        PASSWORD.into(),
        "planted".into(),
        STANDARD.encode(PASSWORD),
        STANDARD.encode(format!("\0app\0{PASSWORD}")),
        STANDARD.encode(format!("app:{CLIENT_SECRET}")),
        Certificate::PASSPHRASE.into(),
        line,
        // The head of every token: {"alg"... and {"typ"...
        "eyJhbGciOi".into(),
        "eyJ0eXAiOi".into(),
    ]
}

/// Log, metrics, command line and the results of `check` and `doctor --json`, of a run that scores something.
fn everything_said(connector: &str, group: &str) -> String {
    let kafka = &cluster().kafka;
    Load::all(kafka.bootstrap(), "quiet-in", 50, event);
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let folder = TempDir::new().expect("a folder");
    let pipeline = pipeline(
        &folder,
        &[
            (OWN, connector),
            ("topic: telemetry-scores", "topic: quiet-out"),
            ("topic: telemetry\n", "topic: quiet-in\n"),
            (
                "topic: telemetry.dead }",
                &format!("topic: quiet-dead }}\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}"),
            ),
            ("group: sensors", &format!("group: {group}")),
        ],
    );
    let path = pipeline.display().to_string();
    let log = folder.path().join("log");
    let file = fs::File::create(&log).expect("a log");
    let mut command = with_secrets(crate::forebay(&["run", &path]));
    command
        .env("FOREBAY_LOG", "trace")
        .stdout(file.try_clone().expect("a log"))
        .stderr(file);
    let mut forebay = process::spawn(command).expect("start forebay");
    await_until(Duration::from_secs(60), "every event is scored", || {
        assert!(
            forebay.try_wait().expect("forebay").is_none(),
            "forebay ended: {connector}"
        );
        kafka.committed(group, "quiet-in") == kafka.end_offsets("quiet-in")
    });
    let mut said = fs::read_to_string(format!("/proc/{}/cmdline", forebay.id())).expect("its command line");
    said += &get(port, "/metrics");
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    said += &fs::read_to_string(&log).expect("the log");
    for arguments in [vec!["check", &path], vec!["doctor", "--json", &path]] {
        let output = crate::output(with_secrets(crate::forebay(&arguments)));
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    said
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("forebay_records_consumed_total"), "{answer}");
    answer
}
