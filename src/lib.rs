//! Forebay: reads Kafka events, shapes them, scores them in batches and delivers the results.
//! This crate re-exports the others and adds the pipeline file.

pub mod assemble;
pub mod config;
pub mod plan;

pub use forebay_auth as auth;
pub use forebay_connectors as connectors;
pub use forebay_core as core;
