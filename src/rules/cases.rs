//! What shows that an alert can fire and can be silent: series of two processes for promtool, written in the thresholds of the file.

use std::time::Duration;

use super::alert::{Alert, Shown, VALUE, quoted};

/// Series in which an alert fires, and some near ones, in none of which it does.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) times: Times,
    pub(super) fires: Vec<Series>,
    pub(super) calm: Vec<Vec<Series>>,
    /// The labels that the alert has beside those of every one.
    pub(super) labels: Vec<(&'static str, String)>,
    /// What its expression gives.
    pub(super) value: f64,
}

/// One series.
#[derive(Clone, Debug)]
pub(super) struct Series {
    metric: &'static str,
    /// Beside `pipeline`.
    labels: Vec<(&'static str, String)>,
    from: f64,
    /// What is added each step.
    by: f64,
}

/// A series of one process; `labels` are those beside `pipeline`.
pub(super) fn series(metric: &'static str, labels: &[(&'static str, &str)]) -> Series {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Series {
        metric,
        labels: labels.collect(),
        from: 0.0,
        by: 0.0,
    }
}

impl Series {
    /// It begins there.
    pub(super) fn at(mut self, from: f64) -> Self {
        self.from = from;
        self
    }

    /// It rises, or falls, so much each step.
    pub(super) fn by(mut self, by: f64) -> Self {
        self.by = by;
        self
    }

    /// Its name and labels.
    pub(super) fn name(&self, pipeline: &str) -> String {
        let mut name = format!("{}{{pipeline={}", self.metric, quoted(pipeline));
        for (label, value) in &self.labels {
            name += &format!(",{label}={}", quoted(value));
        }
        name + "}"
    }

    /// Its values.
    pub(super) fn values(&self, steps: u32) -> String {
        let sign = if self.by < 0.0 { '-' } else { '+' };
        format!("{}{sign}{}x{steps}", self.from, self.by.abs())
    }
}

/// How a lane of two processes counts: the same in each.
pub(super) fn of_both(metric: &'static str, by: f64) -> Vec<Series> {
    let of = |instance| series(metric, &[("lane", "0"), ("instance", instance)]).by(by);
    ["a", "b"].map(of).into()
}

/// When a case is looked at, in steps: between two scrapes, and two evaluations, lies one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    step: Duration,
    /// It must not have fired yet; nothing where it fires at once.
    before: Option<u32>,
    /// Its expression must hold from here on.
    pub(super) from: u32,
    /// It fires.
    pub(super) then: u32,
}

impl Times {
    /// Of an expression that looks back at `over` and must give something for as long as it `lasts`.
    pub(super) fn of(step: Duration, over: Duration, lasts: Duration) -> Self {
        let steps = |time: Duration| (time.as_secs_f64() / step.as_secs_f64()).ceil() as u32;
        let held = steps(lasts);
        Self {
            step,
            before: (held > 2).then(|| held - 2),
            from: steps(over) + 5,
            then: steps(over) + held + 5,
        }
    }

    /// Seconds from the first sample to when it fires.
    pub(super) fn seconds(&self) -> f64 {
        (self.step * self.then).as_secs_f64()
    }

    pub(super) fn before(&self) -> Option<Duration> {
        self.before.map(|steps| self.step * steps)
    }

    pub(super) fn then(&self) -> Duration {
        self.step * self.then
    }
}

/// A description or summary as it is when the alert fires.
pub(super) fn filled(text: &str, alert: &Alert, pipeline: &str) -> String {
    let mut out = text.replace(VALUE, &shown(alert.value, alert.case.value));
    out = out.replace("{{ $labels.pipeline }}", pipeline);
    for (label, value) in &alert.case.labels {
        out = out.replace(&format!("{{{{ $labels.{label} }}}}"), value);
    }
    out
}

/// A value as Prometheus shows it.
fn shown(shown: Shown, value: f64) -> String {
    match shown {
        Shown::Span => duration(value),
        Shown::Share => format!("{}%", four_digits(value * 100.0)),
        Shown::Number if value >= 1000.0 => format!("{}k", four_digits(value / 1000.0)),
        Shown::Number => four_digits(value),
        Shown::Score => format!("{value:.2}"),
    }
}

fn duration(value: f64) -> String {
    let whole = value as u64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) if value < 1.0 => format!("{}ms", four_digits(value * 1000.0)),
        (0, 0, 0) => format!("{}s", four_digits(value)),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, _, _) => format!("{hours}h {minutes}m {seconds}s"),
        _ => format!("{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// Four significant digits, without zeros behind them.
fn four_digits(value: f64) -> String {
    let before = if value < 1.0 {
        1
    } else {
        value.log10() as usize + 1
    };
    let text = format!("{value:.*}", 4_usize.saturating_sub(before));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_prometheus_shows_them() {
        let of = |value| shown(Shown::Span, value);
        assert_eq!(
            [of(600.5), of(7.25), of(0.5), of(3661.0), of(90_061.0)],
            ["10m 0s", "7.25s", "500ms", "1h 1m 1s", "1d 1h 1m 1s"]
        );
        assert_eq!(shown(Shown::Share, 0.05), "5%");
        assert_eq!(shown(Shown::Number, 12.0), "12");
        assert_eq!(shown(Shown::Number, 1234.0), "1.234k");
        assert_eq!(shown(Shown::Score, 4.604), "4.60");
    }
}
