//! The tree against the schema: every problem at once, each with its place and what would be allowed. Values are never shown.

use jsonschema::error::ValidationErrorKind as Wrong;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::interpolate::Interpolated;
use super::problem::{File, Problem};
use super::tree::{Tree, child};
use forebay_connectors::KINDS;

/// Reads filled strings as the number or switch the schema expects, then gives every problem.
pub(crate) fn validate(file: &File, tree: &mut Tree, schema: &Value, filled: &Interpolated) -> Vec<Problem> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(_) => return vec![file.hidden(tree.place(""), "the schema of pipeline files is broken")],
    };
    read_filled(&mut tree.value, &validator, filled);
    let mut problems: Vec<Problem> = validator
        .iter_errors(&tree.value)
        .filter(|e| !filled.unresolved.contains(e.instance_path().as_str()))
        .flat_map(|e| describe(file, tree, schema, &e))
        .collect();
    problems.dedup();
    problems
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
    let around = parent_schema(schema, e);
    let here = |message: String| vec![file.problem_at(at, tree.place(at), message)];
    match e.kind() {
        Wrong::AdditionalProperties { unexpected } => {
            let known = names(around.and_then(|s| s.get("properties")));
            let one = |name: &String| {
                let pointer = child(at, name);
                let message = format!("unknown key `{name}`{}", nearest(name, &known));
                file.problem_at(&pointer, tree.key_place(&pointer), message)
            };
            unexpected.iter().map(one).collect()
        }
        Wrong::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let under = at.rsplit('/').next().filter(|part| !part.is_empty());
            let under = under.map_or(String::new(), |part| format!(" under `{part}`"));
            vec![file.problem_at(
                at,
                tree.key_place(at),
                format!("the key `{name}` is missing{under}"),
            )]
        }
        Wrong::Enum { options } => {
            let found = tree.value.pointer(at).and_then(Value::as_str).unwrap_or_default();
            here(not_allowed(at, found, options))
        }
        Wrong::Type { .. } => here(format!("expected {}", expected(around))),
        Wrong::Pattern { .. } => here(format!("not {}", expected(around))),
        Wrong::Minimum { limit } => here(format!("must be at least {limit}")),
        Wrong::Maximum { limit } => here(format!("must be at most {limit}")),
        Wrong::MinItems { .. } | Wrong::MinProperties { .. } => {
            here(format!("must not be empty: {} is needed", expected(around)))
        }
        Wrong::MaxProperties { .. } => here("holds more than one: write a list item for each".to_owned()),
        other => here(format!("does not fit the schema (`{}`)", other.keyword())),
    }
}

/// What a word may be; a known kind that is not built says so.
fn not_allowed(at: &str, found: &str, options: &Value) -> String {
    let options: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let kind = at.starts_with("/connectors/") && at.ends_with("/kind");
    if kind && KINDS.iter().any(|k| k.name == found) {
        return format!(
            "the kind `{found}` is known, but not built yet; built: {}",
            options.join(", ")
        );
    }
    if at == "/pipeline/delivery" && found == "exactly-once" {
        return format!("exactly-once is not built yet; built: {}", options.join(", "));
    }
    format!("not allowed here{}", nearest(found, &options))
}

/// `: did you mean `x`? allowed: ..`
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let score = |other: &&&str| (strsim::jaro_winkler(name, other) * 1000.0) as u32;
    let best = known.iter().max_by_key(score).filter(|other| score(other) > 700);
    let allowed = format!("allowed: {}", known.join(", "));
    match best {
        Some(best) => format!(": did you mean `{best}`? {allowed}"),
        None if known.is_empty() => ": nothing is allowed here".to_owned(),
        None => format!(": {allowed}"),
    }
}

fn names(properties: Option<&Value>) -> Vec<&str> {
    let map = properties.and_then(Value::as_object);
    map.into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
        .collect()
}

/// What the schema says is expected, in words.
fn expected(schema: Option<&Value>) -> String {
    let Some(schema) = schema else {
        return "another type".to_owned();
    };
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        let several = |types: &Vec<Value>| types.iter().filter(|t| *t != "null").count() > 1;
        let of_form = schema.get("pattern").is_some() || schema["type"].as_array().is_some_and(several);
        if of_form {
            return text.to_owned();
        }
    }
    let word = |name: &str| match name {
        "object" => "a map",
        "array" => "a list",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "null" => "null",
        _ => "a string",
    };
    match &schema["type"] {
        Value::String(name) => word(name).to_owned(),
        Value::Array(all) => {
            let all: Vec<&str> = all
                .iter()
                .filter_map(Value::as_str)
                .filter(|n| *n != "null")
                .map(word)
                .collect();
            all.join(" or ")
        }
        _ => "another type".to_owned(),
    }
}

/// The schema object that holds the keyword which failed, with references followed.
fn parent_schema<'a>(schema: &'a Value, e: &ValidationError<'_>) -> Option<&'a Value> {
    let path = e.schema_path().as_str();
    let mut at = schema;
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    parts.pop();
    for part in parts {
        let part = part.replace("~1", "/").replace("~0", "~");
        at = match (&part[..], at) {
            ("$ref", node) => schema.pointer(node.get("$ref")?.as_str()?.strip_prefix('#')?)?,
            (_, Value::Array(items)) => items.get(part.parse::<usize>().ok()?)?,
            (_, node) => node.get(&part)?,
        };
    }
    Some(at)
}
