//! A batch that cannot be carried yet, because something outside does not answer: a schema registry, say. It is not the records'
//! fault, so nothing is rejected: the batch is kept, the group is served, and carrying is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{Lane, WARN_EVERY, millis_now};
use crate::carry::Carried;
use crate::error::{Error, Kind, Result};
use crate::ledger::Tally;
use crate::records::{Partitions, Records};
use crate::source::{Event, Gap};

/// From one attempt to the next: so long at first, twice as long each time, so long at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long one look at the group takes meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// What was carried, of which records, and when the attempt that succeeded began.
pub(super) struct Attempt {
    pub(super) records: Arc<Records>,
    pub(super) carried: Carried,
    pub(super) began: Instant,
}

impl Lane {
    /// Carries records as soon as that is possible; `None` where none of them is this lane's any more.
    pub(super) fn attempt(&mut self, mut records: Arc<Records>) -> Result<Option<Attempt>> {
        let (mut pause, mut said): (_, Option<Instant>) = (FIRST_PAUSE, None);
        let waiting_since = Instant::now();
        loop {
            let began = Instant::now();
            let error = match self.carrier.carry(&records) {
                Err(error) if error.kind() == Kind::Retry => error,
                carried => {
                    self.metrics.waiting.set(0);
                    if said.is_some() {
                        info!(waited = ?waiting_since.elapsed(), "the batch goes on");
                    }
                    let carried = carried?;
                    return Ok(Some(Attempt {
                        records,
                        carried,
                        began,
                    }));
                }
            };
            self.metrics.waiting.set(1);
            self.metrics.waits.add(1);
            if said.is_none_or(|last| last.elapsed() >= WARN_EVERY) {
                said = Some(began);
                warn!(reason = %error, "a batch waits; nothing of it is rejected, and nothing behind it is read");
            }
            records = self.serve_meanwhile(records, pause, error)?;
            if records.is_empty() {
                self.metrics.waiting.set(0);
                return Ok(None);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Serves the group and the sinks for `pause`; returns the records that are still this lane's.
    fn serve_meanwhile(
        &mut self,
        mut records: Arc<Records>,
        pause: Duration,
        reason: Error,
    ) -> Result<Arc<Records>> {
        let until = Instant::now() + pause;
        let mut gaps: Vec<Gap> = Vec::new();
        while Instant::now() < until && !records.is_empty() {
            self.metrics.heartbeat.set(millis_now());
            self.leave_where_asked()?;
            self.account()?;
            let event = match self.waiting.pop_front() {
                Some(event) => event,
                None => self.poll(0, LOOK.min(until.saturating_duration_since(Instant::now())))?,
            };
            match event {
                Event::Revoked(partitions) => {
                    records = self.give_up(&records, &partitions);
                    gaps.retain(|gap| !partitions.contains(&gap.partition));
                    self.hand_over(&partitions)?;
                }
                Event::Lost(partitions) => {
                    records = self.give_up(&records, &partitions);
                    gaps.retain(|gap| !partitions.contains(&gap.partition));
                    self.lost(&partitions)?;
                }
                // Its turn is behind these records.
                Event::Gap(gap) => gaps.push(gap),
                Event::End => return Err(reason),
                event => self.handle(event)?,
            }
        }
        for gap in gaps.into_iter().rev() {
            self.waiting.push_front(Event::Gap(gap));
        }
        Ok(records)
    }

    /// The records without those of `partitions`: their next owner reads them again.
    fn give_up(&mut self, records: &Records, partitions: &Partitions) -> Arc<Records> {
        let kept = records.without(partitions);
        self.settle_count(&Tally::default(), (records.len() - kept.len()) as u64);
        Arc::new(kept)
    }
}
