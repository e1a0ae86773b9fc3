//! What a partition's positions and ends of some minutes say: how old the oldest record is that waits, when all will be worked off,
//! and whether it gets on. Knows numbers; docs/lag.md has the definitions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use forebay_core::metrics::{Bounds, Lag, State};

/// Samples by which a state is judged, as Burrow does (github.com/linkedin/Burrow, "Consumer Lag Evaluation Rules").
const JUDGED: usize = 10;
/// Rates are those of so long.
const RATES: Duration = Duration::from_secs(60);
/// Ends that are kept, at most: half of them go where there are more.
const KEPT: usize = 2048;
/// Timestamps before the year 2000 are nobody's: an unset field, or seconds for milliseconds.
const PLAUSIBLE_MS: i64 = 946_684_800_000;

/// What is known at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) bounds: Bounds,
    pub(super) position: i64,
    /// Whether the lane turned lately.
    pub(super) turns: bool,
}

/// One partition's past.
#[derive(Debug, Default)]
pub(super) struct History {
    /// When the log ended where; those that are passed are dropped, but for the last.
    ends: VecDeque<(Instant, i64)>,
    recent: VecDeque<Sample>,
}

impl History {
    /// Takes a sample in. `written_at` is the timestamp of the record at the position or of the one before it, `now_ms` the time by the
    /// same clock.
    pub(super) fn observe(&mut self, sample: Sample, written_at: Option<i64>, now_ms: i64) -> Lag {
        self.remember(sample);
        let records = sample.bounds.lag(sample.position);
        Lag {
            records,
            seconds: if records == 0 {
                Some(0.0)
            } else {
                self.age(sample, written_at, now_ms)
            },
            drain_seconds: Some(self.drain(records)),
            state: self.state(),
        }
    }

    fn remember(&mut self, sample: Sample) {
        let high = sample.bounds.high;
        // A log that was cut off and grew again has another past.
        self.ends.retain(|(_, end)| *end <= high);
        self.ends.push_back((sample.at, high));
        while self.ends.get(1).is_some_and(|(_, end)| *end <= sample.position) {
            self.ends.pop_front();
        }
        if self.ends.len() > KEPT {
            let mut nth = 0;
            self.ends.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
        }
        self.recent.push_back(sample);
        while self
            .recent
            .front()
            .is_some_and(|first| self.recent.len() > JUDGED && sample.at - first.at > RATES)
        {
            self.recent.pop_front();
        }
    }

    /// How long ago the first record behind the position came: between two samples its offset's share of the time is taken.
    /// What came before the first sample is as old as its timestamp says, and at least as old as that sample.
    fn age(&self, sample: Sample, written_at: Option<i64>, now_ms: i64) -> Option<f64> {
        let position = sample.position.max(sample.bounds.low);
        let passed = self.ends.iter().zip(self.ends.iter().skip(1));
        let between = passed
            .into_iter()
            .find(|((_, before), (_, after))| *before <= position && position < *after);
        if let Some(((from, before), (to, after))) = between {
            let share = (position - before) as f64 / (after - before) as f64;
            let came = *from + (*to - *from).mul_f64(share);
            return Some((sample.at - came).as_secs_f64());
        }
        let known = self
            .ends
            .front()
            .map_or(0.0, |(first, _)| (sample.at - *first).as_secs_f64());
        let said = written_at.filter(|at| (PLAUSIBLE_MS..=now_ms).contains(at));
        match said.map(|at| (now_ms - at) as f64 / 1e3) {
            Some(said) => Some(said.max(known)),
            None => (known > 0.0).then_some(known),
        }
    }

    fn drain(&self, records: u64) -> f64 {
        if records == 0 {
            return 0.0;
        }
        let (Some(first), Some(last)) = (self.recent.front(), self.recent.back()) else {
            return f64::INFINITY;
        };
        let seconds = (last.at - first.at).as_secs_f64();
        let read = (last.position.max(last.bounds.low) - first.position.max(first.bounds.low)) as f64;
        let written = (last.bounds.high - first.bounds.high) as f64;
        let shrinks = (read - written) / seconds;
        if seconds > 0.0 && shrinks > 0.0 {
            records as f64 / shrinks
        } else {
            f64::INFINITY
        }
    }

    fn state(&self) -> State {
        let judged: Vec<&Sample> = self.recent.iter().rev().take(JUDGED).collect();
        let lag = |sample: &Sample| sample.bounds.lag(sample.position);
        if judged.len() < JUDGED || judged.iter().any(|sample| lag(sample) == 0) {
            return State::Ok;
        }
        let (last, first) = (judged[0], judged[JUDGED - 1]);
        let highest = judged.iter().map(|sample| sample.position).max();
        if highest.is_some_and(|highest| highest > last.position) {
            return State::Rewound;
        }
        if judged.iter().all(|sample| !sample.turns) {
            return State::Stopped;
        }
        if first.position == last.position {
            return State::Stalled;
        }
        // From now back: a lag that was higher before has fallen since.
        let falls = judged.windows(2).any(|pair| lag(pair[1]) > lag(pair[0]));
        if falls { State::Ok } else { State::Warning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(5);
    const NOW_MS: i64 = 1_800_000_000_000;

    /// The last figures after samples of position and end, five seconds apart.
    fn after(samples: &[(i64, i64)], low: i64, written_at: Option<i64>) -> Lag {
        let (mut history, mut at) = (History::default(), Instant::now());
        let mut last = None;
        for (position, high) in samples {
            at += EVERY;
            let sample = Sample {
                at,
                bounds: Bounds { low, high: *high },
                position: *position,
                turns: true,
            };
            last = Some(history.observe(sample, written_at, NOW_MS));
        }
        last.expect("samples")
    }

    #[test]
    fn lag_in_time_is_the_age_of_the_first_record_that_waits() {
        let none = after(&[(10, 10), (20, 20)], 0, None);
        assert_eq!((none.records, none.seconds), (0, Some(0.0)));
        // The log grew from 20 to 30 five to ten seconds ago, to 40 since; the position is in the middle of the first growth.
        let late = after(&[(20, 20), (20, 30), (25, 40)], 0, None);
        assert_eq!((late.records, late.seconds), (15, Some(7.5)));
        // A late record on a topic that was idle: as old as itself, not as the one before.
        let idle = after(
            &[(20, 20), (20, 20), (20, 20), (20, 21)],
            0,
            Some(NOW_MS - 86_400_000),
        );
        assert_eq!((idle.records, idle.seconds), (1, Some(5.0)));
    }

    #[test]
    fn what_came_before_is_as_old_as_it_says_where_that_can_be() {
        let day = 86_400_000;
        let old = after(&[(0, 1000), (100, 1000)], 0, Some(NOW_MS - day));
        assert_eq!((old.records, old.seconds), (900, Some(86_400.0)));
        for nobodys in [None, Some(0), Some(-1), Some(1_700_000_000), Some(NOW_MS + day)] {
            let known = after(&[(0, 1000), (100, 1000)], 0, nobodys);
            assert_eq!(known.seconds, Some(5.0), "at least: {nobodys:?}");
            let first = after(&[(0, 1000)], 0, nobodys);
            assert_eq!(first.seconds, None, "{nobodys:?}");
        }
    }

    #[test]
    fn what_retention_deleted_does_not_wait() {
        let passed = after(&[(0, 1000), (0, 1000)], 990, None);
        assert_eq!(passed.records, 10);
        let all = after(&[(0, 1000)], 1000, None);
        assert_eq!(
            (all.records, all.seconds, all.drain_seconds),
            (0, Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn drain_time_is_by_the_rates_of_the_last_minute() {
        // 100 read and 50 written in five seconds.
        let shrinks = after(&[(0, 1000), (100, 1050)], 0, None);
        assert_eq!((shrinks.records, shrinks.drain_seconds), (950, Some(95.0)));
        let grows = after(&[(0, 1000), (100, 1200)], 0, None);
        assert_eq!(grows.drain_seconds, Some(f64::INFINITY));
    }

    #[test]
    fn states_are_those_of_burrow() {
        let samples = |of: fn(i64) -> (i64, i64)| (0..12).map(of).collect::<Vec<_>>();
        let state = |of| after(&samples(of), 0, None).state;
        assert_eq!(
            state(|n| (10 * n, 10 * n + 5)),
            State::Warning,
            "it moves, and the lag is the same"
        );
        assert_eq!(state(|n| (10 * n, 500 - n)), State::Ok, "the lag falls");
        assert_eq!(state(|n| (7, 10 + n)), State::Stalled);
        assert_eq!(
            state(|n| (if n == 8 { 18 } else { 7 }, 10 + n)),
            State::Ok,
            "it was at the end once"
        );
        assert_eq!(state(|n| (if n < 8 { 100 } else { 50 }, 500 + n)), State::Rewound);
        assert_eq!(
            state(|n| (if n == 8 { 90 } else { 100 + n }, 500 + 2 * n)),
            State::Ok,
            "it came forward again, and its lag with it"
        );
        assert_eq!(
            after(&[(0, 10); 9], 0, None).state,
            State::Ok,
            "not enough is known"
        );
        let mut history = History::default();
        let mut at = Instant::now();
        let mut last = None;
        for _ in 0..JUDGED {
            at += EVERY;
            let bounds = Bounds { low: 0, high: 10 };
            let sample = Sample {
                at,
                bounds,
                position: 3,
                turns: false,
            };
            last = Some(history.observe(sample, None, NOW_MS).state);
        }
        assert_eq!(last, Some(State::Stopped));
    }

    #[test]
    fn the_past_is_bounded() {
        let mut history = History::default();
        let start = Instant::now();
        for n in 0..20_000_u64 {
            let bounds = Bounds {
                low: 0,
                high: 10 + n as i64,
            };
            let at = start + EVERY * n as u32;
            let sample = Sample {
                at,
                bounds,
                position: 3,
                turns: true,
            };
            let lag = history.observe(sample, None, NOW_MS);
            assert_eq!(lag.seconds, (n > 0).then(|| (at - start).as_secs_f64()));
        }
        assert!(history.ends.len() <= KEPT && history.recent.len() < 20);
    }
}
