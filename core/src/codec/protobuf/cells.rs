//! Arrow values to the bytes of Protobuf's scalars. A column is cast once per batch to the few types that are written; nothing is
//! made per cell. Knows Arrow and the wire; it does not know messages.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, TimeUnit, UInt64Type};

use super::scalar::Scalar;
use super::wire::{varint_length, write_varint};
use crate::error::{Error, Result};

/// A column, ready to be written cell by cell.
#[derive(Debug)]
pub(super) enum Cells<'a> {
    Bool(&'a BooleanArray),
    Int(&'a [i64]),
    UInt(&'a [u64]),
    Float(&'a [f32]),
    Double(&'a [f64]),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
}

/// Whether a column of type `from` can be written as `to` without a loss.
pub(super) fn converts(from: &DataType, to: Scalar) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Dictionary, FixedSizeBinary, Float16, Float32, Float64, Int8, Int16,
        Int32, Int64, LargeBinary, LargeUtf8, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match to {
        Scalar::Bool => matches!(from, Boolean),
        Scalar::String | Scalar::Enum => match from {
            Dictionary(_, values) => converts(values, Scalar::String),
            other => matches!(other, Utf8 | LargeUtf8 | Utf8View),
        },
        Scalar::Bytes => matches!(from, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)),
        Scalar::Int32 | Scalar::SInt32 | Scalar::SFixed32 => {
            matches!(from, Int8 | Int16 | Int32 | UInt8 | UInt16)
        }
        Scalar::Int64 | Scalar::SInt64 | Scalar::SFixed64 => {
            matches!(from, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32)
        }
        Scalar::UInt32 | Scalar::Fixed32 => matches!(from, UInt8 | UInt16 | UInt32),
        Scalar::UInt64 | Scalar::Fixed64 => matches!(from, UInt8 | UInt16 | UInt32 | UInt64),
        Scalar::Float => matches!(from, Float16 | Float32 | Int8 | Int16 | UInt8 | UInt16),
        Scalar::Double => {
            matches!(
                from,
                Float16 | Float32 | Float64 | Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32
            )
        }
    }
}

/// The column as one of the types that are written; where it is one already, itself.
pub(super) fn prepare(array: &ArrayRef, to: Scalar) -> Result<ArrayRef> {
    let of = match to {
        Scalar::Bool => DataType::Boolean,
        Scalar::String | Scalar::Enum => DataType::Utf8,
        Scalar::Bytes => DataType::Binary,
        Scalar::Float => DataType::Float32,
        Scalar::Double => DataType::Float64,
        Scalar::UInt32 | Scalar::Fixed32 | Scalar::UInt64 | Scalar::Fixed64 => DataType::UInt64,
        _ => DataType::Int64,
    };
    cast(array, &of).map_err(|e| Error::fatal("write a column as protobuf").caused_by(e))
}

/// The numbers of a timestamp column, and units per second.
pub(super) fn prepare_timestamp(array: &ArrayRef) -> Result<(ArrayRef, i64)> {
    let per_second = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => 1,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
        _ => 1_000_000_000,
    };
    let numbers = cast(array, &DataType::Int64);
    let numbers = numbers.map_err(|e| Error::fatal("write a timestamp as protobuf").caused_by(e))?;
    Ok((numbers, per_second))
}

impl<'a> Cells<'a> {
    /// A view of what [`prepare`] gave.
    pub(super) fn new(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>().values()),
            DataType::UInt64 => Self::UInt(array.as_primitive::<UInt64Type>().values()),
            DataType::Float32 => Self::Float(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>().values()),
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Binary => Self::Bytes(array.as_binary()),
            _ => return None,
        })
    }

    /// Whether an unset field says the same.
    pub(super) fn is_zero(&self, row: usize) -> bool {
        match self {
            Self::Bool(v) => !v.value(row),
            Self::Int(v) => v[row] == 0,
            Self::UInt(v) => v[row] == 0,
            // Minus zero is another value.
            Self::Float(v) => v[row].to_bits() == 0,
            Self::Double(v) => v[row].to_bits() == 0,
            Self::Text(v) => v.value(row).is_empty(),
            Self::Bytes(v) => v.value(row).is_empty(),
        }
    }

    /// Appends the value without its tag.
    pub(super) fn write(&self, out: &mut Vec<u8>, of: Scalar, row: usize) {
        match self {
            Self::Bool(v) => out.push(u8::from(v.value(row))),
            Self::Int(v) => integer(out, of, v[row] as u64),
            Self::UInt(v) => integer(out, of, v[row]),
            Self::Float(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Self::Double(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Self::Text(v) => bytes(out, v.value(row).as_bytes()),
            Self::Bytes(v) => bytes(out, v.value(row)),
        }
    }

    pub(super) fn text(&self, row: usize) -> &str {
        match self {
            Self::Text(v) => v.value(row),
            _ => "",
        }
    }
}

fn integer(out: &mut Vec<u8>, of: Scalar, value: u64) {
    match of {
        Scalar::Fixed32 | Scalar::SFixed32 => out.extend_from_slice(&(value as u32).to_le_bytes()),
        Scalar::Fixed64 | Scalar::SFixed64 => out.extend_from_slice(&value.to_le_bytes()),
        Scalar::SInt32 | Scalar::SInt64 => write_varint(out, (value << 1) ^ ((value as i64 >> 63) as u64)),
        _ => write_varint(out, value),
    }
}

/// Appends bytes behind their length.
pub(super) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.reserve(varint_length(value.len() as u64) + value.len());
    write_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
