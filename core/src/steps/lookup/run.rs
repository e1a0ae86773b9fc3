//! A planned lookup over batches: hash the keys, take the rows. Knows no file and no configuration.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType, SchemaRef};

use super::table::Table;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::reject::{Reject, Stage};
use crate::steps::{Applied, Step};

/// What a looked-up column holds where there is no row.
#[derive(Debug)]
pub(super) enum Fill {
    Null,
    /// An array of one value.
    Value(ArrayRef),
    /// Rows without one are rejected.
    Never,
}

/// One column of the table in the output.
#[derive(Debug)]
pub(super) struct Looked {
    /// Its index in the table.
    pub(super) column: usize,
    pub(super) fill: Fill,
}

/// A lookup, shared by the lanes: it holds no state.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) table: Arc<Table>,
    /// The index of the key's column in the input.
    pub(super) on: usize,
    /// The type that the index takes.
    pub(super) key_type: DataType,
    pub(super) columns: Vec<Looked>,
    pub(super) output: SchemaRef,
    pub(super) reject: bool,
    /// The reason of a reject.
    pub(super) absent: String,
}

impl Step for Arc<Lookup> {
    fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let found = self.find(batch)?;
        if !self.reject || found.iter().all(Option::is_some) {
            return Ok(Applied {
                batch: self.beside(batch, &found)?,
                rejects: Vec::new(),
            });
        }
        let rejects = self.rejects(batch, &found);
        let kept: Vec<u32> = (0..found.len() as u32)
            .filter(|row| found[*row as usize].is_some())
            .collect();
        let found: Vec<Option<u32>> = found.into_iter().filter(Option::is_some).collect();
        Ok(Applied {
            batch: self.beside(&batch.take(&kept)?, &found)?,
            rejects,
        })
    }
}

impl Lookup {
    /// For each row of `batch` its row in the table.
    fn find(&self, batch: &Batch) -> Result<Vec<Option<u32>>> {
        let keys = batch.rows.column(self.on);
        if keys.data_type() == &self.key_type {
            return Ok(self.table.index.rows(keys));
        }
        let keys = cast(keys, &self.key_type).map_err(|_| {
            Error::fatal(format!(
                "lookup in \"{}\": read the key as {}",
                self.table.name, self.key_type
            ))
        })?;
        Ok(self.table.index.rows(&keys))
    }

    fn rejects(&self, batch: &Batch, found: &[Option<u32>]) -> Vec<Reject> {
        let missing = found.iter().zip(&batch.origin).filter(|(row, _)| row.is_none());
        missing
            .map(|(_, record)| Reject {
                record: *record,
                stage: Stage::Lookup,
                cause: "no such row in the table",
                reason: self.absent.clone(),
            })
            .collect()
    }

    /// `batch` with the looked-up columns beside its own.
    fn beside(&self, batch: &Batch, found: &[Option<u32>]) -> Result<Batch> {
        let mut columns = batch.rows.columns().to_vec();
        let rows = UInt32Array::from_iter(found.iter().copied());
        for looked in &self.columns {
            let column = looked.rows(&self.table, found, &rows);
            columns.push(column.map_err(|e| {
                Error::fatal(format!("lookup in \"{}\": take its rows", self.table.name)).caused_by(e)
            })?);
        }
        let (schema, origin) = (Arc::clone(&self.output), batch.origin.clone());
        Batch::new(schema, columns, origin, Arc::clone(&batch.records))
    }
}

impl Looked {
    fn rows(
        &self,
        table: &Table,
        found: &[Option<u32>],
        rows: &UInt32Array,
    ) -> Result<ArrayRef, arrow::error::ArrowError> {
        let column = table.rows.column(self.column);
        match &self.fill {
            Fill::Value(value) if rows.null_count() > 0 => {
                let places = found
                    .iter()
                    .map(|row| row.map_or((1, 0), |row| (0, row as usize)));
                interleave(&[column.as_ref(), value.as_ref()], &places.collect::<Vec<_>>())
            }
            _ => take(column.as_ref(), rows, None),
        }
    }
}
