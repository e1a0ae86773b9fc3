//! A schema that may be deployed, against the pipeline: out of a file, before a registry has it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use forebay::config::{Config, SourceFormat};
use forebay::connectors::registry::{NewSchema, Reference};
use forebay::contract::{Contract, Verdict, language};
use forebay::control::Control;
use forebay::core::codec::Part;
use forebay::core::codec::schemas::{RegisteredSchema, SchemaReference, SchemaType};
use forebay::core::{Error, Kind, Result};
use forebay::describe::Description;
use serde::Deserialize;
use serde_json::Value;

use super::schemas::Schemas;
use crate::commands::waiting::Waiting;

/// How a schema that another one refers to is given.
const GIVE: &str =
    "give what the schema refers to with `--reference NAME=FILE`, under the name by which it refers to it";

/// The schema that is judged.
pub(in crate::commands) struct Against<'a> {
    pub(super) file: &'a Path,
    /// Of keys or of payloads.
    pub(super) part: Part,
    pub(super) references: &'a [Named],
}

/// A file with a schema that others refer to by this name.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Named {
    name: String,
    file: PathBuf,
}

impl FromStr for Named {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Self {
                name: name.to_owned(),
                file: file.into(),
            }),
            _ => Err("write it as NAME=FILE, with the name by which the schema refers to it"),
        }
    }
}

/// What a registry answers.
#[derive(Deserialize)]
struct Answer {
    schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
}

impl Against<'_> {
    pub(super) fn judge(
        &self,
        found: &mut Schemas,
        offline: bool,
        config: &Config,
        description: &Description,
    ) {
        let at = match self.part {
            Part::Key => "/pipeline/source/key/format",
            Part::Value => "/pipeline/source/format",
        };
        let judged = self.language(config).and_then(|schema_type| {
            let judged = self.whole(schema_type, offline, config).and_then(|schema| {
                let mut contract = self.contract(self.part, config, description, &schema)?;
                self.advise(&mut contract, config, description, &schema);
                Ok(contract)
            });
            judged.map_err(|e| named(self.file, &advised(e)))
        });
        found.take(config, judged, at);
    }

    /// The language of the part's schemas.
    fn language(&self, config: &Config) -> Result<SchemaType> {
        let source = &config.document.pipeline.source;
        let key = source.key.as_ref().map(|key| &key.format);
        let none = |format: &SourceFormat, instead: &str| {
            let name = format.name();
            Error::config(format!(
                "`--against` takes a schema in avro, json-schema or protobuf: the format of the {}, {name}, has none{instead}",
                if self.part == Part::Key {
                    "keys"
                } else {
                    "payloads"
                }
            ))
        };
        match (self.part, key) {
            (Part::Key, None) => Err(Error::config(
                "`--key` judges a schema of keys, and the source has no `key`: leave it out, or name the key's format and columns",
            )),
            (Part::Key, Some(format)) => language(format).ok_or_else(|| none(format, "")),
            (Part::Value, key) => language(&source.format).ok_or_else(|| {
                let keys = key.is_some_and(|key| language(key).is_some());
                none(
                    &source.format,
                    if keys {
                        "; `--key` judges a schema of the keys"
                    } else {
                        ""
                    },
                )
            }),
        }
    }

    fn contract(
        &self,
        part: Part,
        config: &Config,
        description: &Description,
        schema: &RegisteredSchema,
    ) -> Result<Contract> {
        Contract::of(
            config,
            description,
            (part, self.file.display().to_string()),
            schema,
        )
    }

    /// Says what to do beside what is wrong.
    fn advise(
        &self,
        contract: &mut Contract,
        config: &Config,
        description: &Description,
        schema: &RegisteredSchema,
    ) {
        let breaks = |contract: &Contract| {
            contract
                .columns
                .iter()
                .any(|held| held.verdict == Verdict::Breaks)
        };
        let of_keys =
            self.part == Part::Value && breaks(contract) && config.document.pipeline.source.key.is_some();
        let fits_keys = of_keys
            && self
                .contract(Part::Key, config, description, schema)
                .is_ok_and(|keys| !breaks(&keys));
        for reason in contract
            .columns
            .iter_mut()
            .filter_map(|held| held.reason.as_mut())
        {
            if refers(reason) {
                *reason += &format!("; {GIVE}");
            } else if fits_keys {
                *reason += "; it fits the keys: `--key` judges it as theirs";
            }
        }
    }

    /// The file's schema with everything that it refers to: as given, the rest from the registry.
    fn whole(&self, schema_type: SchemaType, offline: bool, config: &Config) -> Result<RegisteredSchema> {
        let root = read(self.file, schema_type)?;
        let mut left = root.references;
        let mut given = Vec::new();
        for Named { name, file } in self.references {
            let one = read(file, schema_type).map_err(|e| named(file, &e))?;
            left.extend(one.references);
            given.push(SchemaReference {
                name: name.clone(),
                text: one.text,
            });
        }
        let is_given = |name: &str| given.iter().any(|one| one.name == name);
        left.retain(|one| !is_given(&one.name));
        let mut references = match left.is_empty() {
            true => Vec::new(),
            false => fetch(left, schema_type, offline, config)?,
        };
        references.retain(|one| !is_given(&one.name));
        references.append(&mut given);
        Ok(RegisteredSchema {
            schema_type,
            text: root.text,
            references,
        })
    }
}

/// What is referred to, from the registry of the source's connector.
fn fetch(
    left: Vec<Reference>,
    schema_type: SchemaType,
    offline: bool,
    config: &Config,
) -> Result<Vec<SchemaReference>> {
    let names: Vec<String> = left.iter().map(|one| format!("`{}`", one.name)).collect();
    let names = names.join(", ");
    if offline {
        return Err(Error::config(format!(
            "it refers to {names}, and `--offline` asks no registry for it: {GIVE}"
        )));
    }
    let _told = Waiting::start("from the schema registry");
    let control = Control::start()?;
    let registry = control
        .registry(config, &config.source_connector)
        .map_err(|e| Error::config(format!("it refers to {names}, and {e}: {GIVE}")))?;
    let asked = NewSchema {
        schema_type,
        text: String::new(),
        references: left,
    };
    let whole = registry
        .whole(asked)
        .map_err(|e| Error::new(e.kind(), format!("{e}; or {GIVE}")))?;
    Ok(whole.references)
}

/// The schema in a file: as its language writes it, or inside what a registry answers.
fn read(file: &Path, schema_type: SchemaType) -> Result<NewSchema> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::config("read the schema").caused_by(e))?;
    let Some(answer) = serde_json::from_str(&text).ok().filter(is_answer) else {
        return Ok(NewSchema {
            schema_type,
            text,
            references: Vec::new(),
        });
    };
    let answer: Answer = serde_json::from_value(answer)
        .map_err(|e| Error::config("read the schema in a registry's answer").caused_by(e))?;
    let (found, wanted) = (answer.schema_type.as_deref(), schema_type.name());
    if found.unwrap_or(SchemaType::Avro.name()) != wanted {
        let found = found.map_or("no `schemaType`, which means AVRO".to_owned(), |found| {
            format!("the `schemaType` {found}")
        });
        return Err(Error::config(format!(
            "a registry's answer with {found}, where the pipeline's format takes {wanted}: give a schema of that type, or \
             change the format"
        )));
    }
    Ok(NewSchema {
        schema_type,
        text: answer.schema,
        references: answer.references.unwrap_or_default(),
    })
}

/// Whether it is `{"schema": "…"}`; what has a `type` is a schema itself.
fn is_answer(json: &Value) -> bool {
    json.get("type").is_none() && json.get("schema").is_some_and(Value::is_string)
}

/// Whether it is about a schema that is referred to, and not there.
fn refers(why: &str) -> bool {
    why.contains("not among the schema's references") || why.contains("belongs in the references")
}

fn advised(error: Error) -> Error {
    let said = error.to_string();
    match refers(&said) {
        true => Error::new(error.kind(), format!("{said}; {GIVE}")),
        false => error,
    }
}

/// An error with its file; that a schema cannot be read is the file's fault, that a registry cannot be asked is not.
fn named(file: &Path, error: &Error) -> Error {
    let kind = match error.kind() {
        kind @ (Kind::Auth | Kind::Retry) => kind,
        _ => Kind::Config,
    };
    Error::new(kind, format!("{}: {error}", file.display()))
}
