//! The schemas that a pipeline's registry has, or one that may be deployed, against the pipeline.

use std::sync::Arc;

use forebay::config::{Config, Problem, Severity};
use forebay::connectors::Topics;
use forebay::connectors::registry::{Registry, SchemaVersion};
use forebay::contract::Contract;
use forebay::control::Control;
use forebay::core::codec::Part;
use forebay::core::{Error, Kind, Result};
use forebay::describe::Description;
use forebay::formats::Schooled;
use forebay::plan::Plan;
use forebay::results::{Found, Wanted};

use super::against::Against;
use crate::commands::waiting::Waiting;

/// What there is to say of schemas.
#[derive(Debug, Default)]
pub(in crate::commands) struct Schemas {
    pub(in crate::commands) contracts: Vec<Contract>,
    /// Of results.
    pub(in crate::commands) results: Option<String>,
    /// What a run can begin with.
    pub(in crate::commands) warnings: Vec<Problem>,
    /// What it cannot begin with, and whose fault it is.
    pub(in crate::commands) wrong: Vec<(Kind, Problem)>,
}

/// Which schemas are asked for.
#[derive(Default)]
pub(in crate::commands) struct Asked<'a> {
    pub(in crate::commands) against: Option<Against<'a>>,
    pub(in crate::commands) all_versions: bool,
    pub(in crate::commands) offline: bool,
}

pub(in crate::commands) fn schemas(
    asked: &Asked<'_>,
    config: &Config,
    plan: &Plan,
    description: &Description,
) -> Schemas {
    let mut found = Schemas::default();
    if let Some(against) = &asked.against {
        against.judge(&mut found, asked.offline, config, description);
        return found;
    }
    if asked.offline {
        return found;
    }
    let wanted = Wanted::of(config, plan);
    if parts(config).next().is_none() && matches!(&wanted, Ok(None)) {
        return found;
    }
    let _told = Waiting::start("from the schema registry");
    let control = match Control::start() {
        Ok(control) => control,
        Err(error) => {
            found.stops(config, "/pipeline", &error);
            return found;
        }
    };
    let source = control.registry(config, &config.source_connector);
    let sink = match config.sink_connector == config.source_connector {
        true => source.as_ref().map(Arc::clone).ok(),
        false => control.registry(config, &config.sink_connector).ok(),
    };
    if let Some((_, _, at)) = parts(config).next() {
        match source {
            Ok(registry) if found.speaks(config, &registry, at) => {
                for part in parts(config) {
                    found.part(asked, (config, description), &registry, part);
                }
            }
            Ok(_) => {}
            Err(error) => found.stops(config, at, &error),
        }
    }
    let at = "/pipeline/sink/format";
    match (wanted, sink) {
        (Ok(Some(wanted)), Some(registry)) => found.results(config, plan, &wanted, &registry),
        (Err(error), _) => found.stops(config, at, &error),
        // The plan says where a registry is missing.
        (Ok(_), _) => {}
    }
    found
}

/// The parts of events that a registry has schemas of: the end of their subjects, and their place in the file.
fn parts(config: &Config) -> impl Iterator<Item = (&'static str, Part, &'static str)> {
    let source = &config.document.pipeline.source;
    let key = source.key.as_ref().is_some_and(|key| key.format.is_registered());
    let value = source.format.is_registered();
    let value = value.then_some(("value", Part::Value, "/pipeline/source/format"));
    let key = key.then_some(("key", Part::Key, "/pipeline/source/key/format"));
    value.into_iter().chain(key)
}

impl Schemas {
    /// Whether the registry of the events answers, as a run asks it at the start.
    fn speaks(&mut self, config: &Config, registry: &Registry, at: &str) -> bool {
        let Err(error) = registry.speaks() else {
            return true;
        };
        if !config.document.pipeline.source.asks_registry() {
            self.warns(
                config,
                at,
                format!("{error}; a run reads these events without it"),
            );
        } else if error.kind() != Kind::Auth && registry.is_warm() {
            let then = "a run begins with the schemas on disk, and waits where an event has another one";
            self.warns(config, at, format!("{error}; {then}"));
        } else {
            self.stops(config, at, &error);
        }
        false
    }

    fn part(
        &mut self,
        asked: &Asked<'_>,
        (config, description): (&Config, &Description),
        registry: &Registry,
        (suffix, part, at): (&str, Part, &str),
    ) {
        let subjects = match subjects(config, registry, (suffix, part)) {
            Ok(subjects) => subjects,
            // A run follows the ids in the events, whatever their subject.
            Err(error) => return self.warns(config, at, error.to_string()),
        };
        for subject in subjects {
            let versions = match versions(registry, &subject, asked.all_versions) {
                Ok(versions) if versions.is_empty() => {
                    let unknown = "the registry has no such subject: nothing says how events are written; where writers name subjects \
                                   otherwise, name theirs in the format's `subjects`";
                    let error = Error::config(unknown).with("subject", &subject);
                    self.warns(config, at, error.to_string());
                    continue;
                }
                Ok(versions) => versions,
                Err(error) if error.kind() == Kind::Config => {
                    self.stops(config, at, &error);
                    continue;
                }
                Err(error) => {
                    self.warns(config, at, error.to_string());
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

    /// Whether results can be written with what the registry has, or gave an earlier start.
    fn results(&mut self, config: &Config, plan: &Plan, wanted: &Wanted, registry: &Registry) {
        let at = "/pipeline/sink/format";
        let subject = &wanted.subject;
        let (schema, text) = match wanted.look(registry) {
            Ok(Found::Registered(schema)) => {
                let text = format!("{subject} (id {})", schema.id);
                (schema, text)
            }
            Ok(Found::WillBe(schema)) => (wanted.as_if(schema), format!("{subject}, which a run registers")),
            Err(error) if error.kind() == Kind::Retry => match wanted.remembered(registry) {
                Some(schema) => {
                    let then = "a run writes results with the schema that an earlier start kept on disk";
                    self.warns(config, at, format!("{error}; {then}"));
                    let text = format!("{subject} (id {}), from disk", schema.id);
                    (schema, text)
                }
                None => {
                    // An address that is no registry's is the file's fault.
                    let none = registry.speaks().err().filter(|none| none.kind() != Kind::Retry);
                    return self.stops(config, at, &none.unwrap_or(error));
                }
            },
            Err(error) => return self.stops(config, at, &error),
        };
        let schooled = Schooled::Registries {
            source: None,
            results: Some(schema),
        };
        match plan.try_encoder(&schooled) {
            Ok(_) => self.results = Some(text),
            Err(error) => self.stops(config, at, &error),
        }
    }

    pub(super) fn take(&mut self, config: &Config, judged: Result<Contract>, at: &str) {
        match judged {
            Ok(contract) => {
                for problem in contract.problems(config) {
                    match problem.severity {
                        Severity::Warning => self.warnings.push(problem),
                        Severity::Error => self.wrong.push((Kind::Config, problem)),
                    }
                }
                self.contracts.push(contract);
            }
            Err(error) => self.stops(config, at, &error),
        }
    }

    fn warns(&mut self, config: &Config, at: &str, message: String) {
        let problem = Problem {
            severity: Severity::Warning,
            ..config.problem_at(at, message)
        };
        // Keys and payloads may have the same to say.
        if !self.warnings.contains(&problem) {
            self.warnings.push(problem);
        }
    }

    fn stops(&mut self, config: &Config, at: &str, error: &Error) {
        let problem = config.problem_at(at, error.to_string());
        self.wrong.push((error.kind(), problem));
    }

    /// What a command ends with: the file's fault before refused credentials, and those before a registry that does not answer.
    pub(in crate::commands) fn kind(&self) -> Kind {
        let has = |kind: Kind| self.wrong.iter().any(|(one, _)| *one == kind);
        [Kind::Config, Kind::Auth]
            .into_iter()
            .find(|kind| has(*kind))
            .unwrap_or(Kind::Fatal)
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
