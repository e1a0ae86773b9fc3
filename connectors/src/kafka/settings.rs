//! The settings of each kind of client, each with whose choice it is and why. Data only: it opens nothing. What a kind of
//! connector sets goes over Forebay's own, and what the pipeline file sets over both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use forebay_auth::{Credentials, Secret};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::endpoint::Endpoint;
use crate::connector::{GroupProtocol, SinkSpec, SourceSpec};
use crate::resolved::{Bootstrap, Login, Resolved, Setting};
use crate::scalar::Scalar;
use crate::tls::Tls;

/// What the settings of a client are made of: an endpoint, or a connector that was not opened.
#[derive(Debug)]
pub struct Clients<'a> {
    bootstrap: String,
    tls: Option<&'a Tls>,
    mechanism: Option<&'static str>,
    password: Option<(&'a str, &'a Secret)>,
    client_rack: Option<&'a str>,
    preset: &'a [Setting],
    client: &'a BTreeMap<String, Scalar>,
}

impl<'a> From<&'a Endpoint> for Clients<'a> {
    fn from(endpoint: &'a Endpoint) -> Self {
        let password = match &endpoint.credentials {
            Credentials::Password {
                username, password, ..
            } => Some((username.as_str(), password)),
            Credentials::None | Credentials::Token(_) => None,
        };
        Self {
            bootstrap: endpoint.bootstrap.join(","),
            tls: endpoint.tls.as_ref(),
            mechanism: endpoint.mechanism(),
            password,
            client_rack: endpoint.client_rack.as_deref(),
            preset: &endpoint.preset,
            client: &endpoint.client,
        }
    }
}

impl<'a> From<&'a Resolved> for Clients<'a> {
    fn from(resolved: &'a Resolved) -> Self {
        let password = match &resolved.login {
            Login::Password {
                username, password, ..
            } => Some((username.as_str(), password)),
            Login::None | Login::Token(_) => None,
        };
        Self {
            bootstrap: match &resolved.bootstrap {
                Bootstrap::Addresses(all) => all.join(","),
                Bootstrap::Lookup(lookup) => format!("({}, asked for at the start)", lookup.what()),
            },
            tls: resolved.tls.as_ref(),
            mechanism: resolved.login.mechanism(),
            password,
            client_rack: resolved.client_rack.as_deref(),
            preset: &resolved.preset,
            client: &resolved.client,
        }
    }
}

/// Whose choice a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Forebay,
    /// The connector's kind.
    Kind,
    /// The pipeline file.
    File,
}

/// A setting as a client gets it.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: Cow<'static, str>,
    value: Secret,
    hidden: bool,
    pub by: By,
    pub why: Cow<'static, str>,
    /// What it would be without the file's or the kind's choice.
    pub instead_of: Option<String>,
}

impl Line {
    /// The value; `None` where it is a secret.
    pub fn shown(&self) -> Option<&str> {
        (!self.hidden).then(|| self.value.expose())
    }
}

/// All settings of one client; each name once.
#[derive(Clone, Debug, Default)]
pub struct Settings(Vec<Line>);

impl Settings {
    /// In the order in which they were made.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    fn put(&mut self, line: Line) {
        match self.0.iter_mut().find(|old| old.name == line.name) {
            Some(old) => {
                let instead_of = old.shown().map(str::to_owned);
                *old = Line { instead_of, ..line };
            }
            None => self.0.push(line),
        }
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>, why: &'static str) -> &mut Self {
        self.put(Line {
            name: name.into(),
            value: value.into().into(),
            hidden: false,
            by: By::Forebay,
            why: why.into(),
            instead_of: None,
        });
        self
    }

    fn hide(&mut self, name: &'static str, value: &Secret, why: &'static str) {
        self.set(name, value.expose(), why);
        if let Some(line) = self.0.iter_mut().find(|line| line.name == name) {
            line.hidden = true;
        }
    }

    /// As librdkafka takes them.
    pub(super) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Whoever turns contexts of its log on wants to see them.
        config.set_log_level(match self.0.iter().any(|line| line.name == "debug") {
            true => RDKafkaLogLevel::Debug,
            false => RDKafkaLogLevel::Warning,
        });
        for line in &self.0 {
            config.set(line.name.as_ref(), line.value.expose());
        }
        config
    }
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

/// Settings that the broker decides in the consumer protocol (KIP-848); a client must not have them.
const CLASSIC_GROUPS: &[&str] = &["session.timeout.ms", "heartbeat.interval.ms"];

impl Clients<'_> {
    /// `security.protocol`, as Kafka names it.
    pub(super) fn protocol(&self) -> &'static str {
        match (self.tls, self.mechanism) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }

    fn base(&self) -> Settings {
        let mut all = Settings::default();
        all.set(
            "bootstrap.servers",
            self.bootstrap.as_str(),
            "where the cluster is",
        )
        .set(
            "client.id",
            "forebay",
            "how brokers' logs and quotas name this client",
        )
        .set(
            "enable.metrics.push",
            "false",
            "a client tells nobody of itself unasked",
        )
        .set(
            "allow.auto.create.topics",
            "false",
            "no topic is created by accident",
        )
        .set(
            "reconnect.backoff.max.ms",
            "1000",
            "a broker that comes back is found within a second or two",
        )
        .set(
            "security.protocol",
            self.protocol(),
            "from `tls` and the credentials",
        );
        if let Some(tls) = self.tls {
            encrypt(&mut all, tls);
        }
        if let Some(mechanism) = self.mechanism {
            all.set("sasl.mechanisms", mechanism, "from the credentials");
        }
        if let Some((username, password)) = self.password {
            all.set("sasl.username", username, "from the credentials");
            all.hide("sasl.password", password, "from the credentials");
        }
        all
    }

    /// The kind's choices, then the file's, but for those in `others`.
    fn chosen(&self, mut all: Settings, others: &[&str]) -> Settings {
        for setting in self.preset.iter().filter(|s| !others.contains(&s.name)) {
            all.put(Line {
                name: setting.name.into(),
                value: setting.value.as_ref().into(),
                hidden: false,
                by: By::Kind,
                why: setting.why.into(),
                instead_of: None,
            });
        }
        for (name, value) in self
            .client
            .iter()
            .filter(|(name, _)| !others.contains(&name.as_str()))
        {
            all.put(Line {
                name: name.clone().into(),
                value: value.0.as_str().into(),
                hidden: false,
                by: By::File,
                why: "the connector's `client`".into(),
                instead_of: None,
            });
        }
        all
    }

    /// A client that only asks for metadata, or creates topics.
    pub fn probe(&self) -> Settings {
        self.chosen(self.base(), &[CONSUMER, PRODUCER].concat())
    }

    /// A consumer that is told what to read: librdkafka wants a group's name for it, and never joins that group.
    pub fn reader(&self) -> Settings {
        let mut all = self.base();
        all.set(
            "group.id",
            "forebay-reader",
            "librdkafka wants a name; nothing joins it",
        )
        .set("enable.auto.commit", "false", "a look commits nothing")
        .set("enable.auto.offset.store", "false", "a look commits nothing")
        .set(
            "auto.offset.reset",
            "earliest",
            "a look begins where there is something",
        )
        .set("enable.partition.eof", "true", "a look ends where the topic ends")
        .set("fetch.queue.backoff.ms", "5", FULL_QUEUE);
        self.chosen(all, PRODUCER)
    }

    /// The consumer of a lane.
    pub fn consumer(&self, spec: &SourceSpec) -> Settings {
        let mut all = self.base();
        if let Some(rack) = self.client_rack {
            all.set("client.rack", rack, "from `client_rack`");
        }
        if let Some(id) = &spec.instance_id {
            all.set("group.instance.id", id.as_str(), "from `source.instance_id`");
        }
        all.set("group.id", spec.group.as_str(), "from `source.group`")
            .set("enable.auto.commit", "false", COMMITS)
            .set("enable.auto.offset.store", "false", COMMITS)
            .set(
                "auto.offset.reset",
                "error",
                "a position that is gone is the lane's to decide",
            )
            .set(
                "isolation.level",
                "read_committed",
                "aborted records are not events",
            )
            .set("fetch.queue.backoff.ms", "5", FULL_QUEUE)
            .set("statistics.interval.ms", STATISTICS_MS, STATISTICS)
            .set(
                "queued.min.messages",
                "20000",
                "enough lies ready to keep a lane busy",
            )
            .set(
                "queued.max.messages.kbytes",
                kibibytes(spec.prefetch_bytes),
                "a quarter of a lane's `memory`",
            );
        let classic = spec.protocol != GroupProtocol::Consumer;
        match spec.protocol {
            GroupProtocol::CooperativeSticky => {
                all.set("partition.assignment.strategy", "cooperative-sticky", PROTOCOL);
            }
            GroupProtocol::Range => {
                all.set("partition.assignment.strategy", "range", PROTOCOL);
            }
            GroupProtocol::Consumer => {
                all.set("group.protocol", "consumer", PROTOCOL);
            }
        }
        if classic {
            // At the default of 3 s, partitions on their way to another member lie idle as long.
            let why = "members learn of a rebalance from the answer to a heartbeat";
            all.set("heartbeat.interval.ms", "500", why);
            return self.chosen(all, PRODUCER);
        }
        // What the user sets is the user's to see refused; what a kind sets is left out.
        let mut all = self.chosen(all, PRODUCER);
        all.0
            .retain(|line| line.by != By::Kind || !CLASSIC_GROUPS.contains(&line.name.as_ref()));
        all
    }

    /// The producer of a lane.
    pub fn producer(&self, spec: &SinkSpec) -> Settings {
        let mut all = self.base();
        let linger = spec.linger.as_micros() as f64 / 1000.0;
        all.set(
            "enable.idempotence",
            "true",
            "results keep their order and are written once per try",
        )
        .set(
            "message.timeout.ms",
            "0",
            "a result that cannot be delivered now is delivered later",
        )
        .set(
            "partitioner",
            "murmur2_random",
            "as Java producers do, so that results stay co-partitioned",
        )
        .set(
            "compression.type",
            spec.compression.as_str(),
            "from `sink.compression`",
        )
        .set("linger.ms", linger.to_string(), "from `sink.linger`")
        .set(
            "message.max.bytes",
            "100000000",
            "one record may be larger than a batch; the broker decides",
        )
        .set("statistics.interval.ms", STATISTICS_MS, STATISTICS)
        .set("batch.size", "900000", "below what brokers take as they come")
        .set("queue.buffering.max.messages", "1000000", "`memory` is the bound")
        .set(
            "queue.buffering.max.kbytes",
            kibibytes(spec.buffer_bytes),
            "a quarter of a lane's `memory`",
        );
        self.chosen(all, CONSUMER)
    }
}

const STATISTICS_MS: &str = "10000";
const STATISTICS: &str = "connections, throttling and round trips are on /metrics";
const FULL_QUEUE: &str = "the default of a second stalls a fast reader each time its queue was full";
const COMMITS: &str = "what is delivered is committed";
const PROTOCOL: &str = "from `source.group_protocol`";

fn kibibytes(bytes: usize) -> String {
    (bytes / 1024).max(1024).to_string()
}

fn encrypt(all: &mut Settings, tls: &Tls) {
    let checked = if tls.check_host_name { "https" } else { "none" };
    all.set(
        "ssl.endpoint.identification.algorithm",
        checked,
        "from `tls.check_host_name`",
    );
    if let Some(ca) = &tls.ca {
        // Not a secret, and too long to be read.
        all.hide("ssl.ca.pem", &ca.as_str().into(), "from `tls.ca`");
    }
    if let Some(identity) = &tls.identity {
        all.hide(
            "ssl.certificate.pem",
            &identity.certificate.as_str().into(),
            "from the client certificate",
        );
        all.hide("ssl.key.pem", &identity.key, "from the client certificate");
        if let Some(password) = &identity.key_password {
            all.hide("ssl.key.password", password, "from the client certificate");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved() -> Resolved {
        Resolved {
            login: Login::Password {
                mechanism: forebay_auth::Mechanism::Plain,
                username: "app".into(),
                password: "planted".into(),
            },
            preset: vec![
                Setting::new("reconnect.backoff.max.ms", "9", "its brokers are slow"),
                Setting::new("session.timeout.ms", "30000", "it says so"),
            ],
            client: BTreeMap::from([("session.timeout.ms".to_owned(), Scalar("7000".into()))]),
            ..Resolved::at(Bootstrap::Addresses(vec!["k:1".into()]))
        }
    }

    fn spec(protocol: GroupProtocol) -> SourceSpec {
        SourceSpec {
            topics: crate::Topics::Names(vec!["t".into()]),
            group: "g".into(),
            start: crate::Start::Earliest,
            protocol,
            instance_id: None,
            prefetch_bytes: 1,
        }
    }

    #[test]
    fn the_file_goes_over_the_kind_and_the_kind_over_forebay() {
        let resolved = resolved();
        let all = Clients::from(&resolved).consumer(&spec(GroupProtocol::Range));
        let line = |name: &str| all.lines().iter().find(|l| l.name == name).expect("a line");
        let kind = line("reconnect.backoff.max.ms");
        assert_eq!(
            (kind.by, kind.shown(), kind.instead_of.as_deref()),
            (By::Kind, Some("9"), Some("1000"))
        );
        let file = line("session.timeout.ms");
        assert_eq!(
            (file.by, file.shown(), file.instead_of.as_deref()),
            (By::File, Some("7000"), Some("30000"))
        );
        assert_eq!(line("sasl.password").shown(), None);
        assert!(!format!("{all:?}").contains("planted"));
        assert_eq!(all.config().get("sasl.password"), Some("planted"));
        let others = Clients::from(&resolved).probe();
        assert!(others.lines().iter().all(|l| l.name != "session.timeout.ms"));
    }

    #[test]
    fn what_a_kind_sets_for_classic_groups_is_left_out_of_the_consumer_protocol() {
        let mut resolved = resolved();
        resolved.client.clear();
        let all = Clients::from(&resolved).consumer(&spec(GroupProtocol::Consumer));
        assert!(all.lines().iter().all(|l| l.name != "session.timeout.ms"));
    }

    #[test]
    fn every_setting_of_every_kind_is_one_that_librdkafka_knows() {
        let all = Clients::from(&resolved()).consumer(&spec(GroupProtocol::Range));
        assert!(all.config().create_native_config().is_ok());
    }
}
