//! How keys and payloads are written: a word, or a word with options. No `oneOf`: every mistake keeps its place.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// How events are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", rename_all = "kebab-case")]
pub enum SourceFormat {
    Json(JsonSource),
    Avro(AvroSource),
    JsonSchema(JsonSchemaSource),
    Protobuf(ProtobufSource),
    Raw(NoOptions),
    String(NoOptions),
    Int32(NoOptions),
    Int64(NoOptions),
    Float64(NoOptions),
    Bytes(NoOptions),
}

/// How results are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", rename_all = "kebab-case")]
pub enum SinkFormat {
    Json(NoOptions),
    Avro(AvroSink),
    JsonSchema(RegisteredSink),
    Protobuf(ProtobufSink),
    Raw(NoOptions),
}

/// no options
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// JSON objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonSource {
    /// What the event is wrapped in: `none`, the envelope of Kafka Connect's JSON converter (`schema` and `payload`), or
    /// Debezium's (`before`, `after`, `op`), which may itself stand in Kafka Connect's.
    pub envelope: EnvelopeConfig,
    /// What a deleted row becomes that Debezium tells of: a reject, nothing, or the row as it was before. The tombstone behind it is
    /// a reject, too, or else nothing.
    pub deletes: DeletesConfig,
}

/// Avro, with a schema from the registry of the source's connector or with one of your own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AvroSource {
    /// The schema that every payload is written with, where no registry is asked: a file, relative to the pipeline file, or
    /// the schema itself. Payloads have no schema id in front then.
    #[schemars(example = &"payment.avsc")]
    pub schema: Option<String>,
    /// The subjects whose schemas `forebay check` compares with the pipeline. The default is named after the topics: `TOPIC-value`,
    /// and `TOPIC-key` for keys. A run follows the ids in the events, whatever their subject.
    #[schemars(example = &"shop.Payment")]
    pub subjects: Vec<String>,
}

/// JSON with a schema id in front.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonSchemaSource {
    /// Whether every payload is validated against its schema, which builds a tree of its values first. Columns are checked
    /// without it.
    pub validate: bool,
    /// What the event is wrapped in, as for `json`.
    pub envelope: EnvelopeConfig,
    /// What a deleted row becomes that Debezium tells of, as for `json`.
    pub deletes: DeletesConfig,
    /// The subjects whose schemas `forebay check` compares with the pipeline. The default is named after the topics: `TOPIC-value`,
    /// and `TOPIC-key` for keys. A run follows the ids in the events, whatever their subject.
    #[schemars(example = &"shop.Payment")]
    pub subjects: Vec<String>,
}

/// Protobuf, with a schema from the registry of the source's connector or with one of your own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProtobufSource {
    /// The `.proto` file that every payload is written with, where no registry is asked, relative to the pipeline file, or
    /// its text. Payloads have no schema id in front then.
    #[schemars(example = &"payment.proto")]
    pub schema: Option<String>,
    /// The message in it, by its full name. The default is the first one.
    #[schemars(example = &"shop.Payment")]
    pub message: Option<String>,
    /// The subjects whose schemas `forebay check` compares with the pipeline. The default is named after the topics: `TOPIC-value`,
    /// and `TOPIC-key` for keys. A run follows the ids in the events, whatever their subject.
    #[schemars(example = &"shop.Payment")]
    pub subjects: Vec<String>,
}

/// What is asked of the registry for results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegisteredSink {
    /// What the subject is named after: the topic (`TOPIC-value`), the record, or both (`TOPIC-RECORD`).
    pub subject: SubjectConfig,
    /// Registers the results' schema where the subject has it not, if it is compatible with the latest one. Without it the
    /// schema must be there; `forebay schema results` prints it.
    pub auto_register: bool,
    /// Writes with the subject's latest schema instead of the results' own: its fields are filled by name.
    pub use_latest: bool,
    /// The record's name in the schema. The default is made of the pipeline's name.
    #[schemars(example = &"shop.PaymentScore")]
    pub record: Option<String>,
}

/// Avro results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AvroSink {
    /// The schema that results are written with, where no registry is asked: a file, relative to the pipeline file, or the
    /// schema itself. Payloads get no schema id in front then.
    #[schemars(example = &"score.avsc")]
    pub schema: Option<String>,
    /// What the subject is named after: the topic (`TOPIC-value`), the record, or both (`TOPIC-RECORD`).
    pub subject: SubjectConfig,
    /// Registers the results' schema where the subject has it not, if it is compatible with the latest one. Without it the
    /// schema must be there; `forebay schema results` prints it.
    pub auto_register: bool,
    /// Writes with the subject's latest schema instead of the results' own: its fields are filled by name.
    pub use_latest: bool,
    /// The record's name in the schema. The default is made of the pipeline's name.
    #[schemars(example = &"shop.PaymentScore")]
    pub record: Option<String>,
}

/// Protobuf results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProtobufSink {
    /// The `.proto` file that results are written with, where no registry is asked, relative to the pipeline file, or its
    /// text. Payloads get no schema id in front then.
    #[schemars(example = &"score.proto")]
    pub schema: Option<String>,
    /// The message in it, by its full name. The default is the first one.
    #[schemars(example = &"shop.PaymentScore")]
    pub message: Option<String>,
    /// What the subject is named after: the topic (`TOPIC-value`), the record, or both (`TOPIC-RECORD`).
    pub subject: SubjectConfig,
    /// Registers the results' schema where the subject has it not, if it is compatible with the latest one. Without it the
    /// schema must be there; `forebay schema results` prints it.
    pub auto_register: bool,
    /// Writes with the subject's latest schema instead of the results' own: its fields are filled by name.
    pub use_latest: bool,
    /// The message's name in the schema. The default is made of the pipeline's name.
    #[schemars(example = &"shop.PaymentScore")]
    pub record: Option<String>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $first:ident $(, $other:ident)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { #[default] $first $(, $other)* }
    };
}

words!(/// What an event is wrapped in.
    EnvelopeConfig { None, Connect, Debezium });
words!(/// What becomes of a deleted row.
    DeletesConfig { Reject, Skip, Before });
words!(/// What a subject is named after.
    SubjectConfig { TopicName, RecordName, TopicRecordName });

/// A word is the format without options.
fn with_options<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(word) => Value::Object(Map::from_iter([(word, Value::Object(Map::new()))])),
        other => other,
    })
}

impl<'de> Deserialize<'de> for SourceFormat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(with_options(from)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SinkFormat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(with_options(from)?).map_err(serde::de::Error::custom)
    }
}

/// A word of `formats`, or a map with one of them and its options.
fn word_or_map(formats: Vec<(&str, Schema)>) -> Schema {
    let names: Vec<&str> = formats.iter().map(|(name, _)| *name).collect();
    let options: Map<String, Value> = formats
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.as_value().clone()))
        .collect();
    json_schema!({
        "type": ["string", "object"],
        "pattern": format!("^({})$", names.join("|")),
        "description": format!("a format: {}", names.join(", ")),
        "properties": options,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1
    })
}

impl JsonSchema for SourceFormat {
    fn schema_name() -> Cow<'static, str> {
        "SourceFormat".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let none = generator.subschema_for::<NoOptions>();
        word_or_map(vec![
            ("json", generator.subschema_for::<JsonSource>()),
            ("avro", generator.subschema_for::<AvroSource>()),
            ("json-schema", generator.subschema_for::<JsonSchemaSource>()),
            ("protobuf", generator.subschema_for::<ProtobufSource>()),
            ("raw", none.clone()),
            ("string", none.clone()),
            ("int32", none.clone()),
            ("int64", none.clone()),
            ("float64", none.clone()),
            ("bytes", none),
        ])
    }
}

impl JsonSchema for SinkFormat {
    fn schema_name() -> Cow<'static, str> {
        "SinkFormat".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let none = generator.subschema_for::<NoOptions>();
        word_or_map(vec![
            ("json", none.clone()),
            ("avro", generator.subschema_for::<AvroSink>()),
            ("json-schema", generator.subschema_for::<RegisteredSink>()),
            ("protobuf", generator.subschema_for::<ProtobufSink>()),
            ("raw", none),
        ])
    }
}

impl SourceFormat {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Avro(_) => "avro",
            Self::JsonSchema(_) => "json-schema",
            Self::Protobuf(_) => "protobuf",
            Self::Raw(_) => "raw",
            Self::String(_) => "string",
            Self::Int32(_) => "int32",
            Self::Int64(_) => "int64",
            Self::Float64(_) => "float64",
            Self::Bytes(_) => "bytes",
        }
    }

    /// Whether values have fields by name.
    pub fn has_fields(&self) -> bool {
        matches!(
            self,
            Self::Json(_) | Self::Avro(_) | Self::JsonSchema(_) | Self::Protobuf(_)
        )
    }

    /// Whether it is one value, which one column takes.
    pub fn is_single(&self) -> bool {
        matches!(
            self,
            Self::String(_) | Self::Int32(_) | Self::Int64(_) | Self::Float64(_) | Self::Bytes(_)
        )
    }

    /// Whether payloads say which schema of a registry they are written with.
    pub fn is_registered(&self) -> bool {
        match self {
            Self::Avro(AvroSource { schema, .. }) | Self::Protobuf(ProtobufSource { schema, .. }) => {
                schema.is_none()
            }
            Self::JsonSchema(_) => true,
            _ => false,
        }
    }

    /// Whether a run asks the registry for the schemas of events: JSON is read without its schema.
    pub fn asks_registry(&self) -> bool {
        match self {
            Self::JsonSchema(own) => own.validate,
            other => other.is_registered(),
        }
    }

    /// The subjects that are named, instead of being named after topics.
    pub fn subjects(&self) -> &[String] {
        match self {
            Self::Avro(own) => &own.subjects,
            Self::JsonSchema(own) => &own.subjects,
            Self::Protobuf(own) => &own.subjects,
            _ => &[],
        }
    }
}

impl SinkFormat {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Avro(_) => "avro",
            Self::JsonSchema(_) => "json-schema",
            Self::Protobuf(_) => "protobuf",
            Self::Raw(_) => "raw",
        }
    }

    /// Whether results are written with a schema of a registry.
    pub fn is_registered(&self) -> bool {
        self.registered().is_some()
    }

    /// What is asked of the registry, where one is.
    pub fn registered(&self) -> Option<RegisteredResults<'_>> {
        let (subject, auto_register, use_latest, record) = match self {
            Self::Json(_) | Self::Raw(_) => return None,
            Self::Avro(AvroSink { schema: Some(_), .. })
            | Self::Protobuf(ProtobufSink { schema: Some(_), .. }) => {
                return None;
            }
            Self::Avro(own) => (own.subject, own.auto_register, own.use_latest, &own.record),
            Self::JsonSchema(own) => (own.subject, own.auto_register, own.use_latest, &own.record),
            Self::Protobuf(own) => (own.subject, own.auto_register, own.use_latest, &own.record),
        };
        Some(RegisteredResults {
            subject,
            auto_register,
            use_latest,
            record: record.as_deref(),
        })
    }
}

/// What is asked of the registry for results, whatever the format.
#[derive(Clone, Copy, Debug)]
pub struct RegisteredResults<'a> {
    pub subject: SubjectConfig,
    pub auto_register: bool,
    pub use_latest: bool,
    /// The record's full name.
    pub record: Option<&'a str>,
}
