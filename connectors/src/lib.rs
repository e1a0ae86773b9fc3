//! Forebay's connectors: what a lane reads from and writes to. A cloud is data, resolved into an endpoint for the one
//! Kafka client; adding one must not touch the core.

mod advice;
mod ask;
#[cfg(feature = "confluent")]
pub mod confluent;
pub mod connector;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "demo")]
pub mod embedded;
#[cfg(feature = "demo")]
pub mod embedded_ends;
#[cfg(feature = "demo")]
mod embedded_ffi;
#[cfg(feature = "event-hubs")]
pub mod event_hubs;
pub mod finding;
#[cfg(feature = "google")]
pub mod google;
pub mod grants;
#[cfg(feature = "kafka")]
pub mod kafka;
mod kind;
#[cfg(feature = "contract")]
pub mod memory;
#[cfg(feature = "msk")]
pub mod msk;
#[cfg(any(feature = "msk", feature = "event-hubs"))]
mod one_of;
mod owned;
pub mod registry;
mod resolved;
pub mod sasl;
mod scalar;
pub mod self_hosted;
mod span;
pub mod tls;
mod wrong;

pub use connector::{
    ClientStatus, Connector, GroupProtocol, LogBounds, NewTopic, Reader, SinkSpec, SourceSpec, Start, Topics,
};
pub use finding::{Finding, Needs, Outcome};
pub use grants::{ConfluentMember, Grants};
pub use kind::{Built, Kind, Preset};
pub use owned::{OWNED, owned};
pub use resolved::{
    AUTH_TIMEOUT, Advice, AtLeast, Bootstrap, Limits, Login, Lookup, Only, Resolved, Setting,
};
pub use scalar::Scalar;
pub use self_hosted::KafkaConfig;
pub use span::{Span, with_unit};
pub use wrong::Wrong;

/// Every kind there is.
pub const KINDS: &[Kind] = &[
    Kind::built::<KafkaConfig>("kafka"),
    #[cfg(feature = "msk")]
    Kind::built::<msk::MskConfig>("msk"),
    #[cfg(not(feature = "msk"))]
    Kind::absent("msk"),
    #[cfg(feature = "confluent")]
    Kind::built::<confluent::ConfluentConfig>("confluent"),
    #[cfg(not(feature = "confluent"))]
    Kind::absent("confluent"),
    #[cfg(feature = "event-hubs")]
    Kind::built::<event_hubs::EventHubsConfig>("event-hubs"),
    #[cfg(not(feature = "event-hubs"))]
    Kind::absent("event-hubs"),
    #[cfg(feature = "google")]
    Kind::built::<google::GoogleConfig>("google"),
    #[cfg(not(feature = "google"))]
    Kind::absent("google"),
];
