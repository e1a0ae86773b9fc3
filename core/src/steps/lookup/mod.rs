//! Lookup step.

/// A keyed table.
#[derive(Debug)]
pub struct Table;
