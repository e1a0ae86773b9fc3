//! What is said of a value that does not fit the schema: what would, in words, from the schema itself. Knows schemas, no
//! file and no places; a value is never shown.

use jsonschema::ValidationError;
use serde_json::Value;

use forebay_connectors::KINDS;

/// So many names are listed beside the one that was probably meant.
const SHORT: usize = 8;

/// The candidate that `name` was probably meant to be.
pub(crate) fn near<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let score = |other: &&&str| match strsim::osa_distance(&name, other) {
        0 | 1 => 990,
        _ => (strsim::jaro_winkler(&name, other) * 1000.0) as u32,
    };
    let best = known.iter().max_by_key(score);
    best.filter(|other| score(other) > 700).copied()
}

/// `: did you mean `x`? allowed: ..`; a long list only where no name is near.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let allowed = format!("allowed: {}", known.join(", "));
    match near(name, known) {
        Some(best) if known.len() > SHORT => format!(": did you mean `{best}`?"),
        Some(best) => format!(": did you mean `{best}`? {allowed}"),
        None if known.is_empty() => ": nothing is allowed here".to_owned(),
        None => format!(": {allowed}"),
    }
}

/// What a word may be; a known kind that is not built in says how to get it.
pub(super) fn not_allowed(at: &str, found: &str, options: &Value) -> String {
    let options: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let built = options.join(", ");
    let kind = at.starts_with("/connectors/") && at.ends_with("/kind");
    let known = KINDS.iter().find(|k| k.name == found);
    if let Some(known) = known.filter(|_| kind) {
        let feature = known.feature;
        return format!(
            "this forebay is built without the kind `{found}`: rebuild with `--features {feature}`; built in: {built}"
        );
    }
    if at == "/pipeline/delivery" && found == "exactly-once" {
        return format!("exactly-once is not built yet; built: {built}");
    }
    format!("not allowed here{}", nearest(found, &options))
}

/// That a text is not what `pattern` takes, which `words` describes; where it lists words, the one that was probably meant.
pub(super) fn no_word(found: &str, pattern: &str, words: &str) -> String {
    let list = pattern
        .strip_prefix("^(")
        .and_then(|rest| rest.strip_suffix(")$"));
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let words_of = list.into_iter().flat_map(|list| list.split('|'));
    let known: Vec<&str> = words_of.filter(is_word).collect();
    match (near(found, &known), words.split_once(": ")) {
        (Some(best), Some((what, all))) => format!("not {what}: did you mean `{best}`? allowed: {all}"),
        _ => format!("not {words}"),
    }
}

/// How one writes what was meant by a value that does not fit `within`, at the key that `at` ends with; nothing where nobody knows.
pub(super) fn instead(
    root: &Value,
    within: Option<&Value>,
    at: &str,
    value: Option<&Value>,
) -> Option<String> {
    let (within, key) = (within?, at.rsplit('/').next()?);
    let properties = within.get("properties")?.as_object()?;
    let chosen = |name: &str| format!("{{ {name}: {} }}", form(root, &properties[name]));
    let written = match value? {
        // A choice is a map with one key, and the key alone was written.
        Value::String(name) if within["maxProperties"] == 1 => {
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            // Where words will do as well, another one may be meant.
            let words = within.get("pattern").is_some();
            chosen(near(name, &names).filter(|near| near == name || !words)?)
        }
        Value::String(_) if properties.contains_key("url") => chosen("url"),
        Value::Null if within["maxProperties"] != 1 => form(root, within),
        _ => return None,
    };
    Some(format!("write `{key}: {written}`"))
}

/// The shortest value that fits a schema; where only a person knows what, `…`.
fn form(root: &Value, schema: &Value) -> String {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
    let schema = target.unwrap_or(schema);
    let of_map = schema["type"] == "object";
    let required = schema.get("required").and_then(Value::as_array);
    let keys = required.into_iter().flatten().filter_map(Value::as_str);
    let keys: Vec<String> = keys.map(|key| format!("{key}: …")).collect();
    match (of_map, keys.as_slice()) {
        (false, _) => "…".to_owned(),
        (true, []) => "{}".to_owned(),
        (true, keys) => format!("{{ {} }}", keys.join(", ")),
    }
}

/// That the key `name` is missing at `at`, and what it is for.
pub(super) fn missing(within: Option<&Value>, at: &str, name: &str) -> String {
    let under = at.rsplit('/').next().filter(|part| !part.is_empty());
    let under = under.map_or(String::new(), |part| format!(" under `{part}`"));
    let property = within.and_then(|s| s.get("properties")?.get(name));
    let about = property.and_then(first_sentence);
    let about = about.map_or(String::new(), |text| format!(": {text}"));
    let example = property
        .and_then(example)
        .map_or(String::new(), |e| format!(", such as {e}"));
    format!("the key `{name}` is missing{under}{about}{example}")
}

/// The first sentence of a schema's description, without its full stop.
fn first_sentence(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let first = text.split(". ").next().unwrap_or(text).split('\n').next()?;
    let first = first.trim_end_matches('.');
    let mut letters = first.chars();
    // In the middle of a line it begins as the rest of the line does.
    letters
        .next()
        .map(|letter| letter.to_lowercase().chain(letters).collect())
}

/// An example, as one writes it in the file.
fn example(schema: &Value) -> Option<String> {
    let example = schema.get("examples")?.get(0)?;
    Some(match example {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    })
}

/// What a value is, without showing it.
pub(super) fn found(value: Option<&Value>) -> &'static str {
    match value {
        None | Some(Value::Null) => "nothing",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "a map",
    }
}

pub(super) fn names(properties: Option<&Value>) -> Vec<&str> {
    let map = properties.and_then(Value::as_object);
    map.into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
        .collect()
}

/// Which parts of the file have a key called `name`, but for the one at `at`: `` `pipeline` or `pipeline.source` ``.
pub(super) fn belongs(schema: &Value, at: &str, name: &str) -> String {
    let mut found = Vec::new();
    search(schema, schema, "", name, &mut found);
    let here = at.trim_start_matches('/').replace('/', ".");
    found.retain(|part| *part != here);
    let shown = found.iter().map(|part| match part.as_str() {
        "" => "the file itself".to_owned(),
        part => format!("`{part}`"),
    });
    shown.collect::<Vec<_>>().join(" or ")
}

/// Lists are left out: their keys stand under no name of their own.
fn search(root: &Value, schema: &Value, at: &str, name: &str, found: &mut Vec<String>) {
    let target = schema.get("$ref").and_then(Value::as_str);
    let schema = target
        .and_then(|target| root.pointer(target.strip_prefix('#')?))
        .unwrap_or(schema);
    for (key, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if key == name {
            found.push(at.to_owned());
        }
        let inner = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        search(root, property, &inner, name, found);
    }
}

/// What the schema says of a value that does not fit.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The object that holds the keyword which failed.
    pub(super) within: Option<&'a Value>,
    /// What refers to it: a key's own schema.
    key: Option<&'a Value>,
}

impl<'a> Expected<'a> {
    pub(super) fn of(schema: &'a Value, e: &ValidationError<'_>) -> Self {
        let mut parts: Vec<&str> = e.schema_path().as_str().split('/').skip(1).collect();
        parts.pop();
        let (mut within, mut key) = (Some(schema), None);
        for part in parts {
            let part = part.replace("~1", "/").replace("~0", "~");
            let node = within;
            within = node.and_then(|node| match (&part[..], node) {
                ("$ref", node) => schema.pointer(node.get("$ref")?.as_str()?.strip_prefix('#')?),
                (_, Value::Array(items)) => items.get(part.parse::<usize>().ok()?),
                (_, node) => node.get(&part),
            });
            key = if part == "$ref" { key.or(node) } else { None };
        }
        Self { within, key }
    }

    /// What is expected, in words, with an example where there is one.
    pub(super) fn words(self) -> String {
        let Some(schema) = self.within else {
            return "another type".to_owned();
        };
        let several = |types: &Vec<Value>| types.iter().filter(|t| *t != "null").count() > 1;
        let of_form = schema.get("pattern").is_some() || schema["type"].as_array().is_some_and(several);
        let described = schema
            .get("description")
            .and_then(Value::as_str)
            .filter(|_| of_form);
        if let Some(text) = described {
            return text.to_owned();
        }
        let allowed = schema.get("enum").and_then(Value::as_array);
        if let Some(allowed) = allowed {
            let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            return format!("one of: {}", words.join(", "));
        }
        let example = self.key.and_then(example).or_else(|| example(schema));
        let example = example.map_or(String::new(), |e| format!(", such as {e}"));
        format!("{}{example}", types(schema))
    }
}

fn types(schema: &Value) -> String {
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
            let all = all.iter().filter_map(Value::as_str);
            let all: Vec<&str> = all.filter(|n| *n != "null").map(word).collect();
            all.join(" or ")
        }
        _ => "another type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_that_is_not_built_in_says_how_to_get_it() {
        let said = not_allowed("/connectors/a/kind", "event-hubs", &json!(["kafka"]));
        assert!(
            said.contains("without the kind `event-hubs`") && said.contains("--features event-hubs"),
            "{said}"
        );
        let said = not_allowed("/connectors/a/kind", "kafak", &json!(["kafka"]));
        assert!(said.contains("did you mean `kafka`?"), "{said}");
    }
}
