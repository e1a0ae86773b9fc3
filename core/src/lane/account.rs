//! What became of records: confirmations, refusals, counts, and the commits that follow. Knows tickets and positions; it does
//! not know how they were carried.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{LAG_EVERY, Lane, NEVER_CONFIRMED, millis_now, stopped_by};
use crate::error::{Error, Result};
use crate::ledger::{Share, Tally};
use crate::metrics::{LaneMetrics, Progress};
use crate::records::{NO_TIMESTAMP, Positions, Records, TopicPartition};
use crate::reject::{Reject, Stage};
use crate::sink::Refused;
use crate::source::Commit;

impl Lane {
    /// Takes in what the sinks have confirmed, and commits where it is due.
    pub(super) fn account(&mut self) -> Result<()> {
        for sink in 0..self.sinks.len() {
            let mut confirmed = self.sinks[sink].confirmed()?;
            while !confirmed.refused.is_empty() {
                self.all_refused(confirmed.refused)?;
                confirmed = self.sinks[sink].confirmed()?;
            }
            if let Some(up_to) = confirmed.up_to {
                self.ledger.confirm(sink, up_to);
            }
        }
        self.settle();
        let now = Instant::now();
        if self.ledger.changed() && self.policy.due(self.ledger.uncommitted(), now) {
            let next = self.ledger.take_positions();
            self.policy.sent(self.ledger.uncommitted(), now);
            self.source.commit(&next, Commit::Soon)?;
        }
        if now.duration_since(self.last_lag) >= LAG_EVERY {
            self.last_lag = now;
            self.publish();
        }
        Ok(())
    }

    /// Tells where the lane is.
    pub(super) fn publish(&self) {
        let behind: BTreeMap<_, _> = self.source.lag(self.ledger.positions()).into_iter().collect();
        let of_one = |(partition, position): (&TopicPartition, &i64)| Progress {
            partition: partition.clone(),
            position: *position,
            settled_at: self
                .settled_at
                .get(partition)
                .copied()
                .filter(|at| *at != NO_TIMESTAMP),
            behind: behind
                .get(partition)
                .and_then(|behind| u64::try_from(*behind).ok()),
        };
        let all = self.ledger.positions().iter().map(of_one).collect();
        self.metrics.progress.store(Arc::new(all));
    }

    pub(super) fn settle(&mut self) {
        let (now, at) = (millis_now(), Instant::now());
        let (metrics, settled_at) = (&self.metrics, &mut self.settled_at);
        let mut bytes = 0;
        let mut in_flight = metrics.in_flight.get();
        self.ledger.settle(|shares, held| {
            bytes += held.bytes;
            let waited = u64::try_from(at.duration_since(held.written).as_millis());
            metrics.confirmation.observe(waited.unwrap_or(u64::MAX));
            let timestamps = held.delivered.iter().map(|row| {
                let row = *row as usize;
                held.times
                    .get(row)
                    .copied()
                    .unwrap_or_else(|| held.records.timestamp(row))
            });
            metrics.latency.observe_all(
                timestamps
                    .filter(|t| *t != NO_TIMESTAMP)
                    .map(|t| now.saturating_sub(t.max(0) as u64)),
            );
            for share in shares {
                match settled_at.get_mut(&share.partition) {
                    Some(at) => *at = share.at,
                    None => drop(settled_at.insert(share.partition.clone(), share.at)),
                }
                count(metrics, &share.tally);
                in_flight = in_flight.saturating_sub(share.tally.total());
            }
        });
        metrics.in_flight.set(in_flight);
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
    }

    /// Where one of them stops the pipeline, none of their batches may ever be committed.
    pub(super) fn all_refused(&mut self, refused: Vec<Refused>) -> Result<()> {
        let mut outcome = Ok(());
        for row in refused {
            let ticket = row.ticket;
            if outcome.is_ok() {
                outcome = self.refused(row);
            }
            if outcome.is_err() {
                self.ledger.wait_again(ticket, NEVER_CONFIRMED);
            }
        }
        outcome
    }

    /// A row the sink will never take becomes a reject.
    pub(super) fn refused(&mut self, refused: Refused) -> Result<()> {
        let Refused {
            ticket,
            record,
            error,
        } = refused;
        let reject = Reject {
            record,
            stage: Stage::Sink,
            cause: "refused by the sink",
            reason: error.to_string(),
        };
        let Some(entry) = self.ledger.open_entry(ticket) else {
            return Ok(());
        };
        let Some(held) = entry.held.as_mut() else {
            return Ok(());
        };
        let records = Arc::clone(&held.records);
        if held.dead.contains(&record) {
            return Err(
                Error::fatal("a dead letter cannot be written").caused_by(stopped_by(&records, &reject))
            );
        }
        held.delivered.retain(|row| *row != record);
        let origin = records.partition(record as usize);
        let share = entry.shares.iter_mut().find(|s| s.partition == *origin);
        self.metrics.rejected(&reject, &records);
        if let Some(share) = share {
            share.tally.delivered = share.tally.delivered.saturating_sub(1);
            if self.rules.dead_letters.is_some() {
                share.tally.dead_lettered += 1;
            } else {
                share.tally.dropped += 1;
            }
        }
        match self.rules.dead_letters.clone() {
            None if self.rules.drop_rejects => Ok(()),
            None => Err(stopped_by(&records, &reject)),
            Some(letters) => {
                held.dead.push(record);
                self.ledger.wait_again(ticket, letters.sink);
                let outgoing = letters.outgoing(&records, &[reject]);
                let current = std::mem::replace(&mut self.ticket, ticket);
                let mut taken = 0;
                while taken == 0 {
                    taken = self.sinks[letters.sink].write(ticket, &outgoing, 0)?;
                    if taken == 0 {
                        let event = self.poll(0, Duration::from_millis(2))?;
                        self.waiting.push_back(event);
                        self.drop_idle();
                    }
                }
                self.ticket = current;
                Ok(())
            }
        }
    }

    pub(super) fn committed(&mut self, positions: &Positions) {
        self.metrics.commits.add(1);
        self.metrics.unreachable_since.set(0);
        self.ledger.acknowledge(positions);
        self.policy.acknowledged(self.ledger.uncommitted());
    }

    pub(super) fn settle_count(&self, tally: &Tally, abandoned: u64) {
        count(&self.metrics, tally);
        self.metrics.abandoned.add(abandoned);
        let left = self
            .metrics
            .in_flight
            .get()
            .saturating_sub(tally.total() + abandoned);
        self.metrics.in_flight.set(left);
    }
}

fn count(metrics: &LaneMetrics, tally: &Tally) {
    metrics.delivered.add(tally.delivered);
    metrics.filtered.add(tally.filtered);
    metrics.dead_lettered.add(tally.dead_lettered);
    metrics.dropped.add(tally.dropped);
}

/// What becomes of each record, by partition: delivered, rejected, or else filtered.
pub(super) fn shares(
    records: &Records,
    delivered: &[u32],
    rejects: &[Reject],
    dead_letters: bool,
) -> Vec<Share> {
    let mut shares: Vec<Share> = records
        .next_positions()
        .into_iter()
        .map(|(partition, next)| Share {
            partition,
            next,
            at: NO_TIMESTAMP,
            tally: Tally::default(),
        })
        .collect();
    let at: Vec<Option<usize>> = records
        .partitions()
        .iter()
        .map(|p| shares.iter().position(|s| s.partition == *p))
        .collect();
    let mut tally = |row: usize, add: &dyn Fn(&mut Tally)| {
        if let Some(share) = at[records.partition_index(row)].and_then(|i| shares.get_mut(i)) {
            share.at = records.timestamp(row);
            add(&mut share.tally);
        }
    };
    let (mut delivered, mut rejects) = (delivered.iter().peekable(), rejects.iter().peekable());
    for row in 0..records.len() {
        if delivered.next_if(|r| **r as usize == row).is_some() {
            tally(row, &|t| t.delivered += 1);
        } else if rejects.next_if(|r| r.record as usize == row).is_some() {
            tally(row, &|t| {
                if dead_letters {
                    t.dead_lettered += 1
                } else {
                    t.dropped += 1
                }
            });
        } else {
            tally(row, &|t| t.filtered += 1);
        }
    }
    shares
}
