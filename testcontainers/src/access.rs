//! Who may reach a cluster, and how: its listeners beside the plain one, its users, its authority, its authorizer.

use std::io;
use std::path::PathBuf;

use crate::authority::{Authority, Certificate};
use crate::connections;
use crate::handlers;
use crate::jaas::{self, User};
use crate::listener::Listener;
use crate::settings::Property;

/// What a builder was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) users: Vec<User>,
    pub(crate) authority: Option<Authority>,
    pub(crate) authorizer: bool,
    pub(crate) counts_connections: bool,
    /// The certificate of listeners that name none.
    certificate: Option<Certificate>,
}

impl Access {
    /// Makes what was not given: an authority and the brokers' certificate.
    pub(crate) fn complete(&self) -> Self {
        let mut access = self.clone();
        if self.listeners.iter().any(Listener::uses_tls) {
            let authority = access.authority.get_or_insert_with(Authority::new);
            access.certificate = Some(authority.server("broker").issue());
        }
        access
    }

    /// The properties of a node that has `plain` for everybody, `controller` for its like, and a port per listener.
    pub(crate) fn properties(&self, plain: u16, controller: u16, ports: &[u16]) -> Vec<Property> {
        let mut listeners = vec![
            format!("PLAINTEXT://127.0.0.1:{plain}"),
            format!("CONTROLLER://127.0.0.1:{controller}"),
        ];
        let mut advertised = vec![format!("PLAINTEXT://127.0.0.1:{plain}")];
        let mut protocols = vec!["PLAINTEXT:PLAINTEXT".to_string(), "CONTROLLER:PLAINTEXT".into()];
        let mut own = Vec::new();
        for (listener, port) in self.listeners.iter().zip(ports) {
            let name = listener.name();
            listeners.push(format!("{name}://127.0.0.1:{port}"));
            advertised.push(format!("{name}://{}", listener.told(*port)));
            protocols.push(format!("{name}:{}", listener.protocol()));
            own.extend(listener.properties(self.certificate.as_ref(), &self.users));
        }
        let mut all = vec![
            ("listeners".to_string(), listeners.join(",")),
            ("advertised.listeners".into(), advertised.join(",")),
            ("listener.security.protocol.map".into(), protocols.join(",")),
            ("inter.broker.listener.name".into(), "PLAINTEXT".into()),
        ];
        if self.authorizer {
            let class = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
            all.push(("authorizer.class.name".into(), class.into()));
            all.push(("super.users".into(), "User:ANONYMOUS".into()));
        }
        if self.counts_connections {
            all.push(("metric.reporters".into(), connections::REPORTER.into()));
        }
        all.extend(own);
        all
    }

    /// What the storage tool is told besides.
    pub(crate) fn format_arguments(&self) -> io::Result<Vec<String>> {
        if !self.listeners.iter().any(Listener::uses_scram) {
            return Ok(Vec::new());
        }
        let arguments: io::Result<Vec<_>> = self.users.iter().map(jaas::scram_arguments).collect();
        Ok(arguments?.concat())
    }

    /// The folder of the classes that settings name, where one does.
    pub(crate) fn classes(&self) -> io::Result<Option<PathBuf>> {
        let named = self.counts_connections || self.listeners.iter().any(Listener::has_handler);
        named.then(handlers::classes).transpose()
    }

    /// Options of the broker's JVM.
    pub(crate) fn java_options(&self) -> Vec<String> {
        let urls: Vec<&str> = self.listeners.iter().filter_map(Listener::keys).collect();
        if urls.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}",
            urls.join(",")
        )]
    }
}
