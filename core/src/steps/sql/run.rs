//! A planned query over batches: filter first, then project what stays. Knows no SQL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{FilterBuilder, FilterPredicate, prep_null_mask_filter};
use datafusion_physical_expr::PhysicalExpr;

use super::failure;
use super::query::{Filter, Origin, Query, Scope};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::steps::{Applied, Step};

/// A query, opened for one lane.
#[derive(Debug)]
pub(super) struct Run {
    query: Arc<Query>,
}

impl Run {
    pub(super) fn new(query: Arc<Query>) -> Self {
        Self { query }
    }
}

impl Step for Run {
    fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let kept = match &self.query.filter {
            Some(filter) => keep(filter, batch)?,
            None => Kept::All,
        };
        let origin = match &kept {
            Kept::All => batch.origin.clone(),
            Kept::Some(mask) => origins(batch, mask),
        };
        let rows = self.query.scope.rows(batch, &kept, &origin)?;
        let columns = self.project(&rows)?;
        let schema = Arc::clone(&self.query.output);
        Ok(Applied {
            batch: Batch::new(schema, columns, origin, Arc::clone(&batch.records))?,
            rejects: Vec::new(),
        })
    }
}

impl Run {
    fn project(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let columns = self.query.exprs.iter().zip(self.query.output.fields());
        columns
            .map(|(expr, field)| {
                let column = evaluate(expr, rows, || format!("column \"{}\"", field.name()))?;
                if !field.is_nullable() && column.null_count() > 0 {
                    return Err(Error::reject(format!(
                        "column \"{}\": is null where its function promises a value",
                        field.name()
                    )));
                }
                Ok(column)
            })
            .collect()
    }
}

/// Which rows stay.
enum Kept {
    All,
    Some(BooleanArray),
}

fn keep(filter: &Filter, batch: &Batch) -> Result<Kept> {
    let rows = filter.scope.rows(batch, &Kept::All, &batch.origin)?;
    let mask = evaluate(&filter.expr, &rows, || "the filter".to_owned())?;
    let mask = mask.as_boolean();
    if mask.true_count() == mask.len() {
        return Ok(Kept::All);
    }
    // Neither false nor null passes.
    let mask = if mask.null_count() > 0 {
        prep_null_mask_filter(mask)
    } else {
        mask.clone()
    };
    Ok(Kept::Some(mask))
}

fn origins(batch: &Batch, mask: &BooleanArray) -> Vec<u32> {
    let mut origin = Vec::with_capacity(mask.true_count());
    origin.extend(mask.values().set_indices().map(|row| batch.origin[row]));
    origin
}

fn evaluate(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch, what: impl Fn() -> String) -> Result<ArrayRef> {
    expr.evaluate(rows)
        .and_then(|value| value.into_array(rows.num_rows()))
        .map_err(|e| failure::reject(&what(), expr.as_ref(), &e))
}

impl Scope {
    /// The columns of this scope for the rows that stay, which came from the records at `origin`.
    fn rows(&self, batch: &Batch, kept: &Kept, origin: &[u32]) -> Result<RecordBatch> {
        let predicate = match kept {
            Kept::All => None,
            Kept::Some(mask) => Some(FilterBuilder::new(mask).optimize().build()),
        };
        let columns = self
            .columns
            .iter()
            .map(|column| read(*column, batch, predicate.as_ref(), origin))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(origin.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| Error::fatal("sql: read the step's columns").caused_by(e))
    }
}

fn read(
    column: Origin,
    batch: &Batch,
    predicate: Option<&FilterPredicate>,
    origin: &[u32],
) -> Result<ArrayRef> {
    match (column, predicate) {
        (Origin::Metadata(metadata), _) => metadata.read(&batch.records, origin),
        (Origin::Input(index), None) => Ok(Arc::clone(batch.rows.column(index))),
        (Origin::Input(index), Some(predicate)) => predicate
            .filter(batch.rows.column(index))
            .map_err(|e| Error::fatal("sql: filter a column").caused_by(e)),
    }
}
