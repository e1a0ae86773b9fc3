//! The schema that results are written with: their own, made of their columns, or the latest one of the subject. A record that
//! readers cannot read is never written: what the registry has not, and may not be given, stops the start.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_connectors::registry::{NewSchema, Registry, TellWait};
use forebay_core::codec::schemas::{RegisteredSchema, SchemaType};
use forebay_core::codec::{avro, json_schema, protobuf};
use forebay_core::{Error, Kind, Result};
use serde_json::Value;
use tracing::warn;

use crate::config::{Config, RegisteredResults, SinkFormat, SubjectConfig};
use crate::formats::ResultSchema;
use crate::plan::Plan;

/// What a pipeline's results need of a registry.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub subject: String,
    /// Made of the columns.
    pub schema: NewSchema,
    pub auto_register: bool,
    pub use_latest: bool,
}

impl Wanted {
    /// What `plan`'s results need; nothing where their format asks no registry.
    ///
    /// # Errors
    /// `Config` where a column has no form in the format's schemas.
    pub fn of(config: &Config, plan: &Plan) -> Result<Option<Self>> {
        let sink = &config.document.pipeline.sink;
        let Some(asked) = sink.format.registered() else {
            return Ok(None);
        };
        let full = record_name(config, &asked);
        Ok(Some(Self {
            subject: subject_of(config, &asked),
            schema: own_schema(&sink.format, plan, &full)?,
            auto_register: asked.auto_register,
            use_latest: asked.use_latest,
        }))
    }

    /// The schema to write with; registered, where that is allowed and needed. While the registry does not answer, the one that it
    /// gave an earlier start; where there is none, an answer is waited for, at most `within`.
    ///
    /// # Errors
    /// As for [`Wanted::look`]; `Config` where the address is no registry's, `Fatal` where no answer comes.
    pub fn resolve(&self, registry: &Registry, within: Duration, tell: TellWait<'_>) -> Result<ResultSchema> {
        tell(format!("the schema registry at {}", registry.url()));
        let found = match self.ask(registry) {
            Err(error) if error.kind() == Kind::Retry => {
                if let Some(kept) = self.remembered(registry) {
                    let id = kept.id;
                    warn!(%error, id, "the registry does not answer: results are written with the schema of an earlier start");
                    return Ok(kept);
                }
                let again = || registry.speaks().and_then(|()| self.ask(registry));
                let attempt = "find the schema of the results; an earlier start keeps it where `schema_registry` has a `cache`";
                registry.insist(within, tell, again).map_err(|error| {
                    Error::new(error.kind(), attempt)
                        .with("subject", &self.subject)
                        .caused_by(error.to_string())
                })
            }
            done => done,
        }?;
        registry.remember(&self.question(), found.id, &found.schema);
        Ok(found)
    }

    /// The schema to write with that an earlier start kept on disk.
    pub fn remembered(&self, registry: &Registry) -> Option<ResultSchema> {
        let (id, schema) = registry.remembered(&self.question())?;
        Some(written_with(id, schema))
    }

    fn ask(&self, registry: &Registry) -> Result<ResultSchema> {
        match self.look(registry)? {
            Found::Registered(schema) => Ok(schema),
            Found::WillBe(schema) => {
                let id = registry.register(&self.subject, &self.schema)?;
                Ok(written_with(id, schema))
            }
        }
    }

    /// What an answer is kept under.
    fn question(&self) -> String {
        match self.use_latest {
            true => format!("latest of {}", self.subject),
            false => format!("id in {} of {}", self.subject, self.schema.text),
        }
    }

    /// What the registry has of it; registers nothing.
    ///
    /// # Errors
    /// `Config` where the registry has not got it and may not be given it, and why; `Auth` where the registry refuses the
    /// credentials, `Retry` where it does not answer.
    pub fn look(&self, registry: &Registry) -> Result<Found> {
        if self.use_latest {
            let latest = registry.latest(&self.subject)?;
            let latest = latest.ok_or_else(|| {
                self.missing("the registry has no such subject, and `use_latest` asks for its latest schema")
            })?;
            return Ok(Found::Registered(written_with(latest.id, latest.schema)));
        }
        if let Some(found) = registry.find(&self.subject, &self.schema)? {
            return Ok(Found::Registered(written_with(found.id, found.schema)));
        }
        if !self.auto_register {
            return Err(self.missing("the registry has not got the schema of the results under this subject"));
        }
        let judged = registry.compatibility(&self.subject, &self.schema)?;
        if !judged.compatible {
            let why = match judged.messages.is_empty() {
                true => self.differs_from(registry.latest(&self.subject)?.map(|latest| latest.schema)),
                false => judged.messages.join("; "),
            };
            let what = format!(
                "the schema of the results is not compatible with the subject's latest one: {why}; make new columns nullable, write \
                 to another topic, or change the subject's compatibility"
            );
            return Err(Error::config(what).with("subject", &self.subject));
        }
        Ok(Found::WillBe(self.alone()))
    }

    /// What readers of the latest schema may stumble over, where the registry gives no reason.
    fn differs_from(&self, latest: Option<RegisteredSchema>) -> String {
        let said = latest
            .filter(|latest| latest.schema_type == SchemaType::Avro)
            .map(|latest| differences(&self.schema.text, &latest.text));
        match said {
            Some(said) if !said.is_empty() => said.join(", "),
            _ => "the registry does not say why".to_owned(),
        }
    }

    /// The schema as it will be once it is registered; its id is not known yet.
    pub fn as_if(&self, schema: RegisteredSchema) -> ResultSchema {
        written_with(0, schema)
    }

    fn alone(&self) -> RegisteredSchema {
        RegisteredSchema {
            schema_type: self.schema.schema_type,
            text: self.schema.text.clone(),
            references: Vec::new(),
        }
    }

    fn missing(&self, what: &str) -> Error {
        let remedy = "print it with `forebay schema results`, register it, or set `auto_register: true`";
        Error::config(format!("{what}: {remedy}")).with("subject", &self.subject)
    }
}

/// What the registry has.
#[derive(Clone, Debug)]
pub enum Found {
    Registered(ResultSchema),
    /// It is compatible, and a run registers it.
    WillBe(RegisteredSchema),
}

fn written_with(id: u32, schema: RegisteredSchema) -> ResultSchema {
    ResultSchema {
        id,
        schema,
        message: None,
    }
}

/// Between two records in Avro: what breaks those who read one with the other.
fn differences(new: &str, latest: &str) -> Vec<String> {
    let read = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (new, latest) = (read(new), read(latest));
    let fields = |of: &Value| -> BTreeMap<String, Value> {
        let all = of["fields"].as_array().into_iter().flatten();
        all.filter_map(|field| Some((field["name"].as_str()?.to_owned(), field.clone())))
            .collect()
    };
    let (ours, theirs) = (fields(&new), fields(&latest));
    let mut said = Vec::new();
    for what in ["namespace", "name"] {
        if new[what] != latest[what] {
            said.push(format!(
                "its {what} is {} and the latest one's is {}",
                new[what], latest[what]
            ));
        }
    }
    for (name, field) in &ours {
        match theirs.get(name) {
            None if field.get("default").is_none() => {
                said.push(format!("`{name}` is new and has no default"))
            }
            Some(before) if before["type"] != field["type"] => {
                said.push(format!("`{name}` has another type"))
            }
            _ => {}
        }
    }
    let gone = theirs
        .iter()
        .filter(|(name, field)| !ours.contains_key(*name) && field.get("default").is_none());
    said.extend(gone.map(|(name, _)| format!("`{name}` is gone and had no default")));
    said
}

/// The subject of the results' schema.
pub(crate) fn subject_of(config: &Config, asked: &RegisteredResults<'_>) -> String {
    let topic = &config.document.pipeline.sink.topic;
    subject(topic, &record_name(config, asked), asked.subject)
}

/// The full name of the results' record: as the file says, or made of the pipeline's name.
fn record_name(config: &Config, asked: &RegisteredResults<'_>) -> String {
    if let Some(name) = asked.record {
        return name.to_owned();
    }
    let mut name = String::new();
    for word in config
        .document
        .pipeline
        .name
        .split(|c: char| !c.is_ascii_alphanumeric())
    {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert(0, 'P');
    }
    name + "Result"
}

/// The subject that Confluent's serializers would use (their `TopicNameStrategy`, `RecordNameStrategy` and
/// `TopicRecordNameStrategy`).
fn subject(topic: &str, record: &str, named: SubjectConfig) -> String {
    match named {
        SubjectConfig::TopicName => format!("{topic}-value"),
        SubjectConfig::RecordName => record.to_owned(),
        SubjectConfig::TopicRecordName => format!("{topic}-{record}"),
    }
}

fn own_schema(format: &SinkFormat, plan: &Plan, full: &str) -> Result<NewSchema> {
    let (space, name) = match full.rsplit_once('.') {
        Some((space, name)) => (Some(space), name),
        None => (None, full),
    };
    let (schema_type, text) = match format {
        SinkFormat::Protobuf(_) => (
            SchemaType::Protobuf,
            protobuf::schema_of_results(&plan.output, name, space)?,
        ),
        SinkFormat::JsonSchema(_) => (
            SchemaType::JsonSchema,
            json_schema::schema_of_results(&plan.output, full)?,
        ),
        _ => (
            SchemaType::Avro,
            avro::schema_of_results(&plan.output, name, space)?,
        ),
    };
    Ok(NewSchema {
        schema_type,
        text,
        references: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_readers_is_named() {
        let record =
            |name: &str, fields: &str| format!(r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#);
        let (id, text) = (
            r#"{"name":"id","type":"long"}"#,
            r#"{"name":"id","type":"string"}"#,
        );
        let filled = r#"{"name":"note","type":["null","string"],"default":null}"#;
        let of = |new: &str, latest: &str| differences(&record("r", new), &record("r", latest)).join(", ");
        assert_eq!(of(id, id), "");
        assert_eq!(of(&format!("{id},{filled}"), id), "");
        assert_eq!(of(id, filled), "`id` is new and has no default");
        assert_eq!(of(filled, id), "`id` is gone and had no default");
        assert_eq!(of(text, id), "`id` has another type");
        let said = differences(&record("a", id), &record("b", id)).join(", ");
        assert_eq!(said, r#"its name is "a" and the latest one's is "b""#);
    }
}
