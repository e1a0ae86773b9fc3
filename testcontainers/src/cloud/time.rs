//! Points in time, as services write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// A clock that may be off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    Ahead(Duration),
    Behind(Duration),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

impl Clock {
    /// What it says.
    pub(crate) fn now(self) -> SystemTime {
        match self {
            Self::Ahead(by) => SystemTime::now() + by,
            Self::Behind(by) => SystemTime::now() - by,
        }
    }

    /// What it says, as answers carry it.
    pub(crate) fn date(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&http(self.now())).ok()
    }
}

/// Whole seconds since the epoch.
pub(crate) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `2026-01-31T10:00:00Z`.
pub(crate) fn iso(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `20260131T100000Z`, read.
pub(crate) fn parse_compact(text: &str) -> Option<SystemTime> {
    let at = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    let seconds = u64::try_from(at.and_utc().timestamp()).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// `Sat, 31 Jan 2026 10:00:00 GMT`.
pub(crate) fn http(at: SystemTime) -> String {
    DateTime::<Utc>::from(at)
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_services_do() {
        let at = UNIX_EPOCH + Duration::from_secs(1_769_853_600);
        assert_eq!(iso(at), "2026-01-31T10:00:00Z");
        assert_eq!(http(at), "Sat, 31 Jan 2026 10:00:00 GMT");
        assert_eq!(parse_compact("20260131T100000Z"), Some(at));
        assert_eq!(parse_compact("2026"), None);
        assert_eq!(seconds(at), 1_769_853_600);
    }
}
