//! Two values, field by field: what differs, and by how much. Knows JSON and tolerances, no files and no rows.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Number, Value};

use super::options::{CaseOptions, Tolerance};
use crate::config::{Config, Include};
use crate::plan::Plan;

/// One field that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `score`, `merchant.id`, `probabilities[2]`; `_key`, `_headers.trace`, `_timestamp`; empty for the whole value.
    pub(crate) field: String,
    pub(crate) expected: String,
    pub(crate) found: String,
    /// How far a number is off, and how far it may be.
    pub(crate) off: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "field `{}`: ", self.field)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.off {
            Some(off) => write!(f, " ({off})"),
            None => Ok(()),
        }
    }
}

/// What may differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    tolerance: Tolerance,
    fields: BTreeMap<String, Tolerance>,
    ignore: Vec<String>,
}

/// What a record has beside its payload, under the names that SQL has for it.
const METADATA: [&str; 3] = ["_key", "_headers", "_timestamp"];

impl Rules {
    /// The rules of a case.
    ///
    /// # Errors
    /// A field that no result can have.
    pub(crate) fn new(options: &CaseOptions, config: &Config, plan: &Plan) -> Result<Self, String> {
        let columns: Vec<&str> = plan.output.fields().iter().map(|f| f.name().as_str()).collect();
        let open = config.document.pipeline.sink.include == Some(Include::Original);
        for name in options.fields.keys().chain(&options.ignore) {
            let known = METADATA.iter().chain(&columns);
            if !open && !known.into_iter().any(|known| covers(known, name)) {
                return Err(format!(
                    "`fields` or `ignore` names `{name}`, which no result has; there are: {}, {}",
                    columns.join(", "),
                    METADATA.join(", ")
                ));
            }
        }
        Ok(Self {
            tolerance: options.tolerance,
            fields: options.fields.clone(),
            ignore: options.ignore.clone(),
        })
    }

    /// Whether `field` is not compared.
    pub(crate) fn ignores(&self, field: &str) -> bool {
        self.ignore.iter().any(|name| covers(name, field))
    }

    /// The tolerance of the longest name that covers `field`.
    fn own(&self, field: &str) -> Option<Tolerance> {
        let covering = self.fields.iter().filter(|(name, _)| covers(name, field));
        covering
            .max_by_key(|(name, _)| name.len())
            .map(|(_, tolerance)| *tolerance)
    }

    /// Appends what differs between two values of `field`.
    pub(crate) fn differences(
        &self,
        field: &str,
        expected: &Value,
        found: &Value,
        out: &mut Vec<Difference>,
    ) {
        if self.ignores(field) {
            return;
        }
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                for (name, value) in expected {
                    let field = member(field, name);
                    match found.get(name) {
                        Some(other) => self.differences(&field, value, other, out),
                        None => self.one(&field, short(value), "nothing".into(), out),
                    }
                }
                for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    self.one(&member(field, name), "nothing".into(), short(value), out);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    // Lists count from 1, as in SQL.
                    self.differences(&format!("{field}[{}]", i + 1), a, b, out);
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                let items = |list: &[Value]| format!("{} items", list.len());
                self.one(field, items(a), items(b), out);
            }
            (Value::Number(a), Value::Number(b)) => {
                if let Some(off) = self.off(field, a, b) {
                    out.push(Difference {
                        field: field.to_owned(),
                        expected: a.to_string(),
                        found: b.to_string(),
                        off: Some(off),
                    });
                }
            }
            (a, b) if a == b => {}
            (a, b) => self.one(field, short(a), short(b), out),
        }
    }

    fn one(&self, field: &str, expected: String, found: String, out: &mut Vec<Difference>) {
        if !self.ignores(field) {
            out.push(Difference {
                field: field.to_owned(),
                expected,
                found,
                off: None,
            });
        }
    }

    /// How far `found` is off where that is too far. Whole numbers are exact unless their field has a tolerance.
    fn off(&self, field: &str, expected: &Number, found: &Number) -> Option<String> {
        let own = self.own(field);
        if let (Some(a), Some(b), None) = (whole(expected), whole(found), own) {
            return (a != b).then(|| format!("off by {}, whole numbers are exact", a.abs_diff(b)));
        }
        let (a, b) = (expected.as_f64()?, found.as_f64()?);
        let allowed = own.unwrap_or(self.tolerance).allowed(a);
        let off = (a - b).abs();
        (off > allowed).then(|| format!("off by {}, allowed {}", digits(off), digits(allowed)))
    }
}

fn whole(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or(number.as_u64().map(i128::from))
}

/// Four digits are enough to see how far.
fn digits(number: f64) -> String {
    let rounded = format!("{number:.3e}").parse().ok().and_then(Number::from_f64);
    rounded.map_or_else(|| number.to_string(), |number| number.to_string())
}

/// Whether `name` is `field` or what `field` lies in.
fn covers(name: &str, field: &str) -> bool {
    field
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The field `name` of `field`.
pub(crate) fn member(field: &str, name: &str) -> String {
    if field.is_empty() {
        name.to_owned()
    } else {
        format!("{field}.{name}")
    }
}

/// A value as text that fits a line.
pub(crate) fn short(value: &Value) -> String {
    const LIMIT: usize = 300;
    let mut text = value.to_string();
    if text.len() > LIMIT {
        let end = text.floor_char_boundary(LIMIT);
        text.truncate(end);
        text.push('…');
    }
    text
}
