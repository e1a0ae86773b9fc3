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

/// Why a raw setting is Forebay's own; `None` = it may be set.
pub fn owned(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "bootstrap.servers" | "metadata.broker.list" => "it is the connector's `bootstrap`",
        "group.id" => "it is the source's `group`",
        "auto.offset.reset" => "it is the source's `start` and `on_gap`",
        "partition.assignment.strategy" | "group.protocol" => "it is the source's `group_protocol`",
        "compression.type" | "compression.codec" => "it is the sink's `compression`",
        "linger.ms" | "queue.buffering.max.ms" => "it is the sink's `linger`",
        "enable.auto.commit" | "enable.auto.offset.store" | "auto.commit.interval.ms" => {
            "forebay commits what is delivered, and nothing else"
        }
        "enable.idempotence" | "acks" | "request.required.acks" | "transactional.id" => {
            "at-least-once delivery rests on it"
        }
        "message.timeout.ms" | "delivery.timeout.ms" => "forebay decides how long a result is tried",
        "partitioner" => "results are partitioned as java clients do",
        "security.protocol" => "credentials are not a raw setting",
        _ if setting.starts_with("sasl.") || setting.starts_with("ssl.key") => {
            "credentials are not a raw setting"
        }
        _ if setting.ends_with("_cb") => "callbacks are forebay's own",
        _ => return None,
    })
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
