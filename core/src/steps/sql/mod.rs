//! The `sql` step: a filter and a projection over the columns that arrive, planned once and evaluated per batch.
//! It knows no other table, and no row but those of its batch.

mod element;
mod failure;
mod functions;
mod inspect;
mod metadata;
mod nulls;
mod place;
mod query;
mod quote;
mod run;
mod syntax;
mod types;
mod wildcard;

#[cfg(test)]
mod tests;

pub use quote::quoted;

use std::sync::Arc;

use arrow::datatypes::Schema;

use self::run::Run;
use super::about::About;
use super::{Env, Plan, Step, StepSpec, Unfit};
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

    fn plan(&self, input: &Schema, _env: &Env) -> Result<Plan, Unfit> {
        let (selection, faults) = syntax::parse(&self.sql);
        let Some(selection) = selection else {
            return Err(Unfit { faults, output: None });
        };
        let (query, about) = query::plan(&selection, input, faults)?;
        let query = Arc::new(query);
        Ok(Plan {
            output: Arc::clone(&query.output),
            about: About::Sql(about),
            warnings: Vec::new(),
            open: Box::new(move || Ok(Box::new(Run::new(Arc::clone(&query))) as Box<dyn Step>)),
        })
    }
}
