//! How often one cause may write log lines. A cause is the place in the program that writes, so a broken event a thousand times a second is
//! a handful of lines and a count, and what another place has to say is not drowned.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber, warn};
use tracing_subscriber::layer::{Context, Filter};

/// So many lines of one cause within so long; the rest is counted.
const LINES: u32 = 20;
const WITHIN: Duration = Duration::from_secs(10);

/// Lets lines pass, by cause.
#[derive(Debug, Default)]
pub(super) struct Limit(Mutex<HashMap<Identifier, Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// It passes, and so many before it were left out.
    After(u64),
    LeaveOut,
}

impl Limit {
    fn judge(&self, cause: Identifier, now: Instant) -> Verdict {
        let mut causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = causes.entry(cause).or_insert(Window {
            since: now,
            lines: 0,
            left_out: 0,
        });
        let mut before = 0;
        if now.duration_since(window.since) >= WITHIN {
            before = window.left_out;
            *window = Window {
                since: now,
                lines: 0,
                left_out: 0,
            };
        }
        if window.lines == LINES {
            window.left_out += 1;
            return Verdict::LeaveOut;
        }
        window.lines += 1;
        match before {
            0 => Verdict::Pass,
            before => Verdict::After(before),
        }
    }
}

impl<S: Subscriber> Filter<S> for Limit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let about = event.metadata();
        match self.judge(about.callsite(), Instant::now()) {
            Verdict::Pass => true,
            Verdict::LeaveOut => false,
            Verdict::After(left_out) => {
                let (file, line) = (about.file().unwrap_or_default(), about.line().unwrap_or_default());
                warn!(left_out, from = %format_args!("{file}:{line}"), "lines of one cause were left out");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, Registry};

    use super::*;
    use std::io;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn identifier() -> Identifier {
        let mut found = None;
        with_default(Registry::default(), || {
            let span = tracing::info_span!("any");
            found = span.metadata().map(Metadata::callsite);
        });
        found.unwrap()
    }

    #[test]
    fn a_cause_writes_so_often_and_tells_later_what_was_left_out() {
        let (limit, cause, start) = (Limit::default(), identifier(), Instant::now());
        for _ in 0..LINES {
            assert_eq!(limit.judge(cause.clone(), start), Verdict::Pass);
        }
        for _ in 0..500 {
            assert_eq!(limit.judge(cause.clone(), start), Verdict::LeaveOut);
        }
        assert_eq!(limit.judge(cause.clone(), start + WITHIN), Verdict::After(500));
        assert_eq!(limit.judge(cause, start + WITHIN), Verdict::Pass);
    }

    #[test]
    fn one_cause_does_not_drown_another() {
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || to.clone());
        with_default(
            Registry::default().with(lines.with_filter(Limit::default())),
            || {
                for nth in 0..1000 {
                    warn!(nth, "frequent");
                }
                warn!("rare");
            },
        );
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("frequent").count(), LINES as usize, "{text}");
        assert_eq!(text.matches("rare").count(), 1, "{text}");
    }
}
