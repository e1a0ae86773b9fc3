//! Bins made from a reference: edges so that about as many of its values lie in each bin, categories by how many there are. Keeps the
//! columns' arrays until all are seen; knows no file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::bins::Bins;
use super::table::{centre, share_a_cell, start_of_cell};
use super::{Observe, Observed, Part, Watch};
use crate::error::{Error, Result};

/// How many bins the range of a reference's numbers has, unless it is said.
pub const BINS: usize = 10;
/// How many categories are kept by name.
pub const CATEGORIES: usize = 50;

type Kept = Arc<Mutex<Vec<RecordBatch>>>;

/// Keeps columns of the batches that pass one place of the lane.
struct Keeping {
    columns: Vec<usize>,
    kept: Kept,
}

impl Observe for Keeping {
    fn observe(&mut self, rows: &RecordBatch) {
        // The plan knows the columns: they are there.
        if let Ok(rows) = rows.project(&self.columns) {
            self.kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(rows);
        }
    }
}

/// What passed a place of the lane.
#[derive(Clone, Debug)]
pub struct Seen {
    pub after: usize,
    batches: Kept,
}

impl Seen {
    /// One to watch these columns after so many steps, and what it keeps: the columns in this order.
    pub fn after(after: usize, columns: Vec<usize>) -> (Watch, Self) {
        let batches = Kept::default();
        let keeping = Keeping {
            columns,
            kept: Arc::clone(&batches),
        };
        let watch = Watch {
            after,
            what: Box::new(keeping),
        };
        (watch, Self { after, batches })
    }

    /// The batches since the last call.
    pub fn take(&self) -> Vec<RecordBatch> {
        std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The bins for a column whose values these are.
///
/// # Errors
/// `Config` where no value is there to make bins of.
pub fn fit(observed: &Observed, batches: &[RecordBatch], bins: usize) -> Result<Bins> {
    let nothing = || {
        Error::config("the reference has no value of a column: leave it out with `--columns`, or take another reference")
            .with("column", &observed.name)
    };
    match observed.data_type {
        DataType::Float32 | DataType::Float64 => {
            let numbers = numbers(observed, batches)?;
            if numbers.is_empty() {
                return Err(nothing());
            }
            Ok(Bins::Numbers(edges(numbers, bins)))
        }
        DataType::Boolean => Ok(super::bins::switches()),
        _ => {
            let counts = counts(observed, batches)?;
            let is_number = observed.data_type != DataType::Utf8;
            if counts.is_empty() {
                return Err(nothing());
            }
            // A whole number with many values is a measure, unless a model gives it: then it is a label.
            if is_number && observed.part == Part::Input && counts.len() > CATEGORIES {
                return Ok(Bins::Numbers(edges(numbers(observed, batches)?, bins)));
            }
            Ok(Bins::Categories(most_frequent(counts)))
        }
    }
}

/// A column of a batch without nulls, in another type.
fn there(observed: &Observed, rows: &RecordBatch, data_type: &DataType) -> Result<ArrayRef> {
    let values = observed.values(rows);
    let at = arrow::array::UInt64Array::from_iter_values(values.there().map(|at| at as u64));
    let taken = arrow::compute::take(values.array, &at, None);
    let made = taken.and_then(|taken| cast(&taken, data_type));
    made.map_err(|e| {
        Error::fatal("read a column of the reference")
            .with("column", &observed.name)
            .caused_by(e)
    })
}

fn numbers(observed: &Observed, batches: &[RecordBatch]) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for rows in batches {
        let values = there(observed, rows, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>().values();
        all.extend(values.iter().copied().filter(|value| value.is_finite()));
    }
    Ok(all)
}

fn counts(observed: &Observed, batches: &[RecordBatch]) -> Result<HashMap<String, u64>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for rows in batches {
        let values = there(observed, rows, &DataType::Utf8)?;
        for value in values.as_string::<i32>().iter().flatten() {
            match counts.get_mut(value) {
                Some(count) => *count += 1,
                None => drop(counts.insert(value.to_owned(), 1)),
            }
        }
    }
    Ok(counts)
}

fn most_frequent(counts: HashMap<String, u64>) -> Vec<String> {
    let mut all: Vec<(String, u64)> = counts.into_iter().collect();
    all.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    all.into_iter().take(CATEGORIES).map(|(name, _)| name).collect()
}

/// Edges at the quantiles. Of values that repeat they lie between two of them: what stands at 12.5 in one format and at 12.500000001 in
/// another is in one bin. The outer edges leave a hundredth of the range beyond the reference.
fn edges(mut values: Vec<f64>, bins: usize) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let (Some(&least), Some(&most)) = (values.first(), values.last()) else {
        return Vec::new();
    };
    let margin = match (most - least) / 100.0 {
        margin if margin > 0.0 && margin.is_finite() => margin,
        _ => (least.abs() / 100.0).max(0.01),
    };
    // The value at each quantile, and the greatest below it.
    let at_quantile = |part: usize| {
        let value = values[(values.len() * part / bins).min(values.len() - 1)];
        let first = values.partition_point(|other| *other < value);
        first.checked_sub(1).map(|before| (values[before], value))
    };
    let mut inner: Vec<(f64, f64)> = (1..bins).filter_map(at_quantile).collect();
    inner.dedup();
    // The centre is the middle edge: where it falls, the others' cells follow.
    let middle = inner
        .get(inner.len() / 2)
        .map(|(before, value)| before + (value - before) / 2.0);
    let around = centre(&[middle.unwrap_or(least)]);
    let mut edges = vec![least - margin];
    let inner = inner.iter().map(|pair| edge(*pair, around, &values, bins));
    for edge in inner.chain([most + margin]) {
        if edge.is_finite() && edges.last().is_none_or(|last| *last < edge) {
            edges.push(edge);
        }
    }
    edges.retain(|edge| edge.is_finite());
    edges
}

/// An edge for the values from `value` on, of which `before` is none. What lies in a cell that an edge goes through has to be searched
/// for while lanes count, so as little as possible shall: an edge in the middle of a gap has no values around it, one at the start of
/// a cell goes through none, and takes some values with it that are not from `value` on.
fn edge((before, value): (f64, f64), around: f32, values: &[f64], bins: usize) -> f64 {
    let middle = before + (value - before) / 2.0;
    if !share_a_cell(middle, before, around) && !share_a_cell(middle, value, around) {
        return middle;
    }
    let start = start_of_cell(value, around);
    let taken = |from: f64| values.partition_point(|v| *v < value) - values.partition_point(|v| *v < from);
    match taken(start) * 4 * bins <= values.len() {
        true => start,
        false => middle,
    }
}
