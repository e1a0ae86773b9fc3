//! The pipeline file as types: what serde reads and what the schema is generated from. Holds no defaults that need the
//! machine, opens nothing. The comments of fields are what editors show and what `docs/reference.md` says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alerts::Alerts;
use super::columns::Columns;
use super::formats::{SinkFormat, SourceFormat};
use super::forms::{MissingConfig, StepConfig, TensorColumns};
use super::values::{Size, Span};

/// A pipeline: where events come from, which steps they pass, and where results go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The entry of `connectors` that is used wherever no other is named. `--connector NAME` replaces it.
    #[schemars(example = &"local")]
    pub connector: Option<String>,
    /// What happens to the events.
    pub pipeline: Pipeline,
    /// Tables for `lookup` steps, by name.
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
    /// Where metrics are served.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// When people are called: what `forebay rules` writes for Prometheus.
    #[serde(default)]
    pub alerts: Alerts,
    /// Where ONNX Runtime's shared library is.
    #[serde(default)]
    pub onnxruntime: OnnxRuntime,
}

/// What happens to the events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name. It labels metrics, and dead letters carry it.
    #[schemars(example = &"fraud")]
    pub name: String,
    /// Where events come from.
    pub source: SourceConfig,
    /// The stages that events pass, one after another: `sql`, `lookup` and `model`.
    #[serde(default)]
    #[schemars(extend("default" = []))]
    pub steps: Vec<StepConfig>,
    /// Where results go.
    pub sink: SinkConfig,
    /// Where records go that cannot be processed. Without it such a record stops the pipeline.
    pub dead_letters: Option<DeadLetters>,
    /// What a record that cannot be processed does where there is no `dead_letters`: `stop` the pipeline, or be dropped
    /// and counted.
    #[serde(default)]
    pub on_reject: OnReject,
    /// What is promised. `at-least-once`: no event is lost, and after a kill some are delivered twice.
    #[serde(default)]
    pub delivery: Delivery,
    /// How often positions are committed.
    #[serde(default)]
    pub commit: Commit,
    /// How many threads read and score, each a member of the consumer group. The default is the smaller of cores and
    /// partitions.
    #[schemars(range(min = 1), example = 2)]
    pub lanes: Option<u16>,
    /// How many bytes may be in flight, for the whole process: prefetched, in batches, and in the producer.
    #[serde(default = "memory")]
    pub memory: Size,
    /// How many rows go through the steps at once.
    #[serde(default)]
    pub batch: BatchConfig,
    /// Whether what is read and predicted still looks like a reference. Without it nothing of it is counted.
    pub drift: Option<DriftConfig>,
}

/// Where events come from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The connector to read from. The default is the file's `connector`.
    #[schemars(example = &"local")]
    pub connector: Option<String>,
    /// The topic to read. Exactly one of `topic`, `topics` and `pattern` is named.
    #[schemars(example = &"payments")]
    pub topic: Option<String>,
    /// Several topics to read.
    #[schemars(length(min = 1), example = ["payments"])]
    pub topics: Option<Vec<String>>,
    /// A regular expression for the topics to read, topics created later included. It begins with `^`.
    #[schemars(example = &"^payments-.*")]
    pub pattern: Option<String>,
    /// The consumer group. Its members, in one process or in many, share the partitions.
    #[schemars(example = &"fraud")]
    pub group: String,
    /// Where a group without a commit begins: `earliest`, `latest` or an RFC 3339 time.
    #[serde(default = "earliest")]
    #[schemars(example = &"2026-01-31T00:00:00Z")]
    pub start: String,
    /// How events are written: `json`, `avro`, `protobuf`, `json-schema`, or `raw` (numbers packed one behind another); a word, or
    /// a map with options.
    pub format: SourceFormat,
    /// The columns that events are read into, by name. Each is a type, or a map with a type and options.
    pub columns: Columns,
    /// How keys are written, and the columns that they are read into. Without it a key is carried along as it is.
    pub key: Option<KeyConfig>,
    /// The column of type `timestamp` that says when an event happened, which is what latency counts from. The default is the
    /// record's own timestamp.
    #[schemars(example = &"at")]
    pub event_time: Option<String>,
    /// What happens where the committed position no longer exists: `stop`, or go on at the `earliest` or `latest` event.
    #[serde(default)]
    pub on_gap: OnGap,
    /// How the members of the group share partitions. `consumer` is the protocol of KIP-848.
    #[serde(default)]
    pub group_protocol: Protocol,
    /// Static membership: a restart within the session timeout moves no partition. Unique to each process; lanes add
    /// their number to it.
    pub instance_id: Option<String>,
}

impl SourceConfig {
    /// Whether a run asks the registry for the schemas of events.
    pub fn asks_registry(&self) -> bool {
        let keys = self.key.as_ref().is_some_and(|key| key.format.asks_registry());
        keys || self.format.asks_registry()
    }
}

/// What keys hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// How keys are written: as payloads may be, or as Kafka's own serializers write single values: `string`, `int32`, `int64`
    /// and `float64` (big-endian), `bytes`.
    pub format: SourceFormat,
    /// The columns that keys are read into, by name; a single value has one.
    pub columns: Columns,
}

/// Where results go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// The connector to write to. The default is the file's `connector`.
    #[schemars(example = &"local")]
    pub connector: Option<String>,
    /// The topic that results go to. It must exist.
    #[schemars(example = &"fraud-scores")]
    pub topic: String,
    /// How results are written: `json`, `avro`, `protobuf`, `json-schema`, or `raw` (numbers packed one behind another); a word,
    /// or a map with options.
    pub format: SinkFormat,
    /// The column that becomes the key. The default is the event's own key.
    #[schemars(example = &"payment_id")]
    pub key: Option<String>,
    /// `original` adds the results to the event as it came, instead of writing them alone.
    pub include: Option<Include>,
    /// How batches of results are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// How long the producer waits for more results before it sends a batch.
    #[serde(default = "linger")]
    pub linger: Span,
    /// Headers that every result gets.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub headers: BTreeMap<String, String>,
}

/// Where records go that cannot be processed, byte-equal to the originals.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// The connector to write to. The default is the file's `connector`.
    #[schemars(example = &"local")]
    pub connector: Option<String>,
    /// The topic that rejected records go to. It must exist.
    #[schemars(example = &"payments.dead")]
    pub topic: String,
    /// When rejects stop the pipeline all the same. The default is never.
    pub stop_after: Option<StopAfter>,
}

/// When rejects stop the pipeline.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopAfter {
    /// So many rejects in a row, without a good record between them.
    #[schemars(range(min = 1), example = 100)]
    pub consecutive: u32,
}

/// When positions are committed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Commit {
    /// How often positions are committed.
    pub every: Span,
    /// How many records a lane hands over before it waits for a commit: that bounds what is seen twice after a kill.
    #[schemars(range(min = 1), example = 100_000)]
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    /// The most rows that go through the steps at once. A batch is whatever has arrived, up to this.
    #[schemars(range(min = 1, max = 1_000_000), example = 256)]
    pub max_rows: u32,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { max_rows: 512 }
    }
}

/// What is compared with a reference. A threshold that is not set is learnt from how much the reference itself spreads.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftConfig {
    /// The reference, relative to the pipeline file: what `forebay baseline` wrote. Without it only what models predict is counted,
    /// in tenths from 0 to 1 and by class, and nothing is compared.
    #[schemars(example = &"pipeline.baseline.json")]
    pub baseline: Option<PathBuf>,
    /// How long the sliding window is that is compared.
    #[serde(default = "drift_window")]
    pub window: Span,
    /// The columns of the baseline to compare. The default is all.
    #[schemars(length(min = 1), example = ["amount"])]
    pub columns: Option<Vec<String>>,
    /// The population stability index above which a column drifts.
    #[schemars(range(min = 0))]
    pub psi: Option<f64>,
    /// The Jensen-Shannon distance above which a column drifts, from 0 to 1.
    #[schemars(range(min = 0))]
    pub js: Option<f64>,
    /// The share of missing values above which a column drifts, from 0 to 1.
    #[schemars(range(min = 0))]
    pub missing: Option<f64>,
    /// The share of values in categories that the baseline does not name above which a column drifts, from 0 to 1.
    #[schemars(range(min = 0))]
    pub new_categories: Option<f64>,
}

/// A keyed table for `lookup`, loaded once at the start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The file, relative to the pipeline file: `.csv` with a header, `.parquet`, `.jsonl` or `.ndjson`.
    #[schemars(example = &"merchants.csv")]
    pub file: PathBuf,
    /// The column that rows are looked up by. Each key stands in one row.
    #[schemars(example = &"merchant_id")]
    pub key: String,
    /// The columns to read, by name, the key included.
    pub columns: Columns,
}

/// Enriches rows with columns of a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupConfig {
    /// The table, one of `tables`.
    #[schemars(example = &"merchants")]
    pub table: String,
    /// The column whose value is looked up in the table's key.
    #[schemars(example = &"merchant_id")]
    pub on: String,
    /// The table's columns to add. The default is all but the key.
    #[serde(default)]
    #[schemars(example = ["risk"], extend("default" = []))]
    pub columns: Vec<String>,
    /// What a row gets whose key is null or not in the table: `null`, `reject` (the record is rejected), or a value for
    /// each column.
    #[serde(default)]
    #[schemars(extend("default" = "null"))]
    pub missing: MissingConfig,
}

/// Scores rows with a model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The ONNX model, relative to the pipeline file.
    #[schemars(example = &"fraud.onnx")]
    pub path: PathBuf,
    /// The columns that fill each input, by the model's own input names: one column or a list, in order. Numbers are cast
    /// to the tensor's type.
    pub inputs: BTreeMap<String, TensorColumns>,
    /// The column that each output becomes, by the model's own output names. Outputs not named are not fetched. The default
    /// is every output under its own name.
    pub outputs: Option<BTreeMap<String, String>>,
}

/// Where metrics are served.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The address of `/metrics` and its neighbours. The default is 127.0.0.1:9464, or a free port that the log names.
    #[schemars(example = &"127.0.0.1:9464")]
    pub listen: Option<String>,
    /// What requests must bring as `Authorization: Bearer TOKEN`, of visible ASCII characters; `/livez` and `/readyz` answer without.
    #[schemars(example = &"${METRICS_TOKEN}")]
    pub token: Option<forebay_auth::Secret>,
}

/// Where ONNX Runtime is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxRuntime {
    /// The shared library. The default is `ORT_DYLIB_PATH`, then the library beside the executable, then the one that
    /// `make onnxruntime` fetched.
    #[schemars(example = &"/usr/lib/libonnxruntime.so")]
    pub path: Option<PathBuf>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $first:ident $(, $other:ident)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

fn drift_window() -> Span {
    Span(Duration::from_secs(300))
}

fn linger() -> Span {
    Span(Duration::from_millis(1))
}
