//! `check`: the plan of a pipeline in words. Everything it says comes from the plan that lanes run.

use arrow::datatypes::{DataType, Schema, TimeUnit};
use forebay::config::Config;
use forebay::connectors::Topics;
use forebay::plan::Plan;

use super::{Failure, Pipeline, load};

pub(super) fn run(pipeline: &Pipeline) -> Result<(), Failure> {
    let (config, plan) = load(&pipeline.pipeline, pipeline.connector.as_deref())?;
    print!("{}", config.shown(&text(&config, &plan)));
    Ok(())
}

fn text(config: &Config, plan: &Plan) -> String {
    let pipeline = &config.document.pipeline;
    let mut out = String::new();
    let topics = match &config.topics {
        Topics::Names(names) => names.join(", "),
        Topics::Pattern(pattern) => format!("topics that match {pattern}"),
    };
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("pipeline {}", pipeline.name));
    line(format!(
        "source   {topics} on connector {}, group {}, start {}",
        config.source_connector, pipeline.source.group, pipeline.source.start
    ));
    for text in columns(&plan.input()) {
        line(format!("           {text}"));
    }
    for (stage, step) in &plan.steps {
        let mut details = step.details.iter();
        line(format!(
            "{:<8} {}",
            stage.name(),
            details.next().map_or("", String::as_str)
        ));
        for detail in details {
            line(format!("           {detail}"));
        }
    }
    line(format!(
        "sink     {} on connector {}",
        pipeline.sink.topic, config.sink_connector
    ));
    for text in columns(&plan.output) {
        line(format!("           {text}"));
    }
    match &pipeline.dead_letters {
        Some(dead) => line(format!(
            "rejects  go to {} on connector {}",
            dead.topic, config.dead_letters_connector
        )),
        None if pipeline.on_reject == forebay::config::OnReject::Drop => {
            line("rejects  are dropped and counted".into())
        }
        None => line("rejects  stop the pipeline: no dead_letters topic is named".into()),
    }
    for warning in plan.warnings() {
        line(format!("warning: {warning}"));
    }
    line("ok".into());
    out
}

fn columns(schema: &Schema) -> Vec<String> {
    let width = schema.fields().iter().map(|f| f.name().len()).max().unwrap_or(0);
    let one = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        let null = if field.is_nullable() { ", nullable" } else { "" };
        format!("{:width$}  {}{null}", field.name(), type_name(field.data_type()))
    };
    schema.fields().iter().map(one).collect()
}

/// The type in the words of the pipeline file.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".into(),
        DataType::Utf8 => "string".into(),
        DataType::Binary => "bytes".into(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp".into(),
        DataType::FixedSizeList(item, width) => format!("{}[{width}]", type_name(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
