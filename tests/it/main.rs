//! The integration tests of the whole: real processes on a real Kafka, in one binary. What takes long lies in `long`.

mod groups;
mod sensors;
