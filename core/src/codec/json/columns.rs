//! Typed buffers that become Arrow arrays without a copy, and the rules which value fits which column.
//! Knows one value at a time; it does not know names, paths or records.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, PrimitiveArray, StringArray,
    TimestampNanosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::number::{Number, OutOfRange, short_f32, short_float, short_integer};
use super::parser::{Cursor, Fault, Parsed};
use super::time::{self, Wrong};
use crate::codec::{Column, ColumnKind, DefaultValue};
use crate::error::{Error, Result};

/// The values of one column, and which rows are null.
#[derive(Debug)]
pub(super) struct Buffers {
    kind: ColumnKind,
    nullable: bool,
    values: Values,
    /// The null rows, rising: nulls are rare, and a half-row is taken back by a pop.
    nulls: Vec<u32>,
    /// The most bytes that this column held per row in a batch: what the next batch reserves.
    bytes_per_row: usize,
    /// How many bytes 32-bit offsets reach.
    pub(super) limit: usize,
}

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Bytes(Texts),
}

/// Strings or bytes, one behind the other.
#[derive(Debug, Default)]
struct Texts {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

const NOT_A_NUMBER: &str = "number out of range";
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

    /// Takes the value under the cursor into row `row`.
    #[inline]
    pub(super) fn take(&mut self, row: usize, cursor: &mut Cursor<'_>, scratch: &mut Vec<u8>) -> Parsed<()> {
        let first = cursor.peek();
        if first == Some(b'n') {
            return self.take_null(row, cursor);
        }
        match (&mut self.values, self.kind) {
            (Values::Float64(values), ColumnKind::Float64) => {
                values.push(float(cursor, first, "expected a float64")?);
            }
            (Values::Float32(values), ColumnKind::Float32) => {
                values.push(float(cursor, first, "expected a float32")?);
            }
            (Values::Int64(values), ColumnKind::Int64) => {
                values.push(integer(cursor, first, "expected an int64")?)
            }
            (Values::Int32(values), ColumnKind::Int32) => {
                let at = cursor.at;
                let value = integer(cursor, first, "expected an int32")?;
                values.push(i32::try_from(value).map_err(|_| Fault::new(NOT_A_NUMBER, at))?);
            }
            (Values::Int64(values), ColumnKind::Timestamp(unit)) => {
                values.push(timestamp(cursor, first, unit, scratch)?);
            }
            (Values::Bool(values), _) => values.push(boolean(cursor, first)?),
            (Values::Bytes(texts), ColumnKind::String) => {
                open_string(cursor, first, "expected a string")?;
                let at = cursor.at;
                cursor.string_into(&mut texts.data)?;
                texts.close(self.limit, at)?;
            }
            (Values::Bytes(texts), _) => {
                open_string(cursor, first, "expected base64 in a string")?;
                let at = cursor.at;
                let text = cursor.text(scratch)?;
                let decoded = STANDARD.decode_vec(text, &mut texts.data);
                decoded.map_err(|_| Fault::new("malformed base64", at))?;
                texts.close(self.limit, at)?;
            }
            (Values::Float32(values), kind) => {
                let end = values.len() + list_width(kind);
                list(cursor, first, values, end)?;
            }
            (Values::Float64(values), kind) => {
                let end = values.len() + list_width(kind);
                list(cursor, first, values, end)?;
            }
            // `new` pairs each kind with its values.
            _ => return cursor.mismatch("expected a value of the column's type"),
        }
        Ok(())
    }

    #[cold]
    fn take_null(&mut self, row: usize, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let at = cursor.at;
        cursor.null()?;
        if !self.nullable {
            return Err(Fault::new("null in a column that is not nullable", at));
        }
        self.push_null(row);
        Ok(())
    }

    fn push_null(&mut self, row: usize) {
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
    fn close(&mut self, limit: usize, at: usize) -> Parsed<()> {
        if self.data.len() > limit {
            let full = true;
            return Err(Fault {
                full,
                ..Fault::new(FULL, at)
            });
        }
        self.offsets.push(self.data.len() as i32);
        Ok(())
    }

    fn push(&mut self, value: &[u8], limit: usize, at: usize) -> Parsed<()> {
        self.data.extend_from_slice(value);
        self.close(limit, at)
    }
}

fn start<T>(values: &mut Vec<T>, count: usize) {
    values.clear();
    values.reserve(count);
}

fn list_width(kind: ColumnKind) -> usize {
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

/// The two floats.
trait Float: Copy {
    /// The nearest one to a number whose nearest `f64` is `value`, where that can be told.
    fn short(value: f64) -> Option<Self>;
    /// The nearest one to a number, infinite where there is none.
    fn nearest(number: &Number<'_>) -> Self;
    fn finite(self) -> bool;
}

impl Float for f32 {
    #[inline(always)]
    fn short(value: f64) -> Option<Self> {
        short_f32(value)
    }

    fn nearest(number: &Number<'_>) -> Self {
        number.f32()
    }

    fn finite(self) -> bool {
        self.is_finite()
    }
}

impl Float for f64 {
    #[inline(always)]
    fn short(value: f64) -> Option<Self> {
        Some(value)
    }

    fn nearest(number: &Number<'_>) -> Self {
        number.f64()
    }

    fn finite(self) -> bool {
        self.is_finite()
    }
}

#[inline(always)]
fn float<F: Float>(cursor: &mut Cursor<'_>, first: Option<u8>, expected: &'static str) -> Parsed<F> {
    if let Some((value, end)) = short_float(cursor.bytes, cursor.at)
        && let Some(value) = F::short(value)
    {
        cursor.at = end;
        return Ok(value);
    }
    long_float(cursor, first, expected)
}

#[cold]
fn long_float<F: Float>(cursor: &mut Cursor<'_>, first: Option<u8>, expected: &'static str) -> Parsed<F> {
    let at = cursor.at;
    let value = F::nearest(&number(cursor, first, expected)?);
    if value.finite() {
        Ok(value)
    } else {
        Err(Fault::new(NOT_A_NUMBER, at))
    }
}

#[inline]
fn number<'a>(cursor: &mut Cursor<'a>, first: Option<u8>, expected: &'static str) -> Parsed<Number<'a>> {
    match first {
        Some(b'-' | b'0'..=b'9') => Number::read(cursor),
        _ => cursor.mismatch(expected),
    }
}

#[inline]
fn integer(cursor: &mut Cursor<'_>, first: Option<u8>, expected: &'static str) -> Parsed<i64> {
    if let Some((value, end)) = short_integer(cursor.bytes, cursor.at) {
        cursor.at = end;
        return Ok(value);
    }
    long_integer(cursor, first, expected)
}

#[cold]
fn long_integer(cursor: &mut Cursor<'_>, first: Option<u8>, expected: &'static str) -> Parsed<i64> {
    let at = cursor.at;
    match number(cursor, first, expected)?.scaled(0) {
        Ok((value, true)) => Ok(value),
        Ok((_, false)) => Err(Fault {
            found: Some("a number with a fraction"),
            ..Fault::new(expected, at)
        }),
        Err(OutOfRange) => Err(Fault::new(NOT_A_NUMBER, at)),
    }
}

fn boolean(cursor: &mut Cursor<'_>, first: Option<u8>) -> Parsed<bool> {
    match first {
        Some(b't') if cursor.word("true") => Ok(true),
        Some(b'f') if cursor.word("false") => Ok(false),
        Some(b't' | b'f') => cursor.fault("expected a json value"),
        _ => cursor.mismatch("expected a bool"),
    }
}

#[inline]
fn open_string(cursor: &mut Cursor<'_>, first: Option<u8>, expected: &'static str) -> Parsed<()> {
    if first != Some(b'"') {
        return cursor.mismatch(expected);
    }
    cursor.at += 1;
    Ok(())
}

fn timestamp(
    cursor: &mut Cursor<'_>,
    first: Option<u8>,
    unit: TimeUnit,
    scratch: &mut Vec<u8>,
) -> Parsed<i64> {
    const EXPECTED: &str = "expected a timestamp: rfc 3339 or a number";
    const RANGE: &str = "timestamp out of range: nanoseconds reach from 1677 to 2262";
    let at = cursor.at;
    if let Some(b'"') = first {
        cursor.at += 1;
        let parsed = time::parse(cursor.text(scratch)?);
        return parsed.map_err(|wrong| match wrong {
            Wrong::Malformed => Fault::new("malformed timestamp: expected rfc 3339", at),
            Wrong::OutOfRange => Fault::new(RANGE, at),
        });
    }
    let shift = match unit {
        TimeUnit::Second => 9,
        TimeUnit::Millisecond => 6,
        TimeUnit::Microsecond => 3,
        TimeUnit::Nanosecond => 0,
    };
    let scaled = number(cursor, first, EXPECTED)?.scaled(shift);
    scaled.map(|(nanos, _)| nanos).map_err(|_| Fault::new(RANGE, at))
}

fn list<F: Float>(cursor: &mut Cursor<'_>, first: Option<u8>, values: &mut Vec<F>, end: usize) -> Parsed<()> {
    const WIDTH: &str = "list of another length than declared";
    if first != Some(b'[') {
        return cursor.mismatch("expected a list of numbers");
    }
    let at = cursor.at;
    cursor.enter()?;
    let mut opening = true;
    while cursor.next(b']', opening)? {
        opening = false;
        if values.len() == end {
            return Err(Fault::new(WIDTH, at));
        }
        let first = cursor.peek();
        values.push(float(cursor, first, "expected a number in the list")?);
    }
    if values.len() == end {
        Ok(())
    } else {
        Err(Fault::new(WIDTH, at))
    }
}
