//! What is beside the brokers: issuers of tokens and schema registries. Written where a connector has one.

use super::alert::{Alert, Severity, Shown, VALUE, span};
use super::cases::{Case, series};
use super::{Part, Subject};

pub(super) fn rules(subject: &Subject) -> Part {
    let mut alerts = Vec::new();
    if subject.tokens {
        alerts.extend([expiring(subject), not_renewed(subject)]);
    }
    alerts.extend(subject.registry.then(|| registry_down(subject)));
    (Vec::new(), alerts)
}

const CONNECTOR: [(&str, &str); 1] = [("connector", "aws")];

fn labels() -> Vec<(&'static str, String)> {
    CONNECTOR.map(|(name, value)| (name, value.to_owned())).into()
}

/// A series of a connector of one of two processes.
fn of(metric: &'static str, instance: &str, more: &[(&'static str, &str)]) -> super::cases::Series {
    let mut own = CONNECTOR.to_vec();
    own.push(("instance", instance));
    own.extend(more);
    series(metric, &own)
}

fn expiring(subject: &Subject) -> Alert {
    let good_for = subject.alerts.token.0;
    // Half of what is left is for whoever is called.
    let lasts = subject.alerts.lasts.0.min(good_for / 4);
    let left = good_for.as_secs_f64();
    let step = subject.step().as_secs_f64();
    let expires = |instance, left: f64| {
        of("forebay_token_expires_timestamp_seconds", instance, &[])
            .at(left)
            .by(step)
    };
    Alert {
        name: "ForebayTokenExpiring",
        severity: Severity::Critical,
        expr: format!(
            "min by (pipeline, connector) ({}) - time() < {left}",
            subject.of_pipeline("forebay_token_expires_timestamp_seconds", "")
        ),
        lasts,
        summary: "The token of {{ $labels.connector }} runs out, and {{ $labels.pipeline }} stops then",
        description: format!(
            "The token with which {{{{ $labels.pipeline }}}} logs in at {{{{ $labels.connector }}}} expires in {VALUE}, and there is no new one."
        ),
        value: Shown::Span,
        case: Case {
            times: subject.times(subject.alerts.window.0, lasts),
            fires: vec![expires("a", left / 2.0), expires("b", left * 20.0)],
            calm: vec![vec![expires("a", left * 1.5), expires("b", left * 20.0)]],
            labels: labels(),
            value: left / 2.0,
        },
    }
}

fn not_renewed(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let by = "pipeline, connector";
    let failures = subject.increase(by, "forebay_token_fetch_failures_total", "", window);
    let fetches = subject.increase(by, "forebay_token_fetches_total", "", window);
    let all = |fetched: f64| {
        vec![
            of("forebay_token_fetch_failures_total", "a", &[]).by(1.0),
            of("forebay_token_fetches_total", "a", &[]).at(1.0),
            of("forebay_token_fetch_failures_total", "b", &[]),
            of("forebay_token_fetches_total", "b", &[]).at(1.0).by(fetched),
        ]
    };
    Alert {
        name: "ForebayTokenNotRenewed",
        severity: Severity::Warning,
        expr: format!("{failures} > 0\nunless {fetches} > 0"),
        lasts,
        summary: "The issuer gives {{ $labels.pipeline }} no token for {{ $labels.connector }}",
        description: format!(
            "In {} {{{{ $labels.pipeline }}}} asked {VALUE} times for a token for {{{{ $labels.connector }}}} and got none; the one it has goes on until it expires.",
            span(window)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(window, lasts),
            fires: all(0.0),
            calm: vec![all(1.0)],
            labels: labels(),
            value: window.as_secs_f64() / subject.step().as_secs_f64(),
        },
    }
}

fn registry_down(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let by = "pipeline, connector";
    let metric = "forebay_schema_registry_requests_total";
    let failed = subject.increase(by, metric, r#"outcome=~"failed|refused""#, window);
    let answered = subject.increase(by, metric, r#"outcome=~"answered|absent""#, window);
    let all = |answers: f64| {
        vec![
            of(metric, "a", &[("outcome", "failed")]).by(1.0),
            of(metric, "a", &[("outcome", "answered")]).at(3.0),
            of(metric, "b", &[("outcome", "answered")]).at(3.0).by(answers),
        ]
    };
    Alert {
        name: "ForebayRegistryDown",
        severity: Severity::Warning,
        expr: format!("{failed} > 0\nunless {answered} > 0"),
        lasts,
        summary: "The schema registry of {{ $labels.connector }} does not answer {{ $labels.pipeline }}",
        description: format!(
            "In {} {VALUE} requests of {{{{ $labels.pipeline }}}} to the schema registry of {{{{ $labels.connector }}}} failed, and none was answered. Records with schemas that are not known yet wait.",
            span(window)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(window, lasts),
            fires: all(0.0),
            calm: vec![all(1.0)],
            labels: labels(),
            value: window.as_secs_f64() / subject.step().as_secs_f64(),
        },
    }
}
