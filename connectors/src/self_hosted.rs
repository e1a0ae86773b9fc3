//! The kind `kafka`: a cluster that is named by its brokers. Data only; what Forebay sets itself is refused with the reason.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::sasl::{Login, SaslConfig};
use crate::tls::{Tls, TlsConfig};
use crate::wrong::Wrong;

/// A connector of kind `kafka`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some of the brokers.
    #[schemars(length(min = 1))]
    pub bootstrap: Vec<String>,
    /// Encrypts connections; `{}` trusts the system's authorities.
    pub tls: Option<TlsConfig>,
    /// Who this client says it is.
    pub sasl: Option<SaslConfig>,
    /// The rack or zone of this process: fetches then go to the nearest replica, where the brokers are set up for it.
    pub client_rack: Option<String>,
    /// Lets credentials travel unencrypted.
    #[serde(default)]
    pub allow_insecure: bool,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

/// A connector whose files were read and whose keys fit together; nothing is connected yet.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub bootstrap: Vec<String>,
    pub tls: Option<Tls>,
    pub login: Login,
    pub client_rack: Option<String>,
    /// Raw librdkafka settings of the user.
    pub client: BTreeMap<String, Scalar>,
}

impl KafkaConfig {
    /// Reads what it names, relative to `base`, and checks what the schema cannot.
    ///
    /// # Errors
    /// Everything that is wrong, each at its key.
    pub fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Vec::new();
        for (i, address) in self.bootstrap.iter().enumerate() {
            wrong.extend(address_wrong(address).map(|message| Wrong::new(format!("bootstrap/{i}"), message)));
        }
        let tls = self.tls.as_ref().map(|tls| tls.resolve(base)).transpose();
        let tls = tls.unwrap_or_else(|mut all| {
            wrong.append(&mut all);
            None
        });
        let login = self
            .sasl
            .as_ref()
            .map(|sasl| sasl.resolve(base, self.allow_insecure))
            .transpose();
        let login = login.unwrap_or_else(|mut all| {
            wrong.append(&mut all);
            None
        });
        if self.sasl.is_some() && self.tls.is_none() && !self.allow_insecure {
            let message =
                "credentials would travel in clear text: add `tls: {}`, or set `allow_insecure: true`";
            wrong.push(Wrong::new("sasl", message));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Resolved {
            bootstrap: self.bootstrap.clone(),
            tls,
            login: login.unwrap_or(Login::None),
            client_rack: self.client_rack.clone(),
            client: self.client.clone(),
        })
    }
}

/// Why `address` is no `host:port`.
fn address_wrong(address: &str) -> Option<&'static str> {
    if address.contains("://") {
        return Some("write `host:port` without a scheme; `tls` and `sasl` say how to connect");
    }
    if address.contains(',') {
        return Some("holds several addresses: write a list item for each");
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => None,
        _ => Some("not `host:port`, such as `broker-1:9092`"),
    }
}

/// The text of a string, number or switch.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

/// It may be a credential, so it is not shown.
impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scalar(..)")
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
                Ok(Self(value.to_string()))
            }
            _ => Err(serde::de::Error::custom("not a string, number or switch")),
        }
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "description": "a string, number or switch" })
    }
}

/// Settings that Forebay owns: a user's `client:` must not name them. Each with its reason.
pub const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set `bootstrap`"),
    ("metadata.broker.list", "set `bootstrap`"),
    ("group.id", "set `source.group`"),
    ("group.instance.id", "set `source.instance_id`"),
    ("group.protocol", "set `source.group_protocol`"),
    ("partition.assignment.strategy", "set `source.group_protocol`"),
    ("enable.auto.commit", "Forebay commits what is delivered"),
    ("enable.auto.offset.store", "Forebay commits what is delivered"),
    ("auto.offset.reset", "set `source.start` and `source.on_gap`"),
    (
        "enable.idempotence",
        "results keep their order and are written once per try",
    ),
    ("acks", "a result counts only when all in-sync replicas have it"),
    (
        "request.required.acks",
        "a result counts only when all in-sync replicas have it",
    ),
    ("message.timeout.ms", "a result is never given up"),
    ("delivery.timeout.ms", "a result is never given up"),
    ("retries", "a result is never given up"),
    ("message.send.max.retries", "a result is never given up"),
    ("transactional.id", "set `delivery`"),
    ("auto.commit.interval.ms", "set `commit`"),
    ("client.rack", "set `client_rack`"),
    ("security.protocol", CREDENTIALS),
    ("enable.sasl.oauthbearer.unsecure.jwt", CREDENTIALS),
    ("plugin.library.paths", "Forebay loads no code into its clients"),
    ("partitioner", "results are partitioned as Java clients do"),
    ("compression.type", "set `sink.compression`"),
    ("compression.codec", "set `sink.compression`"),
    ("linger.ms", "set `sink.linger`"),
    ("queue.buffering.max.ms", "set `sink.linger`"),
    ("queued.max.messages.kbytes", "set `memory`"),
    ("queue.buffering.max.kbytes", "set `memory`"),
    ("allow.auto.create.topics", "Forebay creates no topic by accident"),
    ("enable.partition.eof", "the lane reads what has arrived"),
    ("isolation.level", "aborted records are not events"),
    ("log.queue", "librdkafka's log goes to Forebay's"),
];

const CREDENTIALS: &str = "set `tls` and `sasl`";

/// Settings of TLS that no key of `tls` covers.
const FINE_TLS: &[&str] = &[
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "ssl.crl.location",
];

/// Why a raw setting is Forebay's own; `None` = it may be set.
pub fn owned(setting: &str) -> Option<&'static str> {
    if FINE_TLS.contains(&setting) {
        return None;
    }
    if setting.starts_with("sasl.") || setting.starts_with("ssl.") {
        return Some(CREDENTIALS);
    }
    if setting.ends_with("_cb") {
        return Some("callbacks are Forebay's own");
    }
    let found = OWNED.iter().find(|(name, _)| *name == setting);
    found.map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_delivery_rests_on_are_owned() {
        for name in [
            "acks",
            "enable.auto.commit",
            "sasl.password",
            "group.id",
            "dr_msg_cb",
        ] {
            assert!(owned(name).is_some(), "{name}");
        }
        assert!(owned("fetch.wait.max.ms").is_none());
    }
}
