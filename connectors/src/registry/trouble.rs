//! Why a registry gave no answer, or not the one that was wanted. Holds no secret: what a registry says is quoted only where it
//! judges a schema or refuses a right, and without what was sent to prove who asks.

use std::time::Duration;

use forebay_core::{Error, Kind};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It does not answer, or not to the end.
    Failing,
    /// What answers is no registry.
    Strange,
    /// It wants to be asked less.
    Throttled,
    /// It does not take the credentials.
    Refused,
    /// It says that there is no such schema, subject or version.
    Absent,
    /// What it has, or was given, is wrong: asking again changes nothing.
    Invalid,
}

/// One answer that does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) what: What,
    /// With the address that was asked.
    pub(super) found: String,
    pub(super) remedy: Option<String>,
    /// How long the registry wants to be left alone.
    pub(super) rest: Option<Duration>,
}

impl Trouble {
    pub(super) fn new(what: What, found: impl Into<String>) -> Self {
        Self {
            what,
            found: found.into(),
            remedy: None,
            rest: None,
        }
    }

    #[must_use]
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub(super) fn rest(mut self, rest: Option<Duration>) -> Self {
        self.rest = rest;
        self
    }

    /// What was found and what to do, in one line.
    pub(super) fn reason(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.found),
            None => self.found.clone(),
        }
    }

    /// For a command, which asks once.
    pub(super) fn error(&self, attempt: &str) -> Error {
        let kind = match self.what {
            What::Failing | What::Strange | What::Throttled => Kind::Retry,
            What::Refused => Kind::Auth,
            What::Absent | What::Invalid => Kind::Config,
        };
        Error::new(kind, format!("{attempt}: {}", self.reason()))
    }
}
