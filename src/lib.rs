//! Forebay: reads events from Kafka, scores them in batches with ONNX Runtime, and delivers the results.
//! This crate is the facade over the others, and the binary.

#[cfg(feature = "cli")]
pub mod live;
#[cfg(feature = "cli")]
pub mod logging;
#[cfg(feature = "cli")]
pub mod telemetry;
