//! JSON values into typed buffers: which value fits which column, and how it is read without a tree in between.

use arrow::datatypes::TimeUnit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::number::{Number, OutOfRange, short_f32, short_float, short_integer};
use super::parser::Cursor;
use super::time::{self, Wrong};
use crate::codec::ColumnKind;
use crate::codec::columns::{Buffers, Values, list_width};
use crate::codec::fault::{Fault, NULL, Parsed};

const NOT_A_NUMBER: &str = "number out of range";

impl Buffers {
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
            return Err(Fault::new(NULL, at));
        }
        self.push_null(row);
        Ok(())
    }
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
        Ok((_, false)) => Err(Fault::new(expected, at).found("a number with a fraction")),
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
