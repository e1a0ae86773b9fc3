//! Nothing stays when the process that started a broker is gone, whatever ended it. Each test starts this binary again
//! as such a process, with a directory of its own for temporary files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use forebay_testcontainers::{Kafka, await_until};
use tempfile::TempDir;

const ENDING: &str = "FOREBAY_LEFT_BEHIND";
const READY: &str = "ready";

/// Does nothing in a test run; in a process of its own, starts brokers and ends in the way asked for.
#[test]
fn holder() {
    let Ok(ending) = std::env::var(ENDING) else { return };
    let kafka = Kafka::start();
    fs::write(std::env::temp_dir().join(READY), kafka.bootstrap()).unwrap();
    match ending.as_str() {
        "panic" => panic!("as asked for"),
        "kill" => loop {
            std::thread::park();
        },
        // Ended by hand here, and the other one, a static, by nobody.
        _ => drop((Kafka::shared(), kafka)),
    }
}

pub(super) fn holder_that(ending: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test binary"));
    command.args(["left_behind::holder", "--exact", "--nocapture"]);
    command.env(ENDING, ending).env("TMPDIR", directory);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Processes whose command line names the directory; those of containers are seen, too.
fn processes(directory: &Path) -> usize {
    let name = directory.display().to_string();
    let names = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&name)
    };
    fs::read_dir("/proc")
        .expect("list the processes")
        .flatten()
        .map(names)
        .filter(|found| *found)
        .count()
}

fn directories(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("list the directory").flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("forebay-kafka-"))
        .count()
}

fn await_nothing(directory: &Path) {
    await_until(
        Duration::from_secs(30),
        "no process and no directory is left",
        || processes(directory) == 0 && directories(directory) == 0,
    );
}

fn run(ending: &str) -> (TempDir, Output) {
    let directory = TempDir::new().expect("a directory");
    let output = holder_that(ending, directory.path())
        .output()
        .expect("run a holder");
    assert!(
        directory.path().join(READY).exists(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (directory, output)
}

#[test]
fn after_an_end_in_order() {
    let (directory, output) = run("order");
    assert!(output.status.success());
    await_nothing(directory.path());
}

#[test]
fn after_a_kill() {
    let directory = TempDir::new().expect("a directory");
    let mut holder = holder_that("kill", directory.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("start a holder");
    await_until(Duration::from_secs(120), "the holder has its broker", || {
        directory.path().join(READY).exists()
    });
    assert!(processes(directory.path()) > 0 && directories(directory.path()) == 1);
    holder.kill().unwrap();
    holder.wait().unwrap();
    await_nothing(directory.path());
}

#[test]
fn after_a_panic_but_for_the_logs() {
    let (directory, output) = run("panic");
    assert!(!output.status.success());
    await_until(Duration::from_secs(30), "no process is left", || {
        processes(directory.path()) == 0
    });
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let place = text
        .lines()
        .find_map(|line| line.strip_prefix("kafka's logs are kept in "))
        .expect("a place");
    assert!(Path::new(place).starts_with(directory.path()));
    assert!(
        fs::read_to_string(Path::new(place).join("node-1/kafka.log"))
            .unwrap()
            .contains("KafkaRaftServer")
    );
    assert!(!Path::new(place).join("node-1/data").exists());
}
