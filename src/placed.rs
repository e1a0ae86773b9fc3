//! What a step says of its own configuration, at its place in the pipeline file. Knows pointers and faults, no step.

use forebay_core::Error;
use forebay_core::steps::{At, Fault, Spot, Warning};

use crate::config::{Config, Problem, Severity, StepConfig};

/// Where a part of the configuration stands in the file.
pub(crate) struct Placed<'a> {
    config: &'a Config,
    /// The pointer of the part.
    base: String,
}

impl<'a> Placed<'a> {
    /// Step number `i`.
    pub(crate) fn step(config: &'a Config, i: usize, step: &StepConfig) -> Self {
        let kind = match step {
            StepConfig::Sql(_) => "sql",
            StepConfig::Lookup(_) => "lookup",
            StepConfig::Model(_) => "model",
        };
        let base = format!("/pipeline/steps/{i}/{kind}");
        Self { config, base }
    }

    /// The table `name`.
    pub(crate) fn table(config: &'a Config, name: &str) -> Self {
        let base = pointer("/tables", [name]);
        Self { config, base }
    }

    pub(crate) fn problems(&self, faults: Vec<Fault>) -> impl Iterator<Item = Problem> {
        faults.into_iter().map(|fault| self.problem(&fault))
    }

    pub(crate) fn problem(&self, fault: &Fault) -> Problem {
        self.at(&fault.spot, &fault.error.to_string())
    }

    pub(crate) fn warning(&self, warning: &Warning) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..self.at(&warning.spot, &warning.text)
        }
    }

    fn at(&self, spot: &Spot, message: &str) -> Problem {
        let pointer = pointer(&self.base, spot.path.iter().map(String::as_str));
        match spot.at {
            At::Value => self.config.problem_at(&pointer, message),
            At::Key => self.config.problem_at_key(&pointer, message),
            At::Text { line, column } => self.config.problem_inside(&pointer, line, column, message),
        }
    }
}

/// The fault of a column that one of the codecs names.
pub(crate) fn column_of(error: &Error) -> Option<&str> {
    let named = error.context().iter().find(|(name, _)| *name == "column");
    named.map(|(_, column)| column.as_str())
}

/// The pointer of what lies under `base`.
pub(crate) fn pointer<'p>(base: &str, path: impl IntoIterator<Item = &'p str>) -> String {
    let parts = path
        .into_iter()
        .map(|part| part.replace('~', "~0").replace('/', "~1"));
    parts.fold(base.to_owned(), |at, part| format!("{at}/{part}"))
}
