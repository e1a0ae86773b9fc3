//! Rules and their tests as YAML. Every text that is not ours is quoted as JSON, which YAML reads.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::alert::{Alert, Recording, VALUE, span};
use super::cases::{Series, filled};
use super::{Rules, Subject};

/// A text as a scalar.
fn scalar(text: &str) -> String {
    Value::from(text).to_string()
}

/// An expression on lines of its own. It holds no control characters but line breaks.
fn block(out: &mut String, expr: &str) {
    *out += "        expr: |-\n";
    for line in expr.lines() {
        *out += &format!("          {line}\n");
    }
}

/// The file that Prometheus loads.
pub(super) fn rules(rules: &Rules) -> String {
    let subject = &rules.subject;
    let mut out = format!(
        "# Recording and alerting rules of a pipeline; `forebay rules` writes them of its file.\ngroups:\n  - name: {}\n    rules:\n",
        scalar(&format!("forebay:{}", subject.pipeline))
    );
    for recording in &rules.recordings {
        record(&mut out, recording);
    }
    for alert in &rules.alerts {
        call(&mut out, subject, alert);
    }
    out
}

fn record(out: &mut String, recording: &Recording) {
    *out += &format!("      - record: {}\n", recording.name);
    block(out, &recording.expr);
    if !recording.labels.is_empty() {
        *out += "        labels:\n";
    }
    for (name, value) in recording.labels {
        *out += &format!("          {name}: {value}\n");
    }
}

fn call(out: &mut String, subject: &Subject, alert: &Alert) {
    *out += &format!("      - alert: {}\n", alert.name);
    block(out, &alert.expr);
    if !alert.lasts.is_zero() {
        *out += &format!("        for: {}\n", span(alert.lasts));
    }
    *out += &format!("        labels:\n          severity: {}\n", alert.severity);
    let description = alert.description.replace(VALUE, alert.value.template());
    *out += "        annotations:\n";
    *out += &format!("          summary: {}\n", scalar(alert.summary));
    *out += &format!("          description: {}\n", scalar(&description));
    *out += &format!(
        "          runbook_url: {}\n",
        scalar(&subject.runbook(alert.name))
    );
}

/// The file that `promtool test rules` runs.
pub(super) fn tests(rules: &Rules) -> String {
    let step = span(rules.subject.step());
    let mut out = format!(
        "# What shows that each alert fires, and where it does not; `promtool test rules` runs it.\nrule_files:\n  - {}\nevaluation_interval: {step}\ntests:\n",
        scalar(&rules.subject.rules_file())
    );
    for alert in &rules.alerts {
        let times = &alert.case.times;
        begin(&mut out, &rules.subject, alert, ("fires", &alert.case.fires));
        if let Some(before) = times.before() {
            silent(&mut out, alert, before);
        }
        expect(&mut out, &rules.subject, alert);
        for calm in &alert.case.calm {
            begin(&mut out, &rules.subject, alert, ("is silent", calm));
            silent(&mut out, alert, times.then());
        }
    }
    out
}

/// It does not fire at that time.
fn silent(out: &mut String, alert: &Alert, at: Duration) {
    *out += &format!(
        "      - eval_time: {}\n        alertname: {}\n        exp_alerts: []\n",
        span(at),
        alert.name
    );
}

/// What is shown, and the series that show it.
fn begin(out: &mut String, subject: &Subject, alert: &Alert, (what, series): (&str, &[Series])) {
    *out += &format!(
        "  - name: {}\n    interval: {}\n    input_series:{}\n",
        scalar(&format!("{} {what}", alert.name)),
        span(subject.step()),
        if series.is_empty() { " []" } else { "" }
    );
    for one in series {
        *out += &format!(
            "      - series: {}\n        values: {}\n",
            scalar(&one.name(&subject.pipeline)),
            scalar(&one.values(alert.case.times.then))
        );
    }
    *out += "    alert_rule_test:\n";
}

fn expect(out: &mut String, subject: &Subject, alert: &Alert) {
    *out += &format!(
        "      - eval_time: {}\n        alertname: {}\n        exp_alerts:\n          - exp_labels:\n",
        span(alert.case.times.then()),
        alert.name
    );
    let fixed = [
        ("severity", alert.severity.to_string()),
        ("pipeline", subject.pipeline.clone()),
    ];
    for (name, value) in fixed.iter().chain(&alert.case.labels) {
        *out += &format!("              {name}: {}\n", scalar(value));
    }
    *out += "            exp_annotations:\n";
    let texts = [
        ("summary", filled(alert.summary, alert, &subject.pipeline)),
        (
            "description",
            filled(&alert.description, alert, &subject.pipeline),
        ),
        ("runbook_url", subject.runbook(alert.name)),
    ];
    for (name, text) in texts {
        // Writing into a string cannot fail.
        writeln!(out, "              {name}: {}", scalar(&text)).unwrap_or_default();
    }
}
