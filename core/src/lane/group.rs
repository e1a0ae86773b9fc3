//! What the group does to a lane: partitions come, are handed over, are lost, have a gap; and the lane's own leave.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{Lane, OnGap};
use crate::error::{Error, Result};
use crate::ledger::Tally;
use crate::records::{Partitions, Positions};
use crate::source::{Commit, Gap};

impl Lane {
    pub(super) fn assigned(&mut self, start: &Positions) {
        self.ledger.assign(start);
        self.assigned_before = true;
        self.metrics.joined.set(1);
        self.metrics.unreachable_since.set(0);
        self.metrics.partitions.set(self.ledger.positions().len() as u64);
        self.publish();
        info!(partitions = ?start, "assigned");
    }

    /// Everything read of these partitions went through the lane already: flush, commit, release, in that order.
    pub(super) fn hand_over(&mut self, partitions: &Partitions) -> Result<()> {
        let started = Instant::now();
        self.metrics.revocations.add(1);
        self.flush_and_commit(partitions);
        self.forget(partitions);
        self.source.release(partitions)?;
        info!(?partitions, took = ?started.elapsed(), "revoked");
        Ok(())
    }

    /// Commits what the sinks confirm within the flush; what they do not confirm is left to the next owner.
    pub(super) fn flush_and_commit(&mut self, partitions: &Partitions) {
        if let Err(error) = self.flush() {
            warn!(%error, "not everything was confirmed; the next owner reads it again");
        }
        let positions = self.ledger.positions().iter();
        let next: Positions = positions
            .filter(|(p, _)| partitions.contains(*p))
            .map(|(p, n)| (p.clone(), *n))
            .collect();
        if next.is_empty() {
            return;
        }
        match self.source.commit(&next, Commit::Now) {
            Ok(()) => self.committed(&next),
            Err(error) => warn!(%error, "commit was not acknowledged; the next owner reads again"),
        }
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        for sink in &mut self.sinks {
            sink.flush(self.rules.flush_within)?;
        }
        self.account()?;
        // A refused row was written again as a dead letter.
        if !self.ledger.is_settled() {
            for sink in &mut self.sinks {
                sink.flush(self.rules.flush_within)?;
            }
            self.account()?;
        }
        Ok(())
    }

    pub(super) fn lost(&mut self, partitions: &Partitions) -> Result<()> {
        warn!(
            ?partitions,
            "lost: another member owns them; nothing of them is committed any more"
        );
        self.metrics.lost.add(1);
        self.forget(partitions);
        self.source.release(partitions)
    }

    pub(super) fn forget(&mut self, partitions: &Partitions) {
        let abandoned = self.ledger.forget(partitions);
        self.settle_count(&Tally::default(), abandoned.total());
        self.settle();
        self.metrics.partitions.set(self.ledger.positions().len() as u64);
        self.settled_at
            .retain(|partition, _| !partitions.contains(partition));
        self.publish();
    }

    pub(super) fn gap(&mut self, gap: &Gap) -> Result<()> {
        let to = match self.rules.on_gap {
            OnGap::Stop => {
                return Err(Error::fatal(format!(
                    "{gap}; set on_gap: earliest or latest to go on from there, or reset the group's offsets"
                )));
            }
            OnGap::Earliest => gap.earliest,
            OnGap::Latest => gap.latest,
        };
        warn!(partition = %gap.partition, from = gap.position, to, "gap passed by on_gap");
        self.metrics.gaps.add(1);
        self.metrics.gap_offsets.add(to.abs_diff(gap.position));
        let positions = Positions::from([(gap.partition.clone(), to)]);
        self.forget(&Partitions::from([gap.partition.clone()]));
        self.source.rewind(&positions)?;
        self.ledger.assign(&positions);
        Ok(())
    }

    /// The source has ended: everything is settled and committed.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.flush()?;
        let next = self.ledger.take_positions();
        if next.is_empty() {
            return Ok(());
        }
        self.source.commit(&next, Commit::Now)?;
        self.committed(&next);
        Ok(())
    }

    /// After an error: commit what is confirmed, and leave in order as far as it goes.
    pub(super) fn close(&mut self) {
        let owned: Partitions = self.ledger.positions().keys().cloned().collect();
        self.rules.flush_within = self.rules.flush_within.min(Duration::from_secs(5));
        self.flush_and_commit(&owned);
        self.forget(&owned);
    }
}
