//! Events, one JSON object a line: which fields there are, and what they hold. Keeps no values but the first lines.

use std::collections::HashSet;
use std::io::BufRead;

use forebay_core::{Error, Result};
use serde_json::{Map, Value};

/// So many events become the first test.
const TESTED: usize = 20;
/// So many events are looked at.
const SEEN: usize = 10_000;

/// What was found in some events.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many were looked at.
    pub events: usize,
    /// The first lines as they came.
    pub first: Vec<String>,
    pub(super) fields: Vec<Field>,
}

/// A field, in whatever depth.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// From the outside in.
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
    /// In how many events it is there and not null.
    pub(super) filled: usize,
    /// Whether no value came twice; looked at for texts and whole numbers.
    pub(super) distinct: bool,
    seen: HashSet<String>,
}

/// What a field holds wherever it is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Bool,
    Integer,
    Float,
    Text,
    /// A list of so many numbers.
    Numbers(usize),
    Other,
}

impl Sample {
    /// Reads at most 10,000 events.
    ///
    /// # Errors
    /// `Config`, with `name` and the line, where one is not a JSON object, or there is none.
    pub fn read(name: &str, lines: impl BufRead) -> Result<Self> {
        let mut sample = Self::default();
        for (i, line) in lines.lines().enumerate().take(SEEN) {
            let place = format!("read {name}, line {}", i + 1);
            let line = line.map_err(|e| Error::config(&place).with("found", e.kind()))?;
            sample.add(&place, line)?;
        }
        if sample.events == 0 {
            return Err(Error::config(format!(
                "read {name}: there is no event in it; put one JSON object a line into it"
            )));
        }
        Ok(sample)
    }

    fn add(&mut self, place: &str, line: String) -> Result<()> {
        let said = match serde_json::from_str(&line) {
            Ok(Value::Object(event)) => {
                self.object(&mut Vec::new(), &event);
                self.events += 1;
                if self.first.len() < TESTED {
                    self.first.push(line);
                }
                return Ok(());
            }
            Ok(_) => "JSON, but no object",
            Err(_) if line.trim().is_empty() => "an empty line",
            Err(_) => "no JSON",
        };
        let remedy = match line.trim_start().starts_with('[') {
            true => "; `jq -c '.[]'` makes lines of a list",
            false => "",
        };
        Err(Error::config(format!(
            "{place}: it is {said}; each line must be one event, a JSON object{remedy}"
        )))
    }

    fn object(&mut self, path: &mut Vec<String>, object: &Map<String, Value>) {
        for (name, value) in object {
            path.push(name.clone());
            match value {
                Value::Object(inner) if !inner.is_empty() => self.object(path, inner),
                _ => self.value(path, value),
            }
            path.pop();
        }
    }

    fn value(&mut self, path: &[String], value: &Value) {
        let at = self.fields.iter().position(|field| field.path == path);
        let at = at.unwrap_or_else(|| {
            self.fields.push(Field {
                path: path.to_vec(),
                kind: Kind::Nothing,
                filled: 0,
                distinct: true,
                seen: HashSet::new(),
            });
            self.fields.len() - 1
        });
        self.fields[at].see(value);
    }
}

impl Field {
    fn see(&mut self, value: &Value) {
        if value.is_null() {
            return;
        }
        self.filled += 1;
        self.kind = self.kind.with(Kind::of(value));
        if matches!(self.kind, Kind::Text | Kind::Integer) && self.distinct {
            self.distinct = self.seen.insert(value.to_string());
        }
    }
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.as_i64().is_some() => Self::Integer,
            Value::Number(_) => Self::Float,
            Value::String(_) => Self::Text,
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
                Self::Numbers(items.len())
            }
            Value::Array(_) | Value::Object(_) => Self::Other,
        }
    }

    /// What a field holds that holds this and that.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            (one, other) if one == other => one,
            _ => Self::Other,
        }
    }
}
