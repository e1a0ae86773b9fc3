//! Whether records come through: rejects, models that fail, numbers that are none.

use super::alert::{Alert, Recording, Severity, Shown, VALUE, span};
use super::cases::{Case, of_both, series};
use super::{Part, Subject};

const REJECTS: &str = "pipeline:forebay_rejects:ratio";
const MODEL_REJECTS: &str = "pipeline:forebay_model_rejects:ratio";
/// Of few records one is a large share: for up to two rejects within so many windows nobody is called. Increases are not whole.
const FEW: &str = "2.5";
const FEW_WINDOWS: u32 = 12;
/// Where every record is rejected, of so many somebody is called, and of so many nobody.
const CALLED: f64 = 4.0;
const NOT_CALLED: f64 = 2.0;
/// Records a step, of each of two processes.
const MANY: f64 = 1000.0;

pub(super) fn rules(subject: &Subject) -> Part {
    // Counters of rejects by stage begin with the first of them, and what a series begins with is no increase: so these
    // are of counters that are there from the start.
    let rejects = format!(
        "(\n  {}\n  + {}\n)\n/ {}",
        subject.rate("forebay_records_dead_lettered_total", ""),
        subject.rate("forebay_records_dropped_total", ""),
        subject.rate("forebay_records_consumed_total", "")
    );
    let mut recordings = vec![Recording::new(REJECTS, rejects)];
    let mut alerts = vec![not_finite(subject)];
    let model = r#"stage="model""#;
    if subject.model {
        let failed = format!(
            "{}\n/ {}",
            subject.rate("forebay_step_gone_rows_total", model),
            subject.rate("forebay_step_rows_total", model)
        );
        recordings.push(Recording::new(MODEL_REJECTS, failed));
    }
    // Of a share of 1 there is no more.
    if subject.alerts.rejects < 1.0 {
        alerts.push(rejects_high(subject));
        alerts.extend(subject.model.then(|| model_failing(subject)));
    }
    (recordings, alerts)
}

/// Series of `all`, `by` a step, and of `some` of them, by their share.
fn ratio(
    all: &'static str,
    some: &'static str,
    by: f64,
    share: f64,
    labels: &[(&'static str, &str)],
) -> Vec<super::cases::Series> {
    let of = |metric, instance, by| {
        let mut own = vec![("lane", "0"), ("instance", instance)];
        own.extend(labels);
        series(metric, &own).by(by)
    };
    // One process has them all.
    vec![
        of(all, "a", by),
        of(all, "b", by),
        of(some, "a", 2.0 * by * share),
        of(some, "b", 0.0),
    ]
}

/// What each of two processes counts a step, where both have counted so many at step `at`.
fn a_step(count: f64, at: u32) -> f64 {
    count / 2.0 / f64::from(at)
}

fn rejects_high(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let allowed = subject.alerts.rejects;
    let all = |by, share| {
        let mut all = ratio(
            "forebay_records_consumed_total",
            "forebay_records_dead_lettered_total",
            by,
            share,
            &[],
        );
        all.extend(of_both("forebay_records_dropped_total", 0.0));
        all
    };
    let times = subject.times(window, lasts);
    let few = |count, at| all(a_step(count, at), 1.0);
    let over = window * FEW_WINDOWS;
    let dead = subject.increase("pipeline", "forebay_records_dead_lettered_total", "", over);
    let dropped = subject.increase("pipeline", "forebay_records_dropped_total", "", over);
    Alert {
        name: "ForebayRejectsHigh",
        severity: Severity::Warning,
        expr: format!("{REJECTS} > {allowed}\nand (\n  {dead}\n  + {dropped}\n) > {FEW}"),
        lasts,
        summary: "{{ $labels.pipeline }} rejects records",
        description: format!(
            "{VALUE} of the records that {{{{ $labels.pipeline }}}} read in {} could not be processed; {} are allowed.",
            span(window),
            percent(allowed)
        ),
        value: Shown::Share,
        case: Case {
            times,
            fires: few(CALLED, times.from),
            calm: vec![all(MANY, allowed / 2.0), few(NOT_CALLED, times.then)],
            labels: Vec::new(),
            value: 1.0,
        },
    }
}

fn model_failing(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let allowed = subject.alerts.rejects;
    let labels = [("stage", "model"), ("step", "1")];
    let all = |by, share| {
        let mut all = ratio(
            "forebay_step_rows_total",
            "forebay_step_gone_rows_total",
            by,
            share,
            &labels,
        );
        // What a query filters is no failure.
        all.extend(ratio(
            "forebay_step_rows_total",
            "forebay_step_gone_rows_total",
            by,
            1.0 - share,
            &[("stage", "sql"), ("step", "2")],
        ));
        all
    };
    let times = subject.times(window, lasts);
    let few = |count, at| all(a_step(count, at), 1.0);
    let over = window * FEW_WINDOWS;
    let gone = subject.increase(
        "pipeline",
        "forebay_step_gone_rows_total",
        r#"stage="model""#,
        over,
    );
    Alert {
        name: "ForebayModelFailing",
        severity: Severity::Critical,
        expr: format!("{MODEL_REJECTS} > {allowed}\nand {gone} > {FEW}"),
        lasts,
        summary: "A model of {{ $labels.pipeline }} does not score what it is given",
        description: format!(
            "{VALUE} of the records that came to a model of {{{{ $labels.pipeline }}}} in {} have no score; {} are allowed.",
            span(window),
            percent(allowed)
        ),
        value: Shown::Share,
        case: Case {
            times,
            fires: few(CALLED, times.from),
            calm: vec![all(MANY, allowed / 2.0), few(NOT_CALLED, times.then)],
            labels: Vec::new(),
            value: 1.0,
        },
    }
}

fn not_finite(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    // Where they are rare it is still one state, and not many short ones.
    let over = window * 3;
    let written = subject.increase("pipeline", "forebay_not_finite_total", "", over);
    let given = subject.increase("pipeline", "forebay_model_not_finite_total", "", over);
    let expr = match subject.model {
        true => format!("{given} > 0\nor {written} > 0"),
        false => format!("{written} > 0"),
    };
    let counter = match subject.model {
        true => "forebay_model_not_finite_total",
        false => "forebay_not_finite_total",
    };
    let step = subject.step();
    let steps = over.as_secs_f64() / step.as_secs_f64();
    Alert {
        name: "ForebayNotFinite",
        severity: Severity::Warning,
        expr,
        lasts,
        summary: "Results of {{ $labels.pipeline }} are NaN or infinite",
        description: format!(
            "{VALUE} numbers among the results of {{{{ $labels.pipeline }}}} in {} are NaN or infinite.",
            span(over)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(over, lasts),
            fires: of_both(counter, 1.0),
            // There were some, long ago.
            calm: vec![of_both(counter, 0.0).into_iter().map(|one| one.at(7.0)).collect()],
            labels: Vec::new(),
            value: steps * 2.0,
        },
    }
}

fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
