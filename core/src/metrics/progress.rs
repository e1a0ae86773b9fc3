//! Where a lane is in each of its partitions, and where their logs end: what lag is made of. The lane publishes its half once a second
//! and whenever partitions come or go; whoever asks the brokers publishes the other. Neither waits for the other.

use std::collections::BTreeMap;

use crate::records::{Positions, TopicPartition};

/// A lane in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub partition: TopicPartition,
    /// The next offset to settle.
    pub position: i64,
    /// The timestamp of a record that was read lately, in milliseconds since the epoch.
    pub read_at: Option<i64>,
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

/// Records behind `positions`. `known` is the lag by the client's own figures, which rest while it fetches nothing: where the brokers
/// were asked later, theirs count.
pub(crate) fn lag(positions: &Positions, known: &[(TopicPartition, i64)], asked: &Ends) -> u64 {
    let known: BTreeMap<&TopicPartition, i64> = known.iter().map(|(p, lag)| (p, *lag)).collect();
    let of_one = |(partition, position): (&TopicPartition, &i64)| {
        let low = asked.get(partition).map_or(*position, |bounds| bounds.low);
        let by_client = known.get(partition).map_or(*position, |lag| position + lag);
        let high = asked
            .get(partition)
            .map_or(by_client, |bounds| bounds.high.max(by_client));
        Bounds { low, high }.lag(*position)
    };
    positions.iter().map(of_one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_figure_counts_and_what_is_deleted_does_not_wait() {
        let partition = |n| TopicPartition::new("t", n);
        let positions: Positions = [(partition(0), 100), (partition(1), 50), (partition(2), 7)].into();
        let known = [(partition(0), 5), (partition(1), 0)];
        assert_eq!(lag(&positions, &known, &Ends::new()), 5);
        let bounds = |low, high| Bounds { low, high };
        let asked: Ends = [
            (partition(0), bounds(0, 103)),
            (partition(1), bounds(80, 90)),
            (partition(2), bounds(0, 5)),
        ]
        .into();
        // By the client 105, by the broker 90 from 80 on, and an end that is older than the position.
        assert_eq!(lag(&positions, &known, &asked), 5 + 10);
    }
}
