//! When to commit. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Commits by time and by record count.
#[derive(Debug)]
pub struct CommitPolicy {
    every: Duration,
    max_records: u64,
    last: Instant,
    /// Uncommitted records when the last commit was sent: they are on their way.
    sent_at: u64,
}

impl CommitPolicy {
    /// Each `every`, or as soon as half of `max_records` are uncommitted.
    pub fn new(every: Duration, max_records: u64, now: Instant) -> Self {
        Self {
            every,
            max_records: max_records.max(1),
            last: now,
            sent_at: 0,
        }
    }

    /// Whether to send a commit now, with `uncommitted` records handed over and not acknowledged as committed.
    pub fn due(&self, uncommitted: u64, now: Instant) -> bool {
        let since = uncommitted.saturating_sub(self.sent_at);
        since >= (self.max_records / 2).max(1) || now.duration_since(self.last) >= self.every
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
        let mut policy = CommitPolicy::new(Duration::from_secs(1), 100, start);
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
    fn room_ends_at_max_records() {
        let policy = CommitPolicy::new(Duration::from_secs(1), 100, Instant::now());
        assert_eq!(policy.room(30), 70);
        assert_eq!(policy.room(100), 0);
        assert_eq!(policy.room(170), 0);
    }
}
