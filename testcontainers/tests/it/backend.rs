//! Which way a test process runs Kafka, and that it says so.

use std::process::Output;

use forebay_testcontainers::Kafka;
use tempfile::TempDir;

use super::left_behind::holder_that;

/// What a process writes to standard error that starts two brokers.
fn written(wishes: &[(&str, &str)]) -> (String, bool) {
    let directory = TempDir::new().expect("a directory");
    let mut holder = holder_that("order", directory.path());
    let Output { status, stderr, .. } = holder
        .envs(wishes.iter().copied())
        .output()
        .expect("run a holder");
    (String::from_utf8_lossy(&stderr).into_owned(), status.success())
}

#[test]
fn it_is_said_once() {
    let (text, _) = written(&[]);
    let said = format!("Kafka for tests: {}", Kafka::backend_name());
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("Kafka for tests"))
        .collect();
    assert!(lines.len() == 1 && lines[0].starts_with(&said), "{lines:?}");
}

#[test]
fn native_processes_need_no_engine() {
    let (text, success) = written(&[
        ("FOREBAY_TEST_BACKEND", "native"),
        ("DOCKER_HOST", "unix:///nowhere"),
    ]);
    assert!(
        success && text.contains("Kafka for tests: native process\n"),
        "{text}"
    );
}

#[test]
fn containers_that_cannot_be_had_say_what_to_do() {
    let (text, success) = written(&[
        ("FOREBAY_TEST_BACKEND", "docker"),
        ("DOCKER_HOST", "unix:///nowhere"),
    ]);
    assert!(!success);
    for words in [
        "FOREBAY_TEST_BACKEND asks for containers, and ",
        "or set FOREBAY_TEST_BACKEND=native",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn without_an_engine_it_is_native_and_says_why() {
    let (text, success) = written(&[("FOREBAY_TEST_BACKEND", ""), ("DOCKER_HOST", "unix:///nowhere")]);
    assert!(
        success && text.contains("Kafka for tests: native process, as "),
        "{text}"
    );
}
