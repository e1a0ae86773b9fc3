//! The pipeline file as types: what serde reads and what the schema is generated from. Holds no defaults that need the
//! machine, opens nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::columns::Columns;
use super::forms::{Format, MissingConfig, StepConfig, TensorColumns};
use super::values::{Size, Span};

/// The whole file but for its connectors, which their kinds read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Used wherever no other is named; `--connector` replaces it.
    pub connector: Option<String>,
    pub pipeline: Pipeline,
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
    #[serde(default)]
    pub telemetry: Telemetry,
    #[serde(default)]
    pub onnxruntime: OnnxRuntime,
}

/// What happens to the events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub name: String,
    pub source: SourceConfig,
    #[serde(default)]
    pub steps: Vec<StepConfig>,
    pub sink: SinkConfig,
    pub dead_letters: Option<DeadLetters>,
    #[serde(default)]
    pub on_reject: OnReject,
    #[serde(default)]
    pub delivery: Delivery,
    #[serde(default)]
    pub commit: Commit,
    /// The default is the smaller of cores and partitions.
    #[schemars(range(min = 1))]
    pub lanes: Option<u16>,
    #[serde(default = "memory")]
    pub memory: Size,
    #[serde(default)]
    pub batch: BatchConfig,
}

/// Where events come from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    pub connector: Option<String>,
    pub topic: Option<String>,
    pub topics: Option<Vec<String>>,
    pub pattern: Option<String>,
    pub group: String,
    /// `earliest`, `latest` or an RFC 3339 timestamp; only where the group has no commit.
    #[serde(default = "earliest")]
    pub start: String,
    pub format: Format,
    pub columns: Columns,
    #[serde(default)]
    pub on_gap: OnGap,
    #[serde(default)]
    pub group_protocol: Protocol,
    /// Static membership: a restart within the session timeout moves no partition. Unique to each process; lanes add
    /// their number to it.
    pub instance_id: Option<String>,
}

/// Where results go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    pub connector: Option<String>,
    pub topic: String,
    pub format: Format,
    /// The column that becomes the key; the default is the event's own key.
    pub key: Option<String>,
    /// `original` adds the results to the event as it came.
    pub include: Option<Include>,
    #[serde(default)]
    pub compression: Compression,
    #[serde(default = "linger")]
    pub linger: Span,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Where rejects go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    pub connector: Option<String>,
    pub topic: String,
    pub stop_after: Option<StopAfter>,
}

/// When rejects stop the pipeline.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopAfter {
    #[schemars(range(min = 1))]
    pub consecutive: u32,
}

/// When positions are committed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Commit {
    pub every: Span,
    /// Bounds what is seen twice after a kill.
    #[schemars(range(min = 1))]
    pub max_records: u32,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            every: Span(Duration::from_secs(1)),
            max_records: 100_000,
        }
    }
}

/// How many rows go through at once.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_rows: u32,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { max_rows: 512 }
    }
}

/// A keyed table for `lookup`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    pub file: PathBuf,
    pub key: String,
    pub columns: Columns,
}

/// Enriches rows from a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupConfig {
    pub table: String,
    pub on: String,
    #[serde(default)]
    pub columns: Vec<String>,
    /// null, `reject`, or a value for each column.
    #[serde(default)]
    pub missing: MissingConfig,
}

/// Scores rows with a model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    pub path: PathBuf,
    /// Columns by the model's input names.
    pub inputs: BTreeMap<String, TensorColumns>,
    /// Columns by the model's output names; without it all become columns.
    pub outputs: Option<BTreeMap<String, String>>,
}

/// Where metrics are served.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The default is 127.0.0.1:9464.
    pub listen: Option<String>,
}

/// Where ONNX Runtime is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxRuntime {
    pub path: Option<PathBuf>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $first:ident $(, $other:ident)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { #[default] $first $(, $other)* }
    };
}

words!(/// What a reject without dead letters does.
    OnReject { Stop, Drop });
words!(/// What is promised.
    Delivery { AtLeastOnce });
words!(/// What happens where the committed offset is gone.
    OnGap { Stop, Earliest, Latest });
words!(/// How the group shares partitions.
    Protocol { CooperativeSticky, Range, Consumer });
words!(/// What the result holds beside the columns.
    Include { Original });
words!(/// How results are compressed.
    Compression { None, Gzip, Snappy, Lz4, Zstd });

fn memory() -> Size {
    Size(512 << 20)
}

fn earliest() -> String {
    "earliest".to_owned()
}

fn linger() -> Span {
    Span(Duration::from_millis(1))
}
