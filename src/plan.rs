//! From the pipeline file to what a lane runs: tables are loaded, each step is planned on the columns before it, the
//! encoder is checked. Opens every file that is named; touches no broker.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use forebay_core::carry::Carrier;
use forebay_core::codec::json::JsonEncoder;
use forebay_core::codec::keyed::Keyed;
use forebay_core::codec::{Column, Decode, DefaultValue, Encode, EncoderOptions, Part, schema_of};
use forebay_core::metrics::LaneMetrics;
use forebay_core::model::runtime;
use forebay_core::steps::lookup::{LookupStep, Missing, Table, TableSpec};
use forebay_core::steps::model::ModelStep;
use forebay_core::steps::sql::SqlStep;
use forebay_core::steps::{Env, Fault, Plan as StepPlan, Spot, Step, StepSpec};
use forebay_core::{Error, Result, Stage};

use crate::config::{
    Config, Include, LookupConfig, MissingConfig, ModelConfig, Problem, SinkFormat, SourceConfig,
    SourceFormat, StepConfig, missing_value, nearest,
};
use crate::drift::Drift;
use crate::formats::{self, Schooled};
use crate::placed::{Placed, column_of, pointer};

/// A pipeline whose parts fit each other.
pub struct Plan {
    pub columns: Vec<Column>,
    pub steps: Vec<(Stage, StepPlan)>,
    /// The columns that are written.
    pub output: SchemaRef,
    /// The shared library of ONNX Runtime, where a model needs it.
    pub onnxruntime: Option<PathBuf>,
    /// What is compared with a reference.
    pub drift: Option<Arc<Drift>>,
    warnings: Vec<Problem>,
    source: SourceConfig,
    /// How many of the columns are of payloads; the others are of keys.
    of_payloads: usize,
    sink_format: SinkFormat,
    sink: EncoderOptions,
    base: PathBuf,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("steps", &self.steps)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// Steps, and how long each took to open.
type Opened = (Vec<(Stage, Box<dyn Step>)>, Vec<Duration>);

impl Plan {
    /// Plans `config`.
    ///
    /// # Errors
    /// Every problem, each at its place in the file. Behind a step that does not fit, what rests on it is left out.
    pub fn new(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut plan = Self::without_drift(config)?;
        plan.drift = Drift::of(config, &plan)?.map(Arc::new);
        Ok(plan)
    }

    /// Plans `config` whatever it says of drift: its baseline may not be there yet.
    ///
    /// # Errors
    /// As of [`Plan::new`].
    pub fn without_drift(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let env = env(config, &mut problems);
        let pipeline = &config.document.pipeline;
        problems.extend(undecodable(config));
        let columns = [config.columns.as_slice(), &config.key_columns].concat();
        let mut schema = Some(schema_of(&columns));
        let (mut steps, mut warnings) = (Vec::new(), Vec::new());
        for (i, step) in pipeline.steps.iter().enumerate() {
            let placed = Placed::step(config, i, step);
            let (spec, faults) = spec(config, step);
            problems.extend(placed.problems(faults));
            let Some(input) = &schema else {
                continue;
            };
            match spec.plan(input, &env) {
                Ok(plan) => {
                    warnings.extend(plan.warnings.iter().map(|w| placed.warning(w)));
                    schema = Some(Arc::clone(&plan.output));
                    steps.push((spec.stage(), plan));
                }
                Err(unfit) => {
                    // Without ONNX Runtime no model says anything, and that is said once.
                    let silent = env.onnxruntime.is_none() && matches!(step, StepConfig::Model(_));
                    if !silent {
                        problems.extend(placed.problems(unfit.faults));
                    }
                    schema = unfit.output;
                }
            }
        }
        let sink = sink_options(config, Arc::new(LaneMetrics::default()));
        if let Some(schema) = &schema {
            problems.extend(unwritable(config, &sink, schema));
        }
        match schema {
            Some(output) if problems.is_empty() => Ok(Self {
                columns,
                steps,
                output,
                onnxruntime: env.onnxruntime,
                drift: None,
                warnings,
                source: pipeline.source.clone(),
                of_payloads: config.columns.len(),
                sink_format: pipeline.sink.format.clone(),
                sink,
                base: config.base.clone(),
            }),
            _ => {
                problems.sort_by_key(|p| (p.line, p.column));
                Err(problems)
            }
        }
    }

    /// Opens everything between source and sink for one lane.
    ///
    /// # Errors
    /// What a step fails with, or a format that has not got its schema.
    pub fn open_lane(&self, metrics: Arc<LaneMetrics>, schooled: &Schooled) -> Result<Carrier> {
        let sink = EncoderOptions {
            not_finite: Arc::clone(&metrics),
            ..self.sink.clone()
        };
        let encoder = self.encoder(sink, schooled)?;
        let counts = Arc::clone(&metrics);
        let event_time = self.source.event_time.as_ref();
        let event_time =
            event_time.and_then(|name| self.columns.iter().position(|column| column.name == *name));
        let (steps, took) = self.open_steps()?;
        let carrier = Carrier::new(self.decoder(schooled)?, steps, encoder, metrics);
        for (step, took) in counts.steps.get().into_iter().flatten().zip(took) {
            step.opening.add_nanos(took);
        }
        let carrier = carrier.timed_by(event_time);
        let Some(drift) = &self.drift else {
            return Ok(carrier);
        };
        let (watches, counted) = drift.counted.open()?;
        // Metrics are of one lane, and a lane is opened once.
        drop(counts.drift.set(counted));
        Ok(carrier.watched_by(watches))
    }

    /// Opens decoder and steps alone: nothing is written.
    ///
    /// # Errors
    /// As of [`Plan::open_lane`].
    #[cfg(feature = "cli")]
    pub(crate) fn open_unwritten(&self, schooled: &Schooled, encoder: Box<dyn Encode>) -> Result<Carrier> {
        let decoder = self.decoder(schooled)?;
        let (steps, _) = self.open_steps()?;
        Ok(Carrier::new(decoder, steps, encoder, Arc::default()))
    }

    fn open_steps(&self) -> Result<Opened> {
        let open = |(stage, plan): &(Stage, StepPlan)| {
            let began = Instant::now();
            Ok(((*stage, (plan.open)()?), began.elapsed()))
        };
        let opened: Result<Vec<_>> = self.steps.iter().map(open).collect();
        Ok(opened?.into_iter().unzip())
    }

    fn decoder(&self, schooled: &Schooled) -> Result<Box<dyn Decode>> {
        let one = |format: &SourceFormat, columns, part| match schooled {
            Schooled::AsJson => formats::decoder(&formats::as_json(format), columns, part, &self.base, None),
            Schooled::Registries { source, .. } => {
                formats::decoder(format, columns, part, &self.base, source.as_ref())
            }
        };
        let (of_payloads, of_keys) = self.columns.split_at(self.of_payloads);
        let value = one(&self.source.format, of_payloads, Part::Value)?;
        let Some(key) = &self.source.key else {
            return Ok(value);
        };
        let key = one(&key.format, of_keys, Part::Key)?;
        Ok(Box::new(Keyed { value, key }))
    }

    /// Whether results can be written with these schemas.
    ///
    /// # Errors
    /// `Config` where a column does not fit.
    pub fn try_encoder(&self, schooled: &Schooled) -> Result<()> {
        self.encoder(self.sink.clone(), schooled).map(drop)
    }

    fn encoder(&self, options: EncoderOptions, schooled: &Schooled) -> Result<Box<dyn Encode>> {
        let results = match schooled {
            Schooled::AsJson if self.sink_format.is_registered() => {
                return Ok(Box::new(JsonEncoder::new(options, &self.output)?));
            }
            Schooled::AsJson => None,
            Schooled::Registries { results, .. } => results.as_ref(),
        };
        formats::encoder(&self.sink_format, options, &self.output, &self.base, results)
    }

    /// What `check` warns of.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.warnings.iter()
    }

    /// The columns before the first step.
    pub fn input(&self) -> Arc<Schema> {
        schema_of(&self.columns)
    }
}

fn env(config: &Config, problems: &mut Vec<Problem>) -> Env {
    let mut tables = BTreeMap::new();
    for (name, table) in &config.document.tables {
        let spec = TableSpec {
            name: name.clone(),
            file: config.base.join(&table.file),
            key: table.key.clone(),
            columns: config.tables.get(name).cloned().unwrap_or_default(),
        };
        let table = Table::load(&spec).unwrap_or_else(|fault| {
            problems.push(Placed::table(config, name).problem(&fault));
            Table::declared(&spec)
        });
        tables.insert(name.clone(), Arc::new(table));
    }
    let steps = &config.document.pipeline.steps;
    let model = steps.iter().position(|s| matches!(s, StepConfig::Model(_)));
    let configured = config.document.onnxruntime.path.as_ref();
    let configured = configured.map(|path| config.base.join(path));
    let onnxruntime = model.and_then(|step| {
        let at = match &configured {
            Some(_) => "/onnxruntime/path".to_owned(),
            None => format!("/pipeline/steps/{step}"),
        };
        let found = runtime::locate(configured.as_deref());
        found
            .map_err(|e| problems.push(config.problem_at(&at, e.to_string())))
            .ok()
    });
    let columns = config.columns.iter().chain(&config.key_columns);
    let fillings = columns.filter_map(|column| Some((column.name.clone(), column.filling()?)));
    Env {
        tables,
        onnxruntime,
        fillings: fillings.collect(),
    }
}

/// The step, and what is wrong with its values.
fn spec(config: &Config, step: &StepConfig) -> (Box<dyn StepSpec>, Vec<Fault>) {
    let spec: Box<dyn StepSpec> = match step {
        StepConfig::Sql(sql) => Box::new(SqlStep::new(sql.clone())),
        StepConfig::Model(model) => Box::new(model_step(&config.base, model)),
        StepConfig::Lookup(lookup) => {
            let (step, faults) = lookup_step(config, lookup);
            return (Box::new(step), faults);
        }
    };
    (spec, Vec::new())
}

fn lookup_step(config: &Config, lookup: &LookupConfig) -> (LookupStep, Vec<Fault>) {
    let mut faults = Vec::new();
    let columns = config.tables.get(&lookup.table).map_or(&[][..], Vec::as_slice);
    let missing = match &lookup.missing {
        MissingConfig::Null => Missing::Null,
        MissingConfig::Reject => Missing::Reject,
        MissingConfig::Values(values) => {
            let mut made = BTreeMap::new();
            for (name, value) in values {
                let column = columns.iter().find(|c| c.name == *name);
                // The step itself refuses a column that the table has not.
                let fits = column.map_or(Ok(DefaultValue::Bool(false)), |c| missing_value(c.kind, value));
                match fits {
                    Ok(value) => drop(made.insert(name.clone(), value)),
                    Err(why) => {
                        let error = Error::config(format!("`missing` of `{name}`: {why}"));
                        faults.push(Fault::new(Spot::value(["missing", name]), error));
                    }
                }
            }
            Missing::Values(made)
        }
    };
    let step = LookupStep {
        table: lookup.table.clone(),
        on: lookup.on.clone(),
        columns: lookup.columns.clone(),
        missing,
    };
    (step, faults)
}

/// The columns that the formats of payloads and keys have no form for.
fn undecodable(config: &Config) -> Vec<Problem> {
    let source = &config.document.pipeline.source;
    let mut problems = of_format(
        config,
        &source.format,
        &config.columns,
        Part::Value,
        "/pipeline/source",
    );
    if let Some(key) = &source.key {
        problems.extend(of_format(
            config,
            &key.format,
            &config.key_columns,
            Part::Key,
            "/pipeline/source/key",
        ));
    }
    problems
}

/// What a format without a registry says of columns; one with a registry says it of each schema.
fn of_format(
    config: &Config,
    format: &SourceFormat,
    columns: &[Column],
    part: Part,
    at: &str,
) -> Vec<Problem> {
    if format.is_registered() {
        return without_registry(config, &config.source_connector, format.name(), at)
            .into_iter()
            .collect();
    }
    let all = |columns: &[Column]| formats::decoder(format, columns, part, &config.base, None);
    let one = |column: &Column| {
        let error = all(std::slice::from_ref(column)).err()?;
        let at = pointer(&format!("{at}/columns"), [column.name.as_str()]);
        Some(config.problem_at(&at, error.to_string()))
    };
    // What has nothing to do with columns is said once, at the format.
    match all(&[]) {
        Err(error) if !columns.is_empty() && !format.is_single() => {
            vec![config.problem_at(&format!("{at}/format"), error.to_string())]
        }
        _ if format.is_single() => all(columns)
            .err()
            .map(|error| config.problem_at(&format!("{at}/columns"), error.to_string()))
            .into_iter()
            .collect(),
        _ => columns.iter().filter_map(one).collect(),
    }
}

/// The connector that a format needs a registry of, and that has none.
fn without_registry(config: &Config, connector: &str, format: &str, at: &str) -> Option<Problem> {
    let resolved = config.connectors.get(connector)?;
    if resolved.registry.is_some() {
        return None;
    }
    let message = format!(
        "`{format}` asks a schema registry, and the connector `{connector}` has none: add `schema_registry: {{ url: … }}` to it, \
         or name the schema's file here as `schema`"
    );
    Some(config.problem_at(&format!("{at}/format"), message))
}

/// What the sink cannot write.
fn unwritable(config: &Config, options: &EncoderOptions, schema: &SchemaRef) -> Vec<Problem> {
    let sink = &config.document.pipeline.sink;
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    if let Some(key) = sink.key.as_deref().filter(|key| !names.contains(key)) {
        let near = nearest(key, &names);
        let message = format!("`key` names the unknown column `{key}`{near}");
        return vec![config.problem_at("/pipeline/sink/key", message)];
    }
    if schema.fields().iter().any(|f| *f.data_type() == DataType::Null) {
        return Vec::new();
    }
    if sink.format.is_registered() {
        let missing = without_registry(
            config,
            &config.sink_connector,
            sink.format.name(),
            "/pipeline/sink",
        );
        return missing.into_iter().collect();
    }
    let Err(error) = formats::encoder(&sink.format, options.clone(), schema, &config.base, None) else {
        return Vec::new();
    };
    let at = match sink.include.filter(|_| column_of(&error).is_none()) {
        Some(_) => "/pipeline/sink/include",
        None => "/pipeline/sink/format",
    };
    vec![config.problem_at(at, error.to_string())]
}

fn model_step(base: &Path, model: &ModelConfig) -> ModelStep {
    let outputs = model.outputs.iter().flatten();
    ModelStep {
        path: base.join(&model.path),
        inputs: model
            .inputs
            .iter()
            .map(|(tensor, columns)| (tensor.clone(), columns.0.clone()))
            .collect(),
        outputs: outputs
            .map(|(output, column)| (output.clone(), column.clone()))
            .collect(),
    }
}

fn sink_options(config: &Config, metrics: Arc<LaneMetrics>) -> EncoderOptions {
    let sink = &config.document.pipeline.sink;
    EncoderOptions {
        topic: sink.topic.as_str().into(),
        key: sink.key.clone(),
        include_original: sink.include == Some(Include::Original),
        headers: sink
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect(),
        not_finite: metrics,
    }
}
