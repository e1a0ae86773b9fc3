//! What is wrong with a pipeline file, and where. Knows text and places, no schema; never shows a value that was interpolated.

use std::fmt;

use super::tree::Place;

/// The text of a pipeline file and the name it is shown by. No `Debug`: it may hold credentials.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Whether a pipeline with it can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    #[default]
    Error,
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, or may be, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub severity: Severity,
    pub message: String,
    /// The line of the file, where it can be shown; what may be a credential is masked in it.
    pub snippet: Option<Snippet>,
}

/// A line of the file, and which part of it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    /// How many characters stand before what is meant.
    pub before: usize,
    /// How many characters are meant; at least one.
    pub width: usize,
}

impl File {
    /// A problem with the line it is in.
    pub(crate) fn problem(&self, place: Place, message: impl Into<String>) -> Problem {
        let line = self.text.lines().nth(place.line.saturating_sub(1));
        let snippet = |line: &str| Snippet {
            text: line.to_owned(),
            before: place.column.saturating_sub(1),
            width: 1,
        };
        Problem {
            snippet: line.map(snippet),
            ..self.hidden(place, message)
        }
    }

    /// A problem whose line may hold credentials, and is not shown.
    pub(crate) fn hidden(&self, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            file: self.name.clone(),
            line: place.line,
            column: place.column,
            severity: Severity::Error,
            message: message.into(),
            snippet: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if let Some(snippet) = &self.snippet {
            let line = self.line.to_string();
            let gutter = " ".repeat(line.len());
            // A tab stays one, so that the mark stands below what it means.
            let blank = |c: char| if c == '\t' { c } else { ' ' };
            let indent: String = snippet.text.chars().take(snippet.before).map(blank).collect();
            let mark = "^".repeat(snippet.width);
            write!(f, "\n  {line} | {}\n  {gutter} | {indent}{mark}", snippet.text)?;
        }
        Ok(())
    }
}
