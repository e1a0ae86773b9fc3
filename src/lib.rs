//! Forebay: reads Kafka events, shapes them, scores them in batches and delivers the results.
//! This crate re-exports the others and adds the pipeline file, its plan and its lanes.

#[cfg(all(feature = "kafka", feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod assemble;
pub mod config;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod contract;
#[cfg(feature = "kafka")]
pub mod control;
#[cfg(feature = "cli")]
pub mod dashboard;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod describe;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod digest;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod drift;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod formats;
#[cfg(all(feature = "cli", feature = "onnx", feature = "sql"))]
pub mod init;
#[cfg(feature = "cli")]
pub mod live;
#[cfg(feature = "cli")]
pub mod logging;
mod placed;
#[cfg(all(feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod plan;
#[cfg(feature = "cli")]
pub mod policy;
#[cfg(all(feature = "kafka", feature = "schemas", feature = "onnx", feature = "sql"))]
pub mod results;
#[cfg(feature = "cli")]
pub mod rules;
#[cfg(feature = "cli")]
pub mod telemetry;
#[cfg(feature = "cli")]
pub mod testing;
#[cfg(feature = "cli")]
pub mod topics;

pub use forebay_auth as auth;
pub use forebay_connectors as connectors;
pub use forebay_core as core;
