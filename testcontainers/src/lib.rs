//! Real brokers for tests, several at once on free ports: in containers where Docker answers and has the image, as
//! native processes elsewhere. Both have the same features, settings and addresses. Everything ends with the test
//! process, whatever ends it; logs are kept where a test panics.
//!
//! Each test process says on standard error which way it took, as [`Kafka::backend_name`] does:
//! `Kafka for tests: container (image forebay/kafka:4.4.0)`, or `native process` and why there are no containers.
//! `FOREBAY_TEST_BACKEND=docker|native` forces one, `FOREBAY_KAFKA_IMAGE` names an image that has Kafka in `/opt/kafka`,
//! and `java`. Without it `forebay/kafka:4.4.0` is taken, which `scripts/make-kafka-image.sh` makes where no image
//! can be pulled, or else `apache/kafka:4.1.0`. The engine must run on this machine, as root: containers share its
//! network, its folders and the user.
//!
//! A cluster can have listeners with TLS, passwords and tokens beside its plain one, and an authorizer; certificates come
//! from an [`Authority`], tokens from an [`Issuer`]. [`Fault`] and [`Proxy`] are connections that go wrong.

mod accept;
mod access;
mod acl;
mod acl_ffi;
mod audit;
mod authority;
mod backend;
mod builder;
mod client;
mod docker;
mod faults;
mod issuer;
mod jaas;
mod jvm;
mod listener;
mod nodes;
mod ports;
pub mod process;
mod proxy;
mod reaper;
mod settings;
mod x509;

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use backend::Backend;
use nodes::Nodes;

pub use acl::{Operation, Resource};
pub use audit::{Audit, Load, Make, await_until};
pub use authority::{Authority, Certificate, CertificateRequest};
pub use builder::KafkaBuilder;
pub use client::{Message, TopicBuilder};
pub use faults::Fault;
pub use issuer::{Failure, Https, Issuer, TokenRequest};
pub use listener::{Listener, Mechanism};
pub use proxy::Proxy;

/// A running cluster; ends on drop.
#[derive(Debug)]
pub struct Kafka {
    running: Mutex<Nodes>,
    bootstrap: String,
    nodes: usize,
}

/// How long brokers may take until they answer.
const READY_WITHIN: Duration = Duration::from_secs(120);
impl Kafka {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster to be described.
    pub fn builder() -> KafkaBuilder {
        KafkaBuilder::new()
    }

    /// One node for all tests of a process that only need topics of their own. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Which way this test process runs Kafka: `container (image NAME)` or `native process`.
    ///
    /// # Panics
    /// Where containers are asked for and cannot be had; the text says what to do.
    pub fn backend_name() -> String {
        let backend = Backend::own().unwrap_or_else(|e| panic!("start Kafka: {e}"));
        backend.to_string()
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
        let address = self.running().listener(listener);
        address.unwrap_or_else(|| panic!("the cluster has no listener {listener}"))
    }

    /// Who issued the brokers' certificates.
    ///
    /// # Panics
    /// Where the cluster has no listener with TLS, and was given no authority.
    pub fn authority(&self) -> Authority {
        let authority = self.running().authority();
        authority.expect("a cluster with a certificate authority")
    }

    fn running(&self) -> MutexGuard<'_, Nodes> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
        let done = self.running().stop_node(i, signal);
        done.unwrap_or_else(|e| panic!("{verb} node {i}: {e}"));
    }

    /// Starts node `i` again, on its port and with its data, and waits until it answers itself: the others may list it
    /// for seconds after it was killed.
    pub fn start_node(&self, i: usize) {
        let started = self.running().start_node(i);
        let ready = started.and_then(|()| self.await_node(i, 1));
        ready.unwrap_or_else(|e| panic!("start node {i}: {e}"));
    }

    /// Waits until node `i` answers at its own address and knows of `count` brokers.
    fn await_node(&self, i: usize, count: usize) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let address = self.running().address(i);
        while client::brokers(&address) < count || !self.running().is_open(i) {
            if let Some(log) = self.running().failure() {
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

    /// Whether a process' command line names the folder; those of containers are seen, too.
    fn is_named(folder: &std::path::Path) -> bool {
        let name = folder.display().to_string();
        let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes.any(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&name)
        })
    }

    #[test]
    fn a_cluster_leaves_nothing_behind() {
        let kafka = Kafka::start();
        let folder = kafka.running().folder().to_path_buf();
        assert!(is_named(&folder) && folder.exists());
        drop(kafka);
        assert!(!is_named(&folder) && !folder.exists());
    }
}
