//! What `demo` is made of: events that are generated, results that are compared with the truth, and a look at what drifts.

pub mod confusion;
pub mod drifting;
pub mod telemetry;
