//! Topics without a pipeline: events from files and pipes into them, and back out as lines. On the connectors that lanes
//! use, so that what works here works there.

pub mod consume;
pub mod produce;
