//! A table from Parquet: the declared columns only, cast to their types.

use std::fs::File;

use arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array};
use arrow::compute::concat;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::build::from_typed;
use super::table::{TableSpec, absent, fault, flat_name, in_column};
use crate::steps::Fault;

/// Every column of `spec`.
pub(super) fn read(spec: &TableSpec, file: File) -> Result<Vec<ArrayRef>, Fault> {
    let unread = || fault(spec, "cannot be read as Parquet");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| unread())?;
    let names: Vec<String> = spec.columns.iter().map(flat_name).collect();
    let found: Vec<&str> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let mut declared = spec.columns.iter().zip(&names);
    if let Some((column, name)) = declared.find(|(_, name)| !found.contains(&name.as_str())) {
        return Err(in_column(column, absent(spec, name, found)));
    }
    let roots: Vec<usize> = (0..found.len())
        .filter(|root| names.iter().any(|name| name == found[*root]))
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader = builder.with_projection(mask).build().map_err(|_| unread())?;
    let schema = reader_schema(&reader);
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(|_| unread())?;
    let columns = spec.columns.iter().zip(&names);
    columns
        .map(|(column, name)| {
            let parts: Vec<&dyn Array> = batches
                .iter()
                .filter_map(|batch| batch.column_by_name(name))
                .map(|part| part.as_ref())
                .collect();
            let values = if parts.is_empty() {
                let field = schema.field_with_name(name).map_err(|_| unread())?;
                new_empty_array(field.data_type())
            } else {
                concat(&parts).map_err(|_| unread())?
            };
            from_typed(spec, column, &values).map_err(|e| in_column(column, e))
        })
        .collect()
}

fn reader_schema(reader: &impl arrow::array::RecordBatchReader) -> arrow::datatypes::SchemaRef {
    reader.schema()
}
