//! Records that cannot be processed, and what is said of them. The reason never holds a payload.

use std::fmt;

/// Where in the lane a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Decode,
    Sql,
    Lookup,
    Model,
    Encode,
    Sink,
    /// The schema that the record was written with does not give the columns.
    Schema,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Decode,
        Self::Sql,
        Self::Lookup,
        Self::Model,
        Self::Encode,
        Self::Sink,
        Self::Schema,
    ];

    /// The stage's name in headers, metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Sql => "sql",
            Self::Lookup => "lookup",
            Self::Model => "model",
            Self::Encode => "encode",
            Self::Sink => "sink",
            Self::Schema => "schema",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Causes that more than one place gives.
pub(crate) mod cause {
    pub(crate) const FRAME: &str = "no schema id in front";
    pub(crate) const UNKNOWN_SCHEMA: &str = "unknown schema";
    pub(crate) const UNREADABLE_SCHEMA: &str = "a schema that cannot be read";
    pub(crate) const WITHOUT_COLUMNS: &str = "a schema without the columns";
    pub(crate) const ROW_FAILED: &str = "the row fails by itself";
}

/// One record that cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The index of the record in its `Records`.
    pub record: u32,
    pub stage: Stage,
    /// What is wrong, as a metric's label: the same words for every such record.
    pub cause: &'static str,
    /// Lower case, names the column where there is one, never the payload.
    pub reason: String,
}
