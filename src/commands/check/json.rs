//! The JSON that `check --json` prints: format 1, described in `docs/check.md`. What variables gave is masked in every text.

use forebay::config::{Config, Problem};
use forebay::describe::Description;
use serde_json::{Value, json};

use super::schemas::Schemas;

/// A pipeline that fits.
pub(super) fn fits(
    config: &Config,
    description: &Description,
    schemas: &Schemas,
    file: &str,
    warnings: &[Problem],
) -> Value {
    let mut plan = serde_json::to_value(description).unwrap_or_default();
    if !schemas.contracts.is_empty() {
        plan["schemas"] = serde_json::to_value(&schemas.contracts).unwrap_or_default();
    }
    if let Some(results) = &schemas.results {
        plan["sink"]["schema"] = results.as_str().into();
    }
    mask(config, &mut plan);
    document(file, Some(plan), warnings)
}

/// A pipeline that does not fit.
pub(super) fn problems(file: &str, problems: &[Problem]) -> Value {
    document(file, None, problems)
}

fn document(file: &str, plan: Option<Value>, problems: &[Problem]) -> Value {
    let problem = |p: &Problem| {
        json!({
            "severity": p.severity.name(),
            "file": p.file,
            "line": p.line,
            "column": p.column,
            "message": p.message,
        })
    };
    json!({
        "format": 1,
        "file": file,
        "fits": plan.is_some(),
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
        "plan": plan,
    })
}

fn mask(config: &Config, value: &mut Value) {
    match value {
        Value::String(text) => *text = config.shown(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(config, item)),
        Value::Object(map) => map.values_mut().for_each(|item| mask(config, item)),
        _ => {}
    }
}
