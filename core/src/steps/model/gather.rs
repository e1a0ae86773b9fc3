//! Columns of a batch to one array per tensor: a column that fits lies as it is, several are interleaved row by row.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, FixedSizeListArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowNativeType, DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, UInt8Type,
};

use super::bind::Bound;
use crate::error::{Error, Result};
use crate::model::Element;
use crate::model::onnx::data_type;

/// Rows with a null in a bound column, rising, each with the first such column.
pub(super) fn null_rows<'a>(inputs: &'a [Bound], rows: &RecordBatch) -> Vec<(u32, &'a str)> {
    let mut found: Vec<(u32, &str)> = Vec::new();
    for (index, name, width) in inputs.iter().flat_map(|b| &b.columns) {
        let column = rows.column(*index);
        let items = column.as_fixed_size_list_opt().map(FixedSizeListArray::values);
        let inner = items.is_some_and(|v| v.null_count() > 0);
        if column.null_count() == 0 && !inner {
            continue;
        }
        let null_inside = |row: usize| {
            let Some(list) = column.as_fixed_size_list_opt().filter(|_| inner) else {
                return false;
            };
            let values = list.value(row);
            (0..*width).any(|i| values.is_null(i))
        };
        let nulls = (0..rows.num_rows()).filter(|row| column.is_null(*row) || null_inside(*row));
        found.extend(nulls.map(|row| (row as u32, name.as_str())));
    }
    found.sort_by_key(|(row, _)| *row);
    found.dedup_by_key(|(row, _)| *row);
    found
}

/// The array of one tensor.
///
/// # Errors
/// `Reject` where a value does not fit the tensor's type.
pub(super) fn tensor(bound: &Bound, rows: &RecordBatch) -> Result<ArrayRef> {
    let wanted = data_type(bound.tensor.element, 1);
    let mut columns = Vec::with_capacity(bound.columns.len());
    for (index, name, width) in &bound.columns {
        columns.push((fitting(rows.column(*index), &wanted, *width, name)?, *width));
    }
    if let [(only, _)] = columns.as_slice() {
        return Ok(Arc::clone(only));
    }
    let (width, count) = (bound.width(), rows.num_rows());
    let values: ArrayRef = match bound.tensor.element {
        Element::F32 => interleave::<Float32Type>(&columns, width, count),
        Element::F64 => interleave::<Float64Type>(&columns, width, count),
        Element::I32 => interleave::<Int32Type>(&columns, width, count),
        Element::I64 => interleave::<Int64Type>(&columns, width, count),
        Element::U8 => interleave::<UInt8Type>(&columns, width, count),
        Element::Bool => {
            let cell = |row: usize| {
                columns
                    .iter()
                    .flat_map(move |(c, w)| (0..*w).map(move |i| bool_at(c, row * w + i)))
            };
            Arc::new((0..count).flat_map(cell).map(Some).collect::<BooleanArray>())
        }
        Element::String => {
            let cell = |row: usize| {
                columns
                    .iter()
                    .flat_map(move |(c, w)| (0..*w).map(move |i| text_at(c, row * w + i)))
            };
            Arc::new((0..count).flat_map(cell).map(Some).collect::<StringArray>())
        }
    };
    let item = Arc::new(Field::new("item", wanted, false));
    let list = FixedSizeListArray::try_new(item, i32::try_from(width).unwrap_or(i32::MAX), values, None);
    list.map(|l| Arc::new(l) as ArrayRef).map_err(|e| {
        Error::fatal("shape a tensor")
            .with("tensor", &bound.tensor.name)
            .caused_by(e)
    })
}

/// The column in the tensor's type. The text of a failed cast may hold the value and is not passed on.
fn fitting(column: &ArrayRef, wanted: &DataType, width: usize, name: &str) -> Result<ArrayRef> {
    let target = match column.data_type() {
        DataType::FixedSizeList(item, _) if item.data_type() == wanted => return Ok(Arc::clone(column)),
        DataType::FixedSizeList(item, _) => DataType::FixedSizeList(
            Arc::new(Field::new(item.name(), wanted.clone(), item.is_nullable())),
            i32::try_from(width).unwrap_or(i32::MAX),
        ),
        own if own == wanted => return Ok(Arc::clone(column)),
        _ => wanted.clone(),
    };
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, &target, &strict)
        .map_err(|_| Error::reject(format!("column \"{name}\": the number does not fit {wanted}")))
}

/// The values of a column, without the rows before a slice.
fn values<T: ArrowPrimitiveType>(column: &ArrayRef, width: usize) -> &[T::Native] {
    match column.as_fixed_size_list_opt() {
        Some(list) => {
            let start = first_value(list);
            &list.values().as_primitive::<T>().values()[start..start + list.len() * width]
        }
        None => column.as_primitive::<T>().values(),
    }
}

/// Where a list's first value lies.
fn first_value(list: &FixedSizeListArray) -> usize {
    usize::try_from(list.value_offset(0)).unwrap_or(0)
}

fn interleave<T: ArrowPrimitiveType>(columns: &[(ArrayRef, usize)], width: usize, rows: usize) -> ArrayRef {
    let mut all = vec![T::Native::usize_as(0); rows * width];
    let mut at = 0;
    for (column, own) in columns {
        let values = values::<T>(column, *own);
        for (target, source) in all.chunks_exact_mut(width).zip(values.chunks_exact(*own)) {
            target[at..at + own].copy_from_slice(source);
        }
        at += own;
    }
    Arc::new(PrimitiveArray::<T>::new(all.into(), None))
}

fn bool_at(column: &ArrayRef, at: usize) -> bool {
    match column.as_fixed_size_list_opt() {
        Some(list) => {
            let at = first_value(list) + at;
            list.values().as_boolean().value(at)
        }
        None => column.as_boolean().value(at),
    }
}

fn text_at(column: &ArrayRef, at: usize) -> &str {
    match column.as_fixed_size_list_opt() {
        Some(list) => list.values().as_string::<i32>().value(first_value(list) + at),
        None => column.as_string::<i32>().value(at),
    }
}
