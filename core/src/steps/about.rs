//! What a step that fits does, in words of its own: what `check` prints and what others compute with. No rows, no text.

use std::path::PathBuf;

use arrow::datatypes::DataType;

use crate::model::{Element, Tensor};

/// What a planned step does.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    Sql(SqlAbout),
    Lookup(LookupAbout),
    Model(ModelAbout),
}

/// A projection and a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlAbout {
    /// One for each column of the output, in its order.
    pub columns: Vec<Computed>,
    pub filter: Option<Condition>,
}

/// A column of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    pub name: String,
    /// As the query writes it; for a column that passes, its name.
    pub text: String,
    /// The columns it reads, metadata included.
    pub reads: Vec<String>,
}

/// A query's filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub text: String,
    pub reads: Vec<String>,
}

/// Columns of a table beside those that arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupAbout {
    pub table: String,
    pub rows: usize,
    pub on: String,
    pub key: String,
    /// The names of the added columns, and what each is where a key has no row.
    pub columns: Vec<(String, Otherwise)>,
}

/// What a looked-up column is where its key is null or not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    Null,
    Reject,
    Value,
}

/// A model's signature and what fills it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAbout {
    pub path: PathBuf,
    /// The version that the model's file says it is of.
    pub version: Option<i64>,
    pub inputs: Vec<Filled>,
    pub outputs: Vec<Given>,
}

/// An input and the columns that fill it, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    pub tensor: Tensor,
    pub columns: Vec<Filling>,
}

/// A column that fills a tensor, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling {
    pub column: String,
    pub data_type: DataType,
    /// What its values are cast to, where they are not the tensor's already.
    pub cast: Option<Element>,
    pub nullable: bool,
}

/// An output, and the column it becomes; outputs without one are not fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub tensor: Tensor,
    pub column: Option<String>,
}
