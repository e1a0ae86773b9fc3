//! Redpanda in a container, through the `docker` command: one node. There is no other way to run it.

use std::fmt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::{client, ports, process};

/// A Redpanda that runs; removed on drop.
#[derive(Debug)]
pub struct Redpanda {
    id: String,
    bootstrap: String,
}

/// Why there is none: no engine answers, or the image is neither here nor can be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(String);

const IMAGE: &str = "redpandadata/redpanda:v24.3.1";
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
const PULLED_WITHIN: Duration = Duration::from_secs(60);
const READY_WITHIN: Duration = Duration::from_secs(60);

impl Redpanda {
    /// Starts one node and waits until it answers. `FOREBAY_REDPANDA_IMAGE` names another image.
    ///
    /// # Errors
    /// Where no engine answers, or the image is not here and is not pulled within a minute.
    pub fn start() -> Result<Self, Unavailable> {
        let image = std::env::var("FOREBAY_REDPANDA_IMAGE").unwrap_or_else(|_| IMAGE.into());
        docker(&["version", "--format", "{{.Server.Version}}"], ANSWERS_WITHIN)
            .map_err(|error| Unavailable(format!("no container engine answers: {error}")))?;
        if docker(&["image", "inspect", &image], ANSWERS_WITHIN).is_err() {
            docker(&["pull", "-q", &image], PULLED_WITHIN).map_err(|error| {
                Unavailable(format!(
                    "the image {image} is not here and was not pulled: {error}"
                ))
            })?;
        }
        let bootstrap = format!("127.0.0.1:{}", ports::free());
        let id = docker(&run_arguments(&image, &bootstrap), READY_WITHIN)
            .map_err(|error| Unavailable(format!("a container of {image} did not start: {error}")))?;
        let redpanda = Self { id, bootstrap };
        let until = Instant::now() + READY_WITHIN;
        while client::brokers(&redpanda.bootstrap) == 0 {
            if Instant::now() >= until {
                return Err(Unavailable(format!(
                    "{image} did not answer within {READY_WITHIN:?}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(redpanda)
    }

    /// `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Redpanda {
    fn drop(&mut self) {
        drop(docker(&["rm", "-f", &self.id], ANSWERS_WITHIN));
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no Redpanda: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The container has the label of all of ours: it is removed at a later start where this process could not do so.
fn run_arguments(image: &str, bootstrap: &str) -> Vec<String> {
    let published = format!("--publish={bootstrap}:9092");
    let label = format!("--label=forebay.test={}", std::process::id());
    let advertised = format!("--advertise-kafka-addr=PLAINTEXT://{bootstrap}");
    let own = [
        "run",
        "-d",
        "--pull=never",
        &published,
        &label,
        image,
        "redpanda",
        "start",
    ];
    let node = [
        "--mode=dev-container",
        "--smp=1",
        "--memory=1G",
        "--kafka-addr=PLAINTEXT://0.0.0.0:9092",
    ];
    let all = own.into_iter().chain(node).chain([advertised.as_str()]);
    all.map(String::from).collect()
}

/// Runs `docker` to its end, with a bound; what it wrote.
fn docker(arguments: &[impl AsRef<str>], within: Duration) -> Result<String, String> {
    let mut command = Command::new("timeout");
    command.arg(within.as_secs().to_string()).arg("docker");
    command.args(arguments.iter().map(AsRef::as_ref));
    let Output {
        status,
        stdout,
        stderr,
    } = process::output(command, within + ANSWERS_WITHIN);
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim().to_string());
    }
    match (
        status.code(),
        String::from_utf8_lossy(&stderr)
            .lines()
            .find(|line| !line.trim().is_empty()),
    ) {
        (Some(124), _) => Err(format!("docker did not end within {within:?}")),
        (_, Some(line)) => Err(line.trim().to_string()),
        (_, None) => Err(format!("docker ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_published_on_loopback_only_and_labelled() {
        let arguments = run_arguments("some:1", "127.0.0.1:4711");
        for wanted in [
            "--publish=127.0.0.1:4711:9092".to_string(),
            format!("--label=forebay.test={}", std::process::id()),
            "--advertise-kafka-addr=PLAINTEXT://127.0.0.1:4711".into(),
        ] {
            assert!(arguments.contains(&wanted), "no {wanted} in {arguments:?}");
        }
    }
}
