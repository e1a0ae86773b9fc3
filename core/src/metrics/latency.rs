//! How long things took, as counts per bucket.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::MEASURED;

/// How many buckets a [`Latency`] has: four per doubling of a millisecond, up to about 18 hours.
const BUCKETS: usize = 104;

/// A histogram of milliseconds with four buckets per doubling: a quantile is exact to a quarter.
pub struct Latency {
    counts: [AtomicU64; BUCKETS],
    sum_ms: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_ms: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latency({} observed)", self.snapshot().count())
    }
}

impl Latency {
    /// Counts one latency.
    pub fn observe(&self, millis: u64) {
        if !MEASURED {
            return;
        }
        self.counts[bucket_of(millis)].fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(millis, Ordering::Relaxed);
    }

    /// Counts the latencies of a batch: one addition per bucket, not per record.
    pub fn observe_all(&self, millis: impl Iterator<Item = u64>) {
        if !MEASURED {
            return;
        }
        let mut counts = [0u64; BUCKETS];
        let mut sum = 0;
        for m in millis {
            counts[bucket_of(m)] += 1;
            sum += m;
        }
        for (count, n) in self.counts.iter().zip(counts).filter(|(_, n)| *n > 0) {
            count.fetch_add(n, Ordering::Relaxed);
        }
        self.sum_ms.fetch_add(sum, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            counts: self.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect(),
            sum_ms: self.sum_ms.load(Ordering::Relaxed),
        }
    }
}

/// Values below 4 ms have a bucket each; above, four per doubling.
fn bucket_of(millis: u64) -> usize {
    if millis < 4 {
        return millis as usize;
    }
    let log = 63 - millis.leading_zeros() as usize;
    let quarter = (millis >> (log - 2)) as usize & 3;
    ((log - 1) * 4 + quarter).min(BUCKETS - 1)
}

/// The smallest value that does not belong into bucket `bucket` any more, in milliseconds.
pub fn bucket_end(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64 + 1;
    }
    let (log, quarter) = (bucket / 4 + 1, bucket as u64 % 4);
    (5 + quarter) << (log - 2)
}

/// The counts of a [`Latency`] at one moment; adds up over lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub counts: Vec<u64>,
    pub sum_ms: u64,
}

impl Snapshot {
    /// How many were observed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds the counts of another lane.
    pub fn merge(&mut self, other: &Self) {
        self.counts.resize(BUCKETS.max(self.counts.len()), 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum_ms += other.sum_ms;
    }

    /// What was observed since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |i: usize| earlier.counts.get(i).copied().unwrap_or(0);
        let counts = self.counts.iter().enumerate();
        Self {
            counts: counts.map(|(i, n)| n.saturating_sub(before(i))).collect(),
            sum_ms: self.sum_ms.saturating_sub(earlier.sum_ms),
        }
    }

    /// The upper end in milliseconds of the bucket that holds quantile `q` (0 to 1); `None` where nothing was observed.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = (q * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        at.map(bucket_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_below_the_end_of_its_bucket_and_not_below_the_one_before() {
        for millis in (0..5000).chain([1 << 20, 1 << 24]) {
            let bucket = bucket_of(millis);
            assert!(millis < bucket_end(bucket), "{millis} in {bucket}");
            assert!(
                bucket == 0 || millis >= bucket_end(bucket - 1),
                "{millis} in {bucket}"
            );
        }
    }

    #[test]
    fn quantiles_come_from_the_counts() {
        let latency = Latency::default();
        for millis in 0..100 {
            latency.observe(millis);
        }
        let snapshot = latency.snapshot();
        assert_eq!(snapshot.count(), 100);
        assert_eq!(snapshot.sum_ms, 4950);
        assert_eq!(snapshot.quantile(0.5), Some(56));
        assert_eq!(Snapshot::default().quantile(0.5), None);
    }
}
