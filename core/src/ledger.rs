//! What is written but not yet confirmed, and what is confirmed but not yet committed. Pure: no clock, thread or
//! socket. Positions advance over the settled prefix only, so that an offset is never committed before the results
//! of every record before it are safe.

use std::collections::VecDeque;
use std::mem;

use crate::records::{Partitions, Positions, TopicPartition};
use crate::sink::Ticket;

/// What became of records: every one is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub delivered: u64,
    pub filtered: u64,
    pub dead_lettered: u64,
    pub dropped: u64,
}

impl Tally {
    /// All records.
    pub fn total(&self) -> u64 {
        self.delivered + self.filtered + self.dead_lettered + self.dropped
    }

    fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.filtered += other.filtered;
        self.dead_lettered += other.dead_lettered;
        self.dropped += other.dropped;
    }
}

/// The share of one partition in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub partition: TopicPartition,
    /// The position behind the batch's last record of this partition.
    pub next: i64,
    /// The timestamp of that record.
    pub at: i64,
    pub tally: Tally,
}

/// One batch on its way.
#[derive(Debug)]
pub struct Entry<T> {
    pub ticket: Ticket,
    pub shares: Vec<Share>,
    /// One bit per sink that got rows and has not confirmed them.
    waiting: u32,
    /// What the lane needs again should a sink refuse a row; dropped as soon as the batch is settled.
    pub held: Option<T>,
}

/// The batches on their way, oldest first: a settled prefix, then those that wait for a sink.
#[derive(Debug)]
pub struct Ledger<T> {
    entries: VecDeque<Entry<T>>,
    settled: usize,
    positions: Positions,
    committed: Positions,
    changed: bool,
    uncommitted: u64,
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            settled: 0,
            positions: Positions::new(),
            committed: Positions::new(),
            changed: false,
            uncommitted: 0,
        }
    }
}

impl<T> Ledger<T> {
    /// Partitions that are this lane's from now on. Their start is committed like any other position: a start that
    /// was chosen because the group had no commit is chosen only once.
    pub fn assign(&mut self, start: &Positions) {
        self.positions
            .extend(start.iter().map(|(p, next)| (p.clone(), *next)));
        self.changed |= !start.is_empty();
    }

    /// Enters a batch after its rows were handed to the sinks whose bits are set; none = settled at once.
    pub fn open(&mut self, ticket: Ticket, shares: Vec<Share>, sinks: u32, held: T) {
        self.uncommitted += shares.iter().map(|s| s.tally.total()).sum::<u64>();
        self.entries.push_back(Entry {
            ticket,
            shares,
            waiting: sinks,
            held: Some(held),
        });
    }

    /// The open batch of `ticket`; none where it is settled or forgotten.
    pub fn open_entry(&mut self, ticket: Ticket) -> Option<&mut Entry<T>> {
        self.entries
            .range_mut(self.settled..)
            .find(|e| e.ticket == ticket)
    }

    /// A refused row of an open batch was written again, to the sink with bit `sink`.
    pub fn wait_again(&mut self, ticket: Ticket, sink: usize) {
        if let Some(entry) = self.open_entry(ticket) {
            entry.waiting |= 1 << sink;
        }
    }

    /// Sink `sink` has settled every ticket up to `up_to`.
    pub fn confirm(&mut self, sink: usize, up_to: Ticket) {
        let waiting = self.entries.range_mut(self.settled..);
        for entry in waiting.take_while(|e| e.ticket <= up_to) {
            entry.waiting &= !(1 << sink);
        }
    }

    /// Advances the positions over every batch that no longer waits; `each` sees what is settled now, once.
    pub fn settle(&mut self, mut each: impl FnMut(&[Share], T)) {
        while let Some(entry) = self.entries.get_mut(self.settled).filter(|e| e.waiting == 0) {
            for share in &entry.shares {
                if let Some(position) = self.positions.get_mut(&share.partition) {
                    *position = share.next;
                    self.changed = true;
                }
            }
            if let Some(held) = entry.held.take() {
                each(&entry.shares, held);
            }
            self.settled += 1;
        }
    }

    /// Whether there are positions that were not yet taken for a commit.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The positions up to which everything is settled, to commit.
    pub fn take_positions(&mut self) -> Positions {
        self.changed = false;
        self.positions.clone()
    }

    /// The positions up to which everything is settled.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// A commit of `committed` was acknowledged.
    pub fn acknowledge(&mut self, committed: &Positions) {
        self.committed
            .extend(committed.iter().map(|(p, next)| (p.clone(), *next)));
        let covered = |s: &Share| {
            self.committed
                .get(&s.partition)
                .is_some_and(|next| *next >= s.next)
        };
        while self.settled > 0 && self.entries.front().is_some_and(|e| e.shares.iter().all(covered)) {
            let entry = self.entries.pop_front();
            self.settled -= 1;
            self.uncommitted -= entry.map_or(0, |e| e.shares.iter().map(|s| s.tally.total()).sum());
        }
    }

    /// Records handed to the sinks whose commit is not acknowledged: what would be read again after a kill.
    pub fn uncommitted(&self) -> u64 {
        self.uncommitted
    }

    /// Whether every batch is settled.
    pub fn is_settled(&self) -> bool {
        self.settled == self.entries.len()
    }

    /// Partitions that are not this lane's any more; returns what was not settled of them.
    pub fn forget(&mut self, partitions: &Partitions) -> Tally {
        self.positions.retain(|p, _| !partitions.contains(p));
        self.committed.retain(|p, _| !partitions.contains(p));
        let mut abandoned = Tally::default();
        for (i, entry) in self.entries.iter_mut().enumerate() {
            let (gone, kept) = mem::take(&mut entry.shares)
                .into_iter()
                .partition(|s| partitions.contains(&s.partition));
            let gone: Vec<Share> = gone;
            entry.shares = kept;
            for share in gone {
                self.uncommitted -= share.tally.total();
                if i >= self.settled {
                    abandoned.add(&share.tally);
                }
            }
        }
        abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::NO_TIMESTAMP;

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn share(partition: i32, next: i64, delivered: u64) -> Share {
        let tally = Tally {
            delivered,
            ..Tally::default()
        };
        Share {
            partition: tp(partition),
            next,
            at: NO_TIMESTAMP,
            tally,
        }
    }

    fn ledger() -> Ledger<()> {
        let mut ledger = Ledger::default();
        ledger.assign(&Positions::from([(tp(0), 0), (tp(1), 0)]));
        ledger.take_positions();
        ledger
    }

    #[test]
    fn positions_wait_for_the_oldest_batch() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 10, 10)], 0b01, ());
        ledger.open(Ticket(2), vec![share(0, 20, 10)], 0b10, ());
        ledger.confirm(1, Ticket(2));
        ledger.settle(|_, ()| panic!("ticket 1 is not confirmed"));
        assert!(!ledger.changed());
        ledger.confirm(0, Ticket(1));
        let mut seen = 0;
        ledger.settle(|shares, ()| seen += shares[0].tally.total());
        assert_eq!(seen, 20);
        assert_eq!(ledger.take_positions()[&tp(0)], 20);
        assert!(ledger.is_settled());
    }

    #[test]
    fn a_batch_waits_for_each_of_its_sinks() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 10, 10)], 0b11, ());
        ledger.confirm(0, Ticket(9));
        ledger.settle(|_, ()| panic!("sink 1 has not confirmed"));
        ledger.wait_again(Ticket(1), 0);
        ledger.confirm(1, Ticket(9));
        ledger.settle(|_, ()| panic!("sink 0 got a row again"));
        ledger.confirm(0, Ticket(9));
        ledger.settle(|_, ()| ());
        assert!(ledger.is_settled());
    }

    #[test]
    fn a_filtered_batch_is_settled_at_once_but_not_past_an_older_one() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 5, 5)], 1, ());
        ledger.open(Ticket(2), vec![share(1, 7, 7)], 0, ());
        ledger.settle(|_, ()| panic!("ticket 1 waits"));
        ledger.confirm(0, Ticket(1));
        ledger.settle(|_, ()| ());
        assert_eq!(ledger.take_positions(), Positions::from([(tp(0), 5), (tp(1), 7)]));
    }

    #[test]
    fn uncommitted_falls_only_with_the_acknowledgement() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 10, 10)], 0, ());
        ledger.open(Ticket(2), vec![share(0, 30, 20), share(1, 5, 5)], 0, ());
        ledger.settle(|_, ()| ());
        assert_eq!(ledger.uncommitted(), 35);
        ledger.acknowledge(&Positions::from([(tp(0), 10), (tp(1), 0)]));
        assert_eq!(ledger.uncommitted(), 25);
        ledger.acknowledge(&Positions::from([(tp(0), 30)]));
        assert_eq!(ledger.uncommitted(), 25, "partition 1 is not acknowledged");
        ledger.acknowledge(&Positions::from([(tp(1), 5)]));
        assert_eq!(ledger.uncommitted(), 0);
    }

    #[test]
    fn an_open_batch_is_not_acknowledged_by_a_commit_behind_it() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 10, 10)], 1, ());
        ledger.acknowledge(&Positions::from([(tp(0), 99)]));
        assert_eq!(ledger.uncommitted(), 10);
    }

    #[test]
    fn forgotten_partitions_never_come_back() {
        let mut ledger = ledger();
        ledger.open(Ticket(1), vec![share(0, 10, 10), share(1, 3, 3)], 1, ());
        let abandoned = ledger.forget(&Partitions::from([tp(0)]));
        assert_eq!(abandoned.delivered, 10);
        assert_eq!(ledger.uncommitted(), 3);
        ledger.confirm(0, Ticket(1));
        ledger.settle(|shares, ()| assert_eq!(shares.len(), 1));
        assert_eq!(ledger.take_positions(), Positions::from([(tp(1), 3)]));
    }

    #[test]
    fn a_start_position_is_committed() {
        let mut ledger: Ledger<()> = Ledger::default();
        ledger.assign(&Positions::from([(tp(0), 42)]));
        assert!(ledger.changed());
        assert_eq!(ledger.take_positions()[&tp(0)], 42);
        assert!(!ledger.changed());
    }
}
