//! Where a lane is in each of its partitions, where their logs end, and how far behind that is. The lane tells where it is once a second
//! and whenever partitions come or go; whoever asks the brokers tells what follows from their answers. Neither waits for the other.

use std::collections::BTreeMap;

use super::LaneMetrics;
use crate::records::TopicPartition;

/// A lane in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub partition: TopicPartition,
    /// The next offset to settle.
    pub position: i64,
    /// The timestamp of the record that was settled last, in milliseconds since the epoch.
    pub settled_at: Option<i64>,
    /// Records behind the position as the client knows it, which knows nothing new while it fetches nothing.
    pub behind: Option<u64>,
}

/// The offsets that a log holds: the first one, and the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub low: i64,
    pub high: i64,
}

impl Bounds {
    /// Records behind `position`: what retention has deleted is not waiting any more.
    pub fn lag(self, position: i64) -> u64 {
        u64::try_from(self.high - position.max(self.low)).unwrap_or(0)
    }
}

/// Bounds by partition.
pub type Ends = BTreeMap<TopicPartition, Bounds>;

/// The first record at a position or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    pub offset: i64,
    /// Its timestamp, in milliseconds since the epoch.
    pub at: Option<i64>,
}

/// How a partition gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// It moves, and its lag has not fallen once.
    Warning,
    /// Records wait, and it does not move.
    Stalled,
    /// Records wait, and its lane does not turn.
    Stopped,
    /// Its position went back and has not come forward again.
    Rewound,
}

impl State {
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Warning,
        Self::Stalled,
        Self::Stopped,
        Self::Rewound,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Stalled => "stalled",
            Self::Stopped => "stopped",
            Self::Rewound => "rewound",
        }
    }
}

/// How far behind a lane is in one partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    pub records: u64,
    /// How long the first of them has waited; `None` where that is not known.
    pub seconds: Option<f64>,
    /// Until all is worked off at the rates of the last minute; infinite where it does not shrink, `None` where that is not known.
    pub drain_seconds: Option<f64>,
    pub state: State,
}

impl Lag {
    fn by_client(records: u64) -> Self {
        Self {
            records,
            seconds: None,
            drain_seconds: None,
            state: State::Ok,
        }
    }
}

impl LaneMetrics {
    /// The lag of each of the lane's partitions: what the brokers' answers came to; the client's own figure where there was no answer
    /// yet; a partition of which neither is known is left out.
    pub fn lags(&self) -> Vec<(TopicPartition, Lag)> {
        let asked = self.asked.load();
        let progress = self.progress.load();
        let lags = progress.iter().filter_map(|one| {
            let by_client = || one.behind.map(Lag::by_client);
            let lag = asked.get(&one.partition).copied().or_else(by_client)?;
            Some((one.partition.clone(), lag))
        });
        lags.collect()
    }

    /// Records that wait in all of them.
    pub fn lag(&self) -> u64 {
        self.lags().iter().map(|(_, lag)| lag.records).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_answer_counts_and_the_clients_figure_only_until_there_is_one() {
        let partition = |n| TopicPartition::new("t", n);
        let lane = LaneMetrics::default();
        let progress = [(0, Some(5)), (1, Some(7)), (2, None)].map(|(n, behind)| Progress {
            partition: partition(n),
            position: 100,
            settled_at: None,
            behind,
        });
        lane.progress.store(Arc::new(progress.into()));
        assert_eq!(lane.lag(), 5 + 7);
        let answer = |records| Lag {
            seconds: Some(1.5),
            ..Lag::by_client(records)
        };
        // The client counts what an open transaction has written; partition 9 is another lane's.
        let asked = [(0, 2), (2, 4), (9, 1000)].map(|(n, records)| (partition(n), answer(records)));
        lane.asked.store(Arc::new(asked.into()));
        let lags = [(0, answer(2)), (1, Lag::by_client(7)), (2, answer(4))];
        assert_eq!(lane.lags(), lags.map(|(n, lag)| (partition(n), lag)));
        assert_eq!(lane.lag(), 2 + 7 + 4);
    }

    #[test]
    fn what_is_deleted_does_not_wait() {
        let bounds = Bounds { low: 80, high: 90 };
        assert_eq!([50, 85, 95].map(|position| bounds.lag(position)), [10, 5, 0]);
    }
}
