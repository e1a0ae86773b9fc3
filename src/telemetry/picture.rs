//! The pipeline as the page draws it: what it is made of, by name, in the order of the flow. No query, no address, no value of the
//! pipeline file but names.

use std::path::Path;

use serde::Serialize;

use crate::describe::{Description, Step};

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Picture {
    pub source: End,
    pub steps: Vec<Drawn>,
    pub sink: End,
    pub rejects: Rejects,
}

/// Where records come from, or go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// The kind of the connector, such as `kafka`.
    pub kind: String,
    pub connector: String,
    /// Empty where a pattern is given.
    pub topics: Vec<String>,
    pub pattern: Option<String>,
    pub format: String,
}

/// A step: a table's name, a model's file name, nothing of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drawn {
    pub kind: &'static str,
    pub name: Option<String>,
}

/// What becomes of rejects: `dead_letters`, `drop` or `stop`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejects {
    pub go: &'static str,
    pub topic: Option<String>,
}

impl Picture {
    /// Of a pipeline.
    pub fn of(description: &Description) -> Self {
        let (source, sink) = (&description.source, &description.sink);
        Self {
            source: End {
                kind: source.kind.clone(),
                connector: source.connector.clone(),
                topics: source.topics.clone(),
                pattern: source.pattern.clone(),
                format: source.format.to_owned(),
            },
            steps: description.steps.iter().map(drawn).collect(),
            sink: End {
                kind: sink.kind.clone(),
                connector: sink.connector.clone(),
                topics: vec![sink.topic.clone()],
                pattern: None,
                format: sink.format.to_owned(),
            },
            rejects: Rejects {
                go: description.rejects.go,
                topic: description.rejects.topic.clone(),
            },
        }
    }
}

fn drawn(step: &Step) -> Drawn {
    let (kind, name) = match step {
        Step::Sql { .. } => ("sql", None),
        Step::Lookup { table, .. } => ("lookup", Some(table.clone())),
        Step::Model { path, .. } => ("model", file_name(path)),
    };
    Drawn { kind, name }
}

fn file_name(path: &str) -> Option<String> {
    let name = Path::new(path).file_name()?;
    Some(name.to_string_lossy().into_owned())
}
