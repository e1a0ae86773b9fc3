//! A table from CSV with a header row: every column is read as text first, so that a value that does not fit has a row.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::Format;

use super::build::from_text;
use super::table::{TableSpec, absent, fault, flat_name, in_column};
use crate::codec::{Column, ColumnKind};
use crate::error::{Error, Result};
use crate::steps::Fault;

/// Every column of `spec`.
pub(super) fn read(spec: &TableSpec, mut file: File) -> Result<Vec<ArrayRef>, Fault> {
    let header = header(spec, &file)?;
    file.rewind()
        .map_err(|e| fault(spec, "cannot be read").caused_by(e))?;
    let places = places(spec, &header)?;
    let text = rows(spec, &header, file)?;
    let columns = spec.columns.iter().zip(places);
    columns
        .map(|(column, place)| {
            let made = from_text(spec, column, &without_nulls(spec, column, &text[place]));
            made.map_err(|e| in_column(column, e))
        })
        .collect()
}

fn header(spec: &TableSpec, file: &File) -> Result<Schema> {
    let format = Format::default().with_header(true);
    let inferred = format.infer_schema(BufReader::new(file), Some(0));
    let (header, _) = inferred.map_err(|_| fault(spec, "the header row cannot be read"))?;
    let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
    Ok(Schema::new(header.fields().iter().map(text).collect::<Vec<_>>()))
}

/// For each declared column its place in the file.
fn places(spec: &TableSpec, header: &Schema) -> Result<Vec<usize>, Fault> {
    let found = || header.fields().iter().map(|field| field.name().as_str());
    let place = |column: &Column| {
        let name = flat_name(column);
        let place = found().position(|found| found == name);
        place.ok_or_else(|| in_column(column, absent(spec, &name, found().collect::<Vec<_>>())))
    };
    spec.columns.iter().map(place).collect()
}

fn rows(spec: &TableSpec, header: &Schema, file: File) -> Result<Vec<ArrayRef>> {
    let reader = ReaderBuilder::new(Arc::new(header.clone()))
        .with_header(true)
        .build(file);
    let batches = reader.and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
    let batches = batches.map_err(|e| unread(spec, &e))?;
    let column = |place: usize| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
        if parts.is_empty() {
            return Ok(Arc::new(StringArray::new_null(0)) as ArrayRef);
        }
        concat(&parts).map_err(|e| unread(spec, &e))
    };
    (0..header.fields().len()).map(column).collect()
}

/// The reader's text may hold a value; of it only the line's number is kept.
fn unread(spec: &TableSpec, error: &ArrowError) -> Error {
    let text = error.to_string();
    let number = text.split("line ").nth(1).unwrap_or_default();
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let place = if number.is_empty() {
        String::new()
    } else {
        format!(" at line {number}")
    };
    let what = "another number of fields than the header, or bytes that are no UTF-8";
    fault(spec, format!("cannot be read as CSV{place}: {what}"))
}

/// CSV has no null: an empty field is one, but not in a string column that declares none. A key is never empty.
fn without_nulls(spec: &TableSpec, column: &Column, text: &ArrayRef) -> ArrayRef {
    let keep = column.nullable || column.kind != ColumnKind::String || column.name == spec.key;
    if keep || text.null_count() == 0 {
        return Arc::clone(text);
    }
    let filled = text
        .as_string::<i32>()
        .iter()
        .map(|text| Some(text.unwrap_or_default()));
    Arc::new(filled.collect::<StringArray>())
}
