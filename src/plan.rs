//! From the pipeline file to what a lane runs: tables are loaded, each step is planned on the columns before it, the
//! encoder is checked. Opens every file that is named; touches no broker.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use forebay_core::carry::Carrier;
use forebay_core::codec::json::{JsonDecoder, JsonEncoder};
use forebay_core::codec::raw::{RawDecoder, RawEncoder};
use forebay_core::codec::{Column, Decode, Encode, EncoderOptions, schema_of};
use forebay_core::metrics::LaneMetrics;
use forebay_core::model::runtime;
use forebay_core::steps::lookup::{LookupStep, Missing, Table, TableSpec};
use forebay_core::steps::model::ModelStep;
use forebay_core::steps::sql::SqlStep;
use forebay_core::steps::{Env, Plan as StepPlan, Step, StepSpec};
use forebay_core::{Result, Stage};

use crate::config::{
    Config, Format, Include, LookupConfig, MissingConfig, ModelConfig, Problem, StepConfig, missing_value,
};

/// A pipeline whose parts fit each other.
pub struct Plan {
    pub columns: Vec<Column>,
    pub steps: Vec<(Stage, StepPlan)>,
    /// The columns that are written.
    pub output: SchemaRef,
    source_format: Format,
    sink_format: Format,
    sink: EncoderOptions,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("steps", &self.steps)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Plans `config`.
    ///
    /// # Errors
    /// Every problem that can be told without the steps behind it, each at its place in the file.
    pub fn new(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let env = env(config, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let pipeline = &config.document.pipeline;
        decoder(pipeline.source.format, &config.columns)
            .map_err(|e| vec![config.problem_at("/pipeline/source/columns", e.to_string())])?;
        let mut schema = schema_of(&config.columns);
        let mut steps = Vec::new();
        for (i, step) in pipeline.steps.iter().enumerate() {
            let at = format!("/pipeline/steps/{i}");
            let planned = spec(config, step)
                .and_then(|spec| Ok((spec.stage(), spec.plan(&schema, &env).map_err(|e| e.to_string())?)));
            // The steps behind one that does not fit have no columns to be checked against.
            let (stage, plan) = planned.map_err(|text| vec![config.problem_at(&at, text)])?;
            schema = Arc::clone(&plan.output);
            steps.push((stage, plan));
        }
        let sink = sink_options(config, Arc::new(LaneMetrics::default()));
        encoder(pipeline.sink.format, sink.clone(), &schema)
            .map_err(|e| vec![config.problem_at("/pipeline/sink", e.to_string())])?;
        Ok(Self {
            columns: config.columns.clone(),
            steps,
            output: schema,
            source_format: pipeline.source.format,
            sink_format: pipeline.sink.format,
            sink,
        })
    }

    /// Opens everything between source and sink for one lane.
    ///
    /// # Errors
    /// What a step fails with.
    pub fn open_lane(&self, metrics: Arc<LaneMetrics>) -> Result<Carrier> {
        let open = |(stage, plan): &(Stage, StepPlan)| Ok((*stage, (plan.open)()?));
        let steps = self
            .steps
            .iter()
            .map(open)
            .collect::<Result<Vec<(Stage, Box<dyn Step>)>>>()?;
        let sink = EncoderOptions {
            not_finite: Arc::clone(&metrics),
            ..self.sink.clone()
        };
        let decoder = decoder(self.source_format, &self.columns)?;
        let encoder = encoder(self.sink_format, sink, &self.output)?;
        Ok(Carrier::new(decoder, steps, encoder, metrics))
    }

    /// What `check` warns of.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .flat_map(|(_, plan)| plan.warnings.iter().map(String::as_str))
    }

    /// The columns before the first step.
    pub fn input(&self) -> Arc<Schema> {
        schema_of(&self.columns)
    }
}

fn decoder(format: Format, columns: &[Column]) -> Result<Box<dyn Decode>> {
    Ok(match format {
        Format::Json => Box::new(JsonDecoder::new(columns)),
        Format::Raw => Box::new(RawDecoder::new(columns)?),
    })
}

fn encoder(format: Format, options: EncoderOptions, input: &Schema) -> Result<Box<dyn Encode>> {
    Ok(match format {
        Format::Json => Box::new(JsonEncoder::new(options, input)?),
        Format::Raw => Box::new(RawEncoder::new(options, input)?),
    })
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
        match Table::load(&spec) {
            Ok(table) => drop(tables.insert(name.clone(), Arc::new(table))),
            Err(error) => problems.push(config.problem_at(&format!("/tables/{name}"), error.to_string())),
        }
    }
    let model = config
        .document
        .pipeline
        .steps
        .iter()
        .position(|s| matches!(s, StepConfig::Model(_)));
    let onnxruntime = model.and_then(|at| {
        let configured = config
            .document
            .onnxruntime
            .path
            .as_ref()
            .map(|p| config.base.join(p));
        let found = runtime::locate(configured.as_deref());
        found
            .map_err(|e| problems.push(config.problem_at(&format!("/pipeline/steps/{at}"), e.to_string())))
            .ok()
    });
    Env { tables, onnxruntime }
}

fn spec(config: &Config, step: &StepConfig) -> Result<Box<dyn StepSpec>, String> {
    Ok(match step {
        StepConfig::Sql(sql) => Box::new(SqlStep::new(sql.clone())),
        StepConfig::Lookup(lookup) => Box::new(lookup_step(config, lookup)?),
        StepConfig::Model(model) => Box::new(model_step(&config.base, model)),
    })
}

fn lookup_step(config: &Config, lookup: &LookupConfig) -> Result<LookupStep, String> {
    let missing = match &lookup.missing {
        MissingConfig::Null => Missing::Null,
        MissingConfig::Reject => Missing::Reject,
        MissingConfig::Values(values) => {
            let columns = config.tables.get(&lookup.table).map_or(&[][..], Vec::as_slice);
            let value = |(name, value): (&String, &serde_json::Value)| {
                let column = columns.iter().find(|c| c.name == *name);
                let column = column.ok_or_else(|| {
                    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
                    format!(
                        "`missing` names `{name}`, which the table has not; it has: {}",
                        names.join(", ")
                    )
                })?;
                let value =
                    missing_value(column.kind, value).map_err(|e| format!("`missing` of `{name}`: {e}"))?;
                Ok((name.clone(), value))
            };
            Missing::Values(values.iter().map(value).collect::<Result<_, String>>()?)
        }
    };
    Ok(LookupStep {
        table: lookup.table.clone(),
        on: lookup.on.clone(),
        columns: lookup.columns.clone(),
        missing,
    })
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
