//! Text and foreign types to the declared type of a column, with the row that does not fit. Never repeats a value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::table::{TableSpec, fault};
use crate::codec::{Column, ColumnKind, type_name};
use crate::error::{Error, Result};

/// "row 3, column "risk": not a Float64"
pub(super) fn misfit(spec: &TableSpec, row: usize, column: &Column) -> Error {
    fault(
        spec,
        format!(
            "row {}, column \"{}\": not a {}",
            row + 1,
            column.name,
            type_name(&column.kind.data_type())
        ),
    )
}

/// A column of text, as the declared kind.
pub(super) fn from_text(spec: &TableSpec, column: &Column, text: &ArrayRef) -> Result<ArrayRef> {
    match column.kind {
        ColumnKind::String => Ok(Arc::clone(text)),
        ColumnKind::Bytes => from_base64(spec, column, text),
        ColumnKind::Timestamp(unit) => {
            let numbers = cast_leniently(text, &DataType::Int64);
            match numbers {
                Ok(numbers) if numbers.null_count() == text.null_count() => {
                    cast_rows(spec, column, &from_unit(&numbers, unit)?)
                }
                _ => cast_rows(spec, column, text),
            }
        }
        ColumnKind::Float32List(_) | ColumnKind::Float64List(_) => Err(fault(
            spec,
            format!(
                "column \"{}\" is a list; lists come from Parquet or JSON lines",
                column.name
            ),
        )),
        _ => cast_rows(spec, column, text),
    }
}

/// A column of the file's own type, as the declared kind.
pub(super) fn from_typed(spec: &TableSpec, column: &Column, values: &ArrayRef) -> Result<ArrayRef> {
    let (found, wanted) = (values.data_type(), column.kind.data_type());
    if !fits(found, column.kind) {
        return Err(fault(
            spec,
            format!(
                "column \"{}\" is {} in the file, but declared {}",
                column.name,
                type_name(found),
                type_name(&wanted)
            ),
        ));
    }
    match column.kind {
        ColumnKind::Timestamp(unit) if found.is_integer() => {
            cast_rows(spec, column, &from_unit(values, unit)?)
        }
        _ => cast_rows(spec, column, values),
    }
}

/// Whether the file's type holds what the column declares: no number is read from text, no fraction cut off.
fn fits(found: &DataType, kind: ColumnKind) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Dictionary, FixedSizeBinary, FixedSizeList, LargeBinary,
        LargeList, LargeUtf8, List, Timestamp, Utf8, Utf8View,
    };
    if let Dictionary(_, values) = found {
        return fits(values, kind);
    }
    match kind {
        ColumnKind::Bool => found == &Boolean,
        ColumnKind::Int32 | ColumnKind::Int64 => found.is_integer(),
        ColumnKind::Float32 | ColumnKind::Float64 => found.is_numeric(),
        ColumnKind::String => matches!(found, Utf8 | LargeUtf8 | Utf8View),
        ColumnKind::Bytes => matches!(found, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)),
        ColumnKind::Timestamp(_) => matches!(found, Timestamp(..) | Date32 | Date64) || found.is_integer(),
        ColumnKind::Float32List(_) | ColumnKind::Float64List(_) => match found {
            List(item) | LargeList(item) | FixedSizeList(item, _) => item.data_type().is_numeric(),
            _ => false,
        },
    }
}

/// Numbers of `unit` since the epoch, as timestamps of that unit.
fn from_unit(numbers: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let whole = cast_leniently(numbers, &DataType::Int64)?;
    cast_leniently(&whole, &DataType::Timestamp(unit, Some("UTC".into())))
}

/// Casts; a value that becomes null did not fit.
fn cast_rows(spec: &TableSpec, column: &Column, values: &ArrayRef) -> Result<ArrayRef> {
    let wanted = column.kind.data_type();
    let unfit = || {
        fault(
            spec,
            format!(
                "column \"{}\" cannot be read as {}",
                column.name,
                type_name(&wanted)
            ),
        )
    };
    let made = cast_leniently(values, &wanted).map_err(|_| unfit())?;
    let lost = (0..values.len()).find(|row| made.is_null(*row) && values.is_valid(*row));
    match lost {
        Some(row) => Err(misfit(spec, row, column)),
        None => Ok(made),
    }
}

fn cast_leniently(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    // The cause's text may hold a value.
    cast_with_options(values, to, &options).map_err(|_| Error::config(format!("cannot be read as {to}")))
}

fn from_base64(spec: &TableSpec, column: &Column, text: &ArrayRef) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for (row, text) in text.as_string::<i32>().iter().enumerate() {
        let bytes = text.map(|text| STANDARD.decode(text)).transpose();
        builder.append_option(bytes.map_err(|_| misfit(spec, row, column))?);
    }
    Ok(Arc::new(builder.finish()))
}
