//! When to commit. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Commits by time and by record count.
#[derive(Debug)]
pub struct CommitPolicy {
    every: Duration,
    at_least: Duration,
    max_records: u64,
    last: Instant,
    /// Uncommitted records when the last commit was sent: they are on their way.
    sent_at: u64,
}

impl CommitPolicy {
    /// Each `every`, or as soon as half of `max_records` are uncommitted, but never sooner than `at_least` after the last.
    pub fn new(every: Duration, at_least: Duration, max_records: u64, now: Instant) -> Self {
        Self {
            every: every.max(at_least),
            at_least,
            max_records: max_records.max(1),
            last: now,
            sent_at: 0,
        }
    }

    /// Whether to send a commit now, with `uncommitted` records handed over and not acknowledged as committed.
    pub fn due(&self, uncommitted: u64, now: Instant) -> bool {
        let since = uncommitted.saturating_sub(self.sent_at);
        let rested = now.duration_since(self.last);
        (since >= (self.max_records / 2).max(1) && rested >= self.at_least) || rested >= self.every
    }

    /// A commit was sent.
    pub fn sent(&mut self, uncommitted: u64, now: Instant) {
        self.sent_at = uncommitted;
        self.last = now;
    }

    /// A commit was acknowledged, and `uncommitted` are left.
    pub fn acknowledged(&mut self, uncommitted: u64) {
        self.sent_at = self.sent_at.min(uncommitted);
    }

    /// How many more records may be handed to the sinks: this bounds what is seen twice after a kill.
    pub fn room(&self, uncommitted: u64) -> usize {
        usize::try_from(self.max_records.saturating_sub(uncommitted)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_by_time_and_by_records() {
        let start = Instant::now();
        let mut policy = CommitPolicy::new(Duration::from_secs(1), Duration::ZERO, 100, start);
        assert!(!policy.due(49, start));
        assert!(policy.due(50, start));
        assert!(policy.due(0, start + Duration::from_secs(1)));
        policy.sent(50, start);
        assert!(!policy.due(99, start), "half of them are on their way");
        assert!(policy.due(100, start));
        policy.acknowledged(10);
        assert!(!policy.due(40, start));
        assert!(policy.due(60, start));
    }

    #[test]
    fn a_service_that_wants_fewer_commits_gets_fewer() {
        let start = Instant::now();
        let mut policy = CommitPolicy::new(Duration::from_millis(100), Duration::from_secs(1), 100, start);
        policy.sent(0, start);
        assert!(
            !policy.due(100, start + Duration::from_millis(999)),
            "the lane waits: its room is used up"
        );
        assert_eq!(policy.room(100), 0);
        assert!(policy.due(100, start + Duration::from_secs(1)));
        assert!(
            !policy.due(1, start + Duration::from_millis(500)),
            "the shortest interval goes over `every`"
        );
    }

    #[test]
    fn room_ends_at_max_records() {
        let policy = CommitPolicy::new(Duration::from_secs(1), Duration::ZERO, 100, Instant::now());
        assert_eq!(policy.room(30), 70);
        assert_eq!(policy.room(100), 0);
        assert_eq!(policy.room(170), 0);
    }
}
