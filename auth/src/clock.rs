//! How far this machine's clock is from an issuer's, by the `Date` of its answers (RFC 9110 section 6.6.1). It decides nothing:
//! people are told.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What a clock may be off: brokers and issuers forgive more.
const TOLERATED: Duration = Duration::from_secs(30);

/// A clock that is far off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// This machine's clock is ahead of the issuer's.
    Ahead(Duration),
    /// This machine's clock is behind the issuer's.
    Behind(Duration),
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, direction) = match self {
            Self::Ahead(by) => (by, "ahead of"),
            Self::Behind(by) => (by, "behind"),
        };
        write!(
            f,
            "this machine's clock is {} s {direction} the issuer's",
            by.as_secs()
        )
    }
}

/// The last answer's time, beside this machine's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<(SystemTime, SystemTime)>>>);

impl Clock {
    /// An answer that has just come says that it is `date`; one without a date, or with a wrong one, tells nothing.
    pub(crate) fn read(&self, date: Option<&str>) {
        let issuer = date.and_then(|date| httpdate::parse_http_date(date).ok());
        if let Some(issuer) = issuer {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((issuer, SystemTime::now()));
        }
    }

    pub(crate) fn skew(&self) -> Option<Skew> {
        let (issuer, here) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let skew = match here.duration_since(issuer) {
            Ok(by) => Skew::Ahead(by),
            Err(by) => Skew::Behind(by.duration()),
        };
        let (Skew::Ahead(by) | Skew::Behind(by)) = skew;
        (by > TOLERATED).then_some(skew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_off_is_told_with_its_direction() {
        let of = |at: SystemTime| {
            let clock = Clock::default();
            clock.read(Some(&httpdate::fmt_http_date(at)));
            clock.skew().map(|skew| skew.to_string())
        };
        let now = SystemTime::now();
        let minute = Duration::from_secs(60);
        assert_eq!(of(now), None);
        assert_eq!(of(now - Duration::from_secs(25)), None);
        let behind = of(now + minute).expect("behind");
        assert!(behind.contains(" s behind the issuer's"), "{behind}");
        let ahead = of(now - minute).expect("ahead");
        assert!(ahead.contains(" s ahead of the issuer's"), "{ahead}");
        let clock = Clock::default();
        clock.read(None);
        clock.read(Some("yesterday"));
        assert_eq!(clock.skew(), None);
    }
}
