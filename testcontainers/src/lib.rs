//! Real brokers for tests, several at once on free ports: in a container where Docker answers and has the image, as
//! native processes elsewhere. `FOREBAY_TEST_BACKEND=docker|native` forces one. Everything ends with the test process,
//! whatever ends it; logs are kept where a test panics.
//!
//! The container backend starts one node; where no engine runs, its tests cover the command line it builds, and the
//! container itself is not run.

mod audit;
mod client;
mod docker;
mod native;
mod ports;
pub mod process;
mod reaper;
mod settings;

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use docker::Docker;
use native::Native;

pub use audit::{Audit, Load, Make, await_until};
pub use client::{Message, TopicBuilder};

/// A running cluster; ends on drop.
#[derive(Debug)]
pub struct Kafka {
    backend: Mutex<Backend>,
    bootstrap: String,
    nodes: usize,
}

#[derive(Debug)]
enum Backend {
    Native(Native),
    Docker(Docker),
}

/// What a cluster should be like.
#[derive(Clone, Debug)]
pub struct KafkaBuilder {
    nodes: usize,
    properties: Vec<(String, String)>,
    process: native::Options,
}

/// How long brokers may take until they answer.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often a cluster is started whose ports are taken.
const TRIES: usize = 4;

impl KafkaBuilder {
    /// One node or three.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// A broker property beside or instead of the tests' own.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Where a native process keeps its data, instead of the folder for temporary files.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.process.folder = Some(folder.into());
        self
    }

    /// A native process that starts slower and runs faster: more heap, every compiler of the JVM.
    #[must_use]
    pub fn for_speed(mut self) -> Self {
        self.process.for_speed = true;
        self
    }

    /// Starts it and waits until every broker answers.
    ///
    /// # Panics
    /// Where no broker can be started; the text says what is missing.
    pub fn start(self) -> Kafka {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_start() {
                Ok(kafka) => return kafka,
                // A port that was free may be taken by now: another try finds others.
                Err(error) if tries < TRIES && error.to_string().contains("Address already in use") => {}
                Err(error) => panic!("start Kafka: {error}"),
            }
        }
    }

    fn try_start(&self) -> io::Result<Kafka> {
        let backend = if uses_docker(self.nodes) {
            Backend::Docker(Docker::start(self.nodes, &self.properties)?)
        } else {
            Backend::Native(Native::start(self.nodes, &self.properties, &self.process)?)
        };
        let bootstrap = match &backend {
            Backend::Native(native) => native.bootstrap(),
            Backend::Docker(docker) => docker.bootstrap(),
        };
        let kafka = Kafka {
            backend: Mutex::new(backend),
            bootstrap,
            nodes: self.nodes,
        };
        for i in 0..self.nodes {
            kafka.await_node(i, self.nodes)?;
        }
        Ok(kafka)
    }
}

fn uses_docker(nodes: usize) -> bool {
    static USABLE: OnceLock<bool> = OnceLock::new();
    match std::env::var("FOREBAY_TEST_BACKEND").as_deref() {
        Ok("docker") => true,
        Ok("native") => false,
        _ => nodes == 1 && *USABLE.get_or_init(docker::is_usable),
    }
}

impl Kafka {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster to be described.
    pub fn builder() -> KafkaBuilder {
        KafkaBuilder {
            nodes: 1,
            properties: Vec::new(),
            process: native::Options::default(),
        }
    }

    /// One node for all tests of a process that only need topics of their own. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `host:port`, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn backend(&self) -> MutexGuard<'_, Backend> {
        self.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends node `i` (from 0) in order.
    pub fn stop_node(&self, i: usize) {
        self.end_node(i, libc::SIGTERM, "stop");
    }

    /// Kills node `i` (from 0).
    pub fn kill_node(&self, i: usize) {
        self.end_node(i, libc::SIGKILL, "kill");
    }

    fn end_node(&self, i: usize, signal: i32, verb: &str) {
        let done = match &mut *self.backend() {
            Backend::Native(native) => native.stop_node(i, signal),
            Backend::Docker(docker) => docker.command(verb),
        };
        done.unwrap_or_else(|e| panic!("{verb} node {i}: {e}"));
    }

    /// Starts node `i` again, on its port and with its data, and waits until it answers itself: the others may list it
    /// for seconds after it was killed.
    pub fn start_node(&self, i: usize) {
        let started = match &mut *self.backend() {
            Backend::Native(native) => native.start_node(i),
            Backend::Docker(docker) => docker.command("start"),
        };
        let ready = started.and_then(|()| self.await_node(i, 1));
        ready.unwrap_or_else(|e| panic!("start node {i}: {e}"));
    }

    /// Waits until node `i` answers at its own address and knows of `count` brokers.
    fn await_node(&self, i: usize, count: usize) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let address = match &*self.backend() {
            Backend::Native(native) => native.address(i),
            Backend::Docker(docker) => docker.bootstrap(),
        };
        while client::brokers(&address) < count {
            if let Backend::Native(native) = &mut *self.backend()
                && let Some(log) = native.failure()
            {
                return Err(io::Error::other(format!("a node ended by itself:\n{log}")));
            }
            if Instant::now() >= until {
                return Err(io::Error::other(format!(
                    "node {i} of {} did not answer within {READY_WITHIN:?}",
                    self.nodes
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_leaves_nothing_behind() {
        let kafka = Kafka::start();
        let pids = match &*kafka.backend() {
            Backend::Native(native) => native.pids(),
            Backend::Docker(_) => return,
        };
        assert_eq!(pids.len(), 1);
        drop(kafka);
        for pid in pids {
            assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists());
        }
    }
}
