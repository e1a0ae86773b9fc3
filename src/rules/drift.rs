//! Whether inputs and predictions still look like the baseline: the scores of `/drift`, over all processes. What is counted by bin adds
//! up; scores do not. Written where a pipeline has a baseline.

use super::alert::{Alert, Recording, Severity, Shown, VALUE, span};
use super::cases::{Case, Series, series};
use super::{Drifts, Part, Subject};

const ROWS: &str = "column:forebay_drift_rows:increase";
const SHARE: &str = "column:forebay_drift_share:ratio";
const REFERENCE: &str = "column:forebay_drift_reference_share:ratio";
const SCORE: &str = "column:forebay_drift_score:window";

/// What a column's scores are matched by.
const COLUMN: &str = "pipeline, part, column";
/// Bins that are no part of the distribution.
const NO_VALUES: &str = r"\\(missing\\)|\\(not finite\\)";
const OTHER: &str = r"\\(other\\)";
/// What stands for a share of zero in the population stability index.
const ZERO: &str = "0.0001";

pub(super) fn rules(subject: &Subject) -> Part {
    let Some(drift) = subject.drift else {
        return Part::default();
    };
    let alerts = [
        ("input", "ForebayInputDrift"),
        ("prediction", "ForebayPredictionDrift"),
    ];
    let alerts = alerts.map(|(part, name)| drifts(subject, drift, part, name));
    (recordings(subject, drift), alerts.into())
}

fn recordings(subject: &Subject, drift: Drifts) -> Vec<Recording> {
    let bins = format!("{COLUMN}, bin");
    let rows = subject.increase(&bins, "forebay_drift_rows_total", "", drift.window);
    let reference = subject.of_pipeline("forebay_drift_reference_rows", &format!("bin!~\"{NO_VALUES}\""));
    let values = subject_rows(subject, &format!("bin!~\"{NO_VALUES}\""));
    let all = subject_rows(subject, "");
    let missing = subject_rows(subject, &format!("bin=~\"{NO_VALUES}\""));
    let other = subject_rows(subject, &format!("bin=~\"{OTHER}\""));
    let of = |name| subject.of_pipeline(name, "");
    let (p, q) = (of(REFERENCE), of(SHARE));
    let least = |share: &str| format!("(({share} > 0) or ({share} * 0 + {ZERO}))");
    let (p0, q0) = (least(&p), least(&q));
    let half = |share: &str| {
        format!(
            "(sum by ({COLUMN}) (({share} > 0) * log2(({share} > 0) / (({p} + {q}) / 2))) or sum by ({COLUMN}) ({share}) * 0)"
        )
    };
    let share_of = |rows: &str, whole: &str| {
        format!("{rows}\n/ on ({COLUMN}) group_left ()\nsum by ({COLUMN}) ({whole})")
    };
    let score = |score: &'static [(&'static str, &'static str)], expr: String| Recording {
        name: SCORE,
        labels: score,
        expr,
    };
    vec![
        Recording::new(ROWS, rows),
        Recording::new(SHARE, share_of(&values, &values)),
        Recording::new(
            REFERENCE,
            share_of(
                &format!("max by ({bins}) ({reference})"),
                &format!("max by ({bins}) ({reference})"),
            ),
        ),
        score(
            &[("score", "psi")],
            format!("sum by ({COLUMN}) (\n  ({q0} - {p0})\n  * ln({q0} / {p0})\n)"),
        ),
        score(
            &[("score", "js")],
            format!("sqrt(clamp_min((\n  {}\n  + {}\n) / 2, 0))", half(&p), half(&q)),
        ),
        score(
            &[("score", "missing")],
            format!("sum by ({COLUMN}) ({missing})\n/ sum by ({COLUMN}) ({all})"),
        ),
        score(
            &[("score", "new_categories")],
            format!("sum by ({COLUMN}) ({other})\n/ sum by ({COLUMN}) ({values})"),
        ),
    ]
}

fn subject_rows(subject: &Subject, more: &str) -> String {
    subject.of_pipeline(ROWS, more)
}

fn drifts(subject: &Subject, drift: Drifts, part: &'static str, name: &'static str) -> Alert {
    let lasts = subject.alerts.lasts.0;
    let times = subject.times(drift.window, lasts);
    let score = subject.of_pipeline(SCORE, &format!("part=\"{part}\""));
    let limit = subject.of_pipeline("forebay_drift_limit", "");
    let rows = subject_rows(subject, "");
    let (summary, what) = match part {
        "input" => (
            "What {{ $labels.pipeline }} reads does not look like its baseline",
            "The column",
        ),
        _ => (
            "What {{ $labels.pipeline }} predicts does not look like its baseline",
            "The prediction",
        ),
    };
    Alert {
        name,
        severity: Severity::Warning,
        expr: format!(
            "{score}\n> on ({COLUMN}, score) group_left ()\nmax by ({COLUMN}, score) ({limit})\nand on ({COLUMN})\nsum by ({COLUMN}) ({rows}) >= {}",
            drift.least_rows
        ),
        lasts,
        summary,
        description: format!(
            "{what} {{{{ $labels.column }}}} of {{{{ $labels.pipeline }}}} has drifted in the last {}: its {{{{ $labels.score }}}} is {VALUE}.",
            span(drift.window)
        ),
        value: Shown::Score,
        case: Case {
            times,
            fires: columns(subject, drift, part, [0.0, 1.0]),
            calm: vec![columns(subject, drift, part, [0.5, 0.5])],
            labels: vec![
                ("part", part.to_owned()),
                ("column", "f1".to_owned()),
                ("score", "psi".to_owned()),
            ],
            // A bin of half the reference is empty, and the other has all.
            value: (0.0001 - 0.5) * f64::ln(0.0001 / 0.5) + 0.5 * f64::ln(2.0),
        },
    }
}

/// A column of two bins, each half of the reference's, of two processes; `shares` are those of the window.
fn columns(subject: &Subject, drift: Drifts, part: &str, shares: [f64; 2]) -> Vec<Series> {
    let of = |metric, more: [(&'static str, &str); 2]| {
        let mut labels = vec![("part", part), ("column", "f1")];
        labels.extend(more);
        series(metric, &labels)
    };
    let steps = drift.window.as_secs_f64() / subject.step().as_secs_f64();
    // Enough in both together, and not in one.
    let enough = (drift.least_rows as f64 * 1.5 / steps).ceil() / 2.0;
    let bins = [("<1", shares[0]), (">=1", shares[1]), ("(missing)", 0.0)];
    let mut all = Vec::new();
    for instance in ["a", "b"] {
        for (bin, share) in bins {
            let own = of("forebay_drift_rows_total", [("bin", bin), ("instance", instance)]);
            all.push(own.by(enough * share));
            let rows = if bin == "(missing)" { 0.0 } else { 500.0 };
            let own = of(
                "forebay_drift_reference_rows",
                [("bin", bin), ("instance", instance)],
            );
            all.push(own.at(rows));
        }
        let own = of("forebay_drift_limit", [("score", "psi"), ("instance", instance)]);
        all.push(own.at(0.1));
    }
    all
}
