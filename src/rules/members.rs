//! Whether processes and their lanes do their work: gone, stuck, cut off, thrown about by their group.

use std::time::Duration;

use super::alert::{Alert, Severity, Shown, VALUE, span};
use super::cases::{Case, series};
use super::{Part, Subject};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn rules(subject: &Subject) -> Part {
    let alerts = vec![
        down(subject),
        lane_stuck(subject),
        lag_unknown(subject),
        unreachable(subject),
        rebalances(subject),
    ];
    (Vec::new(), alerts)
}

fn down(subject: &Subject) -> Alert {
    let lasts = subject.alerts.lasts.0;
    Alert {
        name: "ForebayDown",
        severity: Severity::Critical,
        expr: format!(
            "absent({})",
            subject.of_pipeline("forebay_partitions_assigned", "")
        ),
        lasts,
        summary: "No process runs {{ $labels.pipeline }}",
        description: format!(
            "For {} Prometheus has had no metrics of {{{{ $labels.pipeline }}}} from any process.",
            span(lasts)
        ),
        value: Shown::Number,
        case: Case {
            times: subject.times(Duration::ZERO, lasts),
            fires: Vec::new(),
            calm: vec![vec![series(
                "forebay_partitions_assigned",
                &[("lane", "0"), ("instance", "b")],
            )]],
            labels: Vec::new(),
            value: 1.0,
        },
    }
}

fn lane_stuck(subject: &Subject) -> Alert {
    let (silent, lasts) = (subject.alerts.silent.0, subject.alerts.lasts.0.min(HOUR / 120));
    let metric = subject.of_pipeline("forebay_lane_heartbeat_timestamp_seconds", "");
    let times = subject.times(silent, lasts);
    let step = subject.step().as_secs_f64();
    let of = |lane, instance| {
        series(
            "forebay_lane_heartbeat_timestamp_seconds",
            &[("lane", lane), ("instance", instance)],
        )
    };
    Alert {
        name: "ForebayLaneStuck",
        severity: Severity::Critical,
        expr: format!(
            "max by (pipeline) ((timestamp({metric}) - {metric}) and {metric} > 0) > {}",
            silent.as_secs_f64()
        ),
        lasts,
        summary: "A lane of {{ $labels.pipeline }} hangs",
        description: format!(
            "A lane of {{{{ $labels.pipeline }}}} has not gone round its loop for {VALUE}; its partitions wait."
        ),
        value: Shown::Span,
        case: Case {
            times,
            fires: vec![of("0", "a").at(0.5), of("1", "a").at(1.0).by(step)],
            // Late, but within its time; and one that has not begun yet.
            calm: vec![vec![
                of("0", "a").at(-silent.as_secs_f64() / 2.0).by(step),
                of("1", "a"),
            ]],
            labels: Vec::new(),
            value: times.seconds() - 0.5,
        },
    }
}

fn lag_unknown(subject: &Subject) -> Alert {
    // Longer than a question and the pause behind it.
    let (old, lasts) = (subject.alerts.window.0.max(HOUR / 60), subject.alerts.lasts.0);
    let metric = subject.of_pipeline("forebay_lag_measured_timestamp_seconds", "");
    let times = subject.times(old, lasts);
    let step = subject.step().as_secs_f64();
    let of = |lane| {
        series(
            "forebay_lag_measured_timestamp_seconds",
            &[("lane", lane), ("instance", "a")],
        )
    };
    let reached =
        |seconds| series("forebay_unreachable_seconds", &[("lane", "0"), ("instance", "a")]).at(seconds);
    Alert {
        name: "ForebayLagUnknown",
        severity: Severity::Warning,
        expr: format!(
            "max by (pipeline) ((timestamp({metric}) - {metric}) and {metric} > 0) > {}\nunless max by (pipeline) ({}) > 0",
            old.as_secs_f64(),
            subject.of_pipeline("forebay_unreachable_seconds", "")
        ),
        lasts,
        summary: "Nobody knows how far {{ $labels.pipeline }} is behind",
        description: format!(
            "For {VALUE} no broker has told {{{{ $labels.pipeline }}}} where the logs end; its lag is what was known then."
        ),
        value: Shown::Span,
        case: Case {
            times,
            fires: vec![of("0").at(0.5), of("1").at(1.0).by(step), reached(0.0)],
            calm: vec![
                // Old, but within its time; and a lane of a process that has not asked yet.
                vec![
                    of("0").at(-old.as_secs_f64() / 2.0).by(step),
                    of("1"),
                    reached(0.0),
                ],
                // The lanes do not reach the brokers either, which calls by itself.
                vec![of("0").at(0.5), reached(9.0)],
            ],
            labels: Vec::new(),
            value: times.seconds() - 0.5,
        },
    }
}

fn unreachable(subject: &Subject) -> Alert {
    let lasts = subject.alerts.lasts.0;
    let times = subject.times(Duration::ZERO, lasts);
    let of = |instance| {
        series(
            "forebay_unreachable_seconds",
            &[("lane", "0"), ("instance", instance)],
        )
    };
    Alert {
        name: "ForebayUnreachable",
        severity: Severity::Critical,
        expr: format!(
            "max by (pipeline) ({}) > 0",
            subject.of_pipeline("forebay_unreachable_seconds", "")
        ),
        lasts,
        summary: "{{ $labels.pipeline }} does not reach its source or its sink",
        description: format!(
            "A lane of {{{{ $labels.pipeline }}}} has not reached what it reads from or writes to for {VALUE}."
        ),
        value: Shown::Span,
        case: Case {
            times,
            fires: vec![of("a").at(0.5).by(subject.step().as_secs_f64()), of("b")],
            calm: vec![vec![of("a"), of("b")]],
            labels: Vec::new(),
            value: 0.5 + times.seconds(),
        },
    }
}

fn rebalances(subject: &Subject) -> Alert {
    let lasts = subject.alerts.lasts.0;
    let often = f64::from(subject.alerts.rebalances);
    // They come faster than one by one, so that not the whole hour has to pass.
    let over = HOUR / 12;
    let times = subject.times(over, lasts);
    let increase = |metric| format!("increase({}[1h])", subject.of_pipeline(metric, ""));
    // The steps that an hour has; a case that lasts longer forgets those before.
    let steps = f64::from(times.then).min(HOUR.as_secs_f64() / subject.step().as_secs_f64());
    let all = |count: f64| {
        let by = count / steps;
        let of = |metric, instance, by| series(metric, &[("lane", "0"), ("instance", instance)]).by(by);
        vec![
            of("forebay_revocations_total", "a", by),
            of("forebay_lost_partitions_total", "a", 0.0),
            // Each lane sees every rebalance: they do not add up.
            of("forebay_revocations_total", "b", by),
            of("forebay_lost_partitions_total", "b", 0.0),
        ]
    };
    // Too many already when the expression must begin to hold.
    let storm = (often * 2.0 * steps / f64::from(times.from)).ceil();
    Alert {
        name: "ForebayRebalanceStorm",
        severity: Severity::Warning,
        expr: format!(
            "max by (pipeline) (\n  {}\n  + {}\n) > {often}",
            increase("forebay_revocations_total"),
            increase("forebay_lost_partitions_total")
        ),
        lasts,
        summary: "The group of {{ $labels.pipeline }} does not come to rest",
        description: format!(
            "A lane of {{{{ $labels.pipeline }}}} lost partitions {VALUE} times within an hour, more than {often}."
        ),
        value: Shown::Number,
        case: Case {
            times,
            fires: all(storm),
            calm: vec![all(often * 0.75)],
            labels: Vec::new(),
            value: storm,
        },
    }
}
