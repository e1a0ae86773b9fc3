//! A baseline as text: one key a line, lists in one line, so that a person can read it and a comparison of two files says something.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Part;
use super::baseline::{Baseline, FORMAT, Measure, Reference};
use super::bins::Bins;

impl Baseline {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let models = self.models.iter();
        let models = models.map(|model| json!({ "path": model.path, "sha256": model.sha256 }));
        let root = json!({
            "format": FORMAT,
            "pipeline": self.pipeline,
            "models": models.collect::<Vec<_>>(),
            "rows": self.rows,
            "window_rows": self.window_rows,
            "windows": self.windows,
            "inputs": self.part(Part::Input),
            "predictions": self.part(Part::Prediction),
        });
        let mut text = String::new();
        value(&mut text, &root, 0);
        text.push('\n');
        text
    }

    fn part(&self, part: Part) -> Value {
        let columns = self.columns.iter().filter(|column| column.part == part);
        Value::Object(
            columns
                .map(|column| (column.name.clone(), column.to_json()))
                .collect(),
        )
    }
}

impl Reference {
    fn to_json(&self) -> Value {
        let (of_values, behind) = self.counts.split_at(self.bins.values().min(self.counts.len()));
        let behind = |at: usize| behind.get(at).copied().unwrap_or_default();
        let measure = |measure: Measure| json!({ "mean": measure.mean, "sd": measure.sd });
        let mut spread = json!({
            "psi": measure(self.spread.psi),
            "js": measure(self.spread.js),
            "missing": measure(self.spread.missing),
        });
        if let Some(new) = self.spread.new_categories {
            spread["new_categories"] = measure(new);
        }
        let mut out = json!({ "type": self.data_type, "rows": self.rows() });
        match &self.bins {
            Bins::Numbers(edges) => {
                out["edges"] = json!(edges);
                out["counts"] = json!(of_values);
                out["not_finite"] = json!(behind(0));
                out["missing"] = json!(behind(1));
            }
            Bins::Categories(names) => {
                let counts = names.iter().zip(of_values);
                let counts = counts.map(|(name, count)| (name.clone(), json!(count)));
                out["categories"] = Value::Object(counts.collect::<Map<_, _>>());
                out["other"] = json!(of_values.last().copied().unwrap_or_default());
                out["missing"] = json!(behind(0));
            }
        }
        out["missing_rate"] = json!(self.missing());
        out["spread"] = spread;
        out
    }
}

/// How deep keys have lines of their own: those of the file, of its parts, and of a column.
const DEEP: usize = 3;

fn value(out: &mut String, of: &Value, depth: usize) {
    let map = of.as_object().filter(|map| depth < DEEP && !map.is_empty());
    let Some(map) = map else {
        // Writing to a string cannot fail.
        write!(out, "{of}").unwrap_or_default();
        return;
    };
    out.push('{');
    for (i, (key, inner)) in map.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let indent = "  ".repeat(depth + 1);
        write!(out, "{comma}\n{indent}{}: ", Value::from(key.as_str())).unwrap_or_default();
        value(out, inner, depth + 1);
    }
    write!(out, "\n{}}}", "  ".repeat(depth)).unwrap_or_default();
}
