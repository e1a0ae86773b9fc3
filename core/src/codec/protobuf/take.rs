//! Protobuf values into typed buffers: what a number of one type is in a column of another, and what is out of its range.

use arrow::datatypes::TimeUnit;

use super::scalar::Scalar;
use super::trail::nanos_in;
use super::wire::Cursor;
use crate::codec::ColumnKind;
use crate::codec::columns::{Buffers, Values, list_width};
use crate::codec::fault::{Fault, Parsed};
use crate::codec::json::{TimeWrong, parse_time};

const OUT_OF_RANGE: &str = "number out of range";
const NOT_UTF8: &str = "string that is not utf-8";
const TIME_RANGE: &str = "timestamp out of range: nanoseconds reach from 1677 to 2262";
const WIDTH: &str = "list of another length than declared";
const NANOS: i64 = 1_000_000_000;
/// The largest scale of a decimal; a text has as many digits.
const MOST_SCALE: u32 = 1000;

/// A value of a scalar type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) of: Scalar,
    pub(super) bits: u64,
    /// Of a string, or bytes.
    pub(super) bytes: &'a [u8],
    /// Of an enum.
    pub(super) names: &'a [(i32, String)],
    pub(super) at: usize,
}

impl Given<'_> {
    #[inline]
    fn integer(&self) -> Parsed<i64> {
        self.of.integer(self.bits).ok_or_else(|| {
            let what = if self.of.is_float() {
                "number with a fraction, or out of range"
            } else {
                OUT_OF_RANGE
            };
            Fault::new(what, self.at)
        })
    }

    fn timestamp(&self, unit: TimeUnit) -> Parsed<i64> {
        let at = self.at;
        if self.of == Scalar::String {
            return parse_time(self.bytes).map_err(|wrong| match wrong {
                TimeWrong::Malformed => Fault::new("malformed timestamp: expected rfc 3339", at),
                TimeWrong::OutOfRange => Fault::new(TIME_RANGE, at),
            });
        }
        let factor = nanos_in(unit);
        let nanos = if self.of.is_float() {
            super::scalar::whole((self.of.float(self.bits) * factor as f64).trunc())
        } else {
            self.of
                .integer(self.bits)
                .and_then(|value| value.checked_mul(factor))
        };
        nanos.ok_or_else(|| Fault::new(TIME_RANGE, at))
    }
}

/// The two floats.
trait Float: Copy {
    fn narrow(of: Scalar, bits: u64) -> Option<Self>;
}

impl Float for f64 {
    #[inline(always)]
    fn narrow(of: Scalar, bits: u64) -> Option<Self> {
        Some(of.float(bits))
    }
}

impl Float for f32 {
    /// The nearest one; none where only an infinity is near. What is NaN or infinite already stays so.
    #[inline(always)]
    fn narrow(of: Scalar, bits: u64) -> Option<Self> {
        if of == Scalar::Float {
            return Some(f32::from_bits(bits as u32));
        }
        let wide = of.float(bits);
        let narrow = wide as f32;
        (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
    }
}

impl Buffers {
    /// Takes a scalar into the next row.
    #[inline]
    pub(super) fn take_scalar(&mut self, given: &Given<'_>) -> Parsed<()> {
        let at = given.at;
        let range = || Fault::new(OUT_OF_RANGE, at);
        match (&mut self.values, self.kind) {
            (Values::Float64(values), _) => values.push(f64::narrow(given.of, given.bits).ok_or_else(range)?),
            (Values::Float32(values), _) => values.push(f32::narrow(given.of, given.bits).ok_or_else(range)?),
            (Values::Int64(values), ColumnKind::Timestamp(unit)) => values.push(given.timestamp(unit)?),
            (Values::Int64(values), _) => values.push(given.integer()?),
            (Values::Int32(values), _) => {
                values.push(i32::try_from(given.integer()?).map_err(|_| range())?);
            }
            (Values::Bool(values), _) => values.push(given.bits != 0),
            (Values::Bytes(texts), _) if given.of == Scalar::Enum => {
                let number = given.bits as i32;
                match given.names.binary_search_by_key(&number, |(number, _)| *number) {
                    Ok(place) => texts.push(given.names[place].1.as_bytes(), self.limit, at)?,
                    Err(_) => {
                        let mut buffer = itoa::Buffer::new();
                        texts.push(buffer.format(number).as_bytes(), self.limit, at)?;
                    }
                }
            }
            (Values::Bytes(texts), kind) => {
                if kind == ColumnKind::String && simdutf8::basic::from_utf8(given.bytes).is_err() {
                    return Err(Fault::new(NOT_UTF8, at));
                }
                texts.push(given.bytes, self.limit, at)?;
            }
        }
        Ok(())
    }

    /// Takes at most `most` items into the list of row `row`.
    pub(super) fn take_items(
        &mut self,
        row: usize,
        of: Scalar,
        most: usize,
        cursor: &mut Cursor<'_>,
    ) -> Parsed<()> {
        let end = (row + 1) * list_width(self.kind);
        match &mut self.values {
            Values::Float32(values) if of == Scalar::Float && most > 1 => {
                packed(values, end, cursor, |item| f32::from_le_bytes(*item))
            }
            Values::Float64(values) if of == Scalar::Double && most > 1 => {
                packed(values, end, cursor, |item| f64::from_le_bytes(*item))
            }
            Values::Float32(values) => items(values, end, of, most, cursor),
            Values::Float64(values) => items(values, end, of, most, cursor),
            _ => Err(Fault::new("a list in a column that takes none", cursor.at)),
        }
    }

    /// How many items all rows of a list column have.
    pub(super) fn items(&self) -> usize {
        match &self.values {
            Values::Float32(values) => values.len(),
            Values::Float64(values) => values.len(),
            _ => 0,
        }
    }

    /// The list of row `row` is at its end.
    pub(super) fn end_items(&mut self, row: usize, at: usize) -> Parsed<()> {
        if self.items() == (row + 1) * list_width(self.kind) {
            Ok(())
        } else {
            Err(Fault::new(WIDTH, at))
        }
    }

    pub(super) fn take_timestamp(&mut self, seconds: i64, nanos: i32, at: usize) -> Parsed<()> {
        if !(0..NANOS as i32).contains(&nanos) {
            return Err(Fault::new("timestamp with nanoseconds outside one second", at));
        }
        let value = i128::from(seconds) * i128::from(NANOS) + i128::from(nanos);
        let value = i64::try_from(value).map_err(|_| Fault::new(TIME_RANGE, at))?;
        if let Values::Int64(values) = &mut self.values {
            values.push(value);
        }
        Ok(())
    }

    /// Seconds in a float column, `-1.5s` in a string column.
    pub(super) fn take_duration(&mut self, seconds: i64, nanos: i32, at: usize) -> Parsed<()> {
        let total = i128::from(seconds) * i128::from(NANOS) + i128::from(nanos);
        if nanos.unsigned_abs() >= NANOS as u32 || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
            return Err(Fault::new(
                "malformed duration: its nanoseconds do not fit its seconds",
                at,
            ));
        }
        // As few digits as say it, by threes.
        let (mut total, mut scale) = (total, 9);
        while scale > 0 && total % 1000 == 0 {
            (total, scale) = (total / 1000, scale - 3);
        }
        self.take_scaled(total, scale, b"s", at)
    }

    /// `unscaled` is a big-endian integer in two's complement; the value is that many tens to the `-scale`.
    pub(super) fn take_decimal(&mut self, unscaled: &[u8], scale: i32, at: usize) -> Parsed<()> {
        let negative = unscaled.first().is_some_and(|byte| *byte >= 0x80);
        let mut bytes = [if negative { 0xff } else { 0 }; 16];
        let start = bytes.len().checked_sub(unscaled.len());
        let start = start.ok_or_else(|| Fault::new("decimal of more than 16 bytes", at))?;
        bytes[start..].copy_from_slice(unscaled);
        if scale.unsigned_abs() > MOST_SCALE {
            return Err(Fault::new("decimal with a scale beyond 1000", at));
        }
        self.take_scaled(i128::from_be_bytes(bytes), scale, b"", at)
    }

    /// `value` times ten to the `-scale`: as the nearest float, or as text with `unit` behind it.
    fn take_scaled(&mut self, value: i128, scale: i32, unit: &[u8], at: usize) -> Parsed<()> {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value.unsigned_abs());
        match &mut self.values {
            Values::Bytes(texts) => {
                write_decimal(&mut texts.data, value < 0, digits.as_bytes(), scale);
                texts.data.extend_from_slice(unit);
                texts.close(self.limit, at)
            }
            Values::Float64(values) => {
                values.push(nearest(value < 0, digits, scale));
                Ok(())
            }
            Values::Float32(values) => {
                let bits = nearest(value < 0, digits, scale).to_bits();
                let narrow = f32::narrow(Scalar::Double, bits);
                values.push(narrow.ok_or_else(|| Fault::new(OUT_OF_RANGE, at))?);
                Ok(())
            }
            _ => Err(Fault::new("a decimal in a column that takes none", at)),
        }
    }
}

fn nearest(negative: bool, digits: &str, scale: i32) -> f64 {
    // At most 39 digits, a letter, and an exponent of four digits with its sign.
    let mut text = [0; 64];
    let mut exponent = itoa::Buffer::new();
    let parts = [
        digits.as_bytes(),
        b"e",
        exponent.format(-i64::from(scale)).as_bytes(),
    ];
    let mut length = 0;
    for part in parts {
        text[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    let value: f64 = fast_float2::parse(&text[..length]).unwrap_or(f64::INFINITY);
    if negative { -value } else { value }
}

fn write_decimal(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i32) {
    if negative {
        out.push(b'-');
    }
    let places = scale.max(0) as usize;
    let whole = digits.len().saturating_sub(places);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    if scale < 0 && digits != b"0" {
        out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs() as usize));
    }
    let fraction = &digits[whole..];
    let zeros = places.saturating_sub(digits.len());
    // A fraction that is all zeros is written, too: it is what the scale says.
    if places > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', zeros));
        out.extend_from_slice(fraction);
    }
}

fn packed<T, const N: usize>(
    values: &mut Vec<T>,
    end: usize,
    cursor: &mut Cursor<'_>,
    item: impl Fn(&[u8; N]) -> T,
) -> Parsed<()> {
    let (items, rest) = cursor.bytes[cursor.at..cursor.end].as_chunks::<N>();
    if !rest.is_empty() {
        return Err(Fault::new("packed list that ends inside of an item", cursor.end));
    }
    if values.len() + items.len() > end {
        return Err(Fault::new(WIDTH, cursor.at));
    }
    values.extend(items.iter().map(item));
    cursor.at = cursor.end;
    Ok(())
}

fn items<F: Float>(
    values: &mut Vec<F>,
    end: usize,
    of: Scalar,
    most: usize,
    cursor: &mut Cursor<'_>,
) -> Parsed<()> {
    let mut left = most;
    while left > 0 && !cursor.is_at_end() {
        let at = cursor.at;
        let bits = match of.wire() {
            super::wire::Wire::Fixed64 => cursor.fixed64()?,
            super::wire::Wire::Fixed32 => u64::from(cursor.fixed32()?),
            _ => cursor.varint()?,
        };
        if values.len() == end {
            return Err(Fault::new(WIDTH, at));
        }
        values.push(F::narrow(of, bits).ok_or_else(|| Fault::new(OUT_OF_RANGE, at))?);
        left -= 1;
    }
    if most == 1 && left == 1 {
        return Err(Fault::new("truncated protobuf", cursor.end));
    }
    Ok(())
}
