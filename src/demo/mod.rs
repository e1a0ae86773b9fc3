//! What `demo` is made of: events that are generated, and results that are compared with the truth.

pub mod confusion;
pub mod telemetry;
