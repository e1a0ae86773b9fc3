//! JSON: typed column buffers in, payloads out. A single pass over the bytes, no tree of values in between.
//! Knows columns and Arrow arrays; it does not know where records come from or where results go.

mod bodies;
mod cells;
mod decode;
mod encode;
mod fields;
mod key;
mod number;
mod original;
mod parser;
mod scan;
mod take;
pub(super) mod time;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod envelope_tests;
#[cfg(test)]
mod tests;

pub use bodies::{Bodies, Body, Deletes, Envelope, Enveloped, Plain, Unfit};
pub(super) use cells::{Cells, can_write};
pub use decode::JsonDecoder;
pub use encode::JsonEncoder;
pub(super) use key::KeyColumn;
pub(super) use time::{Wrong as TimeWrong, parse as parse_time};
