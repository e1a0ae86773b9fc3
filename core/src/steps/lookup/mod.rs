//! The `lookup` step: columns of a keyed table beside those that arrive, by one hash and one `take` per batch.
//! It knows a loaded table; it does not know files' formats.

mod build;
mod csv;
mod index;
mod json;
mod parquet;
mod plan;
mod run;
mod table;

#[cfg(test)]
mod tests;

pub use self::plan::{LookupStep, Missing};
pub use self::table::{Table, TableSpec};
