//! What Microsoft documents for Kafka clients of Event Hubs, as data. Sources: "Apache Kafka configurations for Azure Event Hubs"
//! and "Azure Event Hubs quotas and limits" on learn.microsoft.com.

use std::time::Duration;

use crate::resolved::{AtLeast, Only, Setting};

const IDLE: &str = "Azure's load balancer drops connections that are silent for 240 s";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("socket.keepalive.enable", "true", IDLE),
    Setting::new("metadata.max.age.ms", "180000", IDLE),
    Setting::new("topic.metadata.refresh.interval.ms", "180000", IDLE),
    Setting::new("connections.max.idle.ms", "180000", IDLE),
    Setting::new(
        "request.timeout.ms",
        "60000",
        "a namespace that throttles keeps a request for longer than 20 s",
    ),
    Setting::new(
        "socket.timeout.ms",
        "60000",
        "a namespace that throttles keeps a request for longer than 20 s",
    ),
    Setting::new(
        "session.timeout.ms",
        "30000",
        "Event Hubs allows 6 to 300 s, and advises 30 s",
    ),
    Setting::new("heartbeat.interval.ms", "3000", "Event Hubs advises 3 s"),
    Setting::new(
        "message.max.bytes",
        "1000000",
        "a request of more than 1,046,528 bytes closes the connection",
    ),
    Setting::new(
        "batch.size",
        "900000",
        "a request of more than 1,046,528 bytes closes the connection",
    ),
    Setting::new(
        "enable.metrics.push",
        "false",
        "Event Hubs does not know client metrics (KIP-714)",
    ),
];

pub(super) const NO_COMPRESSION: Only = Only {
    words: &["none"],
    why: "Event Hubs takes gzip alone, on the Premium and Dedicated tiers (`tier: premium`)",
};

pub(super) const GZIP: Only = Only {
    words: &["none", "gzip"],
    why: "Event Hubs takes no compression but gzip",
};

pub(super) const CLASSIC_GROUPS: Only = Only {
    words: &["cooperative-sticky", "range"],
    why: "Event Hubs does not know the consumer protocol of KIP-848",
};

pub(super) const COMMITS: AtLeast = AtLeast {
    interval: Duration::from_secs(1),
    why: "Event Hubs takes four commits a second and partition, and slows down what is more",
};
