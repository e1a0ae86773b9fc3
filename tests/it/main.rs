//! The integration tests of the whole: real processes on a real Kafka, in one binary. What takes long lies in `long`.

mod check;
#[cfg(feature = "demo")]
mod demo;
mod gaps;
mod groups;
mod pipeline_file;
mod rejects;
mod sensors;
mod start;
