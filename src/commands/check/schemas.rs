//! The schemas that a pipeline's registry has, or one that may be deployed, against the pipeline.

use std::path::Path;

use forebay::config::{Config, Problem};
use forebay::connectors::Topics;
use forebay::connectors::registry::{Registry, SchemaVersion};
use forebay::contract::{Contract, language};
use forebay::control::Control;
use forebay::core::codec::Part;
use forebay::core::codec::schemas::{RegisteredSchema, SchemaType};
use forebay::core::{Error, Result};
use forebay::describe::Description;
use forebay::formats::Schooled;
use forebay::plan::Plan;
use forebay::results::{Found, Wanted};
use serde_json::Value;

/// What there is to say of schemas.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    pub(super) contracts: Vec<Contract>,
    /// Of results.
    pub(super) results: Option<String>,
    pub(super) problems: Vec<Problem>,
}

/// Which schemas are asked for.
pub(super) struct Asked<'a> {
    pub(super) against: Option<&'a Path>,
    pub(super) all_versions: bool,
    pub(super) offline: bool,
}

pub(super) fn schemas(asked: &Asked<'_>, config: &Config, plan: &Plan, description: &Description) -> Schemas {
    let mut found = Schemas::default();
    if let Some(file) = asked.against {
        found.against(file, config, description);
        return found;
    }
    if asked.offline {
        return found;
    }
    let source = &config.document.pipeline.source;
    let keys = source.key.as_ref().filter(|key| key.format.is_registered());
    let parts = [
        source.format.is_registered().then_some(("value", Part::Value)),
        keys.map(|_| ("key", Part::Key)),
    ];
    let wanted = Wanted::of(config, plan);
    let idle = parts.iter().all(Option::is_none) && matches!(&wanted, Ok(None));
    if idle {
        return found;
    }
    let control = match Control::start() {
        Ok(control) => control,
        Err(error) => {
            found
                .problems
                .push(config.problem_at("/pipeline", error.to_string()));
            return found;
        }
    };
    for (suffix, part) in parts.into_iter().flatten() {
        let registry = control.registry(config, &config.source_connector);
        found.part(asked, (config, description), registry, (suffix, part));
    }
    if let Some(wanted) = wanted.transpose() {
        let looked = wanted.and_then(|wanted| {
            let registry = control.registry(config, &config.sink_connector)?;
            results(plan, &wanted, &registry)
        });
        match looked {
            Ok(text) => found.results = Some(text),
            Err(error) => found
                .problems
                .push(config.problem_at("/pipeline/sink/format", error.to_string())),
        }
    }
    found
}

/// Whether results can be written with what the registry has.
fn results(plan: &Plan, wanted: &Wanted, registry: &Registry) -> Result<String> {
    let (schema, text) = match wanted.look(registry)? {
        Found::Registered(schema) => {
            let text = format!("{} (id {})", wanted.subject, schema.id);
            (schema, text)
        }
        Found::WillBe(schema) => {
            let text = format!("{}, which a run registers", wanted.subject);
            (wanted.as_if(schema), text)
        }
    };
    let schooled = Schooled::Registries {
        source: None,
        results: Some(schema),
    };
    plan.try_encoder(&schooled)?;
    Ok(text)
}

impl Schemas {
    fn against(&mut self, file: &Path, config: &Config, description: &Description) {
        let judged = language(&config.document.pipeline.source.format)
            .ok_or_else(|| {
                Error::config(
                    "`--against` takes a schema of the source's format: avro, json-schema or protobuf; this one has none",
                )
            })
            .and_then(|schema_type| {
                let name = file.display().to_string();
                let judged = read(file, schema_type)
                    .and_then(|schema| Contract::of(config, description, (Part::Value, name), &schema));
                judged.map_err(|e| Error::config(format!("{}: {e}", file.display())))
            });
        self.take(config, judged, "/pipeline/source/format");
    }

    fn part(
        &mut self,
        asked: &Asked<'_>,
        (config, description): (&Config, &Description),
        registry: Result<std::sync::Arc<Registry>>,
        (suffix, part): (&str, Part),
    ) {
        let at = match part {
            Part::Key => "/pipeline/source/key/format",
            Part::Value => "/pipeline/source/format",
        };
        let subjects = registry.and_then(|registry| {
            let subjects = subjects(config, &registry, (suffix, part))?;
            Ok((registry, subjects))
        });
        let (registry, subjects) = match subjects {
            Ok(found) => found,
            Err(error) => return self.take(config, Err(error), at),
        };
        for subject in subjects {
            let versions = match versions(&registry, &subject, asked.all_versions) {
                Ok(versions) if versions.is_empty() => {
                    let error = Error::config(
                        "the registry has no such subject: nothing says how events are written",
                    )
                    .with("subject", &subject);
                    self.take(config, Err(error), at);
                    continue;
                }
                Ok(versions) => versions,
                Err(error) => {
                    self.take(config, Err(error), at);
                    continue;
                }
            };
            for one in versions {
                let name = format!("{} version {} (id {})", one.subject, one.version, one.id);
                let judged = Contract::of(config, description, (part, name), &one.schema);
                let judged = judged.map_err(|e| e.with("subject", &one.subject).with("version", one.version));
                self.take(config, judged, at);
            }
        }
    }

    fn take(&mut self, config: &Config, judged: Result<Contract>, at: &str) {
        match judged {
            Ok(contract) => {
                self.problems.extend(contract.problems(config));
                self.contracts.push(contract);
            }
            Err(error) => self.problems.push(config.problem_at(at, error.to_string())),
        }
    }
}

/// The schema in a file: as its language writes it, or inside what a registry answers.
fn read(file: &Path, schema_type: SchemaType) -> Result<RegisteredSchema> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::config("read the schema").caused_by(e))?;
    let answer = serde_json::from_str(&text).ok();
    Ok(RegisteredSchema {
        schema_type,
        text: answer.and_then(inside).unwrap_or(text),
        references: Vec::new(),
    })
}

/// The text of the schema in a registry's answer, `{"schema": "…"}`; what has a `type` is a schema itself.
fn inside(mut answer: Value) -> Option<String> {
    let answer = answer
        .as_object_mut()
        .filter(|answer| !answer.contains_key("type"))?;
    match answer.remove("schema") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The subjects of a part of the events: those that the format names, or those that are named after the topics.
fn subjects(config: &Config, registry: &Registry, (suffix, part): (&str, Part)) -> Result<Vec<String>> {
    let source = &config.document.pipeline.source;
    let format = match (part, &source.key) {
        (Part::Key, Some(key)) => &key.format,
        _ => &source.format,
    };
    if !format.subjects().is_empty() {
        return Ok(format.subjects().to_vec());
    }
    let pattern = match &config.topics {
        Topics::Names(topics) => {
            return Ok(topics.iter().map(|topic| format!("{topic}-{suffix}")).collect());
        }
        Topics::Pattern(pattern) => pattern,
    };
    let pattern_of = regex::Regex::new(pattern).map_err(|e| {
        Error::config("look for the subjects of a pattern's topics: name them in the format's `subjects`")
            .with("pattern", pattern)
            .caused_by(e)
    })?;
    let mut subjects = registry.subjects()?;
    subjects.retain(|subject| {
        let topic = subject
            .strip_suffix(suffix)
            .and_then(|rest| rest.strip_suffix('-'));
        topic.is_some_and(|topic| pattern_of.is_match(topic))
    });
    if subjects.is_empty() {
        let error = "no subject of the registry is named after a topic of the pattern: name them in the format's `subjects`";
        return Err(Error::config(error).with("pattern", pattern));
    }
    Ok(subjects)
}

fn versions(registry: &Registry, subject: &str, all: bool) -> Result<Vec<SchemaVersion>> {
    if !all {
        return Ok(registry.latest(subject)?.into_iter().collect());
    }
    let mut found = Vec::new();
    for version in registry.versions(subject)? {
        found.extend(registry.version(subject, version)?);
    }
    Ok(found)
}
