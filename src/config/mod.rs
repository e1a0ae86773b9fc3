//! The pipeline file: read, located, interpolated, validated, typed. Opens nothing but the file and what `${file:..}` names;
//! knows no lane and no broker.

mod alerts;
#[cfg(feature = "cli")]
pub(crate) mod beside;
mod columns;
mod events;
mod file;
mod formats;
mod forms;
mod interpolate;
mod limits;
mod problem;
mod resolve;
mod said;
mod schema;
mod snippet;
#[cfg(test)]
mod tests;
mod tree;
mod validate;
mod values;
mod written;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use forebay_connectors::{Resolved, Start, Topics};
use forebay_core::codec::Column;
use serde::Deserialize;

pub use alerts::Alerts;
pub use columns::{Columns, missing_value};
pub use file::*;
pub use formats::*;
pub use forms::{MissingConfig, StepConfig, TensorColumns};
pub use problem::{Problem, Severity, Snippet};
pub use resolve::start;
pub(crate) use said::nearest;
pub use schema::editor_schema;
pub(crate) use schema::schema;
pub use values::{ColumnConfig, ColumnOptions, Size, Span, Type, Unit};

use interpolate::{Interpolated, Masks, Variables};
use problem::File;
use tree::Tree;

/// What replaces parts of the file, and where variables come from.
pub struct Options<'a> {
    /// Replaces the default connector.
    pub connector: Option<String>,
    /// A connector to read beside those that a run uses.
    pub also: Option<String>,
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

/// A valid pipeline file.
pub struct Config {
    pub document: Document,
    /// Only those a run uses.
    pub connectors: BTreeMap<String, Resolved>,
    /// The names of the connectors of source, sink and dead letters.
    pub source_connector: String,
    pub sink_connector: String,
    pub dead_letters_connector: String,
    pub topics: Topics,
    pub start: Start,
    /// Where metrics are served; `None` = the default address.
    pub listen: Option<SocketAddr>,
    /// The declared columns of the source's payloads.
    pub columns: Vec<Column>,
    /// The declared columns of its keys.
    pub key_columns: Vec<Column>,
    /// The declared columns of each table.
    pub tables: BTreeMap<String, Vec<Column>>,
    /// What files named in the pipeline are relative to.
    pub base: PathBuf,
    /// The files that `${file:..}` names.
    pub files: Vec<PathBuf>,
    file: File,
    tree: Tree,
    masks: Masks,
}

/// Any text of the file may have been filled from a secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.document.pipeline.steps.len();
        f.debug_struct("Config")
            .field("steps", &steps)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn load(path: &Path, options: &Options<'_>) -> Result<Self, Vec<Problem>> {
        sound(Self::examine(path, options)?)
    }

    /// Reads and checks `path` for a run that opens no connector: what only connectors use need not be set, and
    /// `connectors` stays empty.
    ///
    /// # Errors
    /// Every problem of the file, each with its place.
    pub fn load_without_connectors(path: &Path, options: &Options<'_>) -> Result<Self, Vec<Problem>> {
        let (file, base) = Self::read(path)?;
        sound(Self::parse(file, base, options, false)?)
    }

    /// Reads `path`; what is wrong and leaves the rest readable comes beside it, so that more can be said of the rest.
    ///
    /// # Errors
    /// Every problem of a file that cannot be read any further.
    pub fn examine(path: &Path, options: &Options<'_>) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let (file, base) = Self::read(path)?;
        Self::parse(file, base, options, true)
    }

    fn read(path: &Path) -> Result<(File, PathBuf), Vec<Problem>> {
        let name = path.display().to_string();
        let mut file = File {
            name,
            text: String::new(),
        };
        let start = tree::Place { line: 1, column: 1 };
        file.text = std::fs::read_to_string(path)
            .map_err(|e| vec![file.hidden(start, format!("read the pipeline file: {}", e.kind()))])?;
        Ok((file, path.parent().unwrap_or(Path::new("")).to_owned()))
    }

    /// With `connectors` those that a run uses are read as well.
    fn parse(
        file: File,
        base: PathBuf,
        options: &Options<'_>,
        connectors: bool,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let mut tree = Tree::parse(&file).map_err(|problem| vec![problem])?;
        let mut used = resolve::used_connectors(&tree.value, options.connector.as_deref());
        used.extend(options.also.clone());
        used.retain(|_| connectors);
        let mut found = Interpolated::default();
        let skip = |at: &str| {
            let name = at
                .strip_prefix("/connectors/")
                .and_then(|rest| rest.split('/').next());
            name.is_some_and(|name| !used.iter().any(|used| used == name))
        };
        let mut value = std::mem::take(&mut tree.value);
        let variables = Variables {
            env: options.env,
            base: &base,
        };
        variables.fill(&mut value, "", &skip, &mut found);
        tree.value = value;
        tree.filled = std::mem::take(&mut found.texts);
        let mut problems: Vec<Problem> = found
            .problems
            .iter()
            .map(|(at, message)| tree.problem(&file, at, message))
            .collect();
        problems.extend(validate::validate(&file, &mut tree, &schema(), &found));
        problems.extend(resolve::owned_settings(&file, &tree));
        if !problems.is_empty() {
            problems.sort_by_key(|p| (p.line, p.column));
            return Err(problems);
        }
        let mut rest = tree.value.clone();
        if let Some(map) = rest.as_object_mut() {
            map.remove("connectors");
        }
        let document = Document::deserialize(rest).map_err(|_| {
            vec![file.hidden(
                tree.place(""),
                "the file fits the schema, but not the types behind it",
            )]
        })?;
        for text in tree.open_texts(&file) {
            found.masks.spare(&text);
        }
        let resolver = resolve::Resolver {
            file,
            tree,
            base,
            masks: found.masks,
            files: found.files,
        };
        Ok(resolver.config(document, options, connectors))
    }

    /// A problem at the place of a JSON pointer such as `/pipeline/steps/0`.
    pub fn problem_at(&self, pointer: &str, message: impl AsRef<str>) -> Problem {
        let message = self.shown(message.as_ref());
        self.tree.problem(&self.file, pointer, message)
    }

    /// A problem at the place of the key of a JSON pointer.
    pub fn problem_at_key(&self, pointer: &str, message: impl AsRef<str>) -> Problem {
        let message = self.shown(message.as_ref());
        self.tree.key_problem(&self.file, pointer, message)
    }

    /// A problem at a place in the text of a JSON pointer, both from 1; where the file does not tell, at the text's
    /// beginning, with the place in words.
    pub fn problem_inside(&self, pointer: &str, line: u64, column: u64, message: impl AsRef<str>) -> Problem {
        let message = self.shown(message.as_ref());
        let exact = self
            .tree
            .problem_inside(&self.file, pointer, line, column, &message);
        exact.unwrap_or_else(|| {
            let place = format!("{message} (at line {line}, column {column} of the text)");
            self.tree.problem(&self.file, pointer, place)
        })
    }

    /// What the connector `name` talks to.
    pub fn kind_of(&self, name: &str) -> &str {
        let kind = self
            .tree
            .value
            .pointer(&format!("{}/kind", tree::child("/connectors", name)));
        kind.and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// The name that the pipeline file is shown by.
    pub fn file_name(&self) -> &str {
        &self.file.name
    }

    /// `text` with what variables gave written as in the file: `${NAME}`.
    pub fn shown(&self, text: &str) -> String {
        self.masks.apply(text)
    }
}

fn sound((config, problems): (Config, Vec<Problem>)) -> Result<Config, Vec<Problem>> {
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}
