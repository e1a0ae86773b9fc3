//! Files of JSON lines: each line is read, none is skipped, and what is wrong is said with file, line and column.

use std::fs;
use std::path::Path;

/// What is wrong with a line, and the column where it is known.
pub(crate) struct Wrong {
    column: Option<usize>,
    message: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.column {
            Some(column) => write!(f, "column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self {
            column: None,
            message,
        }
    }
}

impl From<serde_json::Error> for Wrong {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let column = error.column();
        // The place is ours to tell: a line of the file is a whole document to the parser.
        let message = text
            .rsplit_once(" at line ")
            .map_or(&text[..], |(message, _)| message);
        Self {
            column: (column > 0).then_some(column),
            message: message.to_owned(),
        }
    }
}

/// Reads each line of `path` by `parse`, which gets its number from 1.
///
/// # Errors
/// Every line that is wrong, each with its place.
pub(crate) fn read<T>(
    path: &Path,
    mut parse: impl FnMut(usize, &str) -> Result<T, Wrong>,
) -> Result<Vec<T>, Vec<String>> {
    let name = path.display();
    let bytes = fs::read(path).map_err(|e| vec![format!("read {name}: {}", e.kind())])?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        vec![format!(
            "{name}:{line}: not UTF-8: write such bytes as base64 in a record"
        )]
    })?;
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    let mut rest = text.as_str();
    let mut number = 0;
    while !rest.is_empty() {
        let (line, next) = rest.split_once('\n').unwrap_or((rest, ""));
        (rest, number) = (next, number + 1);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let parsed = if line.trim().is_empty() {
            Err(Wrong::from(
                "an empty line: each line is one of them; remove it".to_owned(),
            ))
        } else {
            parse(number, line)
        };
        match parsed {
            Ok(one) => all.push(one),
            Err(Wrong { column, message }) => {
                let column = column.map_or(String::new(), |c| format!(":{c}"));
                wrong.push(format!("{name}:{number}{column}: {message}"));
            }
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}
