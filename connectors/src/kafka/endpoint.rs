//! An endpoint's settings turned into client configurations. Data only: it opens nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use forebay_auth::{AuthError, AuthKind, Credentials, TokenCell};
use forebay_core::{Error, Kind, Result};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use tokio::runtime::Handle;

use crate::connector::{GroupProtocol, SinkSpec, SourceSpec};
use crate::sasl::Login;
use crate::self_hosted::Resolved;
use crate::tls::Tls;

/// Where a cluster is and how its clients are set.
#[derive(Clone)]
pub struct Endpoint {
    pub bootstrap: Vec<String>,
    /// `None` = plaintext.
    pub tls: Option<Tls>,
    pub credentials: Credentials,
    pub client_rack: Option<String>,
    /// Raw librdkafka settings of the user; those in [`OWNED`](crate::OWNED) were refused before.
    pub client: BTreeMap<String, String>,
}

/// A raw setting may be a secret, so only names are shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client: Vec<&str> = self.client.keys().map(String::as_str).collect();
        let mut out = f.debug_struct("Endpoint");
        out.field("bootstrap", &self.bootstrap);
        out.field("protocol", &self.protocol());
        out.field("client", &client).finish()
    }
}

impl Endpoint {
    /// A plaintext cluster without credentials.
    pub fn plaintext(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: vec![bootstrap.into()],
            tls: None,
            credentials: Credentials::None,
            client_rack: None,
            client: BTreeMap::new(),
        }
    }

    /// Gets the credentials; where that takes a token, waits at most `within` for the first one, and keeps it fresh on
    /// `runtime`. Must not be called from a task of it.
    ///
    /// # Errors
    /// `Auth` where an issuer refuses, `Fatal` where it does not answer.
    pub fn open(from: &Resolved, within: Duration, runtime: &Handle) -> Result<Self> {
        let credentials = match &from.login {
            Login::None => Credentials::None,
            Login::Password {
                mechanism,
                username,
                password,
            } => Credentials::Password {
                mechanism: *mechanism,
                username: username.clone(),
                password: password.clone(),
            },
            Login::Oidc(issuer) => {
                let cell = TokenCell::start(Arc::new(issuer.clone()), within, runtime);
                Credentials::Token(cell.map_err(no_token)?)
            }
        };
        let setting = |(name, value): (&String, &crate::Scalar)| (name.clone(), value.0.clone());
        Ok(Self {
            bootstrap: from.bootstrap.clone(),
            tls: from.tls.clone(),
            credentials,
            client_rack: from.client_rack.clone(),
            client: from.client.iter().map(setting).collect(),
        })
    }

    /// `security.protocol`, as Kafka names it.
    pub fn protocol(&self) -> &'static str {
        match (&self.tls, &self.credentials) {
            (None, Credentials::None) => "plaintext",
            (Some(_), Credentials::None) => "ssl",
            (None, _) => "sasl_plaintext",
            (Some(_), _) => "sasl_ssl",
        }
    }

    /// The SASL mechanism, where there is one.
    pub fn mechanism(&self) -> Option<&'static str> {
        match &self.credentials {
            Credentials::None => None,
            Credentials::Password { mechanism, .. } => Some(mechanism.name()),
            Credentials::Token(_) => Some("OAUTHBEARER"),
        }
    }
}

fn no_token(error: AuthError) -> Error {
    let kind = match error.kind {
        AuthKind::Refused => Kind::Auth,
        AuthKind::Unavailable => Kind::Fatal,
    };
    Error::new(kind, "get credentials for a connector").caused_by(error)
}

/// Settings of consumers only: a producer would warn of them.
const CONSUMER: &[&str] = &[
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "group.instance.id",
    "group.remote.assignor",
    "fetch.wait.max.ms",
    "fetch.min.bytes",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.error.backoff.ms",
    "fetch.queue.backoff.ms",
    "queued.min.messages",
    "check.crcs",
    "coordinator.query.interval.ms",
];

/// Settings of producers only.
const PRODUCER: &[&str] = &[
    "batch.size",
    "batch.num.messages",
    "queue.buffering.max.messages",
    "queue.buffering.backpressure.threshold",
    "compression.level",
    "request.timeout.ms",
    "sticky.partitioning.linger.ms",
];

impl Endpoint {
    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set_log_level(RDKafkaLogLevel::Warning)
            .set("bootstrap.servers", self.bootstrap.join(","))
            .set("client.id", "forebay")
            .set("enable.metrics.push", "false")
            .set("allow.auto.create.topics", "false")
            // A broker that comes back should be found within a second or two.
            .set("reconnect.backoff.max.ms", "1000")
            .set("security.protocol", self.protocol());
        if let Some(tls) = &self.tls {
            encrypt(&mut config, tls);
        }
        if let Some(mechanism) = self.mechanism() {
            config.set("sasl.mechanisms", mechanism);
        }
        if let Credentials::Password {
            username, password, ..
        } = &self.credentials
        {
            config
                .set("sasl.username", username)
                .set("sasl.password", password.expose());
        }
        config
    }

    fn with_overrides(&self, mut config: ClientConfig, other_end: &[&str]) -> ClientConfig {
        for (name, value) in &self.client {
            if !other_end.contains(&name.as_str()) {
                config.set(name, value);
            }
        }
        config
    }

    /// A client that only asks for metadata.
    pub(super) fn probe(&self) -> ClientConfig {
        self.with_overrides(self.base(), &[CONSUMER, PRODUCER].concat())
    }

    /// A client that creates topics.
    pub(super) fn admin(&self) -> ClientConfig {
        self.probe()
    }

    /// A consumer that is told what to read: librdkafka wants a group's name for it, and never joins that group.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", "forebay-reader")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "5");
        self.with_overrides(config, PRODUCER)
    }

    pub(super) fn consumer(&self, spec: &SourceSpec) -> ClientConfig {
        let mut config = self.base();
        if let Some(rack) = &self.client_rack {
            config.set("client.rack", rack);
        }
        if let Some(id) = &spec.instance_id {
            config.set("group.instance.id", id);
        }
        config
            .set("group.id", &spec.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A position that is gone is the lane's to decide, not the client's.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            // The default of a second stalls a fast reader each time its queue was full.
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.min.messages", "20000")
            .set(
                "queued.max.messages.kbytes",
                (spec.prefetch_bytes / 1024).max(1024).to_string(),
            );
        match spec.protocol {
            GroupProtocol::CooperativeSticky => {
                config.set("partition.assignment.strategy", "cooperative-sticky");
            }
            GroupProtocol::Range => {
                config.set("partition.assignment.strategy", "range");
            }
            GroupProtocol::Consumer => {
                config.set("group.protocol", "consumer");
            }
        }
        if spec.protocol != GroupProtocol::Consumer {
            // Members learn of a rebalance from the answer to a heartbeat: at the default of 3 s, partitions on their way
            // to another member lie idle as long. (In the consumer protocol the broker sets the interval.)
            config.set("heartbeat.interval.ms", "500");
        }
        self.with_overrides(config, PRODUCER)
    }

    pub(super) fn producer(&self, spec: &SinkSpec) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            // 0 = for ever: a result that cannot be delivered now is delivered later.
            .set("message.timeout.ms", "0")
            // Consistent with Java producers, so that results stay co-partitioned.
            .set("partitioner", "murmur2_random")
            .set("compression.type", &spec.compression)
            .set("linger.ms", (spec.linger.as_micros() as f64 / 1000.0).to_string())
            // One record may be larger than a batch usually is; the broker has the last word.
            .set("message.max.bytes", "100000000")
            .set("batch.size", "900000")
            .set("queue.buffering.max.messages", "1000000")
            .set(
                "queue.buffering.max.kbytes",
                (spec.buffer_bytes / 1024).max(1024).to_string(),
            );
        self.with_overrides(config, CONSUMER)
    }
}

fn encrypt(config: &mut ClientConfig, tls: &Tls) {
    let checked = if tls.check_host_name { "https" } else { "none" };
    config.set("ssl.endpoint.identification.algorithm", checked);
    if let Some(ca) = &tls.ca {
        config.set("ssl.ca.pem", ca);
    }
    if let Some(identity) = &tls.identity {
        config
            .set("ssl.certificate.pem", &identity.certificate)
            .set("ssl.key.pem", identity.key.expose());
        if let Some(password) = &identity.key_password {
            config.set("ssl.key.password", password.expose());
        }
    }
}
