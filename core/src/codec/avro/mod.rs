//! Avro: bodies straight into typed column buffers, and rows to bodies. A writer's schema is compiled once, against the columns that
//! the pipeline names; no tree of values, and nothing allocated per record. Knows schemas and bytes; it does not know a registry.

mod compile;
mod decimal;
mod decode;
mod encode;
mod fit;
mod generate;
mod input;
mod literal;
mod parse;
mod plan;
mod schema;
mod skip;
mod view;
mod walk;
mod way;
mod write;

#[cfg(test)]
mod bare;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod evolution;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

pub use compile::Problem;
pub use decode::AvroDecoder;
pub use encode::AvroEncoder;
pub use generate::schema_of_results;
pub use schema::AvroSchema;
pub use way::{Filled, Way, way, ways};
