//! The schema of a choice: a map with exactly one of several keys, or a word. No `oneOf`, so that a mistake inside keeps its
//! place.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// A choice, being described.
pub(crate) struct OneOf<'a> {
    generator: &'a mut SchemaGenerator,
    properties: Map<String, Value>,
}

impl<'a> OneOf<'a> {
    pub(crate) fn new(generator: &'a mut SchemaGenerator) -> Self {
        Self {
            generator,
            properties: Map::new(),
        }
    }

    /// The key `name`, which holds a `T`.
    pub(crate) fn key<T: JsonSchema>(mut self, name: &str, about: &str) -> Self {
        let mut schema = self.generator.subschema_for::<T>();
        schema.insert("description".into(), about.into());
        self.properties.insert(name.into(), schema.to_value());
        self
    }

    /// The choice, where nothing but a key will do.
    pub(crate) fn end(self, about: &str) -> Schema {
        json_schema!({
            "type": "object",
            "description": about,
            "properties": self.properties,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }

    /// The choice, where `word` will do as well.
    pub(crate) fn or_word(self, word: &str, about: &str) -> Schema {
        let mut schema = self.end(about);
        schema.insert("type".into(), serde_json::json!(["string", "object"]));
        schema.insert("pattern".into(), format!("^{word}$").into());
        schema
    }
}
