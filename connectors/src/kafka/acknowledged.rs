//! What the group has acknowledged, and whether a late answer has put it back. librdkafka sends a commit again whose connection ended,
//! and it may arrive behind a later one: the group then stands at the older position. Holds no client.

use forebay_core::{Partitions, Positions};

/// Per partition the furthest position that was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(Positions);

impl Acknowledged {
    /// These positions are wanted now; where one lies before what was acknowledged, that is meant.
    pub(super) fn wanted(&mut self, next: &Positions) {
        self.0
            .retain(|partition, furthest| next.get(partition).is_none_or(|next| next >= furthest));
    }

    /// The group stands at `committed` now, says its last answer. Returns the positions that it must be told again.
    pub(super) fn answered(&mut self, committed: &Positions) -> Positions {
        let mut again = Positions::new();
        for (partition, next) in committed {
            let furthest = self.0.entry(partition.clone()).or_insert(*next);
            if *next < *furthest {
                again.insert(partition.clone(), *furthest);
            }
            *furthest = (*furthest).max(*next);
        }
        again
    }

    /// Another member's from now on.
    pub(super) fn release(&mut self, partitions: &Partitions) {
        self.0.retain(|partition, _| !partitions.contains(partition));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forebay_core::TopicPartition;

    use super::*;

    fn at(next: i64) -> Positions {
        [(TopicPartition::new(Arc::from("t"), 0), next)].into()
    }

    #[test]
    fn a_commit_that_comes_late_is_followed_by_the_furthest_again() {
        let mut acknowledged = Acknowledged::default();
        assert_eq!(acknowledged.answered(&at(10)), Positions::new());
        assert_eq!(acknowledged.answered(&at(20)), Positions::new());
        assert_eq!(acknowledged.answered(&at(15)), at(20));
        assert_eq!(acknowledged.answered(&at(20)), Positions::new());
    }

    #[test]
    fn what_is_meant_or_another_s_is_not_told_again() {
        let mut acknowledged = Acknowledged::default();
        acknowledged.answered(&at(20));
        acknowledged.wanted(&at(5));
        assert_eq!(acknowledged.answered(&at(5)), Positions::new());
        acknowledged.answered(&at(30));
        acknowledged.release(&at(0).into_keys().collect());
        assert_eq!(acknowledged.answered(&at(7)), Positions::new());
    }
}
