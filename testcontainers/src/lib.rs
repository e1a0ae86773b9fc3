//! Real brokers for tests, several at once on free ports: in a container where Docker answers and has the image, as
//! native processes elsewhere. `FOREBAY_TEST_BACKEND=docker|native` forces one. Everything ends with the test process,
//! whatever ends it; logs are kept where a test panics.
//!
//! The container backend starts one node; where no engine runs, its tests cover the command line it builds, and the
//! container itself is not run.

mod accept;
mod access;
mod acl;
mod acl_ffi;
mod audit;
mod authority;
mod client;
mod docker;
mod faults;
mod issuer;
mod jaas;
mod listener;
mod native;
mod ports;
pub mod process;
mod proxy;
mod reaper;
mod settings;

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use access::Access;
use docker::Docker;
use jaas::User;
use native::Native;

pub use acl::{Operation, Resource};
pub use audit::{Audit, Load, Make, await_until};
pub use authority::{Authority, Certificate, Request};
pub use client::{Message, TopicBuilder};
pub use faults::Fault;
pub use issuer::{Failure, Issuer, TokenRequest};
pub use listener::{Listener, Mechanism};
pub use proxy::Proxy;

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
    access: Access,
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

    /// A listener beside the plain one, which stays. Secure listeners run in native processes only.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.access.listeners.push(listener);
        self
    }

    /// A user of every listener with passwords, for each of its mechanisms.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        let (name, password) = (name.into(), password.into());
        self.access.users.push(User { name, password });
        self
    }

    /// Who issues the brokers' certificates; a cluster with TLS makes itself an authority where none is given.
    #[must_use]
    pub fn authority(mut self, authority: &Authority) -> Self {
        self.access.authority = Some(authority.clone());
        self
    }

    /// Nobody may do anything but what [`Kafka::allow`] says, except `User:ANONYMOUS`: who comes over the plain
    /// listener, or over TLS without a client certificate.
    #[must_use]
    pub fn authorizer(mut self) -> Self {
        self.access.authorizer = true;
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
        let backend = if uses_docker(self.nodes == 1 && self.access.is_plain()) {
            Backend::Docker(Docker::start(self.nodes, &self.properties, &self.access)?)
        } else {
            let (count, process) = (self.nodes, &self.process);
            Backend::Native(Native::start(count, &self.properties, process, &self.access)?)
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

/// `able`: whether a container could do what is asked for.
fn uses_docker(able: bool) -> bool {
    static USABLE: OnceLock<bool> = OnceLock::new();
    match std::env::var("FOREBAY_TEST_BACKEND").as_deref() {
        Ok("docker") => true,
        Ok("native") => false,
        _ => able && *USABLE.get_or_init(docker::is_usable),
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
            access: Access::default(),
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

    /// Where a listener is, by its name: `localhost:port`, separated by commas.
    ///
    /// # Panics
    /// Where the cluster has no such listener.
    pub fn address(&self, listener: &str) -> String {
        let address = match &*self.backend() {
            Backend::Native(native) => native.listener(listener),
            Backend::Docker(_) => None,
        };
        address.unwrap_or_else(|| panic!("the cluster has no listener {listener}"))
    }

    /// Who issued the brokers' certificates.
    ///
    /// # Panics
    /// Where the cluster has no listener with TLS, and was given no authority.
    pub fn authority(&self) -> Authority {
        let authority = match &*self.backend() {
            Backend::Native(native) => native.authority(),
            Backend::Docker(_) => None,
        };
        authority.expect("a cluster with a certificate authority")
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

    fn is_open(&self, i: usize) -> bool {
        match &*self.backend() {
            Backend::Native(native) => native.is_open(i),
            Backend::Docker(_) => true,
        }
    }

    /// Waits until node `i` answers at its own address and knows of `count` brokers.
    fn await_node(&self, i: usize, count: usize) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let address = match &*self.backend() {
            Backend::Native(native) => native.address(i),
            Backend::Docker(docker) => docker.bootstrap(),
        };
        while client::brokers(&address) < count || !self.is_open(i) {
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
