//! The JSON Schema of the whole file: the document's types plus the connectors of every kind.

use forebay_connectors::KINDS;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::file::Document;

/// Draft 2020-12, for the loader.
pub(crate) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut root = generator.into_root_schema_for::<Document>().to_value();
    let built: Vec<&str> = KINDS
        .iter()
        .filter(|k| k.built.is_some())
        .map(|k| k.name)
        .collect();
    let mut cases = Vec::new();
    let mut definitions = Map::new();
    for kind in KINDS {
        let Some(built) = kind.built else {
            continue;
        };
        let mut own = (built.schema)().to_value();
        if let Some(Value::Object(inner)) = own.as_object_mut().and_then(|o| o.remove("$defs")) {
            definitions.extend(inner);
        }
        for meta in ["$schema", "title"] {
            own.as_object_mut().map(|own| own.remove(meta));
        }
        own["properties"]["kind"] = json!({ "const": kind.name, "description": "What is connected to." });
        if let Some(required) = own["required"].as_array_mut() {
            required.push(json!("kind"));
        }
        cases.push(json!({
            "if": { "properties": { "kind": { "const": kind.name } }, "required": ["kind"] },
            "then": own,
        }));
    }
    root["properties"]["connectors"] = json!({
        "type": "object",
        "minProperties": 1,
        "description": "Clusters, by a name of your own.",
        "additionalProperties": {
            "type": "object",
            "required": ["kind"],
            "properties": { "kind": { "type": "string", "enum": built } },
            "allOf": cases,
        },
    });
    if let Some(required) = root["required"].as_array_mut() {
        required.push(json!("connectors"));
    }
    if let Some(all) = root["$defs"].as_object_mut() {
        all.extend(definitions);
    }
    drop_null_choices(&mut root);
    root
}

/// The same for an editor, which sees the file before variables are filled in: `${NAME}` may stand for any scalar.
pub fn editor_schema() -> Value {
    let mut root = schema();
    root["title"] = json!("Forebay pipeline");
    let map = root.as_object_mut().into_iter().flat_map(Map::values_mut);
    map.for_each(admit_variables);
    root
}

/// A variable somewhere in a text.
const VARIABLE: &str = r"\$\{";

fn admit_variables(node: &mut Value) {
    match node {
        Value::Object(map) => {
            // A property may have the name of a keyword, and is a schema then, no text or list.
            if let Some(Value::String(pattern)) = map.get_mut("pattern") {
                *pattern = format!("{pattern}|{VARIABLE}");
            } else if let Some(Value::Array(choices)) = map.get("enum") {
                let choices = json!([{ "enum": choices }, { "pattern": VARIABLE }]);
                map.remove("enum");
                map.insert("anyOf".into(), choices);
            } else if let Some(types) = map.get("type").and_then(beside_text) {
                map.insert("type".into(), types);
                map.insert("pattern".into(), json!(VARIABLE));
            }
            map.iter_mut()
                .filter(|(key, _)| !["const", "default", "examples", "anyOf"].contains(&key.as_str()))
                .for_each(|(_, inner)| admit_variables(inner));
        }
        Value::Array(items) => items.iter_mut().for_each(admit_variables),
        _ => {}
    }
}

/// `types` and texts, where they are numbers or switches.
fn beside_text(types: &Value) -> Option<Value> {
    let scalar = |one: &Value| ["integer", "number", "boolean"].iter().any(|name| one == name);
    let mut all = match types {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let is_text = all.iter().any(|one| one == "string");
    if is_text || !all.iter().any(scalar) {
        return None;
    }
    all.push(json!("string"));
    Some(Value::Array(all))
}

/// `X or null`, which optional keys give, becomes `X`: a mistake inside a choice would lose its place.
pub(super) fn drop_null_choices(node: &mut Value) {
    match node {
        Value::Object(map) => {
            let null = json!({ "type": "null" });
            if let Some(Value::Array(choices)) = map.get("anyOf")
                && let [Value::Object(only), other] = &choices[..]
                && *other == null
            {
                let only = only.clone();
                map.remove("anyOf");
                map.extend(only);
            }
            map.values_mut().for_each(drop_null_choices);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_choices),
        _ => {}
    }
}
