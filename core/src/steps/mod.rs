//! The stages between source and sink. A step knows columns; it does not know formats, brokers or its neighbours.

pub mod about;
pub mod lookup;
#[cfg(feature = "onnx")]
pub mod model;
pub(crate) mod names;
#[cfg(feature = "sql")]
pub mod sql;
pub mod unfit;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use crate::batch::Batch;
use crate::error::Result;
use crate::reject::{Reject, Stage};
use crate::steps::about::About;
use crate::steps::lookup::Table;
pub use crate::steps::unfit::{At, Fault, Spot, Unfit, Warning};

/// What a step may need beside its own configuration.
#[derive(Debug, Default)]
pub struct Env {
    /// The loaded tables, by the name the pipeline file gives them.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// The shared library of ONNX Runtime, where it was found.
    pub onnxruntime: Option<PathBuf>,
    /// What a null is filled with best, by the name of a column and as SQL writes it: for advice.
    pub fillings: BTreeMap<String, String>,
}

/// What the configuration describes: planned once, opened once per lane.
pub trait StepSpec: fmt::Debug + Send + Sync {
    /// The stage this step is, for rejects and metrics.
    fn stage(&self) -> Stage;

    /// Checks the step against its input columns. A column of Arrow's type `Null` is there, but its type is not known, since
    /// a step before does not fit: what rests on its type is not checked, and there is no plan.
    ///
    /// # Errors
    /// Everything that does not fit, and what would; each is of kind `Config`.
    fn plan(&self, input: &Schema, env: &Env) -> Result<Plan, Unfit>;
}

/// Opens a step for one lane.
pub type OpenStep = Box<dyn Fn() -> Result<Box<dyn Step>> + Send + Sync>;

/// A step that fits its input.
pub struct Plan {
    pub output: SchemaRef,
    pub about: About,
    /// What `check` warns of.
    pub warnings: Vec<Warning>,
    pub open: OpenStep,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Plan");
        out.field("output", &self.output);
        out.field("about", &self.about);
        out.finish_non_exhaustive()
    }
}

/// A batch after a step. Rows that are in neither were filtered.
#[derive(Debug)]
pub struct Applied {
    pub batch: Batch,
    /// Rows refused for what they hold (a null at a tensor, a key that is missing): not a sign that the step is broken.
    pub rejects: Vec<Reject>,
}

/// One stage, owned by one lane.
pub trait Step: Send {
    /// Carries a batch through.
    ///
    /// # Errors
    /// `Reject` where some rows cannot be processed: the lane halves the batch to find them. `Fatal` where the step is broken.
    fn apply(&mut self, batch: &Batch) -> Result<Applied>;
}
