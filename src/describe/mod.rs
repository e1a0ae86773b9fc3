//! What a pipeline does, as data: what `check` prints and what its JSON holds. Format 1 of that JSON is described in
//! `docs/check.md`: keys may be added, none is renamed or given another meaning. Opens nothing, knows no terminal.

mod lineage;
mod of;
mod units;

use serde::Serialize;
use serde_json::Value;

/// A pipeline whose parts fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    pub pipeline: String,
    pub source: Source,
    pub steps: Vec<Step>,
    pub sink: Sink,
    pub rejects: Rejects,
    pub delivery: &'static str,
    /// Every file that was opened, and as what.
    pub files: Vec<OpenedFile>,
}

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    pub connector: String,
    pub kind: String,
    /// Empty where a pattern is given.
    pub topics: Vec<String>,
    pub pattern: Option<String>,
    pub group: String,
    pub start: String,
    pub format: &'static str,
    pub columns: Vec<SourceColumn>,
    /// Where keys are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// What keys hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    pub format: &'static str,
    pub columns: Vec<SourceColumn>,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceColumn {
    pub name: String,
    /// Where the field is in the event, from the outside in; raw payloads have none.
    pub path: Option<Vec<String>>,
    #[serde(rename = "type")]
    pub data_type: String,
    /// Of numbers that are times.
    pub unit: Option<&'static str>,
    pub nullable: bool,
    /// What fills an absent field.
    pub default: Option<Value>,
    /// Whether anything reads it: a filter, a lookup, a tensor or the sink.
    pub used: bool,
    pub tensors: Vec<Reached>,
}

/// A tensor that a source column reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The step's number, from 0.
    pub step: usize,
    pub tensor: String,
    /// The column that fills the tensor: the source column itself, or one computed from it.
    pub column: String,
    /// What its values are cast to, where they are not the tensor's already.
    pub cast: Option<String>,
    /// Whether it is the source column as it arrived, and may be null: a null there reaches the tensor, and is a reject.
    pub nullable: bool,
}

/// A step, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Step {
    Sql {
        filter: Option<String>,
        columns: Vec<ComputedColumn>,
    },
    Lookup {
        table: String,
        file: String,
        rows: usize,
        on: String,
        key: String,
        columns: Vec<LookedUpColumn>,
    },
    Model {
        path: String,
        inputs: Vec<Input>,
        outputs: Vec<Output>,
    },
}

/// A column that a query gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComputedColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    /// As the query writes it.
    pub expression: String,
    /// What it comes from: source columns, `TABLE.COLUMN` of a lookup, `MODEL:OUTPUT` of a model, a record's metadata.
    pub from: Vec<String>,
}

/// A column that a lookup adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LookedUpColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    /// What a key without a row gives: `null`, `reject` or `value`.
    pub missing: &'static str,
    /// The value, where it is one.
    pub value: Option<Value>,
}

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    pub name: String,
    #[serde(rename = "type")]
    pub element: String,
    /// `null` = any size; the first dimension is the rows.
    pub shape: Vec<Option<usize>>,
    /// What fills it, in order.
    pub columns: Vec<InputColumn>,
}

/// A column that fills an input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub cast: Option<String>,
    /// Whether a null can reach the tensor; such a row is a reject.
    pub nullable: bool,
    pub from: Vec<String>,
}

/// An output of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    pub name: String,
    #[serde(rename = "type")]
    pub element: String,
    pub shape: Vec<Option<usize>>,
    /// The column it becomes; none = it is not fetched.
    pub column: Option<String>,
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sink {
    pub connector: String,
    pub kind: String,
    pub topic: String,
    pub format: &'static str,
    /// The column that becomes the key; none = the event's own key.
    pub key: Option<String>,
    /// Whether the results are added to the event as it came.
    pub include_original: bool,
    /// What a payload holds, in its order.
    pub fields: Vec<SinkField>,
}

/// A field of a payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SinkField {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    pub from: Vec<String>,
}

/// What becomes of records that cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejects {
    /// `dead_letters`, `drop` or `stop`.
    pub go: &'static str,
    pub topic: Option<String>,
    pub connector: Option<String>,
    pub kind: Option<String>,
    pub stop_after_consecutive: Option<u32>,
}

/// A file that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenedFile {
    /// `pipeline`, `variable`, `table`, `model` or `onnxruntime`.
    pub what: &'static str,
    pub path: String,
}

impl Source {
    /// Every declared column, and the place in the file where it is declared.
    pub fn declared(&self) -> impl Iterator<Item = (&'static str, &SourceColumn)> {
        let of_values = self.columns.iter().map(|c| ("/pipeline/source/columns", c));
        let of_keys = self.key.iter().flat_map(|key| &key.columns);
        of_values.chain(of_keys.map(|c| ("/pipeline/source/key/columns", c)))
    }
}

impl Description {
    /// The declared columns that nothing reads, and where they are declared.
    pub fn unused(&self) -> impl Iterator<Item = (&'static str, &SourceColumn)> {
        self.source.declared().filter(|(_, column)| !column.used)
    }
}
