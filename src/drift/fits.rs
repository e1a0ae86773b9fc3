//! Whether a baseline is one of this pipeline: the same models, and columns of the same names and types. Every difference is named.

use forebay_core::codec::type_name;
use forebay_core::drift::{Baseline, ModelDigest, Observed, Reference};

use crate::config::{Config, Problem, nearest};

/// How a person mends any of it.
const ANEW: &str = "capture a new one with `forebay baseline`";

/// # Errors
/// What differs.
pub(super) fn fits(
    config: &Config,
    baseline: &Baseline,
    models: &[ModelDigest],
    observable: &[Observed],
) -> Result<(), Vec<Problem>> {
    let at = |message: String| config.problem_at("/pipeline/drift/baseline", message);
    let mut problems: Vec<Problem> = of_models(baseline, models).into_iter().map(at).collect();
    let columns = baseline
        .columns
        .iter()
        .filter_map(|column| of_column(column, observable));
    problems.extend(columns.map(at));
    let names: Vec<&str> = baseline
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let asked = config
        .document
        .pipeline
        .drift
        .iter()
        .flat_map(|drift| drift.columns.iter().flatten());
    for (i, name) in asked
        .enumerate()
        .filter(|(_, name)| !names.contains(&name.as_str()))
    {
        let message = format!("the baseline has no column `{name}`{}", nearest(name, &names));
        problems.push(config.problem_at(&format!("/pipeline/drift/columns/{i}"), message));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn of_models(baseline: &Baseline, models: &[ModelDigest]) -> Vec<String> {
    if baseline.models.len() != models.len() {
        let (then, now) = (baseline.models.len(), models.len());
        return vec![format!(
            "the baseline is of a pipeline with {then} models, and this one has {now}: {ANEW}"
        )];
    }
    let pairs = baseline.models.iter().zip(models);
    let other = pairs.filter(|(then, now)| then.sha256 != now.sha256);
    other
        .map(|(then, now)| {
            format!(
                "the baseline is of another model: `{}` had the SHA-256 {}, and `{}` has {}: {ANEW}",
                then.path,
                short(&then.sha256),
                now.path,
                short(&now.sha256)
            )
        })
        .collect()
}

/// As much of a digest as tells two apart.
fn short(digest: &str) -> String {
    let short: String = digest.chars().take(12).collect();
    format!("{short}…")
}

fn of_column(reference: &Reference, observable: &[Observed]) -> Option<String> {
    let (part, name) = (reference.part, &reference.name);
    let of_part = observable.iter().filter(|observed| observed.part == part);
    let Some(observed) = of_part.clone().find(|observed| observed.name == *name) else {
        let names: Vec<&str> = of_part.map(|observed| observed.name.as_str()).collect();
        let near = nearest(name, &names);
        return Some(format!(
            "the baseline has the {} `{name}`, and the pipeline has not{near}; or {ANEW}",
            part.name()
        ));
    };
    let now = type_name(&observed.data_type);
    (now != reference.data_type).then(|| {
        format!(
            "the {} `{name}` is {now}, and was {} when the baseline was captured: {ANEW}",
            part.name(),
            reference.data_type
        )
    })
}
