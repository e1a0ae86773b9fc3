//! What a cluster should be like, and its start.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use crate::Kafka;
use crate::access::Access;
use crate::authority::Authority;
use crate::jaas::User;
use crate::listener::Listener;
use crate::nodes::{self, Nodes};
use crate::settings::Property;

/// What a cluster should be like.
#[derive(Clone, Debug)]
pub struct KafkaBuilder {
    nodes: usize,
    properties: Vec<Property>,
    process: nodes::Options,
    access: Access,
}

/// How often a cluster is started whose ports are taken.
const TRIES: usize = 4;

impl KafkaBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: 1,
            properties: Vec::new(),
            process: nodes::Options::default(),
            access: Access::default(),
        }
    }

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

    /// A listener beside the plain one, which stays.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.access.listeners.push(listener);
        self
    }

    /// A user of every listener with passwords, for each of its mechanisms. Any password will do but one that begins
    /// with white space, which librdkafka's clients drop.
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

    /// Every node counts its listeners' connections: [`Kafka::connections`].
    #[must_use]
    pub fn count_connections(mut self) -> Self {
        self.access.counts_connections = true;
        self
    }

    /// Where the nodes keep their data, instead of the folder for temporary files.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.process.folder = Some(folder.into());
        self
    }

    /// A jar or a folder of classes that the nodes look into before Kafka's own: an authenticator, a plugin.
    #[must_use]
    pub fn class_path(mut self, entry: &Path) -> Self {
        self.process.class_path.push(entry.into());
        self
    }

    /// Nodes that start slower and run faster: more heap, every compiler of the JVM.
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
        let nodes = Nodes::start(self.nodes, &self.properties, &self.process, &self.access)?;
        let kafka = Kafka {
            bootstrap: nodes.bootstrap(),
            running: Mutex::new(nodes),
            nodes: self.nodes,
        };
        for i in 0..self.nodes {
            kafka.await_node(i, self.nodes)?;
        }
        Ok(kafka)
    }
}
