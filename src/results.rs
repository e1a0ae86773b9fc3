//! The schema that results are written with: their own, made of their columns, or the latest one of the subject. A record that
//! readers cannot read is never written: what the registry has not, and may not be given, stops the start.

use forebay_connectors::registry::{NewSchema, Registry};
use forebay_core::codec::schemas::{RegisteredSchema, SchemaType};
use forebay_core::codec::{avro, json_schema, protobuf};
use forebay_core::{Error, Kind, Result};
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
            subject: subject(&sink.topic, &full, asked.subject),
            schema: own_schema(&sink.format, plan, &full)?,
            auto_register: asked.auto_register,
            use_latest: asked.use_latest,
        }))
    }

    /// The schema to write with; registered, where that is allowed and needed. While the registry does not answer, the one that it
    /// gave an earlier start.
    ///
    /// # Errors
    /// As for [`Wanted::look`].
    pub fn resolve(&self, registry: &Registry) -> Result<ResultSchema> {
        let question = self.question();
        match self.ask(registry) {
            Ok(found) => {
                registry.remember(&question, found.id, &found.schema);
                Ok(found)
            }
            Err(error) if error.kind() == Kind::Retry => {
                let (id, schema) = registry.remembered(&question).ok_or_else(|| {
                    let subject = &self.subject;
                    Error::fatal("find the schema of the results; an earlier start keeps it where `schema_registry` has a `cache`")
                        .with("subject", subject)
                        .caused_by(error.to_string())
                })?;
                warn!(%error, id, "the registry does not answer: results are written with the schema of an earlier start");
                Ok(written_with(id, schema))
            }
            Err(error) => Err(error),
        }
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
            let why = judged.messages.join("; ");
            let what =
                format!("the schema of the results is not compatible with the subject's latest one: {why}");
            return Err(Error::config(what).with("subject", &self.subject));
        }
        Ok(Found::WillBe(self.alone()))
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
