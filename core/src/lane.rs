//! The loop: one thread, one member of the group, straight from source to commit. It polls what has arrived, carries
//! it through, hands the results to the sinks, and polls again. A revoked partition is an event in that line: flush,
//! commit, release. Knows no broker and no format.

mod account;
mod group;
mod waiting;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::warn;

use self::account::shares;
use self::waiting::Attempt;
use crate::breaker::Consecutive;
use crate::carry::{Carried, Carrier};
use crate::commit::CommitPolicy;
use crate::dead_letters::DeadLetters;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, Tally};
use crate::metrics::{Closed, LaneMetrics};
use crate::records::{Records, TopicPartition};
use crate::reject::Reject;
use crate::sink::{Outgoing, Sink, Ticket};
use crate::source::{Event, Limit, Source};

/// What to do with a position that no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGap {
    Stop,
    Earliest,
    Latest,
}

/// What a lane may do, and how often.
#[derive(Clone, Debug)]
pub struct Rules {
    pub max_rows: usize,
    pub commit_every: Duration,
    /// The shortest time between two commits, where the source's system wants one.
    pub commit_at_least: Duration,
    /// Records handed over and not acknowledged as committed, at most.
    pub max_records: u64,
    /// Bytes of records and results that are not confirmed, at most.
    pub max_bytes: usize,
    pub on_gap: OnGap,
    /// Without dead letters: whether a reject is dropped and counted, or stops the pipeline.
    pub drop_rejects: bool,
    pub dead_letters: Option<DeadLetters>,
    /// How long a flush may take when partitions are handed over or the lane leaves.
    pub flush_within: Duration,
}

/// Asks lanes to drain and leave. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on every lane with this stop drains and leaves.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was requested.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a lane needs of a batch until its sinks have confirmed it.
struct Held {
    records: Arc<Records>,
    /// Records whose results were written.
    delivered: Vec<u32>,
    /// When the events happened, by record; empty where the records' timestamps tell.
    times: Vec<i64>,
    /// Records that were dead-lettered: one that is refused again cannot be written anywhere.
    dead: Vec<u32>,
    bytes: usize,
    /// When it was handed to the sinks.
    written: Instant,
}

/// A source, a carrier and sinks, in one thread. The first sink takes the results.
pub struct Lane {
    source: Box<dyn Source>,
    carrier: Carrier,
    sinks: Vec<Box<dyn Sink>>,
    rules: Rules,
    ledger: Ledger<Held>,
    policy: CommitPolicy,
    consecutive: Consecutive,
    /// Events that came while the lane was waiting: their turn is next.
    waiting: VecDeque<Event>,
    leaving: bool,
    ticket: Ticket,
    in_flight_bytes: usize,
    /// The timestamp of the record that was settled last, by partition.
    settled_at: HashMap<TopicPartition, i64>,
    /// Rows that the last poll might give.
    asked: usize,
    metrics: Arc<LaneMetrics>,
    stop: Stop,
    assigned_before: bool,
    last_lag: Instant,
    last_warning: Option<Instant>,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({} sinks, {})", self.sinks.len(), self.ticket)
    }
}

/// How often it is told where the lane is, and a source that cannot be reached is spoken of.
const LAG_EVERY: Duration = Duration::from_secs(1);
const WARN_EVERY: Duration = Duration::from_secs(10);
/// A sink that does not exist: a batch that waits for it stays uncommitted.
const NEVER_CONFIRMED: usize = 31;
/// A call longer than this may have cost the lane its membership.
const LONG_CALL: Duration = Duration::from_secs(2);

impl Lane {
    /// A lane over opened parts.
    pub fn new(
        source: Box<dyn Source>,
        carrier: Carrier,
        sinks: Vec<Box<dyn Sink>>,
        rules: Rules,
        metrics: Arc<LaneMetrics>,
        stop: Stop,
    ) -> Self {
        let now = Instant::now();
        Self {
            source,
            carrier,
            sinks,
            ledger: Ledger::default(),
            policy: CommitPolicy::new(rules.commit_every, rules.commit_at_least, rules.max_records, now),
            consecutive: Consecutive::default(),
            rules,
            waiting: VecDeque::new(),
            leaving: false,
            ticket: Ticket(0),
            in_flight_bytes: 0,
            settled_at: HashMap::new(),
            asked: 0,
            metrics,
            stop,
            assigned_before: false,
            last_lag: now,
            last_warning: None,
        }
    }

    /// Runs until the source ends, the stop is requested, or something cannot go on. Whatever the reason, what is
    /// confirmed by then is committed, and nothing else.
    ///
    /// # Errors
    /// What made the lane stop.
    pub fn run(mut self) -> Result<()> {
        let outcome = self.run_until_end();
        if outcome.is_err() {
            self.close();
        }
        outcome
    }

    fn run_until_end(&mut self) -> Result<()> {
        loop {
            self.metrics.heartbeat.set(millis_now());
            self.leave_where_asked()?;
            match self.next_event()? {
                Event::End => return self.finish(),
                event => self.handle(event)?,
            }
            self.account()?;
        }
    }

    fn leave_where_asked(&mut self) -> Result<()> {
        if self.leaving || !self.stop.requested() {
            return Ok(());
        }
        self.leaving = true;
        self.source.leave()
    }

    fn next_event(&mut self) -> Result<Event> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(event);
        }
        let rows = if self.leaving { 0 } else { self.room() };
        let wait = Duration::from_millis(if self.ledger.is_settled() && rows > 0 {
            20
        } else {
            2
        });
        self.poll(rows, wait)
    }

    /// Rows that may be taken in now: bounded by the batch, by what may be seen twice, and by memory.
    fn room(&self) -> usize {
        if self.in_flight_bytes >= self.rules.max_bytes {
            return 0;
        }
        self.rules
            .max_rows
            .min(self.policy.room(self.ledger.uncommitted()))
    }

    fn poll(&mut self, rows: usize, wait: Duration) -> Result<Event> {
        let began = Instant::now();
        let event = self.source.poll(Limit { rows }, wait);
        self.metrics.polling.add_nanos(began.elapsed());
        self.asked = rows;
        match event {
            Err(error) if error.kind() == Kind::Retry => Ok(Event::Unreachable(error.to_string())),
            other => other,
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Records(records) => {
                self.metrics.unreachable_since.set(0);
                self.carry(records)
            }
            Event::Assigned(start) => {
                self.assigned(&start);
                Ok(())
            }
            Event::Revoked(partitions) => self.hand_over(&partitions),
            Event::Lost(partitions) => self.lost(&partitions),
            Event::Committed(positions) => {
                self.committed(&positions);
                Ok(())
            }
            Event::Gap(gap) => self.gap(&gap),
            Event::Unreachable(reason) => {
                self.warn_unreachable(&reason);
                Ok(())
            }
            Event::Idle | Event::End => Ok(()),
        }
    }

    fn carry(&mut self, records: Records) -> Result<()> {
        let rows = records.len() as u64;
        self.metrics.consumed.add(rows);
        self.metrics.in_flight.set(self.metrics.in_flight.get() + rows);
        self.metrics
            .batch(records.len(), records.size(), self.closed(records.len()));
        let Some(Attempt {
            records,
            carried,
            began,
        }) = self.attempt(Arc::new(records))?
        else {
            return Ok(());
        };
        self.judge(&records, &carried.rejects)?;
        if began.elapsed() > LONG_CALL && self.source.lost() {
            // Another member reads these records again: writing them now would only make duplicates.
            self.settle_count(&Tally::default(), records.len() as u64);
            return Ok(());
        }
        self.write(records, carried)
    }

    /// Why a batch that was polled last is not larger.
    fn closed(&self, rows: usize) -> Closed {
        match rows {
            _ if rows < self.asked => Closed::Drained,
            _ if rows < self.rules.max_rows => Closed::Limited,
            _ => Closed::Full,
        }
    }

    /// Decides whether rejects stop the pipeline.
    fn judge(&mut self, records: &Records, rejects: &[Reject]) -> Result<()> {
        let run = self
            .consecutive
            .record(records.len(), rejects.iter().map(|r| r.record));
        let Some(first) = rejects.first() else {
            return Ok(());
        };
        match &self.rules.dead_letters {
            None if self.rules.drop_rejects => Ok(()),
            None => Err(stopped_by(records, first)),
            Some(dead) => match dead.stop_after {
                Some(limit) if run >= limit => Err(Error::fatal(format!(
                    "{run} records in a row were rejected (stop_after: {limit})"
                ))
                .caused_by(stopped_by(records, first))),
                _ => Ok(()),
            },
        }
    }

    fn write(&mut self, records: Arc<Records>, carried: Carried) -> Result<()> {
        let started = Instant::now();
        self.ticket.0 += 1;
        let Carried {
            results,
            rejects,
            times,
        } = carried;
        let shares = shares(
            &records,
            &results.origin,
            &rejects,
            self.rules.dead_letters.is_some(),
        );
        let mut sinks = 0;
        let mut bytes = records.size() + results.size();
        if !results.is_empty() {
            self.write_all(0, &results)?;
            self.metrics.bytes_written.add(results.size() as u64);
            sinks |= 1;
        }
        let mut dead = Vec::new();
        if let Some(letters) = self.rules.dead_letters.as_ref().filter(|_| !rejects.is_empty()) {
            let (sink, outgoing) = (letters.sink, letters.outgoing(&records, &rejects));
            self.write_all(sink, &outgoing)?;
            self.metrics.bytes_written.add(outgoing.size() as u64);
            sinks |= 1 << sink;
            dead.clone_from(&outgoing.origin);
        }
        if sinks == 0 {
            bytes = 0;
        }
        self.in_flight_bytes += bytes;
        let held = Held {
            records,
            delivered: results.origin,
            times,
            dead,
            bytes,
            written: started,
        };
        self.ledger.open(self.ticket, shares, sinks, held);
        self.metrics.writing.add_nanos(started.elapsed());
        Ok(())
    }

    /// Queues every row; while the sink is full, the group is served and nothing else is read.
    fn write_all(&mut self, sink: usize, rows: &Outgoing) -> Result<()> {
        let mut from = 0;
        while from < rows.len() {
            match self.sinks[sink].write(self.ticket, rows, from) {
                Ok(taken) => {
                    from += taken;
                    if taken > 0 {
                        self.metrics.unreachable_since.set(0);
                    }
                }
                Err(error) if error.kind() == Kind::Retry => self.warn_unreachable(&error.to_string()),
                Err(error) => return Err(error),
            }
            if from < rows.len() {
                self.metrics.heartbeat.set(millis_now());
                self.account()?;
                let event = self.poll(0, Duration::from_millis(2))?;
                self.waiting.push_back(event);
                self.drop_idle();
            }
        }
        Ok(())
    }

    fn drop_idle(&mut self) {
        if matches!(self.waiting.back(), Some(Event::Idle)) {
            self.waiting.pop_back();
        }
        if let Some(Event::Unreachable(reason)) =
            self.waiting.pop_back_if(|e| matches!(e, Event::Unreachable(_)))
        {
            self.warn_unreachable(&reason);
        }
        if let Some(Event::Committed(next)) = self.waiting.pop_back_if(|e| matches!(e, Event::Committed(_))) {
            self.committed(&next);
        }
    }

    fn warn_unreachable(&mut self, reason: &str) {
        self.metrics.retries.add(1);
        self.metrics.unreachable_last.set(millis_now());
        if self.metrics.unreachable_since.get() == 0 {
            self.metrics.unreachable_since.set(millis_now());
        }
        let now = Instant::now();
        if self
            .last_warning
            .is_none_or(|last| now.duration_since(last) >= WARN_EVERY)
        {
            self.last_warning = Some(now);
            warn!(
                reason,
                assigned = self.assigned_before,
                "cannot reach the system; trying again"
            );
        }
    }
}

fn stopped_by(records: &Records, reject: &Reject) -> Error {
    let row = reject.record as usize;
    let origin = records.partition(row);
    Error::fatal(format!(
        "a record was rejected in the {} stage and is not committed: {}; name a dead_letters topic, or set on_reject: drop",
        reject.stage, reject.reason
    ))
    .with("topic", &origin.topic)
    .with("partition", origin.partition)
    .with("offset", records.offset(row))
}

fn millis_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
