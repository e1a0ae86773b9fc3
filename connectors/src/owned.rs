//! Which librdkafka settings a user's `client:` must not name, each with the reason.

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
