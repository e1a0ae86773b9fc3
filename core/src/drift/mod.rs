//! Drift: whether the columns that a model reads, and what it predicts, still look like a reference. A lane counts values per bin
//! and nothing else; scores come from differences of counts, so that they add up over lanes and processes. Knows Arrow arrays and
//! counts; it does not know the pipeline file, a model or a clock.

pub mod baseline;
pub mod bins;
pub mod counting;
pub mod fit;
pub mod judge;
mod read;
pub mod scores;
mod table;
pub mod windows;
mod write;

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;

pub use baseline::{Baseline, Measure, ModelDigest, Reference, Spread};
pub use bins::Bins;
pub use counting::{Counted, Counting};
pub use judge::{Limits, Thresholds};
pub use scores::Scores;
pub use windows::{Window, Windows};

/// Which end of a model a column is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Input,
    Prediction,
}

impl Part {
    /// `input` or `prediction`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Prediction => "prediction",
        }
    }
}

/// A column that can be observed, and where it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub part: Part,
    /// The column's name; an item of a list is `name[1]`.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// After how many steps: 0 = as decoded.
    pub after: usize,
    /// The column's place in the batch there.
    pub column: usize,
    /// The item of a list, from 0.
    pub item: Option<usize>,
}

/// Lists wider than this are not observed: their items are no columns a person would look at.
pub const WIDEST_LIST: usize = 64;

impl Observed {
    /// What can be observed of a column: itself, or the items of a short list; nothing of bytes, times and long lists.
    pub fn of(part: Part, name: &str, data_type: &DataType, after: usize, column: usize) -> Vec<Self> {
        let one = |name: String, data_type: &DataType, item| Self {
            part,
            name,
            data_type: data_type.clone(),
            after,
            column,
            item,
        };
        match data_type {
            DataType::FixedSizeList(values, width) => {
                let width = usize::try_from(*width).unwrap_or(0);
                let fits = is_observable(values.data_type()) && width <= WIDEST_LIST;
                let items = (0..if fits { width } else { 0 })
                    .map(|item| one(format!("{name}[{}]", item + 1), values.data_type(), Some(item)));
                items.collect()
            }
            own if is_observable(own) => vec![one(name.to_owned(), own, None)],
            _ => Vec::new(),
        }
    }

    /// Its values in a batch: an array, and where in it they are.
    pub(crate) fn values<'a>(&self, rows: &'a RecordBatch) -> Values<'a> {
        let column = rows.column(self.column);
        match (self.item, column.as_fixed_size_list_opt()) {
            (Some(item), Some(list)) => {
                let width = usize::try_from(list.value_length()).unwrap_or(1).max(1);
                let first = usize::try_from(list.value_offset(0)).unwrap_or(0);
                Values {
                    array: list.values(),
                    first: first + item,
                    width,
                    rows: list.len(),
                    lists: Some(column),
                }
            }
            _ => Values {
                array: column,
                first: 0,
                width: 1,
                rows: column.len(),
                lists: None,
            },
        }
    }
}

/// Every `width`th value of an array, from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) array: &'a ArrayRef,
    pub(crate) first: usize,
    pub(crate) width: usize,
    pub(crate) rows: usize,
    /// The lists around the values, which may be null themselves.
    lists: Option<&'a ArrayRef>,
}

impl Values<'_> {
    /// Whether they are items of lists.
    pub(crate) fn is_listed(&self) -> bool {
        self.lists.is_some()
    }

    /// Whether none is null.
    pub(crate) fn all_there(&self) -> bool {
        self.array.null_count() == 0 && self.lists.is_none_or(|lists| lists.null_count() == 0)
    }

    /// The places of the values that are not null, in the array.
    pub(crate) fn there(&self) -> impl Iterator<Item = usize> + '_ {
        let listed = |row: usize| self.lists.is_none_or(|lists| lists.is_valid(row));
        (0..self.rows)
            .map(move |row| (row, self.first + row * self.width))
            .filter(move |(row, at)| listed(*row) && self.array.is_valid(*at))
            .map(|(_, at)| at)
    }
}

fn is_observable(data_type: &DataType) -> bool {
    use DataType::{Boolean, Float32, Float64, Int32, Int64, UInt8, Utf8};
    matches!(
        data_type,
        Boolean | Float32 | Float64 | Int32 | Int64 | UInt8 | Utf8
    )
}

/// One who looks at the batches of a lane at some place.
pub trait Observe: Send {
    /// Looks at a batch; changes nothing of it.
    fn observe(&mut self, rows: &RecordBatch);
}

/// Who looks, and where.
pub struct Watch {
    /// After how many steps: 0 = as decoded.
    pub after: usize,
    pub what: Box<dyn Observe>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch(after {} steps)", self.after)
    }
}

#[cfg(test)]
mod tests;
