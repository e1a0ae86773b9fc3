//! Forebay's connectors: what a lane reads from and writes to. A cloud is data, resolved into an endpoint for the one
//! Kafka client; adding one must not touch the core.

pub mod connector;
#[cfg(feature = "demo")]
pub mod embedded;
#[cfg(feature = "demo")]
mod embedded_ffi;
#[cfg(feature = "kafka")]
pub mod kafka;

pub use connector::{Connector, GroupProtocol, SinkSpec, SourceSpec, Start, Topics};
