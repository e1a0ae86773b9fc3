//! What a look at a connector brings to light, step by step: for `doctor`, and for the error at start where nothing answers.

use std::time::Duration;

use forebay_core::{Error, Kind};

/// What a pipeline wants of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Topics to be read by name; a pattern needs none.
    pub read: Vec<String>,
    pub write: Vec<String>,
    pub group: Option<String>,
}

impl Needs {
    /// Every topic once, in order.
    pub fn topics(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.read.iter().chain(&self.write).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// A run can work, but a person should know.
    Warning,
    /// No run can work; the kind says whose fault it is.
    Failure(Kind),
}

/// One step of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word: `credentials`, `clock`, `dns`, `tcp`, `tls`, `kafka`, `sasl`, `brokers`, `topic`, `group`, `registry`, `schema`.
    pub step: &'static str,
    /// What was looked at: an address, a topic, a group.
    pub subject: String,
    pub outcome: Outcome,
    /// What was found, in a sentence without a full stop.
    pub found: String,
    /// What to do, where something is wrong.
    pub remedy: Option<String>,
    pub took: Duration,
}

impl Finding {
    /// All is well.
    pub fn ok(step: &'static str, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            step,
            subject: subject.into(),
            outcome: Outcome::Ok,
            found: found.into(),
            remedy: None,
            took: Duration::ZERO,
        }
    }

    /// Something to know.
    pub fn warning(
        step: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            outcome: Outcome::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(step, subject, found)
        }
    }

    /// Something that must be mended.
    pub fn failure(
        step: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            outcome: Outcome::Failure(Kind::Fatal),
            ..Self::warning(step, subject, found, remedy)
        }
    }

    /// Credentials are at fault.
    #[must_use]
    pub fn by_credentials(mut self) -> Self {
        self.outcome = Outcome::Failure(Kind::Auth);
        self
    }

    /// How long the step took.
    #[must_use]
    pub fn after(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }

    /// Whether a run cannot work.
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failure(_))
    }

    /// As the error that ends a run; `None` where nothing is wrong.
    pub fn error(&self) -> Option<Error> {
        let Outcome::Failure(kind) = self.outcome else {
            return None;
        };
        let remedy = self
            .remedy
            .as_deref()
            .map_or(String::new(), |remedy| format!("; {remedy}"));
        Some(Error::new(kind, format!("{}{remedy}", self.found)).with(self.subject_name(), &self.subject))
    }

    fn subject_name(&self) -> &'static str {
        match self.step {
            "topic" => "topic",
            "group" => "group",
            _ => "address",
        }
    }
}
