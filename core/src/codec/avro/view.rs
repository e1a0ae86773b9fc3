//! Arrow columns as they are read cell by cell: a view is made per batch and column, nothing per cell.
//! Knows Arrow types; it does not know Avro.

use std::ops::Range;

use arrow::array::{
    Array, AsArray, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

/// A column of one batch.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) view: View<'a>,
}

#[derive(Debug)]
pub(super) enum View<'a> {
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
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8Views(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryViews(&'a BinaryViewArray),
    FixedBinary(&'a FixedSizeBinaryArray),
    Decimal(&'a [i128]),
    List(&'a [i32], Box<Cell<'a>>),
    LargeList(&'a [i64], Box<Cell<'a>>),
    FixedList(usize, Box<Cell<'a>>),
    Struct(Vec<Cell<'a>>),
    Dictionary(Vec<usize>, Box<Cell<'a>>),
}

impl<'a> Cell<'a> {
    /// What nobody writes.
    pub(super) const NONE: Self = Self {
        nulls: None,
        view: View::Null,
    };

    /// A view of `array`; `None` where its type has no form in Avro.
    pub(super) fn new(array: &'a dyn Array) -> Option<Self> {
        let view = view(array)?;
        Some(Self {
            nulls: array.nulls(),
            view,
        })
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        match &self.view {
            View::Null => true,
            View::Dictionary(keys, values) => {
                self.nulls.is_some_and(|nulls| nulls.is_null(row)) || values.is_null(keys[row])
            }
            _ => self.nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    /// Whole numbers, dates and timestamps.
    #[inline]
    pub(super) fn whole(&self, row: usize) -> Option<i128> {
        Some(match &self.view {
            View::Int8(values) => values[row].into(),
            View::Int16(values) => values[row].into(),
            View::Int32(values) => values[row].into(),
            View::Int64(values) => values[row].into(),
            View::UInt8(values) => values[row].into(),
            View::UInt16(values) => values[row].into(),
            View::UInt32(values) => values[row].into(),
            View::UInt64(values) => values[row].into(),
            _ => return None,
        })
    }

    /// Any number.
    #[inline]
    pub(super) fn float(&self, row: usize) -> Option<f64> {
        match &self.view {
            View::Float64(values) => Some(values[row]),
            View::Float32(values) => Some(values[row].into()),
            View::Float16(values) => Some(values[row].to_f64()),
            _ => self.whole(row).map(|whole| whole as f64),
        }
    }

    /// The bytes of a string or of binary data.
    #[inline]
    pub(super) fn bytes(&self, row: usize) -> Option<&[u8]> {
        Some(match &self.view {
            View::Utf8(values) => values.value(row).as_bytes(),
            View::LargeUtf8(values) => values.value(row).as_bytes(),
            View::Utf8Views(values) => values.value(row).as_bytes(),
            View::Binary(values) => values.value(row),
            View::LargeBinary(values) => values.value(row),
            View::BinaryViews(values) => values.value(row),
            View::FixedBinary(values) => values.value(row),
            _ => return None,
        })
    }

    pub(super) fn is_binary(&self) -> bool {
        !matches!(self.view, View::Utf8(_) | View::LargeUtf8(_) | View::Utf8Views(_))
    }

    /// The places of the items of a list among all items.
    pub(super) fn items(&self, row: usize) -> Option<(Range<usize>, &Cell<'a>)> {
        Some(match &self.view {
            View::List(ends, items) => (ends[row] as usize..ends[row + 1] as usize, items),
            View::LargeList(ends, items) => (ends[row] as usize..ends[row + 1] as usize, items),
            View::FixedList(width, items) => (row * width..(row + 1) * width, items),
            _ => return None,
        })
    }
}

fn view(array: &dyn Array) -> Option<View<'_>> {
    Some(match array.data_type() {
        DataType::Null => View::Null,
        DataType::Boolean => View::Bool(array.as_boolean()),
        DataType::Int8 => View::Int8(array.as_primitive::<Int8Type>().values()),
        DataType::Int16 => View::Int16(array.as_primitive::<Int16Type>().values()),
        DataType::Int32 => View::Int32(array.as_primitive::<Int32Type>().values()),
        DataType::Int64 => View::Int64(array.as_primitive::<Int64Type>().values()),
        DataType::UInt8 => View::UInt8(array.as_primitive::<UInt8Type>().values()),
        DataType::UInt16 => View::UInt16(array.as_primitive::<UInt16Type>().values()),
        DataType::UInt32 => View::UInt32(array.as_primitive::<UInt32Type>().values()),
        DataType::UInt64 => View::UInt64(array.as_primitive::<UInt64Type>().values()),
        DataType::Float16 => View::Float16(array.as_primitive::<Float16Type>().values()),
        DataType::Float32 => View::Float32(array.as_primitive::<Float32Type>().values()),
        DataType::Float64 => View::Float64(array.as_primitive::<Float64Type>().values()),
        DataType::Utf8 => View::Utf8(array.as_string()),
        DataType::LargeUtf8 => View::LargeUtf8(array.as_string()),
        DataType::Utf8View => View::Utf8Views(array.as_string_view()),
        DataType::Binary => View::Binary(array.as_binary()),
        DataType::LargeBinary => View::LargeBinary(array.as_binary()),
        DataType::BinaryView => View::BinaryViews(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => View::FixedBinary(array.as_fixed_size_binary()),
        DataType::Date32 => View::Int32(array.as_primitive::<Date32Type>().values()),
        DataType::Timestamp(unit, _) => View::Int64(match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
        }),
        DataType::Decimal128(_, _) => View::Decimal(array.as_primitive::<Decimal128Type>().values()),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            View::List(list.value_offsets(), inner(list.values())?)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            View::LargeList(list.value_offsets(), inner(list.values())?)
        }
        DataType::FixedSizeList(_, width) => {
            View::FixedList(*width as usize, inner(array.as_fixed_size_list().values())?)
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            View::Struct(columns.map(|column| Cell::new(column)).collect::<Option<_>>()?)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = inner(dictionary.values())?;
            // Without values every key is null, and there is nothing to normalize to.
            let keys = if dictionary.values().is_empty() {
                Vec::new()
            } else {
                dictionary.normalized_keys()
            };
            View::Dictionary(keys, values)
        }
        _ => return None,
    })
}

fn inner(array: &dyn Array) -> Option<Box<Cell<'_>>> {
    Cell::new(array).map(Box::new)
}
