//! Protobuf: messages into typed column buffers and results into messages. No message is built in between; a schema is compiled
//! to tables once. Knows columns and Arrow arrays; it does not know who keeps schemas.

mod cells;
mod decode;
mod encode;
mod generate;
mod place;
mod program;
mod run;
mod scalar;
mod schema;
mod take;
mod trail;
mod way;
mod wire;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod encode_tests;
#[cfg(test)]
mod tests;

pub use decode::ProtobufDecoder;
pub use encode::{Frame, ProtobufEncoder};
pub use generate::schema_of_results;
pub use way::way;
