//! The forms of the file that are a word or a map, with their visitors and schemas. No `oneOf`: every mistake keeps its place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::file::{LookupConfig, ModelConfig};

/// One stage between source and sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepConfig {
    Sql(String),
    Lookup(LookupConfig),
    Model(ModelConfig),
}

impl JsonSchema for StepConfig {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sql = json_schema!({ "type": "string", "description": "`SELECT … FROM input WHERE …`: which columns go on, and which rows." });
        let described = |mut schema: Schema, text: &str| {
            schema.insert("description".to_owned(), text.into());
            schema
        };
        let lookup = generator.subschema_for::<LookupConfig>();
        let lookup = described(lookup, "Adds columns of a table by key.");
        let model = generator.subschema_for::<ModelConfig>();
        let model = described(model, "Adds what an ONNX model makes of the columns.");
        json_schema!({
            "type": "object",
            "description": "a step: sql, lookup or model",
            "properties": { "sql": sql, "lookup": lookup, "model": model },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}

/// The columns of one tensor: a name, or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorColumns(pub Vec<String>);

impl<'de> Deserialize<'de> for TensorColumns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(name) => Ok(Self(vec![name])),
            list => {
                let names = Vec::deserialize(list);
                names
                    .map(Self)
                    .map_err(|_| D::Error::custom("not a column or a list of columns"))
            }
        }
    }
}

impl JsonSchema for TensorColumns {
    fn schema_name() -> Cow<'static, str> {
        "TensorColumns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "description": "a column or a list of columns",
            "items": { "type": "string" },
            "minItems": 1
        })
    }
}

/// What a key without a row gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum MissingConfig {
    #[default]
    Null,
    Reject,
    Values(BTreeMap<String, Value>),
}

impl<'de> Deserialize<'de> for MissingConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(Self::Null),
            Value::String(word) if word == "null" => Ok(Self::Null),
            Value::String(word) if word == "reject" => Ok(Self::Reject),
            Value::Object(values) => Ok(Self::Values(values.into_iter().collect())),
            _ => Err(D::Error::custom("not null, reject or values")),
        }
    }
}

impl JsonSchema for MissingConfig {
    fn schema_name() -> Cow<'static, str> {
        "Missing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["null", "string", "object"],
            "pattern": "^(null|reject)$",
            "description": "null, reject, or a value for each column"
        })
    }
}
