//! The tree against the schema: every problem at once, each with its place. Values are never shown; the words are in `said`.

use std::collections::{BTreeSet, HashSet};

use jsonschema::error::ValidationErrorKind as Wrong;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::interpolate::Interpolated;
use super::problem::{File, Problem};
use super::said::{self, Expected, near, nearest};
use super::tree::{Tree, child};

/// Reads filled strings as the number or switch the schema expects, then gives every problem, those of the YAML included.
pub(crate) fn validate(file: &File, tree: &mut Tree, schema: &Value, filled: &Interpolated) -> Vec<Problem> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(_) => return vec![file.hidden(tree.place(""), "the schema of pipeline files is broken")],
    };
    read_filled(&mut tree.value, &validator, filled);
    let value = tree.value.clone();
    let errors: Vec<ValidationError<'_>> = validator
        .iter_errors(&value)
        .filter(|e| !filled.unresolved.contains(e.instance_path().as_str()))
        .filter(|e| !tree.unread.contains(e.instance_path().as_str()))
        .collect();
    let mut mistyped = BTreeSet::new();
    for e in &errors {
        if let Wrong::AdditionalProperties { unexpected } = e.kind() {
            // Nobody knows what it holds: a key of a connector at the wrong place, perhaps.
            let at = e.instance_path().as_str();
            unexpected.iter().for_each(|name| tree.hide(&child(at, name)));
            mistyped.extend(meant(schema, e, unexpected));
        }
    }
    let other_type: HashSet<&str> = errors
        .iter()
        .filter(|e| matches!(e.kind(), Wrong::Type { .. }))
        .map(|e| e.instance_path().as_str())
        .collect();
    let mut problems: Vec<Problem> = std::mem::take(&mut tree.problems);
    for e in &errors {
        let at = e.instance_path().as_str();
        // Of a value of another type nothing else is worth saying, nor of a key that stands there with a typo.
        let follows = match e.kind() {
            Wrong::Type { .. } => false,
            Wrong::Required { property } => {
                mistyped.contains(&child(at, property.as_str().unwrap_or_default()))
            }
            _ => other_type.contains(at),
        };
        if !follows {
            problems.extend(describe(file, tree, schema, e));
        }
    }
    problems.dedup();
    problems
}

/// The keys that `unexpected` ones were most likely meant to be, as pointers.
fn meant(schema: &Value, e: &ValidationError<'_>, unexpected: &[String]) -> Vec<String> {
    let around = Expected::of(schema, e);
    let known = said::names(around.within.and_then(|s| s.get("properties")));
    let meant = unexpected.iter().filter_map(|name| near(name, &known));
    meant
        .map(|name| child(e.instance_path().as_str(), name))
        .collect()
}

fn read_filled(value: &mut Value, validator: &Validator, filled: &Interpolated) {
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .filter(|e| matches!(e.kind(), Wrong::Type { .. }))
        .map(|e| e.instance_path().as_str().to_owned())
        .filter(|at| filled.filled.contains(at))
        .collect();
    for at in wrong {
        let Some(leaf) = value.pointer_mut(&at) else {
            continue;
        };
        let read = leaf
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(read @ (Value::Number(_) | Value::Bool(_))) = read {
            *leaf = read;
        }
    }
}

fn describe(file: &File, tree: &Tree, schema: &Value, e: &ValidationError<'_>) -> Vec<Problem> {
    let at = e.instance_path().as_str();
    let wanted = Expected::of(schema, e);
    let here = |message: String| vec![tree.problem(file, at, message)];
    match e.kind() {
        Wrong::AdditionalProperties { unexpected } => {
            let known = said::names(wanted.within.and_then(|s| s.get("properties")));
            let one = |name: &String| {
                let belongs = said::belongs(schema, at, name);
                let message = match belongs.is_empty() || near(name, &known).is_some() {
                    true => format!("unknown key `{name}`{}", nearest(name, &known)),
                    false => {
                        let known = known.join(", ");
                        format!(
                            "`{name}` does not belong here: it is a key of {belongs}; allowed here: {known}"
                        )
                    }
                };
                tree.key_problem(file, &child(at, name), message)
            };
            unexpected.iter().map(one).collect()
        }
        Wrong::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            // Of a connector without a kind nobody knows which keys are wrong: a near one is.
            let present = said::names(tree.value.pointer(at));
            let known = said::names(wanted.within.and_then(|s| s.get("properties")));
            let close = |key: &&&str| !known.contains(key) && near(key, &[name]).is_some();
            match present.iter().find(close) {
                Some(key) => {
                    let message = format!("unknown key `{key}`: did you mean `{name}`?");
                    vec![tree.key_problem(file, &child(at, key), message)]
                }
                None => vec![tree.key_problem(file, at, said::missing(wanted.within, at, name))],
            }
        }
        Wrong::Enum { options } => {
            let found = tree.value.pointer(at).and_then(Value::as_str).unwrap_or_default();
            here(said::not_allowed(at, found, options))
        }
        Wrong::Type { .. } => {
            let value = tree.value.pointer(at);
            let found = said::found(value);
            let instead = said::instead(schema, wanted.within, at, value);
            let instead = instead.map_or(String::new(), |instead| format!("; {instead}"));
            here(format!("expected {}; found {found}{instead}", wanted.words()))
        }
        Wrong::Pattern { pattern } => {
            let found = tree.value.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let instead = said::instead(schema, wanted.within, at, tree.value.pointer(at));
            here(instead.unwrap_or_else(|| said::no_word(found, pattern, &wanted.words())))
        }
        Wrong::Minimum { limit } => here(format!("must be at least {limit}")),
        Wrong::Maximum { limit } => here(format!("must be at most {limit}")),
        Wrong::MinItems { .. } | Wrong::MinProperties { .. } | Wrong::MinLength { .. } => {
            here(format!("must not be empty: expected {}", wanted.words()))
        }
        Wrong::MaxProperties { .. } => {
            let known = said::names(wanted.within.and_then(|s| s.get("properties")));
            let known = known.join(", ");
            here(format!(
                "holds more than one key, and takes exactly one of: {known}"
            ))
        }
        other => here(format!("does not fit the schema (`{}`)", other.keyword())),
    }
}
