//! Kafka in a container, through the `docker` command: one node. Used where an engine answers and the image is local
//! or pulled within a minute. Containers carry a label with the pid of their test process; those whose process is
//! gone are removed with the next start.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::access::Access;
use crate::settings::Property;
use crate::{ports, settings};

/// A container; removed on drop.
#[derive(Debug)]
pub(crate) struct Docker {
    id: String,
    port: u16,
}

const LABEL: &str = "forebay.test";

fn image() -> String {
    std::env::var("FOREBAY_KAFKA_IMAGE").unwrap_or_else(|_| "apache/kafka:4.1.0".into())
}

/// Whether an engine answers and has the image, or pulls it within a minute.
pub(crate) fn is_usable() -> bool {
    succeeds(&["version"], Duration::from_secs(5))
        && (succeeds(&["image", "inspect", &image()], Duration::from_secs(5))
            || succeeds(&["pull", "-q", &image()], Duration::from_secs(60)))
}

fn succeeds(arguments: &[&str], within: Duration) -> bool {
    let mut command = Command::new("docker");
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let until = Instant::now() + within;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            _ => {
                drop(child.kill());
                drop(child.wait());
                return false;
            }
        }
    }
}

fn output(arguments: &[String]) -> io::Result<String> {
    let output = Command::new("docker").args(arguments).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    let error = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(io::Error::other(format!(
        "docker {}: {error}",
        arguments.first().map_or("", String::as_str)
    )))
}

/// `docker run` for one node that is reached at `port`.
fn run_arguments(port: u16, pid: u32, properties: &[(String, String)]) -> Vec<String> {
    let own = [
        ("node.id", "1".to_string()),
        ("controller.quorum.voters", "1@localhost:9093".into()),
        (
            "listeners",
            "PLAINTEXT://:9092,CONTROLLER://:9093,INSIDE://:9094".into(),
        ),
        (
            "advertised.listeners",
            format!("PLAINTEXT://127.0.0.1:{port},INSIDE://localhost:9094"),
        ),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT".into(),
        ),
        ("inter.broker.listener.name", "INSIDE".into()),
    ];
    let fixed = settings::common(1).into_iter().chain(own);
    let mut settings: Vec<(String, String)> = fixed.map(|(name, value)| (name.to_string(), value)).collect();
    settings.extend(properties.iter().cloned());
    let mut arguments: Vec<String> = ["run", "-d", "-p"].map(String::from).to_vec();
    arguments.push(format!("127.0.0.1:{port}:9092"));
    arguments.extend(["--label".to_string(), format!("{LABEL}={pid}")]);
    for (name, value) in settings {
        let name = name
            .replace('_', "__")
            .replace('-', "___")
            .replace('.', "_")
            .to_uppercase();
        arguments.extend(["-e".to_string(), format!("KAFKA_{name}={value}")]);
    }
    arguments.push(image());
    arguments
}

impl Docker {
    pub(crate) fn start(count: usize, properties: &[Property], access: &Access) -> io::Result<Self> {
        if count != 1 {
            return Err(io::Error::other(
                "several nodes run as native processes only; set FOREBAY_TEST_BACKEND=native",
            ));
        }
        if !access.is_plain() {
            return Err(io::Error::other(
                "secure listeners and authorizers run in native processes only; set FOREBAY_TEST_BACKEND=native",
            ));
        }
        sweep();
        let port = ports::free();
        let id = output(&run_arguments(port, std::process::id(), properties))?;
        Ok(Self { id, port })
    }

    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> io::Result<String> {
        output(&["logs".to_string(), self.id.clone()])
    }

    pub(crate) fn command(&self, verb: &str) -> io::Result<()> {
        output(&[verb.to_string(), self.id.clone()]).map(|_| ())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(log) = output(&["logs".into(), "--tail".into(), "30".into(), self.id.clone()])
        {
            eprintln!("{log}");
        }
        drop(output(&["rm".into(), "-f".into(), self.id.clone()]));
    }
}

/// Removes containers whose test process is gone.
fn sweep() {
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let list = [
        "ps",
        "-a",
        "--filter",
        &format!("label={LABEL}"),
        "--format",
        &format,
    ]
    .map(String::from);
    for line in output(&list).unwrap_or_default().lines() {
        if let Some((id, pid)) = line.split_once(' ')
            && !Path::new("/proc").join(pid).exists()
        {
            drop(output(&["rm".into(), "-f".into(), id.into()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_publishes_on_loopback_labels_and_maps_properties() {
        let arguments = run_arguments(4711, 99, &[("log.retention.ms".into(), "5".into())]);
        let has = |wanted: &str| arguments.iter().any(|a| a == wanted);
        assert!(has("127.0.0.1:4711:9092"));
        assert!(has("forebay.test=99"));
        assert!(has("KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS=6000"));
        assert!(has("KAFKA_LOG_RETENTION_MS=5"));
        assert!(has(
            "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:4711,INSIDE://localhost:9094"
        ));
    }
    #[test]
    fn secure_listeners_are_refused_with_what_to_do() {
        let mut access = Access::default();
        access.listeners.push(crate::Listener::tls("TLS"));
        let error = Docker::start(1, &[], &access).unwrap_err().to_string();
        assert!(error.contains("FOREBAY_TEST_BACKEND=native"), "{error}");
    }
}
