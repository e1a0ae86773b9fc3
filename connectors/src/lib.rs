//! Forebay's connectors: what a lane reads from and writes to. A cloud is data, resolved into an endpoint for the one
//! Kafka client; adding one must not touch the core.

pub mod connector;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "demo")]
pub mod embedded;
#[cfg(feature = "demo")]
pub mod embedded_ends;
#[cfg(feature = "demo")]
mod embedded_ffi;
pub mod finding;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "contract")]
pub mod memory;
pub mod sasl;
pub mod self_hosted;
pub mod tls;
mod wrong;

pub use connector::{Connector, GroupProtocol, NewTopic, Reader, SinkSpec, SourceSpec, Start, Topics};
pub use finding::{Finding, Needs, Outcome};
pub use self_hosted::{KafkaConfig, OWNED, Resolved, Scalar, owned};
pub use wrong::Wrong;

/// What a connector's `kind` may name.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// The cargo feature that builds it in.
    pub feature: &'static str,
    /// The schema of its own keys; `None` = known, not built yet.
    pub schema: Option<fn() -> schemars::Schema>,
}

/// Every kind there is.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "kafka",
        feature: "kafka",
        schema: Some(|| schemars::schema_for!(KafkaConfig)),
    },
    Kind {
        name: "msk",
        feature: "msk",
        schema: None,
    },
    Kind {
        name: "confluent",
        feature: "confluent",
        schema: None,
    },
    Kind {
        name: "event-hubs",
        feature: "event-hubs",
        schema: None,
    },
];
