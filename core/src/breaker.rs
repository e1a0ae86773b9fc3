//! When the model or the query is broken rather than the data, and when too many records in a row are rejected.
//! Pure: it counts rows.

use std::collections::VecDeque;

/// So many of the last [`WINDOW`] rows failing alone mean that a step is broken.
pub const BROKEN: usize = 32;
/// How many rows are looked back at.
pub const WINDOW: u64 = 256;

/// Counts rows that failed alone among the last ones.
#[derive(Debug, Default)]
pub struct Breaker {
    rows: u64,
    failed: VecDeque<u64>,
}

impl Breaker {
    /// `rows` went through, those at the rising indices `failed` did not; true = broken.
    pub fn record(&mut self, rows: usize, failed: &[u32]) -> bool {
        let mut broken = false;
        for row in failed {
            let at = self.rows + u64::from(*row);
            self.failed.push_back(at);
            while self.failed.front().is_some_and(|first| first + WINDOW <= at) {
                self.failed.pop_front();
            }
            broken |= self.failed.len() >= BROKEN;
        }
        self.rows += rows as u64;
        broken
    }
}

/// Counts rejects without a good record between them.
#[derive(Debug, Default)]
pub struct Consecutive {
    run: u64,
}

impl Consecutive {
    /// `records` came in, those at the rising indices `rejected` were rejected; returns the longest run so far that
    /// touches them.
    pub fn record(&mut self, records: usize, rejected: impl Iterator<Item = u32>) -> u64 {
        let mut expected = 0;
        let mut longest = 0;
        for record in rejected {
            self.run = if record == expected { self.run + 1 } else { 1 };
            expected = record + 1;
            longest = longest.max(self.run);
        }
        if expected as usize != records {
            self.run = 0;
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_of_the_last_256_break_it_and_31_do_not() {
        let mut breaker = Breaker::default();
        let spread: Vec<u32> = (0..31).map(|i| i * 8).collect();
        assert!(!breaker.record(256, &spread));
        assert!(!breaker.record(1, &[0]), "the first one has left the window");
        assert!(breaker.record(4, &[3]) || breaker.record(1, &[0]));

        let mut breaker = Breaker::default();
        let all: Vec<u32> = (0..32).collect();
        assert!(breaker.record(512, &all));
    }

    #[test]
    fn sparse_failures_never_break_it() {
        let mut breaker = Breaker::default();
        for _ in 0..1000 {
            assert!(!breaker.record(16, &[7]));
        }
    }

    #[test]
    fn runs_go_on_across_batches_and_end_with_a_good_record() {
        let mut consecutive = Consecutive::default();
        assert_eq!(consecutive.record(4, [2, 3].into_iter()), 2);
        assert_eq!(consecutive.record(3, [0, 1, 2].into_iter()), 5);
        assert_eq!(consecutive.record(2, [1].into_iter()), 1);
        assert_eq!(consecutive.record(2, [].into_iter()), 0);
        assert_eq!(consecutive.record(1, [0].into_iter()), 1);
    }
}
