//! From a config and its plan to the description. Everything it says comes from the plan that lanes run.

use arrow::datatypes::{Field, Schema};
use forebay_connectors::Topics;
use forebay_core::codec::{Column, ColumnKind, type_name};
use forebay_core::steps::about::{About, LookupAbout, ModelAbout, Otherwise, SqlAbout};

use super::lineage::Lineage;
use super::units::unit_name;
use super::{
    ComputedColumn, Description, Input, InputColumn, Key, LookedUpColumn, OpenedFile, Output, Rejects, Sink,
    SinkField, Source, SourceColumn, Step,
};
use crate::config::{
    ColumnConfig, Columns, Config, Include, MissingConfig, OnReject, SinkFormat, SourceFormat, StepConfig,
};
use crate::plan::Plan;

impl Description {
    /// Describes a pipeline.
    pub fn of(config: &Config, plan: &Plan) -> Self {
        let mut lineage = Lineage::of(&plan.columns);
        let mut steps = Vec::new();
        for (i, (_, step)) in plan.steps.iter().enumerate() {
            let before = (&lineage, step.output.as_ref());
            let described = match &step.about {
                About::Sql(about) => sql(about, before),
                About::Lookup(about) => lookup(config, i, about, before.1),
                About::Model(about) => model(about, before.0),
            };
            steps.push(described);
            lineage.pass(i, &step.about);
        }
        Self {
            pipeline: config.document.pipeline.name.clone(),
            source: source(config, &lineage),
            sink: sink(config, &plan.output, &lineage),
            rejects: rejects(config),
            delivery: "at-least-once",
            files: files(config, plan),
            steps,
        }
    }
}

fn source(config: &Config, lineage: &Lineage) -> Source {
    let source = &config.document.pipeline.source;
    let (topics, pattern) = match &config.topics {
        Topics::Names(names) => (names.clone(), None),
        Topics::Pattern(pattern) => (Vec::new(), Some(pattern.clone())),
    };
    let columns = declared(&source.format, &source.columns, &config.columns, lineage);
    let key = source.key.as_ref().map(|key| Key {
        format: key.format.name(),
        columns: declared(&key.format, &key.columns, &config.key_columns, lineage),
    });
    Source {
        kind: kind(config, &config.source_connector),
        connector: config.source_connector.clone(),
        topics,
        pattern,
        group: source.group.clone(),
        start: source.start.clone(),
        format: source.format.name(),
        columns,
        key,
    }
}

fn declared(
    format: &SourceFormat,
    declared: &Columns,
    columns: &[Column],
    lineage: &Lineage,
) -> Vec<SourceColumn> {
    let one = |((name, options), column): (&(String, ColumnConfig), &Column)| SourceColumn {
        path: format.has_fields().then(|| column.path.clone()),
        default: options.0.default.clone(),
        used: lineage.uses(name),
        tensors: lineage.tensors(name),
        ..source_column(column)
    };
    declared.0.iter().zip(columns).map(one).collect()
}

fn source_column(column: &Column) -> SourceColumn {
    SourceColumn {
        name: column.name.clone(),
        path: None,
        data_type: type_name(&column.kind.data_type()),
        unit: match column.kind {
            ColumnKind::Timestamp(unit) => Some(unit_name(unit)),
            _ => None,
        },
        nullable: column.nullable,
        default: None,
        used: false,
        tensors: Vec::new(),
    }
}

fn sql(about: &SqlAbout, (before, output): (&Lineage, &Schema)) -> Step {
    let columns = about.columns.iter().zip(output.fields());
    let column = |(computed, field): (&forebay_core::steps::about::Computed, &std::sync::Arc<Field>)| {
        let from = computed.reads.iter().flat_map(|name| before.from(name));
        let mut from: Vec<String> = from.collect();
        from.sort();
        from.dedup();
        ComputedColumn {
            name: computed.name.clone(),
            data_type: type_name(field.data_type()),
            nullable: field.is_nullable(),
            expression: computed.text.clone(),
            from,
        }
    };
    Step::Sql {
        filter: about.filter.as_ref().map(|filter| filter.text.clone()),
        columns: columns.map(column).collect(),
    }
}

fn lookup(config: &Config, step: usize, about: &LookupAbout, output: &Schema) -> Step {
    let written = config.document.pipeline.steps.get(step);
    let values = match written {
        Some(StepConfig::Lookup(lookup)) => match &lookup.missing {
            MissingConfig::Values(values) => Some(values),
            MissingConfig::Null | MissingConfig::Reject => None,
        },
        _ => None,
    };
    let column = |(name, otherwise): &(String, Otherwise)| {
        let field = output.field_with_name(name).ok();
        LookedUpColumn {
            name: name.clone(),
            data_type: field.map_or(String::new(), |field| type_name(field.data_type())),
            nullable: field.is_some_and(Field::is_nullable),
            missing: match otherwise {
                Otherwise::Null => "null",
                Otherwise::Reject => "reject",
                Otherwise::Value => "value",
            },
            value: values.and_then(|values| values.get(name)).cloned(),
        }
    };
    let file = config.document.tables.get(&about.table);
    Step::Lookup {
        table: about.table.clone(),
        file: file.map_or(String::new(), |t| config.base.join(&t.file).display().to_string()),
        rows: about.rows,
        on: about.on.clone(),
        key: about.key.clone(),
        columns: about.columns.iter().map(column).collect(),
    }
}

fn model(about: &ModelAbout, before: &Lineage) -> Step {
    let inputs = about.inputs.iter().map(|filled| Input {
        name: filled.tensor.name.clone(),
        element: filled.tensor.element.to_string(),
        shape: filled.tensor.shape.clone(),
        columns: filled
            .columns
            .iter()
            .map(|filling| InputColumn {
                name: filling.column.clone(),
                data_type: type_name(&filling.data_type),
                cast: filling.cast.map(|element| element.to_string()),
                nullable: filling.nullable,
                from: before.from(&filling.column),
            })
            .collect(),
    });
    let outputs = about.outputs.iter().map(|given| Output {
        name: given.tensor.name.clone(),
        element: given.tensor.element.to_string(),
        shape: given.tensor.shape.clone(),
        column: given.column.clone(),
    });
    Step::Model {
        path: about.path.display().to_string(),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
    }
}

fn sink(config: &Config, output: &Schema, lineage: &Lineage) -> Sink {
    let sink = &config.document.pipeline.sink;
    // A raw payload is written without the column that is the key.
    let left_out = sink
        .key
        .as_deref()
        .filter(|_| matches!(sink.format, SinkFormat::Raw(_)));
    let fields = output.fields().iter();
    let fields = fields.filter(|field| Some(field.name().as_str()) != left_out);
    Sink {
        kind: kind(config, &config.sink_connector),
        connector: config.sink_connector.clone(),
        topic: sink.topic.clone(),
        format: sink.format.name(),
        key: sink.key.clone(),
        include_original: sink.include == Some(Include::Original),
        fields: fields
            .map(|field| SinkField {
                name: field.name().clone(),
                data_type: type_name(field.data_type()),
                nullable: field.is_nullable(),
                from: lineage.from(field.name()),
            })
            .collect(),
    }
}

fn rejects(config: &Config) -> Rejects {
    let pipeline = &config.document.pipeline;
    let dead = pipeline.dead_letters.as_ref();
    let connector = dead.map(|_| config.dead_letters_connector.clone());
    Rejects {
        go: match (dead, pipeline.on_reject) {
            (Some(_), _) => "dead_letters",
            (None, OnReject::Drop) => "drop",
            (None, OnReject::Stop) => "stop",
        },
        topic: dead.map(|dead| dead.topic.clone()),
        kind: connector.as_deref().map(|name| kind(config, name)),
        connector,
        stop_after_consecutive: dead.and_then(|dead| dead.stop_after).map(|s| s.consecutive),
    }
}

fn files(config: &Config, plan: &Plan) -> Vec<OpenedFile> {
    let opened = |what, path: String| OpenedFile { what, path };
    let mut files = vec![opened("pipeline", config.file_name().to_owned())];
    let shown = |path: &std::path::PathBuf| path.display().to_string();
    files.extend(config.files.iter().map(|path| opened("variable", shown(path))));
    let tables = config
        .document
        .tables
        .values()
        .map(|table| config.base.join(&table.file));
    files.extend(tables.map(|path| opened("table", shown(&path))));
    for (_, step) in &plan.steps {
        if let About::Model(model) = &step.about {
            files.push(opened("model", shown(&model.path)));
        }
    }
    files.extend(
        plan.drift
            .iter()
            .filter_map(|drift| drift.file.as_ref())
            .map(|path| opened("baseline", shown(path))),
    );
    files.extend(
        plan.onnxruntime
            .iter()
            .map(|path| opened("onnxruntime", shown(path))),
    );
    let mut seen = Vec::new();
    files.retain(|file| {
        !seen.contains(file) && {
            seen.push(file.clone());
            true
        }
    });
    files
}

fn kind(config: &Config, connector: &str) -> String {
    config.kind_of(connector).to_owned()
}
