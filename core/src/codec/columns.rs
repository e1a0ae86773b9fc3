//! Typed buffers that become Arrow arrays without a copy. Each format fills them by its own rules which value fits which column.
//! Knows one value at a time; it does not know names, paths or records.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, PrimitiveArray, StringArray,
    TimestampNanosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int32Type, Int64Type};

use super::fault::{Fault, Parsed};
use super::{Column, ColumnKind, DefaultValue};
use crate::error::{Error, Result};

/// The values of one column, and which rows are null.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) kind: ColumnKind,
    pub(super) nullable: bool,
    pub(super) values: Values,
    /// The null rows, rising: nulls are rare, and a half-row is taken back by a pop.
    nulls: Vec<u32>,
    /// The most bytes that this column held per row in a batch: what the next batch reserves.
    bytes_per_row: usize,
    /// How many bytes 32-bit offsets reach.
    pub(super) limit: usize,
}

#[derive(Debug)]
pub(super) enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Bytes(Texts),
}

/// Strings or bytes, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) offsets: Vec<i32>,
    pub(super) data: Vec<u8>,
}

const FULL: &str = "more than 2 GiB in one batch";

impl Buffers {
    pub(super) fn new(column: &Column) -> Self {
        let values = match column.kind {
            ColumnKind::Bool => Values::Bool(Vec::new()),
            ColumnKind::Int32 => Values::Int32(Vec::new()),
            ColumnKind::Int64 | ColumnKind::Timestamp(_) => Values::Int64(Vec::new()),
            ColumnKind::Float32 | ColumnKind::Float32List(_) => Values::Float32(Vec::new()),
            ColumnKind::Float64 | ColumnKind::Float64List(_) => Values::Float64(Vec::new()),
            ColumnKind::String | ColumnKind::Bytes => Values::Bytes(Texts::default()),
        };
        Self {
            kind: column.kind,
            nullable: column.nullable,
            values,
            nulls: Vec::new(),
            bytes_per_row: 16,
            limit: i32::MAX as usize,
        }
    }

    /// Values per row.
    fn width(&self) -> usize {
        match self.kind {
            ColumnKind::Float32List(width) | ColumnKind::Float64List(width) => width.max(0) as usize,
            _ => 1,
        }
    }

    /// Starts a batch of at most `rows` rows; what a batch that broke off has left is forgotten.
    pub(super) fn begin(&mut self, rows: usize) {
        let count = rows * self.width();
        self.nulls.clear();
        let bytes = (rows * self.bytes_per_row).min(self.limit);
        match &mut self.values {
            Values::Bool(values) => start(values, count),
            Values::Int32(values) => start(values, count),
            Values::Int64(values) => start(values, count),
            Values::Float32(values) => start(values, count),
            Values::Float64(values) => start(values, count),
            Values::Bytes(texts) => {
                start(&mut texts.offsets, rows + 1);
                texts.offsets.push(0);
                start(&mut texts.data, bytes);
            }
        }
    }

    /// Forgets what lies behind the first `rows` rows: the half-row of a bad record.
    pub(super) fn truncate(&mut self, rows: usize) {
        let count = rows * self.width();
        match &mut self.values {
            Values::Bool(values) => values.truncate(count),
            Values::Int32(values) => values.truncate(count),
            Values::Int64(values) => values.truncate(count),
            Values::Float32(values) => values.truncate(count),
            Values::Float64(values) => values.truncate(count),
            Values::Bytes(texts) => {
                texts.offsets.truncate(rows + 1);
                texts.data.truncate(texts.offsets[rows] as usize);
            }
        }
        while self.nulls.last().is_some_and(|row| *row as usize >= rows) {
            self.nulls.pop();
        }
    }

    /// Row `row` is null; whether the column may be is the caller's matter.
    pub(super) fn push_null(&mut self, row: usize) {
        let count = self.width();
        self.nulls.push(row as u32);
        match &mut self.values {
            Values::Bool(values) => values.push(false),
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Float32(values) => values.resize(values.len() + count, 0.0),
            Values::Float64(values) => values.resize(values.len() + count, 0.0),
            Values::Bytes(texts) => texts.offsets.push(texts.data.len() as i32),
        }
    }

    /// Fills row `row`, for which the record has no field.
    pub(super) fn absent(&mut self, row: usize, default: Option<&DefaultValue>, at: usize) -> Parsed<()> {
        let Some(default) = default else {
            if !self.nullable {
                return Err(Fault::new("missing, and without a default", at));
            }
            self.push_null(row);
            return Ok(());
        };
        let limit = self.limit;
        match (&mut self.values, default) {
            (Values::Bool(values), DefaultValue::Bool(value)) => values.push(*value),
            (Values::Int32(values), DefaultValue::Int(value)) => {
                values.push(i32::try_from(*value).map_err(|_| Fault::new("default out of range", at))?);
            }
            (Values::Int64(values), DefaultValue::Int(value) | DefaultValue::Timestamp(value)) => {
                values.push(*value);
            }
            (Values::Float32(values), DefaultValue::Float(value)) => values.push(*value as f32),
            (Values::Float64(values), DefaultValue::Float(value)) => values.push(*value),
            (Values::Float32(values), DefaultValue::Int(value)) => values.push(*value as f32),
            (Values::Float64(values), DefaultValue::Int(value)) => values.push(*value as f64),
            (Values::Bytes(texts), DefaultValue::String(value)) => texts.push(value.as_bytes(), limit, at)?,
            (Values::Bytes(texts), DefaultValue::Bytes(value)) => texts.push(value, limit, at)?,
            (Values::Float32(values), DefaultValue::List(list)) if list.len() == list_width(self.kind) => {
                values.extend(list.iter().map(|value| *value as f32));
            }
            (Values::Float64(values), DefaultValue::List(list)) if list.len() == list_width(self.kind) => {
                values.extend(list);
            }
            _ => return Err(Fault::new("missing, and its default is of another type", at)),
        }
        Ok(())
    }

    /// The column's array of `rows` rows; the buffers are empty again.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef> {
        let nulls = self.finish_nulls(rows);
        let failed = |e| Error::fatal("build a column").caused_by(e);
        let array: ArrayRef = match &mut self.values {
            Values::Bool(values) => {
                let bits = BooleanBuffer::collect_bool(rows, |row| values[row]);
                values.clear();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::Int32(values) => primitive::<Int32Type>(std::mem::take(values), nulls).map_err(failed)?,
            Values::Int64(values) if matches!(self.kind, ColumnKind::Timestamp(_)) => {
                let array = TimestampNanosecondArray::try_new(std::mem::take(values).into(), nulls);
                Arc::new(array.map_err(failed)?.with_timezone("UTC"))
            }
            Values::Int64(values) => primitive::<Int64Type>(std::mem::take(values), nulls).map_err(failed)?,
            Values::Float32(values) => {
                let values = std::mem::take(values);
                match self.kind {
                    ColumnKind::Float32 => primitive::<Float32Type>(values, nulls).map_err(failed)?,
                    kind => fixed_list(
                        kind,
                        primitive::<Float32Type>(values, None).map_err(failed)?,
                        nulls,
                    )?,
                }
            }
            Values::Float64(values) => {
                let values = std::mem::take(values);
                match self.kind {
                    ColumnKind::Float64 => primitive::<Float64Type>(values, nulls).map_err(failed)?,
                    kind => fixed_list(
                        kind,
                        primitive::<Float64Type>(values, None).map_err(failed)?,
                        nulls,
                    )?,
                }
            }
            Values::Bytes(texts) => {
                let per_row = texts.data.len().div_ceil(rows.max(1));
                self.bytes_per_row = self.bytes_per_row.max(per_row + per_row / 4).min(4096);
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut texts.offsets)));
                let data = Buffer::from_vec(std::mem::take(&mut texts.data));
                match self.kind {
                    ColumnKind::String => {
                        Arc::new(StringArray::try_new(offsets, data, nulls).map_err(failed)?)
                    }
                    _ => Arc::new(BinaryArray::try_new(offsets, data, nulls).map_err(failed)?),
                }
            }
        };
        Ok(array)
    }

    fn finish_nulls(&mut self, rows: usize) -> Option<NullBuffer> {
        if self.nulls.is_empty() {
            return None;
        }
        let mut bits = vec![u64::MAX; rows.div_ceil(64)];
        for row in self.nulls.drain(..) {
            bits[row as usize / 64] &= !(1 << (row % 64));
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(bits), 0, rows);
        Some(NullBuffer::new(bits))
    }
}

impl Texts {
    /// Ends the string that `data` grew by.
    #[inline]
    pub(super) fn close(&mut self, limit: usize, at: usize) -> Parsed<()> {
        if self.data.len() > limit {
            let mut fault = Fault::new(FULL, at);
            fault.full = true;
            return Err(fault);
        }
        self.offsets.push(self.data.len() as i32);
        Ok(())
    }

    pub(super) fn push(&mut self, value: &[u8], limit: usize, at: usize) -> Parsed<()> {
        self.data.extend_from_slice(value);
        self.close(limit, at)
    }
}

fn start<T>(values: &mut Vec<T>, count: usize) {
    values.clear();
    values.reserve(count);
}

/// How many values a row of a list column has; none in a column that is no list.
pub(super) fn list_width(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Float32List(width) | ColumnKind::Float64List(width) => width.max(0) as usize,
        _ => 0,
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(values.into(), nulls)?))
}

fn fixed_list(kind: ColumnKind, items: ArrayRef, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let failed = |e| Error::fatal("build a list column").caused_by(e);
    let DataType::FixedSizeList(field, width) = kind.data_type() else {
        return Err(Error::fatal("build a list column of a kind that is no list"));
    };
    let array = FixedSizeListArray::try_new(field, width, items, nulls).map_err(failed)?;
    Ok(Arc::new(array))
}
