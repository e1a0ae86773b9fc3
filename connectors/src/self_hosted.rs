//! The kind `kafka`: a cluster that is named by its brokers. Data only; what Forebay sets itself is refused with the reason.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A connector of kind `kafka`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some of the brokers.
    #[schemars(length(min = 1))]
    pub bootstrap: Vec<String>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
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

const CREDENTIALS: &str = "credentials are no raw setting, and no version yet takes them";

/// Why a raw setting is Forebay's own; `None` = it may be set.
pub fn owned(setting: &str) -> Option<&'static str> {
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
