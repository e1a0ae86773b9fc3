//! What a lane counts: per column a number for each bin. A batch is counted into a local array and added up in one addition per
//! bin that changed: no lock, nothing allocated or formatted per record. Whoever reads the counts is no concern of the lane.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type, UInt8Type};

use super::bins::{Bins, MOST};
use super::table::{Local, Table};
use super::{Observe, Observed, Values, Watch};
use crate::error::{Error, Result};
use crate::metrics::Count;

/// The counts of one column by one lane, as others read them.
#[derive(Debug)]
pub struct Counted(Vec<Count>);

impl Counted {
    /// Nothing yet, in so many bins.
    pub fn new(bins: usize) -> Self {
        Self((0..bins).map(|_| Count::default()).collect())
    }

    /// Adds the counts to `to`, one per bin.
    pub fn add_to(&self, to: &mut [u64]) {
        for (sum, count) in to.iter_mut().zip(&self.0) {
            *sum += count.get();
        }
    }
}

/// How the bin of a value is found.
enum Way {
    Numbers(Arc<Table>),
    /// The bins of `false` and `true`.
    Switches([usize; 2]),
    /// Bins by value from `least` on; the last is for all others.
    Near {
        least: i64,
        bins: Vec<u8>,
    },
    Far(HashMap<i64, u8, ahash::RandomState>),
    Texts(HashMap<Box<str>, u8, ahash::RandomState>),
}

/// The widest span of whole numbers that have a table.
const NEAR: i64 = 4096;

struct Column {
    observed: Observed,
    way: Way,
    /// The bin of the categories that are not named.
    other: usize,
    missing: usize,
    counted: Arc<Counted>,
}

/// Counts columns of batches at one place of the lane.
pub struct Counting {
    columns: Vec<Column>,
    local: Box<Local>,
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counting({} columns)", self.columns.len())
    }
}

/// How to count columns; made once, opened for each lane.
pub struct Plan {
    columns: Vec<(Observed, Bins, Option<Arc<Table>>)>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({} columns)", self.columns.len())
    }
}

impl Plan {
    /// Counts each column into its bins.
    ///
    /// # Errors
    /// `Config` where bins do not fit the column's type.
    pub fn new(columns: Vec<(Observed, Bins)>) -> Result<Self> {
        let with_table = |(observed, bins): (Observed, Bins)| {
            way(&observed, &bins, None)?;
            let table = match &bins {
                Bins::Numbers(edges) => Some(Arc::new(Table::new(edges))),
                Bins::Categories(_) => None,
            };
            Ok((observed, bins, table))
        };
        let columns = columns.into_iter().map(with_table).collect::<Result<_>>()?;
        Ok(Self { columns })
    }

    /// The columns and their bins.
    pub fn columns(&self) -> impl Iterator<Item = (&Observed, &Bins)> {
        self.columns.iter().map(|(observed, bins, _)| (observed, bins))
    }

    /// What one lane watches, and the counts of each column in their order.
    ///
    /// # Errors
    /// As of [`Plan::new`].
    pub fn open(&self) -> Result<(Vec<Watch>, Vec<Arc<Counted>>)> {
        let mut places: Vec<(usize, Vec<Column>)> = Vec::new();
        let mut all = Vec::new();
        for (observed, bins, table) in &self.columns {
            let counted = Arc::new(Counted::new(bins.len()));
            all.push(Arc::clone(&counted));
            let column = Column {
                way: way(observed, bins, table.as_ref())?,
                observed: observed.clone(),
                other: bins.other().unwrap_or_default(),
                missing: bins.missing(),
                counted,
            };
            match places.iter_mut().find(|(after, _)| *after == observed.after) {
                Some((_, columns)) => columns.push(column),
                None => places.push((observed.after, vec![column])),
            }
        }
        let watch = |(after, columns)| Watch {
            after,
            what: Box::new(Counting {
                columns,
                local: Box::new([0; 256]),
            }),
        };
        Ok((places.into_iter().map(watch).collect(), all))
    }
}

fn way(observed: &Observed, bins: &Bins, table: Option<&Arc<Table>>) -> Result<Way> {
    let unfit = || {
        Error::config("the bins do not fit the column's type")
            .with("column", &observed.name)
            .with("type", crate::codec::type_name(&observed.data_type))
    };
    let names = match (bins, &observed.data_type) {
        (Bins::Numbers(edges), DataType::Boolean | DataType::Utf8) if !edges.is_empty() => {
            return Err(unfit());
        }
        (Bins::Numbers(edges), _) if edges.len() > MOST => return Err(unfit()),
        (Bins::Numbers(edges), _) => {
            let table = table.map_or_else(|| Arc::new(Table::new(edges)), Arc::clone);
            return Ok(Way::Numbers(table));
        }
        (Bins::Categories(names), _) if names.len() > MOST => return Err(unfit()),
        (Bins::Categories(names), _) => names,
    };
    let named = names.iter().zip(0_u8..);
    match observed.data_type {
        DataType::Utf8 => {
            let bins = named.map(|(name, bin)| (name.as_str().into(), bin));
            Ok(Way::Texts(bins.collect()))
        }
        DataType::Boolean => {
            let bin = |name: &str| names.iter().position(|n| n == name).unwrap_or(names.len());
            Ok(Way::Switches([bin("false"), bin("true")]))
        }
        DataType::Int32 | DataType::Int64 | DataType::UInt8 => {
            let numbers = named.map(|(name, bin)| Some((name.parse::<i64>().ok()?, bin)));
            let numbers: Option<Vec<(i64, u8)>> = numbers.collect();
            Ok(of_integers(numbers.ok_or_else(unfit)?, names.len()))
        }
        _ => Err(unfit()),
    }
}

fn of_integers(numbers: Vec<(i64, u8)>, other: usize) -> Way {
    let least = numbers.iter().map(|(n, _)| *n).min().unwrap_or(0);
    let most = numbers.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let span = most.checked_sub(least).filter(|span| *span < NEAR);
    let Some(span) = span.and_then(|span| usize::try_from(span).ok()) else {
        return Way::Far(numbers.into_iter().collect());
    };
    let mut bins = vec![u8::try_from(other).unwrap_or(u8::MAX); span + 1];
    for (number, bin) in numbers {
        let at = usize::try_from(number - least).unwrap_or(0);
        if let Some(place) = bins.get_mut(at) {
            *place = bin;
        }
    }
    Way::Near { least, bins }
}

impl Observe for Counting {
    fn observe(&mut self, rows: &RecordBatch) {
        for column in &self.columns {
            column.count(rows, &mut self.local);
        }
    }
}

impl Column {
    fn count(&self, rows: &RecordBatch, local: &mut Local) {
        let values = self.observed.values(rows);
        if values.rows == 0 {
            return;
        }
        self.count_there(&values, local);
        let bins = self.missing + 1;
        let there: u32 = local[..self.missing].iter().sum();
        local[self.missing] = (values.rows as u32).saturating_sub(there);
        for (count, own) in self.counted.0.iter().zip(&mut local[..bins]) {
            if *own > 0 {
                count.add(u64::from(*own));
                *own = 0;
            }
        }
    }

    /// Counts the values that are not null.
    fn count_there(&self, values: &Values<'_>, local: &mut Local) {
        let array = values.array;
        match (&self.way, array.data_type()) {
            (Way::Numbers(table), DataType::Float32) => {
                let all = array.as_primitive::<Float32Type>().values();
                let fast = |all: &[f32], local: &mut Local| table.count_f32(all, local);
                count_numbers(table, values, all, f64::from, fast, local);
            }
            (Way::Numbers(table), DataType::Float64) => {
                let all = array.as_primitive::<Float64Type>().values();
                count_wide(table, values, all, |value| value, local);
            }
            (Way::Numbers(table), DataType::Int32) => {
                let all = array.as_primitive::<Int32Type>().values();
                count_wide(table, values, all, f64::from, local);
            }
            (Way::Numbers(table), DataType::Int64) => {
                let all = array.as_primitive::<Int64Type>().values();
                count_wide(table, values, all, |value| value as f64, local);
            }
            (Way::Numbers(table), DataType::UInt8) => {
                let all = array.as_primitive::<UInt8Type>().values();
                count_wide(table, values, all, f64::from, local);
            }
            (Way::Switches(bins), DataType::Boolean) => {
                let all = array.as_boolean();
                values
                    .there()
                    .for_each(|at| local[bins[usize::from(all.value(at))]] += 1);
            }
            (Way::Texts(bins), DataType::Utf8) => {
                let all = array.as_string::<i32>();
                let bin = |at: usize| {
                    bins.get(all.value(at))
                        .map_or(self.other, |bin| usize::from(*bin))
                };
                values.there().for_each(|at| local[bin(at)] += 1);
            }
            (_, DataType::Int32) => {
                self.count_labels(
                    values,
                    array.as_primitive::<Int32Type>().values(),
                    i64::from,
                    local,
                );
            }
            (_, DataType::Int64) => {
                self.count_labels(
                    values,
                    array.as_primitive::<Int64Type>().values(),
                    |label| label,
                    local,
                );
            }
            (_, DataType::UInt8) => {
                self.count_labels(
                    values,
                    array.as_primitive::<UInt8Type>().values(),
                    i64::from,
                    local,
                );
            }
            // The plan has looked: a column has the type that its bins fit.
            _ => {}
        }
    }

    fn count_labels<T: Copy>(
        &self,
        values: &Values<'_>,
        all: &[T],
        wide: impl Fn(T) -> i64,
        local: &mut Local,
    ) {
        let mut count = |value: T| {
            let value = wide(value);
            let bin = match &self.way {
                Way::Near { least, bins } => {
                    let at = usize::try_from(value.wrapping_sub(*least)).unwrap_or(usize::MAX);
                    bins.get(at)
                }
                Way::Far(bins) => bins.get(&value),
                _ => None,
            };
            local[bin.map_or(self.other, |bin| usize::from(*bin))] += 1;
        };
        if values.width == 1 && values.all_there() {
            all.iter().for_each(|value| count(*value));
        } else {
            values.there().for_each(|at| count(all[at]));
        }
    }
}

/// Counts a column of numbers by `fast`, which takes every value of it; what stands where a null is, is taken back.
fn count_numbers<T: Copy>(
    table: &Table,
    values: &Values<'_>,
    all: &[T],
    wide: impl Fn(T) -> f64 + Copy,
    fast: impl Fn(&[T], &mut Local),
    local: &mut Local,
) {
    if values.width > 1 || values.is_listed() {
        table.count(values.there().map(|at| wide(all[at])), local);
        return;
    }
    fast(all, local);
    if let Some(nulls) = values.array.nulls().filter(|nulls| nulls.null_count() > 0) {
        let taken_back = all.iter().zip(nulls).filter(|(_, there)| !there);
        taken_back.for_each(|(value, _)| local[table.bin(wide(*value))] -= 1);
    }
}

fn count_wide<T: Copy>(
    table: &Table,
    values: &Values<'_>,
    all: &[T],
    wide: impl Fn(T) -> f64 + Copy,
    local: &mut Local,
) {
    let fast = |all: &[T], local: &mut Local| table.count_wide(all, wide, local);
    count_numbers(table, values, all, wide, fast, local);
}
