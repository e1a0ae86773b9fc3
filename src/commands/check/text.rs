//! The plan in words, for people: what `check` prints where everything fits. Knows the description, no plan and no file.

use forebay::config::Problem;
use forebay::contract::{Contract, Held};
use forebay::describe::{Description, Input, Output, Rejects, Sink, Source, SourceColumn, Step};

use super::schemas::Schemas;

pub(super) fn text(description: &Description, schemas: &Schemas, warnings: &[Problem]) -> String {
    let mut out = Lines(format!("pipeline {}\n", description.pipeline));
    source(&mut out, &description.source);
    for one in &schemas.contracts {
        contract(&mut out, one);
    }
    for one in &description.steps {
        step(&mut out, one);
    }
    sink(&mut out, &description.sink);
    if let Some(results) = &schemas.results {
        out.head("schema", &format!("of results: {results}"));
    }
    rejects(&mut out, &description.rejects);
    let files = description
        .files
        .iter()
        .map(|file| [file.what.to_owned(), file.path.clone()]);
    out.head("files", "that were opened");
    out.table(files.collect());
    let mut text = out.0;
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text.push_str("ok\n");
    text
}

/// A text of headings and tables.
struct Lines(String);

impl Lines {
    fn head(&mut self, what: &str, text: &str) {
        self.0.push_str(&format!("{what:<8} {text}\n"));
    }

    /// Rows with their cells below each other.
    fn table<const N: usize>(&mut self, rows: Vec<[String; N]>) {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
        for row in &rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}  "));
            let line: String = cells.collect();
            self.0.push_str(&format!("           {}\n", line.trim_end()));
        }
    }
}

fn source(out: &mut Lines, source: &Source) {
    let topics = match &source.pattern {
        Some(pattern) => format!("topics that match {pattern}"),
        None => source.topics.join(", "),
    };
    let text = format!(
        "{topics} on connector {} ({}), group {}, start {}, format {}",
        source.connector, source.kind, source.group, source.start, source.format
    );
    out.head("source", &text);
    columns(out, &source.columns);
    if let Some(key) = &source.key {
        out.head("key", &format!("of every event, format {}", key.format));
        columns(out, &key.columns);
    }
}

fn contract(out: &mut Lines, contract: &Contract) {
    out.head("schema", &format!("of {}: {}", contract.of, contract.schema));
    let row = |held: &Held| {
        let from = held.field.as_ref().map(|field| format!("<- {field}"));
        let mut way: Vec<String> = held.cast.iter().cloned().collect();
        way.extend(held.rejects.iter().map(|what| format!("{what} is a reject")));
        if held.nullable {
            way.push("may be null".to_owned());
        }
        way.extend(held.default.as_ref().map(|default| format!("default {default}")));
        [
            held.column.clone(),
            from.unwrap_or_default(),
            held.written_as.clone().unwrap_or_default(),
            way.join(", "),
        ]
    };
    out.table(contract.columns.iter().map(row).collect());
}

fn columns(out: &mut Lines, columns: &[SourceColumn]) {
    let row = |column: &SourceColumn| {
        let path = column.path.as_ref().map(|path| format!("<- {}", path.join(".")));
        [
            column.name.clone(),
            kind(column),
            path.unwrap_or_default(),
            way(column),
        ]
    };
    out.table(columns.iter().map(row).collect());
}

/// `int64, nullable`, `timestamp in ms, default 0`.
fn kind(column: &SourceColumn) -> String {
    let mut text = column.data_type.clone();
    if let Some(unit) = column.unit {
        text.push_str(&format!(" (numbers in {unit})"));
    }
    if column.nullable {
        text.push_str(", nullable");
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(", default {default}"));
    }
    text
}

/// Where a source column goes: `-> features via log_amount, cast to float32`.
fn way(column: &SourceColumn) -> String {
    if !column.used {
        return "unused".to_owned();
    }
    let tensors = column.tensors.iter().map(|reached| {
        let via = if reached.column == column.name {
            String::new()
        } else {
            format!(" via {}", reached.column)
        };
        let cast = reached
            .cast
            .as_ref()
            .map_or(String::new(), |to| format!(", cast to {to}"));
        format!("-> {}{via}{cast}", reached.tensor)
    });
    tensors.collect::<Vec<_>>().join("; ")
}

fn step(out: &mut Lines, step: &Step) {
    match step {
        Step::Sql { filter, columns } => {
            let filter = filter
                .as_ref()
                .map_or("every row passes".to_owned(), |f| format!("WHERE {f}"));
            out.head("sql", &filter);
            let rows = columns.iter().map(|c| {
                let passes = c.expression == c.name;
                let how = if passes {
                    String::new()
                } else {
                    format!("<- {}", c.expression)
                };
                [c.name.clone(), nullable(&c.data_type, c.nullable), how]
            });
            out.table(rows.collect());
        }
        Step::Lookup {
            table,
            file,
            rows,
            on,
            key,
            columns,
        } => {
            out.head("lookup", &format!("{on} = {table}.{key}, {rows} rows of {file}"));
            let added = columns.iter().map(|c| {
                let missing = match (&c.value, c.missing) {
                    (Some(value), "value") => format!("without a row {value}"),
                    (_, missing) => format!("without a row {missing}"),
                };
                [c.name.clone(), nullable(&c.data_type, c.nullable), missing]
            });
            out.table(added.collect());
        }
        Step::Model {
            path,
            inputs,
            outputs,
        } => {
            out.head("model", path);
            inputs.iter().for_each(|input| out.table(vec![[filled(input)]]));
            outputs.iter().for_each(|output| out.table(vec![[given(output)]]));
        }
    }
}

/// `features float32[rows, 3] <- amount (float64 cast to float32), risk`
fn filled(input: &Input) -> String {
    let columns = input.columns.iter().map(|column| match &column.cast {
        Some(to) => format!("{} ({} cast to {to})", column.name, column.data_type),
        None => column.name.clone(),
    });
    let columns: Vec<String> = columns.collect();
    format!(
        "{} {} <- {}",
        input.name,
        shape(&input.element, &input.shape),
        columns.join(", ")
    )
}

fn given(output: &Output) -> String {
    let goes = match &output.column {
        Some(column) => format!("-> column {column}"),
        None => "not fetched".to_owned(),
    };
    format!("{} {} {goes}", output.name, shape(&output.element, &output.shape))
}

/// `float32[rows, 30]`
fn shape(element: &str, shape: &[Option<usize>]) -> String {
    let size = |(i, size): (usize, &Option<usize>)| match size {
        Some(size) => size.to_string(),
        None if i == 0 => "rows".to_owned(),
        None => "?".to_owned(),
    };
    let sizes: Vec<String> = shape.iter().enumerate().map(size).collect();
    format!("{element}[{}]", sizes.join(", "))
}

fn nullable(data_type: &str, nullable: bool) -> String {
    format!("{data_type}{}", if nullable { ", nullable" } else { "" })
}

fn sink(out: &mut Lines, sink: &Sink) {
    let key = match &sink.key {
        Some(key) => format!("key {key}"),
        None => "the event's own key".to_owned(),
    };
    let original = if sink.include_original {
        ", added to the event as it came"
    } else {
        ""
    };
    let text = format!(
        "{} on connector {} ({}), format {}, {key}{original}",
        sink.topic, sink.connector, sink.kind, sink.format
    );
    out.head("sink", &text);
    let fields = sink.fields.iter();
    out.table(
        fields
            .map(|f| [f.name.clone(), nullable(&f.data_type, f.nullable)])
            .collect(),
    );
}

fn rejects(out: &mut Lines, rejects: &Rejects) {
    let text = match (&rejects.topic, &rejects.connector) {
        (Some(topic), Some(connector)) => format!("go to {topic} on connector {connector}"),
        _ if rejects.go == "drop" => "are dropped and counted".to_owned(),
        _ => "stop the pipeline: no dead_letters topic is named".to_owned(),
    };
    out.head("rejects", &text);
}
