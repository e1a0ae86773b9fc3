//! Forebay's core: records, batches, steps, models, the ledger and the lane.
//! It knows no broker, no configuration file and no network; those live in the crates around it.

pub mod batch;
pub mod breaker;
pub mod carry;
pub mod codec;
pub mod commit;
pub mod dead_letters;
pub mod drift;
pub mod error;
pub mod lane;
pub mod ledger;
pub mod memory;
pub mod metrics;
pub mod model;
pub mod records;
pub mod reject;
pub mod sink;
pub mod source;
pub mod steps;

pub use batch::Batch;
pub use error::{Error, Kind, Result};
pub use records::{Partitions, Positions, Record, Records, TopicPartition};
pub use reject::{Reject, Stage};
