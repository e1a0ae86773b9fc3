//! What `/drift` answers, as JSON. Counts and shares, never a value but the names of categories, which the baseline holds.

use std::time::Duration;

use forebay_core::drift::{Limits, Scores};
use serde_json::{Value, json};

use super::{Looked, Verdict};
use crate::drift::{Compared, Drift};

pub(super) fn json(pipeline: &str, drift: &Drift, covers: Duration, looked: &[Looked]) -> Value {
    let columns = drift.columns.iter().zip(looked);
    json!({
        "pipeline": pipeline,
        "baseline": drift.file.as_ref().map(|file| file.display().to_string()),
        "window_seconds": drift.window.as_secs_f64(),
        "covers_seconds": covers.as_secs_f64(),
        "columns": columns.map(|(column, looked)| of_column(column, looked)).collect::<Vec<_>>(),
    })
}

fn of_column(column: &Compared, looked: &Looked) -> Value {
    let against = column.against.as_ref();
    let (verdict, scores, above) = match &looked.verdict {
        Verdict::Judged(scores, above) if above.is_empty() => ("ok", Some(scores), above.as_slice()),
        Verdict::Judged(scores, above) => ("drift", Some(scores), above.as_slice()),
        Verdict::TooFewRows => ("too_few_rows", None, &[][..]),
        Verdict::NoBaseline => ("no_baseline", None, &[][..]),
    };
    json!({
        "part": column.part.name(),
        "column": column.name,
        "type": column.data_type,
        "verdict": verdict,
        "above": above,
        "rows": looked.counts.iter().sum::<u64>(),
        "least_rows": against.map(|against| against.least_rows),
        "scores": scores.map(of_scores),
        "limits": against.map(|against| of_limits(&against.limits)),
        "bins": bins(column, looked),
    })
}

fn of_scores(scores: &Scores) -> Value {
    json!({
        "psi": scores.psi,
        "js": scores.js,
        "missing": scores.missing,
        "new_categories": scores.new_categories,
    })
}

fn of_limits(limits: &Limits) -> Value {
    json!({
        "psi": limits.psi,
        "js": limits.js,
        "missing": limits.missing,
        "new_categories": limits.new_categories,
    })
}

/// Rows by bin, beside the share that the reference has there.
fn bins(column: &Compared, looked: &Looked) -> Vec<Value> {
    let reference = column.against.as_ref().map(|against| &against.reference);
    let share = |at: usize| {
        let reference = reference?;
        let count = reference.counts.get(at).copied()?;
        Some(count as f64 / reference.rows().max(1) as f64)
    };
    let labels = column.bins.labels().into_iter().zip(&looked.counts).enumerate();
    labels
        .map(|(at, (label, rows))| json!({ "bin": label, "rows": rows, "reference": share(at) }))
        .collect()
}
