//! A table from JSON lines: one object per line, read strictly (text is no number, a fraction no integer).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use arrow::array::FixedSizeListArray;
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use serde_json::Value;

use super::build::{from_text, from_typed, misfit};
use super::table::{TableSpec, absent, fault, in_column};
use crate::codec::{Column, ColumnKind};
use crate::error::Result;
use crate::steps::Fault;

/// Every column of `spec`.
pub(super) fn read(spec: &TableSpec, file: File) -> Result<Vec<ArrayRef>, Fault> {
    let rows = rows(spec, file)?;
    let one = |column| build(spec, column, &rows).map_err(|e| in_column(column, e));
    spec.columns.iter().map(one).collect()
}

fn rows(spec: &TableSpec, file: File) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for line in BufReader::new(file).lines() {
        let at = rows.len() + 1;
        let line = line.map_err(|_| fault(spec, format!("row {at} cannot be read as UTF-8")))?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Value>(&line) {
            Ok(row) if row.is_object() => rows.push(row),
            // The parser's text may hold a piece of the row.
            _ => return Err(fault(spec, format!("row {at} is not a JSON object"))),
        }
    }
    Ok(rows)
}

/// The value of `column` in `row`; `None` where it is absent or null.
fn value<'a>(column: &Column, row: &'a Value) -> Option<&'a Value> {
    let found = match column.path.as_slice() {
        [] => row.get(&column.name),
        path => path.iter().try_fold(row, |value, part| value.get(part)),
    };
    found.filter(|value| !value.is_null())
}

fn build(spec: &TableSpec, column: &Column, rows: &[Value]) -> Result<ArrayRef> {
    let values: Vec<Option<&Value>> = rows.iter().map(|row| value(column, row)).collect();
    if !rows.is_empty() && values.iter().all(Option::is_none) {
        return all_null(spec, column, rows);
    }
    match column.kind {
        ColumnKind::Bool => typed(spec, column, &values, Value::as_bool).map(of::<BooleanArray, _>),
        ColumnKind::Int32 => typed(spec, column, &values, int32).map(of::<Int32Array, _>),
        ColumnKind::Int64 => typed(spec, column, &values, int64).map(of::<Int64Array, _>),
        ColumnKind::Float32 => typed(spec, column, &values, float32).map(of::<Float32Array, _>),
        ColumnKind::Float64 => typed(spec, column, &values, Value::as_f64).map(of::<Float64Array, _>),
        ColumnKind::String => typed(spec, column, &values, Value::as_str).map(of::<StringArray, _>),
        ColumnKind::Bytes => {
            let text = typed(spec, column, &values, Value::as_str).map(of::<StringArray, _>)?;
            from_text(spec, column, &text)
        }
        ColumnKind::Timestamp(_) => timestamps(spec, column, &values),
        ColumnKind::Float32List(width) => {
            let (numbers, nulls) = lists(spec, column, &values, width)?;
            let items = Float32Array::from_iter_values(numbers.into_iter().map(|number| number as f32));
            list_array(spec, column, DataType::Float32, width, Arc::new(items), nulls)
        }
        ColumnKind::Float64List(width) => {
            let (numbers, nulls) = lists(spec, column, &values, width)?;
            let items = Float64Array::from(numbers);
            list_array(spec, column, DataType::Float64, width, Arc::new(items), nulls)
        }
    }
}

/// A column that no row has is a typo, unless it may be null throughout and some row names it.
fn all_null(spec: &TableSpec, column: &Column, rows: &[Value]) -> Result<ArrayRef> {
    let name = column.path.first().unwrap_or(&column.name);
    if rows.iter().any(|row| row.get(name).is_some()) {
        return Ok(new_null_array(&column.kind.data_type(), rows.len()));
    }
    let keys = rows
        .first()
        .and_then(Value::as_object)
        .map(|row| row.keys().map(String::as_str).collect());
    let keys: Vec<&str> = keys.unwrap_or_default();
    Err(absent(spec, name, keys))
}

fn of<A: FromIterator<Option<T>> + arrow::array::Array + 'static, T>(values: Vec<Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<A>())
}

fn typed<'a, T>(
    spec: &TableSpec,
    column: &Column,
    values: &[Option<&'a Value>],
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let read = |(row, value): (usize, &Option<&'a Value>)| match value {
        None => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| misfit(spec, row, column)),
    };
    values.iter().enumerate().map(read).collect()
}

/// 5.0 is an integer, 5.5 is not.
fn int64(value: &Value) -> Option<i64> {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(whole))
}

fn int32(value: &Value) -> Option<i32> {
    int64(value).and_then(|number| i32::try_from(number).ok())
}

fn float32(value: &Value) -> Option<f32> {
    value
        .as_f64()
        .map(|number| number as f32)
        .filter(|number| number.is_finite())
}

fn timestamps(spec: &TableSpec, column: &Column, values: &[Option<&Value>]) -> Result<ArrayRef> {
    if values.iter().flatten().all(|value| value.is_number()) {
        let numbers = typed(spec, column, values, int64).map(of::<Int64Array, _>)?;
        return from_typed(spec, column, &numbers);
    }
    let text = typed(spec, column, values, Value::as_str).map(of::<StringArray, _>)?;
    from_text(spec, column, &text)
}

/// The items of all rows in one row, and which rows are lists.
fn lists(
    spec: &TableSpec,
    column: &Column,
    values: &[Option<&Value>],
    width: i32,
) -> Result<(Vec<f64>, NullBuffer)> {
    let width = width as usize;
    let mut numbers = Vec::with_capacity(values.len() * width);
    for (row, value) in values.iter().enumerate() {
        let before = numbers.len();
        match value.map(|value| value.as_array()) {
            None => numbers.resize(before + width, 0.0),
            Some(items) => numbers.extend(items.into_iter().flatten().filter_map(Value::as_f64)),
        }
        let given = value.and_then(|value| value.as_array()).map_or(width, Vec::len);
        if numbers.len() != before + width || given != width {
            return Err(misfit(spec, row, column));
        }
    }
    Ok((numbers, values.iter().map(Option::is_some).collect()))
}

fn list_array(
    spec: &TableSpec,
    column: &Column,
    item: DataType,
    width: i32,
    items: ArrayRef,
    nulls: NullBuffer,
) -> Result<ArrayRef> {
    let item = Arc::new(Field::new("item", item, false));
    let lists = FixedSizeListArray::try_new(item, width, items, Some(nulls));
    let lists = lists.map_err(|_| {
        fault(
            spec,
            format!("column \"{}\" cannot be read as a list", column.name),
        )
    })?;
    Ok(Arc::new(lists))
}
