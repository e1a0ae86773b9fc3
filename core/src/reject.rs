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

/// One record that cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The index of the record in its `Records`.
    pub record: u32,
    pub stage: Stage,
    /// Lower case, names the column where there is one, never the payload.
    pub reason: String,
}
