//! The draft as a pipeline file, with remarks. What is a guess is marked `# guess`.

use std::fmt::Write;

use forebay_core::steps::sql::quoted;

use super::columns::{Column, MadeUp};
use super::{Draft, Input};

/// Lists are broken before they get longer.
const WIDTH: usize = 110;

pub(super) fn text(draft: &Draft) -> String {
    let mut out = String::new();
    head(&mut out, draft);
    source(&mut out, draft);
    steps(&mut out, draft);
    ends(&mut out, draft);
    out
}

fn line(out: &mut String, text: impl AsRef<str>) {
    out.push_str(text.as_ref().trim_end());
    out.push('\n');
}

fn head(out: &mut String, draft: &Draft) {
    let about = &draft.about;
    let from = match &about.sample {
        Some(sample) => format!("{} and {} events of {sample}", about.model, draft.events),
        None => format!(
            "{} alone; with events (`--sample`) it knows their fields",
            about.model
        ),
    };
    line(out, format!("# Made by `forebay init` from {from}."));
    line(
        out,
        "# Where it says \"guess\", look twice. `forebay check` prints what the pipeline does.",
    );
    line(out, "connector: local");
    line(out, "connectors:");
    match &about.bootstrap {
        Some(bootstrap) => line(
            out,
            format!("  local: {{ kind: kafka, bootstrap: [{}] }}", json(bootstrap)),
        ),
        None => {
            line(
                out,
                "  # guess: set the variable KAFKA to your brokers, or write them here",
            );
            line(
                out,
                "  local: { kind: kafka, bootstrap: [\"${KAFKA:-localhost:9092}\"] }",
            );
        }
    }
    line(out, "");
}

fn source(out: &mut String, draft: &Draft) {
    let about = &draft.about;
    line(out, "pipeline:");
    line(out, format!("  name: {}", yaml(&about.name)));
    line(out, "  source:");
    let guess = if about.topic.is_some() { "" } else { "  # guess" };
    line(out, format!("    topic: {}{guess}", yaml(&topic(draft))));
    line(out, format!("    group: {}", yaml(&about.name)));
    line(out, "    format: json");
    line(out, "    columns:");
    for column in &draft.columns {
        let remark = remark(column, draft);
        line(
            out,
            format!("      {}: {}{remark}", yaml(&column.name), declared(column)),
        );
    }
    if !draft.unused.is_empty() {
        line(out, "      # Fields of the events that nothing here needs:");
        let names = list(&draft.unused, "      #   ");
        line(out, format!("      #   {names}"));
    }
}

/// `float32`, or a map where there is more to say.
fn declared(column: &Column) -> String {
    let mut parts = vec![format!("type: {}", yaml(&column.kind.to_string()))];
    if let Some(path) = &column.path {
        parts.push(format!("path: {}", yaml(path)));
    }
    if column.made_up == MadeUp::NoField {
        parts.push(format!("default: {}", column.kind.zero()));
    }
    match parts.len() {
        1 => column.kind.to_string(),
        _ => format!("{{ {} }}", parts.join(", ")),
    }
}

fn remark(column: &Column, draft: &Draft) -> String {
    match (column.made_up, column.missing) {
        (MadeUp::NoSample, _) => "  # guess: the field's name".to_owned(),
        (MadeUp::NoField, _) => {
            "  # guess: no field of the events is left for it; it is always this default".to_owned()
        }
        (MadeUp::No, 0) => String::new(),
        (MadeUp::No, missing) => format!(
            "  # guess: {missing} of {} events are without it and become dead letters; a default would fill it",
            draft.events
        ),
    }
}

fn steps(out: &mut String, draft: &Draft) {
    line(out, "  steps:");
    line(out, "    - model:");
    line(out, format!("        path: {}", yaml(&draft.about.model)));
    line(out, "        inputs:");
    for Input {
        tensor,
        columns,
        guess,
    } in &draft.inputs
    {
        match guess {
            Some(guess) => line(out, format!("          # guess: {guess} ({tensor})")),
            None => line(out, format!("          # {tensor}")),
        }
        let columns: Vec<String> = columns.iter().map(|column| yaml(column)).collect();
        let columns = list(&columns, "            ");
        line(out, format!("          {}: [{columns}]", yaml(&tensor.name)));
    }
    line(out, "        outputs:");
    for (tensor, column) in &draft.outputs {
        line(
            out,
            format!("          {}: {}  # {tensor}", yaml(&tensor.name), yaml(column)),
        );
    }
    let chosen = draft
        .key
        .iter()
        .chain(draft.outputs.iter().map(|(_, column)| column));
    if draft.key.is_some() {
        let chosen: Vec<String> = chosen.map(|column| quoted(column).into_owned()).collect();
        let sql = format!("SELECT {} FROM input", chosen.join(", "));
        let plain = !sql.contains(": ") && !sql.contains(" #");
        line(
            out,
            format!("    - sql: {}", if plain { sql } else { json(&sql) }),
        );
    }
}

fn ends(out: &mut String, draft: &Draft) {
    let name = &draft.about.name;
    let scores = yaml(&format!("{name}-scores"));
    let dead = yaml(&format!("{}.dead", topic(draft)));
    line(
        out,
        "  # guess: `forebay topics create` creates these topics where they do not exist",
    );
    match &draft.key {
        Some(key) => line(
            out,
            format!("  sink: {{ topic: {scores}, format: json, key: {} }}", yaml(key)),
        ),
        None => line(
            out,
            format!("  sink: {{ topic: {scores}, format: json }}  # with the event's own key"),
        ),
    }
    line(out, format!("  dead_letters: {{ topic: {dead} }}"));
}

fn topic(draft: &Draft) -> String {
    let named = draft.about.topic.clone();
    named.unwrap_or_else(|| format!("{}-events", draft.about.name))
}

/// Items behind commas, in as many lines as it takes; each but the first begins with `indent`.
fn list(items: &[String], indent: &str) -> String {
    let mut out = String::new();
    let mut width = indent.len();
    for (i, item) in items.iter().enumerate() {
        let comma = if i + 1 < items.len() { "," } else { "" };
        if i > 0 && width + item.len() + 2 > WIDTH {
            write!(out, "\n{indent}").unwrap_or_default();
            width = indent.len();
        } else if i > 0 {
            out.push(' ');
        }
        width += item.len() + 2;
        out.push_str(item);
        out.push_str(comma);
    }
    out
}

/// A text as a YAML scalar: plain where it cannot be taken for anything else.
fn yaml(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let simple = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let word = words.contains(&text.to_lowercase().as_str());
    if begins && simple && !word {
        text.to_owned()
    } else {
        json(text)
    }
}

/// A text in quotes; a `${` in it stands for itself.
fn json(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}
