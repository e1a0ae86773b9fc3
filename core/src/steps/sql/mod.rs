//! The `sql` step: a filter and a projection over the columns that arrive, planned once and evaluated per batch.
//! It knows no other table, and no row but those of its batch.

mod element;
mod failure;
mod functions;
mod inspect;
mod metadata;
mod nulls;
mod query;
mod run;
mod syntax;
mod types;
mod wildcard;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use self::query::Query;
use self::run::Run;
use super::{Env, Plan, Step, StepSpec};
use crate::error::Result;
use crate::reject::Stage;

/// `SELECT ... FROM input [WHERE ...]`.
#[derive(Clone, Debug)]
pub struct SqlStep {
    sql: String,
}

impl SqlStep {
    /// A step of this query.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into() }
    }
}

impl StepSpec for SqlStep {
    fn stage(&self) -> Stage {
        Stage::Sql
    }

    fn plan(&self, input: &Schema, _env: &Env) -> Result<Plan> {
        let selection = syntax::parse(&self.sql)?;
        let query = Arc::new(query::plan(&selection, input)?);
        Ok(Plan {
            output: Arc::clone(&query.output),
            details: details(&query),
            warnings: Vec::new(),
            open: Box::new(move || Ok(Box::new(Run::new(Arc::clone(&query))) as Box<dyn Step>)),
        })
    }
}

/// What `check` prints.
fn details(query: &Query) -> Vec<String> {
    let columns: Vec<String> = query
        .output
        .fields()
        .iter()
        .map(|field| describe(field))
        .collect();
    let mut lines = vec![format!("columns: {}", columns.join(", "))];
    if let Some(filter) = &query.filter {
        lines.push(format!("filter: {}", filter.text));
    }
    lines
}

fn describe(field: &Field) -> String {
    let nullable = if field.is_nullable() { " nullable" } else { "" };
    format!("{} {}{nullable}", field.name(), field.data_type())
}
