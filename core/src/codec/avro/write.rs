//! Arrow values to Avro bytes by a plan that was made once: which branch, which cast, in which order.
//! Knows types on both sides; it does not know records or topics.

use std::collections::HashMap;

use super::view::{Cell, View};

/// How a record is written.
#[derive(Clone, Debug)]
pub(super) struct Fields(pub(super) Vec<Step>);

/// A field, in the order of the schema.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The column of this place.
    Column(usize, Slot),
    /// What no column has: the field's default, as it is written.
    Constant(Vec<u8>),
}

/// How one value is written: behind the number of its branch, where the field is a union.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) value: Option<i64>,
    pub(super) null: Option<i64>,
    pub(super) form: Form,
}

/// What a value is written as.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Bool,
    Int,
    Long,
    /// A timestamp: times the first, by the second.
    Moment(i64, i64),
    Float,
    Double,
    /// A string; bytes are looked at whether they are one.
    Text,
    Bytes,
    Fixed(usize),
    Symbol(HashMap<Box<str>, i64>),
    /// The width in a fixed, and the factor between the scales.
    Decimal(Option<usize>, i128),
    List(Box<Slot>),
    Record(Fields),
    /// A type that has nulls alone.
    Null,
}

/// Why a value cannot be written; says nothing of it.
pub(super) type Written = Result<(), &'static str>;

const RANGE: &str = "number out of range";
const TYPE: &str = "a value of another type than planned";

/// Appends an int, a long, a length, a branch.
#[inline]
pub(super) fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes behind their length.
#[inline]
pub(super) fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

impl Fields {
    /// Appends row `row`; where a value cannot be written, the place of its column and why.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        cells: &[Cell<'_>],
        row: usize,
    ) -> Result<(), (usize, &'static str)> {
        for step in &self.0 {
            match step {
                Step::Column(index, slot) => slot.write(out, &cells[*index], row).map_err(|e| (*index, e))?,
                Step::Constant(bytes) => out.extend_from_slice(bytes),
            }
        }
        Ok(())
    }
}

impl Slot {
    #[inline]
    fn write(&self, out: &mut Vec<u8>, cell: &Cell<'_>, row: usize) -> Written {
        if cell.is_null(row) {
            return match self.null {
                Some(branch) => {
                    long(out, branch);
                    Ok(())
                }
                None if matches!(self.form, Form::Null) => Ok(()),
                None => Err("null, and the schema has no null there"),
            };
        }
        if let Some(branch) = self.value {
            long(out, branch);
        }
        self.form.write(out, cell, row)
    }
}

impl Form {
    fn write(&self, out: &mut Vec<u8>, cell: &Cell<'_>, row: usize) -> Written {
        if let View::Dictionary(keys, values) = &cell.view {
            return self.write(out, values, keys[row]);
        }
        match self {
            Self::Bool => match &cell.view {
                View::Bool(values) => out.push(u8::from(values.value(row))),
                _ => return Err(TYPE),
            },
            Self::Int => {
                let value = i32::try_from(cell.whole(row).ok_or(TYPE)?).map_err(|_| RANGE)?;
                long(out, i64::from(value));
            }
            Self::Long => {
                let value = cell.whole(row).ok_or(TYPE)?;
                long(out, i64::try_from(value).map_err(|_| RANGE)?);
            }
            Self::Moment(times, by) => {
                let value = cell.whole(row).ok_or(TYPE)? * i128::from(*times);
                let value = value.div_euclid(i128::from(*by));
                long(out, i64::try_from(value).map_err(|_| "timestamp out of range")?);
            }
            Self::Float => out.extend_from_slice(&float(cell, row)?.to_le_bytes()),
            Self::Double => out.extend_from_slice(&cell.float(row).ok_or(TYPE)?.to_le_bytes()),
            Self::Text => {
                let bytes = cell.bytes(row).ok_or(TYPE)?;
                if cell.is_binary() && std::str::from_utf8(bytes).is_err() {
                    return Err("bytes that are not utf-8, where the schema has a string");
                }
                counted(out, bytes);
            }
            Self::Bytes => counted(out, cell.bytes(row).ok_or(TYPE)?),
            Self::Fixed(size) => {
                let bytes = cell.bytes(row).ok_or(TYPE)?;
                if bytes.len() != *size {
                    return Err("bytes of another length than the schema's fixed");
                }
                out.extend_from_slice(bytes);
            }
            Self::Symbol(symbols) => {
                let text = cell.bytes(row).and_then(|bytes| std::str::from_utf8(bytes).ok());
                let symbol = symbols.get(text.ok_or(TYPE)?);
                long(
                    out,
                    *symbol.ok_or("a text that is no symbol of the schema's enum")?,
                );
            }
            Self::Decimal(size, times) => decimal(out, cell, row, *size, *times)?,
            Self::List(slot) => list(out, cell, row, slot)?,
            Self::Record(fields) => match &cell.view {
                View::Struct(cells) => fields.write(out, cells, row).map_err(|(_, what)| what)?,
                _ => return Err(TYPE),
            },
            Self::Null => return Err("a value, where the schema has null alone"),
        }
        Ok(())
    }
}

/// The nearest float; a finite value that is too large for one is refused.
#[inline]
fn float(cell: &Cell<'_>, row: usize) -> Result<f32, &'static str> {
    if let View::Float32(values) = &cell.view {
        return Ok(values[row]);
    }
    let wide = cell.float(row).ok_or(TYPE)?;
    let short = wide as f32;
    if short.is_infinite() && wide.is_finite() {
        return Err(RANGE);
    }
    Ok(short)
}

fn decimal(out: &mut Vec<u8>, cell: &Cell<'_>, row: usize, size: Option<usize>, times: i128) -> Written {
    let View::Decimal(values) = &cell.view else {
        return Err(TYPE);
    };
    let bytes = values[row].checked_mul(times).ok_or(RANGE)?.to_be_bytes();
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    // Without the bytes in front that say the sign alone.
    let mut start = 0;
    while start < 15 && bytes[start] == sign && (bytes[start] ^ bytes[start + 1]) & 0x80 == 0 {
        start += 1;
    }
    let short = &bytes[start..];
    match size {
        None => counted(out, short),
        Some(size) if short.len() <= size => {
            out.extend(std::iter::repeat_n(sign, size - short.len()));
            out.extend_from_slice(short);
        }
        Some(_) => return Err(RANGE),
    }
    Ok(())
}

/// All items in one block, and the empty one that ends an array.
fn list(out: &mut Vec<u8>, cell: &Cell<'_>, row: usize, slot: &Slot) -> Written {
    let (range, items) = cell.items(row).ok_or(TYPE)?;
    if !range.is_empty() {
        long(out, range.len() as i64);
        for item in range {
            slot.write(out, items, item)?;
        }
    }
    out.push(0);
    Ok(())
}
