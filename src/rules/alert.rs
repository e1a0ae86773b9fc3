//! What a rule is: an expression with a name, or one that calls somebody, with the case that shows it.

use std::fmt;
use std::time::Duration;

use super::cases::Case;

/// Names the series that an expression gives.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) name: &'static str,
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) expr: String,
}

impl Recording {
    pub(super) fn new(name: &'static str, expr: String) -> Self {
        Self {
            name,
            labels: &[],
            expr,
        }
    }
}

/// Calls somebody.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) expr: String,
    /// How long the expression must give something.
    pub(super) lasts: Duration,
    pub(super) summary: &'static str,
    /// [`VALUE`] stands for what the expression gives.
    pub(super) description: String,
    pub(super) value: Shown,
    pub(super) case: Case,
}

/// What stands for an alert's value in its description.
pub(super) const VALUE: &str = "VALUE";

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Somebody, now: results are missing or late.
    Critical,
    /// Somebody, at work: they will be, or they are doubtful.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        })
    }
}

/// How a description shows its value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    Span,
    Share,
    Number,
    Score,
}

impl Shown {
    /// As Prometheus fills it in.
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Span => "{{ $value | humanizeDuration }}",
            Self::Share => "{{ $value | humanizePercentage }}",
            Self::Number => "{{ $value | humanize }}",
            Self::Score => r#"{{ $value | printf "%.2f" }}"#,
        }
    }
}

/// A duration as Prometheus writes it.
pub(super) fn span(duration: Duration) -> String {
    let millis = duration.as_millis().max(1);
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let whole = units.iter().find(|(unit, _)| millis.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// A text within an expression.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_texts_are_written_as_prometheus_reads_them() {
        let of = |millis| span(Duration::from_millis(millis));
        assert_eq!(
            [of(300_000), of(7_200_000), of(90_000), of(1500), of(0)],
            ["5m", "2h", "90s", "1500ms", "1ms"]
        );
        assert_eq!(quoted("a\"b\\c\nd\u{7}é"), r#""a\"b\\c\nd\u0007é""#);
    }
}
