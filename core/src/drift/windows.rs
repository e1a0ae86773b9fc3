//! A sliding window over counters that only rise: the counts now, less those of a while ago. The owner says what time it is, on a
//! clock that may jump; counters of lanes and processes are added up before they come here.

use std::collections::VecDeque;
use std::time::Duration;

/// The counts of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub counts: Vec<u64>,
    /// How long it really is: less at the start, more where nobody looked for a while.
    pub covers: Duration,
}

/// How many snapshots a window keeps: it slides by a tenth of itself.
const STEPS: u32 = 10;

/// The snapshots behind a window.
#[derive(Clone, Debug)]
pub struct Windows {
    span: Duration,
    /// Rising in time and in counts; the first is the newest that is at least a span old.
    past: VecDeque<(Duration, Vec<u64>)>,
}

impl Windows {
    /// Windows of `span` that begin at `now`, where the counters are `counts`.
    pub fn new(span: Duration, now: Duration, counts: Vec<u64>) -> Self {
        Self {
            span,
            past: VecDeque::from([(now, counts)]),
        }
    }

    /// How often to look.
    pub fn step(&self) -> Duration {
        self.span / STEPS
    }

    /// The window that ends `now`, where the counters are `counts`. Counters that fell have been restarted, and a clock that went back
    /// was set: either way what was before is forgotten.
    pub fn slide(&mut self, now: Duration, counts: Vec<u64>) -> Window {
        let restarted = self.past.back().is_some_and(|(_, last)| {
            last.len() != counts.len() || last.iter().zip(&counts).any(|(last, count)| count < last)
        });
        if restarted {
            self.past.clear();
            self.past.push_back((now, vec![0; counts.len()]));
        } else if self.past.back().is_some_and(|(last, _)| *last > now) {
            // The same counts at a time that has not come yet are no snapshot; the oldest of them hold from now on.
            let first = self.past.pop_front();
            self.past.clear();
            self.past.extend(first.map(|(_, counts)| (now, counts)));
        }
        while self.past.len() > 1 && now.saturating_sub(self.past[1].0) >= self.span {
            self.past.pop_front();
        }
        let (since, before) = match self.past.front() {
            Some((since, before)) => (*since, before.as_slice()),
            None => (now, &[][..]),
        };
        let before = before.iter().copied().chain(std::iter::repeat(0));
        let window = Window {
            counts: counts
                .iter()
                .zip(before)
                .map(|(count, before)| count - before)
                .collect(),
            covers: now.saturating_sub(since),
        };
        let due = |(last, _): &(Duration, Vec<u64>)| now.saturating_sub(*last) >= self.step();
        if self.past.back().is_none_or(due) {
            self.past.push_back((now, counts));
        }
        window
    }
}
