//! Arrow values to JSON text, one cell at a time into one buffer. A view is made per batch and column, nothing per cell.
//! Knows Arrow types; it does not know records, keys or topics.

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, StringArray, new_empty_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::scan::special;
use super::time::{write_date, write_timestamp};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A column, ready to be written cell by cell.
#[derive(Debug)]
pub(in crate::codec) struct Cells<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as arrow::datatypes::ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Utf8(&'a StringArray),
    LargeUtf8(&'a arrow::array::LargeStringArray),
    Utf8View(&'a arrow::array::StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a arrow::array::LargeBinaryArray),
    BinaryView(&'a arrow::array::BinaryViewArray),
    FixedBinary(&'a arrow::array::FixedSizeBinaryArray),
    /// Values and units per second.
    Timestamp(&'a [i64], i64),
    Date32(&'a [i32]),
    Date64(&'a [i64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    List(&'a [i32], Box<Cells<'a>>),
    LargeList(&'a [i64], Box<Cells<'a>>),
    FixedList(usize, Box<Cells<'a>>),
    Struct(Vec<(Vec<u8>, Cells<'a>)>),
    Dictionary(Vec<usize>, Box<Cells<'a>>),
}

/// What could not be written as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// NaN and infinities, written as null.
    pub(super) not_finite: u64,
    /// Dates and timestamps outside the years 0 to 9999.
    pub(super) out_of_range: u64,
}

/// Whether cells of this type can be written.
pub(in crate::codec) fn can_write(of: &DataType) -> bool {
    Cells::new(&*new_empty_array(of)).is_some()
}

impl<'a> Cells<'a> {
    /// A view of `array`; `None` where JSON has no form for its type.
    pub(in crate::codec) fn new(array: &'a dyn Array) -> Option<Self> {
        Some(Self {
            nulls: array.nulls(),
            values: values(array)?,
        })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match &self.values {
            Values::Null => true,
            Values::Dictionary(keys, values) => {
                self.nulls.is_some_and(|n| n.is_null(row)) || values.is_null(keys[row])
            }
            _ => self.nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    /// The bytes of a string or of binary data.
    pub(super) fn raw(&self, row: usize) -> Option<&[u8]> {
        match &self.values {
            Values::Dictionary(keys, values) => values.raw(keys[row]),
            values => values.text(row).map(str::as_bytes).or_else(|| values.binary(row)),
        }
    }

    /// Appends the JSON text of row `row`.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, row: usize, counts: &mut Counts) {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return out.extend_from_slice(b"null");
        }
        match &self.values {
            Values::Null => out.extend_from_slice(b"null"),
            Values::Bool(v) => out.extend_from_slice(if v.value(row) { b"true" } else { b"false" }),
            Values::Int8(v) => integer(out, v[row]),
            Values::Int16(v) => integer(out, v[row]),
            Values::Int32(v) => integer(out, v[row]),
            Values::Int64(v) => integer(out, v[row]),
            Values::UInt8(v) => integer(out, v[row]),
            Values::UInt16(v) => integer(out, v[row]),
            Values::UInt32(v) => integer(out, v[row]),
            Values::UInt64(v) => integer(out, v[row]),
            Values::Float16(v) => float(out, v[row].to_f32(), f32::is_finite, counts),
            Values::Float32(v) => float(out, v[row], f32::is_finite, counts),
            Values::Float64(v) => float(out, v[row], f64::is_finite, counts),
            Values::Timestamp(v, per_second) => {
                quoted(out, counts, |out| write_timestamp(out, v[row], *per_second));
            }
            Values::Date32(v) => quoted(out, counts, |out| write_date(out, i64::from(v[row]))),
            Values::Date64(v) => quoted(out, counts, |out| {
                write_date(out, v[row].div_euclid(MILLIS_PER_DAY))
            }),
            Values::Decimal32(v, scale) => decimal(out, i128::from(v[row]), *scale),
            Values::Decimal64(v, scale) => decimal(out, i128::from(v[row]), *scale),
            Values::Decimal128(v, scale) => decimal(out, v[row], *scale),
            Values::List(ends, items) => {
                items.write_list(out, ends[row] as usize, ends[row + 1] as usize, counts)
            }
            Values::LargeList(ends, items) => {
                items.write_list(out, ends[row] as usize, ends[row + 1] as usize, counts);
            }
            Values::FixedList(width, items) => items.write_list(out, row * width, (row + 1) * width, counts),
            Values::Struct(fields) => {
                write_fields(out, fields, row, counts);
                out.push(b'}');
            }
            Values::Dictionary(keys, values) => values.write(out, keys[row], counts),
            other => other.write_text(out, row),
        }
    }

    fn write_list(&self, out: &mut Vec<u8>, start: usize, end: usize, counts: &mut Counts) {
        out.push(b'[');
        for item in start..end {
            if item > start {
                out.push(b',');
            }
            self.write(out, item, counts);
        }
        out.push(b']');
    }
}

/// Appends an object up to its closing bracket. Each field comes with its name, see [`name`].
#[inline]
pub(super) fn write_fields(
    out: &mut Vec<u8>,
    fields: &[(Vec<u8>, Cells<'_>)],
    row: usize,
    counts: &mut Counts,
) {
    out.push(b'{');
    for (nth, (name, cells)) in fields.iter().enumerate() {
        out.extend_from_slice(if nth == 0 { &name[1..] } else { name });
        cells.write(out, row, counts);
    }
}

/// `,"name":` with its escapes.
pub(super) fn name(of: &str) -> Vec<u8> {
    let mut text = vec![b','];
    string(&mut text, of);
    text.push(b':');
    text
}

impl Values<'_> {
    fn text(&self, row: usize) -> Option<&str> {
        match self {
            Values::Utf8(v) => Some(v.value(row)),
            Values::LargeUtf8(v) => Some(v.value(row)),
            Values::Utf8View(v) => Some(v.value(row)),
            _ => None,
        }
    }

    fn binary(&self, row: usize) -> Option<&[u8]> {
        match self {
            Values::Binary(v) => Some(v.value(row)),
            Values::LargeBinary(v) => Some(v.value(row)),
            Values::BinaryView(v) => Some(v.value(row)),
            Values::FixedBinary(v) => Some(v.value(row)),
            _ => None,
        }
    }

    fn write_text(&self, out: &mut Vec<u8>, row: usize) {
        if let Some(text) = self.text(row) {
            string(out, text);
        } else if let Some(bytes) = self.binary(row) {
            base64(out, bytes);
        }
    }
}

/// The form that JSON has for each type; a new type is a line here.
fn values(array: &dyn Array) -> Option<Values<'_>> {
    Some(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Bool(array.as_boolean()),
        DataType::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values()),
        DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values()),
        DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
        DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
        DataType::UInt8 => Values::UInt8(array.as_primitive::<UInt8Type>().values()),
        DataType::UInt16 => Values::UInt16(array.as_primitive::<UInt16Type>().values()),
        DataType::UInt32 => Values::UInt32(array.as_primitive::<UInt32Type>().values()),
        DataType::UInt64 => Values::UInt64(array.as_primitive::<UInt64Type>().values()),
        DataType::Float16 => Values::Float16(array.as_primitive::<Float16Type>().values()),
        DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>().values()),
        DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values()),
        DataType::Utf8 => Values::Utf8(array.as_string()),
        DataType::LargeUtf8 => Values::LargeUtf8(array.as_string()),
        DataType::Utf8View => Values::Utf8View(array.as_string_view()),
        DataType::Binary => Values::Binary(array.as_binary()),
        DataType::LargeBinary => Values::LargeBinary(array.as_binary()),
        DataType::BinaryView => Values::BinaryView(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => Values::FixedBinary(array.as_fixed_size_binary()),
        DataType::Timestamp(unit, _) => timestamps(array, *unit),
        DataType::Date32 => Values::Date32(array.as_primitive::<Date32Type>().values()),
        DataType::Date64 => Values::Date64(array.as_primitive::<Date64Type>().values()),
        DataType::Decimal32(_, scale) => {
            Values::Decimal32(array.as_primitive::<Decimal32Type>().values(), *scale)
        }
        DataType::Decimal64(_, scale) => {
            Values::Decimal64(array.as_primitive::<Decimal64Type>().values(), *scale)
        }
        DataType::Decimal128(_, scale) => {
            Values::Decimal128(array.as_primitive::<Decimal128Type>().values(), *scale)
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            Values::List(list.value_offsets(), inner(list.values())?)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            Values::LargeList(list.value_offsets(), inner(list.values())?)
        }
        DataType::FixedSizeList(_, width) => {
            Values::FixedList(*width as usize, inner(array.as_fixed_size_list().values())?)
        }
        DataType::Struct(fields) => {
            let members = fields.iter().zip(array.as_struct().columns());
            let members = members.map(|(field, column)| Some((name(field.name()), Cells::new(column)?)));
            let members = members.collect::<Option<Vec<_>>>()?;
            if members.is_empty() {
                return None;
            }
            Values::Struct(members)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = inner(dictionary.values())?;
            // Without values every key is null; nothing is looked up then, and there is nothing to normalize to.
            let keys = if dictionary.values().is_empty() {
                Vec::new()
            } else {
                dictionary.normalized_keys()
            };
            Values::Dictionary(keys, values)
        }
        _ => return None,
    })
}

fn inner(array: &dyn Array) -> Option<Box<Cells<'_>>> {
    Cells::new(array).map(Box::new)
}

fn timestamps(array: &dyn Array, unit: TimeUnit) -> Values<'_> {
    match unit {
        TimeUnit::Second => Values::Timestamp(array.as_primitive::<TimestampSecondType>().values(), 1),
        TimeUnit::Millisecond => {
            Values::Timestamp(array.as_primitive::<TimestampMillisecondType>().values(), 1000)
        }
        TimeUnit::Microsecond => Values::Timestamp(
            array.as_primitive::<TimestampMicrosecondType>().values(),
            1_000_000,
        ),
        TimeUnit::Nanosecond => Values::Timestamp(
            array.as_primitive::<TimestampNanosecondType>().values(),
            1_000_000_000,
        ),
    }
}

#[inline]
fn integer<I: itoa::Integer>(out: &mut Vec<u8>, value: I) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
fn float<F: zmij::Float + Copy>(
    out: &mut Vec<u8>,
    value: F,
    finite: impl Fn(F) -> bool,
    counts: &mut Counts,
) {
    if finite(value) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        counts.not_finite += 1;
        out.extend_from_slice(b"null");
    }
}

fn quoted(out: &mut Vec<u8>, counts: &mut Counts, write: impl Fn(&mut Vec<u8>) -> bool) {
    out.push(b'"');
    counts.out_of_range += u64::from(!write(out));
    out.push(b'"');
}

fn decimal(out: &mut Vec<u8>, value: i128, scale: i8) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs());
    if value < 0 {
        out.push(b'-');
    }
    let places = scale.max(0) as usize;
    let whole = digits.len().saturating_sub(places);
    out.extend_from_slice(if whole == 0 {
        b"0"
    } else {
        &digits.as_bytes()[..whole]
    });
    if places > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', places.saturating_sub(digits.len())));
        out.extend_from_slice(&digits.as_bytes()[whole..]);
    }
    if scale < 0 && value != 0 {
        out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
    }
}

/// Appends `text` in quotes with its escapes.
#[inline]
fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut from = 0;
    loop {
        let end = special(bytes, from);
        out.extend_from_slice(&bytes[from..end]);
        let Some(byte) = bytes.get(end) else {
            break;
        };
        escape(out, *byte);
        from = end + 1;
    }
    out.push(b'"');
}

#[cold]
fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            return out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    };
    out.extend([b'\\', short]);
}

/// Appends the base64 of `bytes` in quotes; by parts that need no padding, so that no buffer grows with the value.
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut buffer = [0; 1024];
    out.push(b'"');
    for part in bytes.chunks(768) {
        let length = STANDARD.encode_slice(part, &mut buffer).unwrap_or(0);
        out.extend_from_slice(&buffer[..length]);
    }
    out.push(b'"');
}
