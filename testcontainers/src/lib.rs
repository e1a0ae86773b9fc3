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
//!
//! [`Msk`], [`ConfluentCloud`], [`EventHubs`] and [`GoogleKafka`] stand in for clouds: a real Kafka with the cloud's
//! mechanisms over TLS, and on loopback whatever a client asks on its way there. Brokers check Amazon's and Google's
//! tokens, connection strings and extensions with classes of their own, which a JDK compiles once. Each stand-in has an
//! environment for a process under test, so that the process needs no switch for tests:
//!
//! ```no_run
//! use std::process::Command;
//! use std::time::Duration;
//!
//! use forebay_testcontainers::{Msk, await_until, process};
//!
//! let msk = Msk::start();
//! msk.kafka().create_topic("payments", 4);
//! msk.kafka().create_topic("scores", 4);
//! // ... write payments, with any client, to msk.kafka().bootstrap()
//! // pipeline.yaml has a connector of kind msk, with `cluster_arn: "${CLUSTER}"` and `tls: { ca: "${CA}" }`.
//! let mut forebay = Command::new("forebay");
//! forebay.args(["run", "pipeline.yaml"]).envs(msk.environment());
//! forebay.env("CLUSTER", msk.cluster_arn()).env("CA", msk.ca());
//! // Ends with the test.
//! let _running = process::spawn(forebay).expect("start forebay");
//! await_until(Duration::from_secs(60), "every payment has a score", || {
//!     msk.kafka().count("scores") == 1000
//! });
//! ```
//!
//! [`Outage`] is how a service around a cloud fails: `msk.sts().fail(Some(Outage::Denied))`. What a broker has against a
//! client is in its log, [`Kafka::log`], and nowhere else, as with the real ones. [`Redpanda`] runs in a container only.
//!
//! [`Registry`] is a real schema registry beside the brokers, always a native process; `make registry` fetches it, and a first
//! start does where nobody has. [`RegistryStub`] is a small one for what that one cannot do: GUIDs, credentials and faults.
//!
//! [`Prometheus`] and [`Alertmanager`] are real ones, always native processes: the first scrapes every second, the second calls a webhook
//! that keeps what it was told. `make prometheus` fetches both, and a first start does where nobody has.
//!
//! What the stand-ins do not show: the clouds' own rights, quotas and limits, and their certificates.

mod accept;
mod access;
mod acl;
mod acl_ffi;
mod alertmanager;
mod audit;
mod authority;
mod backend;
mod builder;
mod client;
mod cloud;
mod connections;
mod docker;
mod faults;
mod form;
mod frozen;
mod handlers;
mod hidden;
mod http;
mod issuer;
mod jaas;
mod jvm;
mod listener;
mod native;
mod nodes;
mod ports;
pub mod process;
mod prometheus;
mod proxy;
mod reaper;
mod redpanda;
mod registry;
mod registry_stub;
mod service;
mod settings;
mod x509;

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use backend::Backend;
use nodes::Nodes;

pub use acl::{Operation, Resource};
pub use alertmanager::{Alertmanager, Call};
pub use audit::{Audit, Load, Make, await_until};
pub use authority::{Authority, Certificate, CertificateRequest};
pub use builder::KafkaBuilder;
pub use client::{Message, TopicBuilder};
pub use cloud::{Account, CloudBuilder, ConfluentCloud, EventHubs, GoogleKafka, Msk, StsCall};
pub use connections::Connections;
pub use faults::Fault;
pub use frozen::Frozen;
pub use issuer::{Failure, Https, Issuer, TokenRequest};
pub use listener::{Listener, Mechanism};
pub use prometheus::{Alert, Prometheus};
pub use proxy::Proxy;
pub use redpanda::{Redpanda, Unavailable};
pub use registry::Registry;
pub use registry_stub::RegistryStub;
pub use service::{Outage, Service};

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

    /// What node `i` (from 0) has logged: why it refused a client, for one, which the client is never told.
    ///
    /// # Panics
    /// Where the log cannot be read.
    pub fn log(&self, i: usize) -> String {
        let log = self.running().log(i);
        log.unwrap_or_else(|e| panic!("read the log of node {i}: {e}"))
    }

    /// What a listener's connections came to so far, of a cluster that
    /// [counts them](KafkaBuilder::count_connections).
    ///
    /// # Panics
    /// Where nobody counts.
    pub fn connections(&self, listener: &str) -> Connections {
        let counted = self.running().connections(listener);
        counted.unwrap_or_else(|e| panic!("count the connections of {listener}: {e}"))
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
