//! Whether results keep up with what arrives: lag, time to drain, latency, no results, no input.

use std::time::Duration;

use super::alert::{Alert, Recording, Severity, Shown, VALUE, span};
use super::cases::{Case, of_both, series};
use super::{Part, Subject};

const CONSUMED: &str = "pipeline:forebay_records_consumed:rate";
const RESULTS: &str = "pipeline:forebay_results:rate";
const IN_FLIGHT: &str = "pipeline:forebay_records_in_flight:sum";
const LAG_RECORDS: &str = "pipeline:forebay_lag_records:sum";
const LAG_SECONDS: &str = "pipeline:forebay_lag_seconds:max";
const DRAIN: &str = "pipeline:forebay_drain_seconds:estimate";
const LATENCY: &str = "pipeline:forebay_latency_seconds:p99";

/// The seconds a second by which a lag grows that rises: a rate below is noise.
const RISES: &str = "0.05";

pub(super) fn rules(subject: &Subject) -> Part {
    let mut alerts = vec![
        lag_rising(subject),
        drain_slow(subject),
        stalled(subject),
        no_results(subject),
    ];
    alerts.extend(latency(subject));
    alerts.extend(input_stopped(subject));
    (recordings(subject), alerts)
}

fn recordings(subject: &Subject) -> Vec<Recording> {
    let window = subject.window();
    let over_all = |how: &str, metric| format!("{how} by (pipeline) ({})", subject.of_pipeline(metric, ""));
    let results = format!(
        "{}\n+ {}",
        subject.rate("forebay_records_delivered_total", ""),
        subject.rate("forebay_records_filtered_total", "")
    );
    let buckets = subject.of_pipeline("forebay_latency_seconds_bucket", "");
    vec![
        Recording::new(CONSUMED, subject.rate("forebay_records_consumed_total", "")),
        Recording::new(RESULTS, results),
        Recording::new(IN_FLIGHT, over_all("sum", "forebay_records_in_flight")),
        Recording::new(LAG_RECORDS, over_all("sum", "forebay_lag_records")),
        Recording::new(LAG_SECONDS, over_all("max", "forebay_lag_seconds")),
        Recording::new(
            DRAIN,
            format!("{LAG_RECORDS}\n/ clamp_min(-deriv({LAG_RECORDS}[{window}]), 0)"),
        ),
        Recording::new(
            LATENCY,
            format!("histogram_quantile(0.99, sum by (pipeline, le) (rate({buckets}[{window}])))"),
        ),
    ]
}

fn lag_rising(subject: &Subject) -> Alert {
    let (window, limit) = (subject.alerts.window.0, subject.alerts.lag.0);
    let lasts = subject.alerts.lasts.0;
    let times = subject.times(window, lasts);
    let of = |instance| series("forebay_lag_seconds", &[("lane", "0"), ("instance", instance)]);
    let step = subject.step().as_secs_f64();
    // A reader that stands still: a second a second.
    let high = limit.as_secs_f64() * 2.0 + 0.5;
    Alert {
        name: "ForebayLagRising",
        severity: Severity::Critical,
        expr: format!(
            "{LAG_SECONDS} > {}\nand deriv({LAG_SECONDS}[{}]) > {RISES}",
            limit.as_secs_f64(),
            span(window)
        ),
        lasts,
        summary: "{{ $labels.pipeline }} falls behind",
        description: format!(
            "The oldest record that {{{{ $labels.pipeline }}}} has not read is {VALUE} old, more than {}, and it gets older.",
            span(limit)
        ),
        value: Shown::Span,
        case: Case {
            times,
            fires: vec![of("a").at(high).by(step), of("b")],
            // As late, but it catches up.
            calm: vec![vec![
                of("a").at(high * 2.0).by(-high / f64::from(times.then)),
                of("b"),
            ]],
            labels: Vec::new(),
            value: high + step * f64::from(times.then),
        },
    }
}

fn drain_slow(subject: &Subject) -> Alert {
    let (window, drain) = (subject.alerts.window.0, subject.alerts.drain.0);
    let lasts = subject.alerts.lasts.0;
    let times = subject.times(window, lasts);
    let late = subject.alerts.lag.0.as_secs_f64();
    let step = subject.step().as_secs_f64();
    let lag = |by: f64, from, older: f64| {
        let of = |metric| series(metric, &[("lane", "0"), ("instance", "a")]);
        vec![
            of("forebay_lag_seconds").at(late * 2.0).by(older),
            of("forebay_lag_records").at(from).by(by),
        ]
    };
    Alert {
        name: "ForebayDrainSlow",
        severity: Severity::Warning,
        expr: format!(
            "{DRAIN} > {}\nand {LAG_SECONDS} > {late}\nunless deriv({LAG_SECONDS}[{}]) > {RISES}",
            drain.as_secs_f64(),
            span(window)
        ),
        lasts,
        summary: "{{ $labels.pipeline }} is late and does not catch up",
        description: format!(
            "{{{{ $labels.pipeline }}}} is more than {} behind, and at the rates of the last {} working that off takes more than {}.",
            span(subject.alerts.lag.0),
            span(window),
            span(drain)
        ),
        value: Shown::Span,
        case: Case {
            times,
            fires: lag(0.0, 1000.0, 0.0),
            // It is all but done; it falls behind, and that is another alert.
            calm: vec![
                lag(-10.0, f64::from(times.then) * 10.0 + 0.001, 0.0),
                lag(0.0, 1000.0, step),
            ],
            labels: Vec::new(),
            value: f64::INFINITY,
        },
    }
}

fn stalled(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let of = |partition, state, value| {
        let labels = [
            ("lane", "0"),
            ("topic", "in"),
            ("partition", partition),
            ("state", state),
            ("instance", "a"),
        ];
        series("forebay_partition_state", &labels).at(value)
    };
    let partitions = |bad: f64| {
        let good = 1.0 - bad;
        vec![
            of("0", "ok", good),
            of("0", "stalled", bad),
            of("1", "ok", good),
            of("1", "stopped", bad),
            of("2", "ok", 1.0),
            of("2", "stalled", 0.0),
            of("3", "warning", 1.0),
        ]
    };
    Alert {
        name: "ForebayStalled",
        severity: Severity::Critical,
        expr: format!(
            "sum by (pipeline) ({}) > 0",
            subject.of_pipeline("forebay_partition_state", r#"state=~"stalled|stopped""#)
        ),
        lasts,
        summary: "{{ $labels.pipeline }} does not get on with some partitions",
        description: format!(
            "{VALUE} partitions that {{{{ $labels.pipeline }}}} reads have records, and its position there does not move."
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(window, lasts),
            fires: partitions(1.0),
            calm: vec![partitions(0.0)],
            labels: Vec::new(),
            value: 2.0,
        },
    }
}

fn no_results(subject: &Subject) -> Alert {
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    let all = |delivered: f64| {
        let mut all = of_both("forebay_records_consumed_total", 100.0);
        all.extend(of_both("forebay_records_delivered_total", delivered));
        all.extend(of_both("forebay_records_filtered_total", 0.0));
        all.extend(of_both("forebay_records_in_flight", 0.0));
        all
    };
    Alert {
        name: "ForebayNoResults",
        severity: Severity::Critical,
        expr: format!("({CONSUMED} > 0 or {IN_FLIGHT} > 0)\nand {RESULTS} == 0"),
        lasts,
        summary: "{{ $labels.pipeline }} reads records and delivers nothing",
        description: format!(
            "{{{{ $labels.pipeline }}}} has read records, and for {} no result of it was confirmed.",
            span(window)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(window, lasts),
            fires: all(0.0),
            // Few are, but some.
            calm: vec![all(0.5)],
            labels: Vec::new(),
            value: 0.0,
        },
    }
}

fn latency(subject: &Subject) -> Option<Alert> {
    let target = subject.alerts.latency?.0;
    let (window, lasts) = (subject.alerts.window.0, subject.alerts.lasts.0);
    // How many of 1000 records take until the last bucket.
    let buckets = |slow: f64| {
        let of = |le, by| {
            let labels = [("lane", "0"), ("instance", "a"), ("le", le)];
            series("forebay_latency_seconds_bucket", &labels).by(by)
        };
        vec![
            of("0.001", 1000.0 - slow),
            of("262.144", 1000.0 - slow),
            of("524.288", 1000.0),
            of("+Inf", 1000.0),
        ]
    };
    Some(Alert {
        name: "ForebayLatencyHigh",
        severity: Severity::Warning,
        expr: format!("{LATENCY} > {}", target.as_secs_f64()),
        lasts,
        summary: "Results of {{ $labels.pipeline }} take too long",
        description: format!(
            "One in a hundred results of {{{{ $labels.pipeline }}}} is confirmed more than {VALUE} after its event; the target is {}.",
            span(target)
        ),
        value: Shown::Span,
        case: Case {
            times: subject.times(window, lasts),
            fires: buckets(1000.0),
            calm: vec![buckets(5.0)],
            labels: Vec::new(),
            value: 262.144 * 1.99,
        },
    })
}

fn input_stopped(subject: &Subject) -> Option<Alert> {
    let rests = subject.alerts.input_stopped?.0;
    // Half of it at most: a process that has just begun shows no increase after two scrapes already.
    let over = (rests / 2).min(subject.alerts.window.0);
    let lasts: Duration = rests - over;
    let all = |by: f64| {
        let mut all = of_both("forebay_records_consumed_total", by);
        all.extend(of_both("forebay_records_in_flight", 0.0));
        all
    };
    let consumed = subject.increase("pipeline", "forebay_records_consumed_total", "", over);
    Some(Alert {
        name: "ForebayInputStopped",
        severity: Severity::Warning,
        expr: format!("{consumed} == 0\nunless {IN_FLIGHT} > 0"),
        lasts,
        summary: "Nothing arrives at {{ $labels.pipeline }}",
        description: format!(
            "{{{{ $labels.pipeline }}}} has read no record for {}.",
            span(rests)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(over, lasts),
            fires: all(0.0),
            calm: vec![all(0.5)],
            labels: Vec::new(),
            value: 0.0,
        },
    })
}
