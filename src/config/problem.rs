//! What is wrong with a pipeline file, and where. Knows text and places, no schema; never shows a value that was interpolated.

use std::fmt;

use super::tree::Place;

/// The text of a pipeline file and the name it is shown by. No `Debug`: it may hold credentials.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    pub message: String,
    /// The line of the file; none where it could hold credentials.
    pub snippet: Option<String>,
}

impl File {
    /// A problem with the line it is in.
    pub(crate) fn problem(&self, place: Place, message: impl Into<String>) -> Problem {
        let line = self.text.lines().nth(place.line.saturating_sub(1));
        Problem {
            snippet: line.map(str::to_owned),
            ..self.hidden(place, message)
        }
    }

    /// A problem whose line may hold credentials, and is not shown.
    pub(crate) fn hidden(&self, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            file: self.name.clone(),
            line: place.line,
            column: place.column,
            message: message.into(),
            snippet: None,
        }
    }

    /// A problem at a JSON pointer: the lines of connectors are not shown.
    pub(crate) fn problem_at(&self, pointer: &str, place: Place, message: impl Into<String>) -> Problem {
        if pointer.is_empty() || pointer.starts_with("/connectors") {
            self.hidden(place, message)
        } else {
            self.problem(place, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if let Some(snippet) = &self.snippet {
            let indent = " ".repeat(self.column.saturating_sub(1));
            write!(f, "\n  | {snippet}\n  | {indent}^")?;
        }
        Ok(())
    }
}
