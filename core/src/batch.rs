//! Decoded rows, each with the record it came from. Knows Arrow and the records, no step and no format.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_arrays;
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::records::Records;

/// Rows and their origins. `origin` is strictly rising: no step multiplies or reorders rows.
#[derive(Clone, Debug)]
pub struct Batch {
    pub rows: RecordBatch,
    /// For each row the index of its record in `records`.
    pub origin: Vec<u32>,
    pub records: Arc<Records>,
}

impl Batch {
    /// A batch of `columns` as `schema` names them.
    ///
    /// # Errors
    /// `Fatal` where the columns do not fit the schema or the number of origins.
    pub fn new(
        schema: SchemaRef,
        columns: Vec<ArrayRef>,
        origin: Vec<u32>,
        records: Arc<Records>,
    ) -> Result<Self> {
        let options = RecordBatchOptions::new().with_row_count(Some(origin.len()));
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|e| Error::fatal("build a batch").caused_by(e))?;
        Ok(Self {
            rows,
            origin,
            records,
        })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.origin.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origin.is_empty()
    }

    /// Rows `start..start + len`; shares the columns.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        Self {
            rows: self.rows.slice(start, len),
            origin: self.origin[start..start + len].to_vec(),
            records: Arc::clone(&self.records),
        }
    }

    /// The rows at `rows` (rising indices).
    ///
    /// # Errors
    /// `Fatal` where an index is out of range.
    pub fn take(&self, rows: &[u32]) -> Result<Self> {
        let indices = UInt32Array::from(rows.to_vec());
        let columns = take_arrays(self.rows.columns(), &indices, None)
            .map_err(|e| Error::fatal("take rows of a batch").caused_by(e))?;
        let origin = rows.iter().map(|row| self.origin[*row as usize]).collect();
        Self::new(self.rows.schema(), columns, origin, Arc::clone(&self.records))
    }
}
