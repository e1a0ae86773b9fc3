//! `CASE.yaml`: what a case sets for itself. Every key is optional, so is the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// How a case is run and compared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CaseOptions {
    /// Variables of the pipeline file; those that are not here come from the environment.
    pub(crate) env: BTreeMap<String, String>,
    /// How far numbers with a fraction may be off.
    pub(crate) tolerance: Tolerance,
    /// The same for single fields.
    pub(crate) fields: BTreeMap<String, Tolerance>,
    /// Fields that are not compared.
    pub(crate) ignore: Vec<String>,
    /// Whether results must come in the order of the file.
    pub(crate) order: bool,
    /// The pipeline must stop, and like this.
    pub(crate) stops: Option<Stops>,
}

impl Default for CaseOptions {
    fn default() -> Self {
        Self {
            env: BTreeMap::new(),
            tolerance: Tolerance::default(),
            fields: BTreeMap::new(),
            ignore: Vec::new(),
            order: true,
            stops: None,
        }
    }
}

/// A number fits where it is off by no more than the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tolerance {
    #[schemars(range(min = 0.0))]
    pub(crate) absolute: f64,
    /// A part of the number that is expected.
    #[schemars(range(min = 0.0))]
    pub(crate) relative: f64,
}

/// Single precision has seven digits, and its last one depends on the processor.
impl Default for Tolerance {
    fn default() -> Self {
        Self {
            absolute: 1e-6,
            relative: 1e-6,
        }
    }
}

impl Tolerance {
    /// How far off a value may be where `expected` is expected.
    pub(crate) fn allowed(self, expected: f64) -> f64 {
        self.absolute.max(self.relative * expected.abs())
    }
}

/// Where and why the pipeline must stop; what is not given is not compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stops {
    /// The line of the input.
    #[schemars(range(min = 1))]
    pub(crate) line: Option<usize>,
    pub(crate) stage: Option<String>,
    /// A part of the reason.
    pub(crate) reason: Option<String>,
}
