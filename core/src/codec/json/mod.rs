//! JSON: typed column buffers in, payloads out. A single pass over the bytes, no tree of values in between.
//! Knows columns and Arrow arrays; it does not know where records come from or where results go.

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
mod tests;

pub(super) use cells::Cells;
pub use decode::JsonDecoder;
pub use encode::JsonEncoder;
pub(super) use key::KeyColumn;
