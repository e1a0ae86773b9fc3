//! The one error that crosses crate borders. Modules may use private `thiserror` enums inside and convert here.
//! Text is lower case and says what was attempted; it must never hold a payload or a secret.

use std::error::Error as StdError;
use std::fmt;

/// What the one consumer of an error does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The lane backs off, keeps its membership and tries again.
    Retry,
    /// The record goes to the dead letters.
    Reject,
    /// The configuration is wrong: exit code 2.
    Config,
    /// Credentials were refused: exit code 3 at start, an alert later.
    Auth,
    /// Stop, uncommitted: exit code 1.
    Fatal,
}

/// An error with its kind, what was attempted, and named facts.
pub struct Error {
    kind: Kind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result type of every seam.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `message` is lower case, without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }
    }

    /// [`Kind::Retry`].
    pub fn retry(message: impl Into<String>) -> Self {
        Self::new(Kind::Retry, message)
    }

    /// [`Kind::Reject`].
    pub fn reject(message: impl Into<String>) -> Self {
        Self::new(Kind::Reject, message)
    }

    /// [`Kind::Config`].
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// [`Kind::Fatal`].
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(Kind::Fatal, message)
    }

    /// Adds a named fact, such as `topic` or `offset`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What its consumer does with it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was attempted, without context and source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The named facts, in the order they were added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }
}

/// `message (topic=a, partition=3): cause: cause of the cause`
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (name, value)) in self.context.iter().enumerate() {
            let before = if i == 0 { " (" } else { ", " };
            write!(f, "{before}{name}={value}")?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        let mut cause = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

/// The causes are part of [`fmt::Display`], so `source` gives none: a reporter would print them twice.
impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_facts_and_causes() {
        let cause = Error::fatal("connection reset");
        let error = Error::retry("read records")
            .with("topic", "a")
            .with("partition", 3)
            .caused_by(cause);
        assert_eq!(
            error.to_string(),
            "read records (topic=a, partition=3): connection reset"
        );
        assert_eq!(error.kind(), Kind::Retry);
    }
}
