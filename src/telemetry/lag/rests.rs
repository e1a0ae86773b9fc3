//! Positions that do not move though their logs go on behind them: what is the first record there, and when was it written? A
//! transaction ends with a marker, and one that is aborted leaves records that nobody reads: where there is nothing else, nothing waits.
//! A look is a fetch, so a position is looked at now and then, and a few partitions at a time, in turn.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use forebay_connectors::LogBounds;
use forebay_core::Result;
use forebay_core::metrics::{Bounds, Ends, First, Progress};
use forebay_core::records::{Positions, TopicPartition};

/// Partitions that are looked at at a time.
pub(super) const AT_A_TIME: usize = 64;

/// So many questions later a first record is looked for again: compaction removes records, and no bound of the log tells.
const AGAIN: u64 = 6;

/// What lies at a position.
#[derive(Clone, Copy, Debug)]
struct Found {
    position: i64,
    first: Option<First>,
    /// Where the log ended.
    end: i64,
    /// With which question it was found.
    asked: u64,
}

impl Found {
    /// Whether it is still so.
    fn holds(self, bounds: Bounds, asked: u64) -> bool {
        match self.first {
            Some(first) => bounds.low <= first.offset && asked < self.asked + AGAIN,
            None => bounds.high <= self.end,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Rests {
    /// Questions until now.
    asked: u64,
    last: Positions,
    found: BTreeMap<TopicPartition, Found>,
    /// The last one that was looked at.
    turn: Option<TopicPartition>,
}

impl Rests {
    /// Looks at positions that have not moved since the last call, and at those of which no timestamp is known.
    pub(super) fn look(
        &mut self,
        bounds: &mut dyn LogBounds,
        progress: &[Arc<Vec<Progress>>],
        ends: &Ends,
    ) -> Result<()> {
        self.asked += 1;
        let owned = || progress.iter().flat_map(|of_lane| of_lane.iter());
        let positions: Positions = owned().map(|one| (one.partition.clone(), one.position)).collect();
        self.found
            .retain(|partition, found| positions.get(partition) == Some(&found.position));
        let wanted = owned().filter(|one| {
            let rests = self.last.get(&one.partition) == Some(&one.position) || one.settled_at.is_none();
            let known = self.found.get(&one.partition);
            ends.get(&one.partition).is_some_and(|end| {
                rests
                    && end.lag(one.position) > 0
                    && !known.is_some_and(|found| found.holds(*end, self.asked))
            })
        });
        let wanted = wanted.map(|one| (one.partition.clone(), one.position)).collect();
        self.last = positions;
        let looked_at = self.take_turns(&wanted);
        if looked_at.is_empty() {
            return Ok(());
        }
        for (partition, first) in bounds.first(&looked_at)? {
            if let (Some(position), Some(end)) = (looked_at.get(&partition), ends.get(&partition)) {
                let found = Found {
                    position: *position,
                    first,
                    end: end.high,
                    asked: self.asked,
                };
                self.found.insert(partition, found);
            }
        }
        Ok(())
    }

    /// Those whose turn it is: the next ones behind the last, and then from the first one on.
    fn take_turns(&mut self, wanted: &Positions) -> Positions {
        let behind = match &self.turn {
            Some(last) => (Bound::Excluded(last), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let turns = wanted.range(behind).chain(wanted).take(AT_A_TIME);
        let turns: Vec<_> = turns
            .map(|(partition, position)| (partition.clone(), *position))
            .collect();
        self.turn = turns.last().map(|(partition, _)| partition.clone());
        turns.into_iter().collect()
    }

    /// The first record at the position or behind it, where it was looked for.
    pub(super) fn first(&self, one: &Progress) -> Option<First> {
        self.of(one)?.first
    }

    /// The offset of that record; the end where there is none, and the position where nobody looked.
    pub(super) fn reached(&self, one: &Progress) -> i64 {
        self.of(one).map_or(one.position, |found| {
            found.first.map_or(found.end, |first| first.offset)
        })
    }

    fn of(&self, one: &Progress) -> Option<&Found> {
        let found = self.found.get(&one.partition)?;
        (found.position == one.position).then_some(found)
    }
}
