//! The JSON Schema of the whole file: the document's types plus the connectors of every kind.

use forebay_connectors::KINDS;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::file::Document;

/// Draft 2020-12, for editors and for the loader.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut root = generator.into_root_schema_for::<Document>().to_value();
    let built: Vec<&str> = KINDS
        .iter()
        .filter(|k| k.schema.is_some())
        .map(|k| k.name)
        .collect();
    let mut cases = Vec::new();
    let mut definitions = Map::new();
    for kind in KINDS {
        let Some(own) = kind.schema else {
            continue;
        };
        let mut own = own().to_value();
        if let Some(Value::Object(inner)) = own.as_object_mut().and_then(|o| o.remove("$defs")) {
            definitions.extend(inner);
        }
        own["properties"]["kind"] = json!({ "const": kind.name });
        cases.push(json!({
            "if": { "properties": { "kind": { "const": kind.name } }, "required": ["kind"] },
            "then": own,
        }));
    }
    root["properties"]["connectors"] = json!({
        "type": "object",
        "minProperties": 1,
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
