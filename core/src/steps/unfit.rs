//! Why a step does not fit: everything at once, each with its place in the step's own configuration.
//! Knows the keys of a step's configuration, no file and no lines of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::Error;

/// A place in a step's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The keys and indices that lead there; empty = the step as a whole.
    pub path: Vec<String>,
    pub at: At,
}

/// What is meant of what stands at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    #[default]
    Value,
    /// The key, not what it holds.
    Key,
    /// Inside the text, both from 1.
    Text { line: u64, column: u64 },
}

impl Spot {
    /// The value that `path` leads to.
    pub fn value<S: ToString>(path: impl IntoIterator<Item = S>) -> Self {
        Self {
            path: path.into_iter().map(|part| part.to_string()).collect(),
            at: At::Value,
        }
    }

    /// The last key of `path`.
    pub fn key<S: ToString>(path: impl IntoIterator<Item = S>) -> Self {
        Self {
            at: At::Key,
            ..Self::value(path)
        }
    }

    /// A place in a step that is a text.
    pub fn text(line: u64, column: u64) -> Self {
        Self {
            path: Vec::new(),
            at: At::Text { line, column },
        }
    }
}

/// One thing that does not fit.
#[derive(Debug)]
pub struct Fault {
    pub spot: Spot,
    pub error: Error,
}

impl Fault {
    /// `error` at `spot`.
    pub fn new(spot: Spot, error: Error) -> Self {
        Self { spot, error }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(Spot::default(), error)
    }
}

/// Something that runs, and may not be what is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub spot: Spot,
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Everything that does not fit.
#[derive(Debug)]
pub struct Unfit {
    /// Empty where only a step before it is at fault.
    pub faults: Vec<Fault>,
    /// The columns that the step would give, so that those behind it can be checked: one whose type is not known has
    /// Arrow's type `Null`. `None` = not even their names are known.
    pub output: Option<SchemaRef>,
}

impl Unfit {
    /// `faults`, and the columns as far as they are known: of several with one name the first.
    pub(super) fn with(faults: Vec<Fault>, columns: impl IntoIterator<Item = FieldRef>) -> Self {
        let mut seen = HashSet::new();
        let columns = columns.into_iter();
        let columns: Vec<FieldRef> = columns
            .filter(|field| seen.insert(field.name().clone()))
            .collect();
        Self {
            faults,
            output: Some(Arc::new(Schema::new(columns))),
        }
    }
}

/// A column of which only the name is known.
pub(super) fn unknown(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Null, true))
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            output: None,
        }
    }
}

/// The error alone, for whoever has no places.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault.spot.at {
            At::Text { line, column } => fault.error.with("line", line).with("column", column),
            At::Value | At::Key => fault.error,
        }
    }
}

/// The first fault.
impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        let first = unfit.faults.into_iter().next();
        first.map_or_else(|| Self::config("a step before this one does not fit"), Self::from)
    }
}
