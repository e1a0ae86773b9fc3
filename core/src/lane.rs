//! The loop: one thread, one member of the group, straight from source to commit. It polls what has arrived, carries
//! it through, hands the results to the sinks, and polls again. A revoked partition is an event in that line: flush,
//! commit, release. Knows no broker and no format.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{info, warn};

use crate::breaker::Consecutive;
use crate::carry::{Carried, Carrier};
use crate::commit::CommitPolicy;
use crate::dead_letters::DeadLetters;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, Share, Tally};
use crate::metrics::LaneMetrics;
use crate::records::{NO_TIMESTAMP, Partitions, Positions, Records};
use crate::reject::Reject;
use crate::sink::{Outgoing, Refused, Sink, Ticket};
use crate::source::{Commit, Event, Gap, Limit, Source};

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
    /// Records that were dead-lettered: one that is refused again cannot be written anywhere.
    dead: Vec<u32>,
    bytes: usize,
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
    /// Events that came while the lane was waiting for a sink: their turn is next.
    waiting: VecDeque<Event>,
    ticket: Ticket,
    in_flight_bytes: usize,
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

/// How often the lag is read and a source that cannot be reached is spoken of.
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
            policy: CommitPolicy::new(rules.commit_every, rules.max_records, now),
            consecutive: Consecutive::default(),
            rules,
            waiting: VecDeque::new(),
            ticket: Ticket(0),
            in_flight_bytes: 0,
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
        let mut leaving = false;
        loop {
            self.metrics.heartbeat.set(millis_now());
            if self.stop.requested() && !leaving {
                leaving = true;
                self.source.leave()?;
            }
            match self.next_event(leaving)? {
                Event::End => return self.finish(),
                event => self.handle(event)?,
            }
            self.account()?;
        }
    }

    fn next_event(&mut self, leaving: bool) -> Result<Event> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(event);
        }
        let rows = if leaving { 0 } else { self.room() };
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
        match self.source.poll(Limit { rows }, wait) {
            Err(error) if error.kind() == Kind::Retry => Ok(Event::Unreachable(error.to_string())),
            other => other,
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Records(records) => self.carry(records),
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

    fn assigned(&mut self, start: &Positions) {
        self.ledger.assign(start);
        self.assigned_before = true;
        self.metrics.partitions.set(self.ledger.positions().len() as u64);
        info!(partitions = ?start, "assigned");
    }

    fn carry(&mut self, records: Records) -> Result<()> {
        let started = Instant::now();
        let records = Arc::new(records);
        let rows = records.len() as u64;
        self.metrics.consumed.add(rows);
        self.metrics.in_flight.set(self.metrics.in_flight.get() + rows);
        self.metrics.batches.add(1);
        let carried = self.carrier.carry(&records)?;
        self.judge(&records, &carried.rejects)?;
        if started.elapsed() > LONG_CALL && self.source.lost() {
            // Another member reads these records again: writing them now would only make duplicates.
            self.settle_count(&Tally::default(), rows);
            return Ok(());
        }
        self.write(records, carried)
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
        let Carried { results, rejects } = carried;
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
            sinks |= 1;
        }
        let mut dead = Vec::new();
        if let Some(letters) = self.rules.dead_letters.as_ref().filter(|_| !rejects.is_empty()) {
            let (sink, outgoing) = (letters.sink, letters.outgoing(&records, &rejects));
            self.write_all(sink, &outgoing)?;
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
            dead,
            bytes,
        };
        self.ledger.open(self.ticket, shares, sinks, held);
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.metrics.busy[3].add(nanos);
        Ok(())
    }

    /// Queues every row; while the sink is full, the group is served and nothing else is read.
    fn write_all(&mut self, sink: usize, rows: &Outgoing) -> Result<()> {
        let mut from = 0;
        while from < rows.len() {
            match self.sinks[sink].write(self.ticket, rows, from) {
                Ok(taken) => from += taken,
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

    /// Takes in what the sinks have confirmed, and commits where it is due.
    fn account(&mut self) -> Result<()> {
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
            let lag = self.source.lag(self.ledger.positions());
            self.metrics
                .lag
                .set(lag.iter().map(|(_, n)| (*n).max(0) as u64).sum());
        }
        Ok(())
    }

    fn settle(&mut self) {
        let now = millis_now();
        let metrics = &self.metrics;
        let mut bytes = 0;
        let mut in_flight = metrics.in_flight.get();
        self.ledger.settle(|shares, held| {
            bytes += held.bytes;
            let timestamps = held
                .delivered
                .iter()
                .map(|row| held.records.timestamp(*row as usize));
            metrics.latency.observe_all(
                timestamps
                    .filter(|t| *t != NO_TIMESTAMP)
                    .map(|t| now.saturating_sub(t.max(0) as u64)),
            );
            for share in shares {
                count(metrics, &share.tally);
                in_flight = in_flight.saturating_sub(share.tally.total());
            }
        });
        metrics.in_flight.set(in_flight);
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
    }

    /// Where one of them stops the pipeline, none of their batches may ever be committed.
    fn all_refused(&mut self, refused: Vec<Refused>) -> Result<()> {
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
    fn refused(&mut self, refused: Refused) -> Result<()> {
        let Refused {
            ticket,
            record,
            error,
        } = refused;
        let reject = Reject {
            record,
            stage: crate::reject::Stage::Sink,
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
        self.metrics.rejects[reject.stage as usize].add(1);
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

    fn committed(&mut self, positions: &Positions) {
        self.metrics.commits.add(1);
        self.ledger.acknowledge(positions);
        self.policy.acknowledged(self.ledger.uncommitted());
    }

    /// Everything read of these partitions went through the lane already: flush, commit, release, in that order.
    fn hand_over(&mut self, partitions: &Partitions) -> Result<()> {
        let started = Instant::now();
        self.metrics.revocations.add(1);
        self.flush_and_commit(partitions);
        self.forget(partitions);
        self.source.release(partitions)?;
        info!(?partitions, took = ?started.elapsed(), "revoked");
        Ok(())
    }

    /// Commits what the sinks confirm within the flush; what they do not confirm is left to the next owner.
    fn flush_and_commit(&mut self, partitions: &Partitions) {
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

    fn flush(&mut self) -> Result<()> {
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

    fn lost(&mut self, partitions: &Partitions) -> Result<()> {
        warn!(
            ?partitions,
            "lost: another member owns them; nothing of them is committed any more"
        );
        self.metrics.lost.add(1);
        self.forget(partitions);
        self.source.release(partitions)
    }

    fn forget(&mut self, partitions: &Partitions) {
        let abandoned = self.ledger.forget(partitions);
        self.settle_count(&Tally::default(), abandoned.total());
        self.settle();
        self.metrics.partitions.set(self.ledger.positions().len() as u64);
    }

    fn settle_count(&self, tally: &Tally, abandoned: u64) {
        count(&self.metrics, tally);
        self.metrics.abandoned.add(abandoned);
        let left = self
            .metrics
            .in_flight
            .get()
            .saturating_sub(tally.total() + abandoned);
        self.metrics.in_flight.set(left);
    }

    fn gap(&mut self, gap: &Gap) -> Result<()> {
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

    fn warn_unreachable(&mut self, reason: &str) {
        self.metrics.retries.add(1);
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

    /// The source has ended: everything is settled and committed.
    fn finish(&mut self) -> Result<()> {
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
    fn close(&mut self) {
        let owned: Partitions = self.ledger.positions().keys().cloned().collect();
        self.rules.flush_within = self.rules.flush_within.min(Duration::from_secs(5));
        self.flush_and_commit(&owned);
        self.forget(&owned);
    }
}

fn count(metrics: &LaneMetrics, tally: &Tally) {
    metrics.delivered.add(tally.delivered);
    metrics.filtered.add(tally.filtered);
    metrics.dead_lettered.add(tally.dead_lettered);
    metrics.dropped.add(tally.dropped);
}

/// What becomes of each record, by partition: delivered, rejected, or else filtered.
fn shares(records: &Records, delivered: &[u32], rejects: &[Reject], dead_letters: bool) -> Vec<Share> {
    let mut shares: Vec<Share> = records
        .next_positions()
        .into_iter()
        .map(|(partition, next)| Share {
            partition,
            next,
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
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::batch::Batch;
    use crate::codec::verbatim::{VerbatimDecoder, VerbatimEncoder};
    use crate::memory::{Asked, MemorySink, MemorySource, Message, Script, Written, lock};
    use crate::records::TopicPartition;
    use crate::reject::Stage;
    use crate::steps::{Applied, Step};

    /// Filters payloads that start with `f`, rejects those with `r`, fails the batch where one starts with `x`.
    struct ByFirstByte;

    impl Step for ByFirstByte {
        fn apply(&mut self, batch: &Batch) -> Result<Applied> {
            let first = |row: u32| {
                let payload = batch.records.payload(batch.origin[row as usize] as usize);
                payload.and_then(|p| p.first().copied())
            };
            let rows = 0..batch.len() as u32;
            if rows.clone().any(|r| first(r) == Some(b'p')) {
                panic!("planted");
            }
            if rows.clone().any(|r| first(r) == Some(b'x')) {
                return Err(Error::reject("planted failure"));
            }
            let keep: Vec<u32> = rows
                .clone()
                .filter(|r| !matches!(first(*r), Some(b'f' | b'r')))
                .collect();
            let rejects = rows.filter(|r| first(*r) == Some(b'r')).map(|r| Reject {
                record: batch.origin[r as usize],
                stage: Stage::Model,
                reason: "planted reject".into(),
            });
            Ok(Applied {
                rejects: rejects.collect(),
                batch: batch.take(&keep)?,
            })
        }
    }

    fn rules() -> Rules {
        Rules {
            max_rows: 4,
            commit_every: Duration::from_secs(1),
            max_records: 100,
            max_bytes: 1 << 20,
            on_gap: OnGap::Stop,
            drop_rejects: false,
            dead_letters: None,
            flush_within: Duration::from_secs(1),
        }
    }

    fn with_dead_letters() -> Rules {
        let letters = DeadLetters {
            topic: "dead".into(),
            sink: 0,
            pipeline: "p".into(),
            stop_after: None,
        };
        Rules {
            dead_letters: Some(letters),
            ..rules()
        }
    }

    struct Ran {
        outcome: Result<()>,
        written: Arc<Mutex<Written>>,
        asked: Vec<Asked>,
        metrics: Arc<LaneMetrics>,
    }

    impl Ran {
        fn payloads(&self, topic: &str) -> Vec<String> {
            let written = lock(&self.written);
            let of_topic = written.messages.iter().filter(|m| m.topic == topic);
            of_topic
                .map(|m| String::from_utf8_lossy(m.payload.as_deref().unwrap_or(b"-")).into())
                .collect()
        }

        fn last_commit(&self) -> Option<i64> {
            let commits = self.asked.iter().rev();
            let mut commits = commits.filter_map(|a| match a {
                Asked::Commit(next) => Some(next),
                _ => None,
            });
            commits
                .next()
                .and_then(|next| next.get(&TopicPartition::new("in", 0)).copied())
        }

        fn balances(&self) {
            let m = &self.metrics;
            let settled = m.delivered.get()
                + m.filtered.get()
                + m.dead_lettered.get()
                + m.dropped.get()
                + m.abandoned.get();
            assert_eq!(m.consumed.get(), settled + m.in_flight.get(), "{m:?}");
        }
    }

    fn run_with(rules: Rules, script: Vec<Script>, written: Written) -> Ran {
        let source = MemorySource::new(script);
        let (asked, written) = (source.asked(), Arc::new(Mutex::new(written)));
        let metrics = Arc::new(LaneMetrics::default());
        let carrier = Carrier::new(
            Box::new(VerbatimDecoder),
            vec![(Stage::Sql, Box::new(ByFirstByte))],
            Box::new(VerbatimEncoder::new("out")),
            Arc::clone(&metrics),
        );
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(MemorySink::new(Arc::clone(&written)))];
        let lane = Lane::new(
            Box::new(source),
            carrier,
            sinks,
            rules,
            Arc::clone(&metrics),
            Stop::default(),
        );
        let outcome = lane.run();
        let asked = lock(&asked).clone();
        Ran {
            outcome,
            written,
            asked,
            metrics,
        }
    }

    fn run(rules: Rules, script: Vec<Script>) -> Ran {
        run_with(rules, script, Written::default())
    }

    fn messages(payloads: &[&str]) -> Script {
        let message = |(i, p): (usize, &&str)| Message {
            key: Some(format!("k{i}").into_bytes()),
            timestamp: 1000 + i as i64,
            headers: vec![("h".into(), Some(vec![i as u8])), ("none".into(), None)],
            ..Message::new("in", 0, i as i64, p.as_bytes())
        };
        Script::Messages(payloads.iter().enumerate().map(message).collect())
    }

    #[test]
    fn delivers_everything_and_commits_the_end() {
        let ran = run(rules(), vec![messages(&["a", "b", "c", "d", "e", "f1"])]);
        assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
        assert_eq!(ran.payloads("out"), ["a", "b", "c", "d", "e"]);
        assert_eq!(ran.last_commit(), Some(6));
        assert_eq!(ran.metrics.filtered.get(), 1);
        assert_eq!(ran.metrics.latency.snapshot().count(), 5);
        ran.balances();
    }

    #[test]
    fn keys_headers_and_timestamps_are_kept() {
        let ran = run(rules(), vec![messages(&["a", "b"])]);
        let written = lock(&ran.written);
        let second = &written.messages[1];
        assert_eq!(second.key.as_deref(), Some(&b"k1"[..]));
        assert_eq!(second.timestamp, 1001);
        assert_eq!(
            second.headers,
            vec![("h".into(), Some(vec![1])), ("none".into(), None)]
        );
    }

    #[test]
    fn guilty_rows_are_found_alone_and_their_neighbours_are_untouched() {
        let ran = run(
            with_dead_letters(),
            vec![messages(&["a", "x", "b", "p", "c", "d", "r"])],
        );
        assert!(ran.outcome.is_ok(), "{:?}", ran.outcome);
        assert_eq!(ran.payloads("out"), ["a", "b", "c", "d"]);
        assert_eq!(ran.payloads("dead"), ["x", "p", "r"]);
        assert_eq!(ran.last_commit(), Some(7));
        assert_eq!(ran.metrics.dead_lettered.get(), 3);
        ran.balances();
    }

    #[test]
    fn a_dead_letter_is_the_original_with_its_reason() {
        let ran = run(with_dead_letters(), vec![messages(&["a", "x"])]);
        let written = lock(&ran.written);
        let letter = written
            .messages
            .iter()
            .find(|m| m.topic == "dead")
            .expect("a dead letter");
        assert_eq!(letter.key.as_deref(), Some(&b"k1"[..]));
        assert_eq!(letter.timestamp, 1001);
        assert_eq!(
            letter.headers[..2],
            [("h".into(), Some(vec![1])), ("none".into(), None)]
        );
        let header = |name: &str| {
            let found = letter.headers.iter().find(|(n, _)| n == name);
            String::from_utf8_lossy(found.and_then(|(_, v)| v.as_deref()).unwrap_or_default()).into_owned()
        };
        assert_eq!(header("__connect.errors.topic"), "in");
        assert_eq!(header("__connect.errors.partition"), "0");
        assert_eq!(header("__connect.errors.offset"), "1");
        assert_eq!(header("__connect.errors.stage"), "sql");
        assert_eq!(header("__connect.errors.exception.message"), "planted failure");
    }

    #[test]
    fn a_reject_without_dead_letters_stops_uncommitted_and_names_its_place() {
        let ran = run(rules(), vec![messages(&["a", "b", "c", "d", "e", "x"])]);
        let error = ran.outcome.as_ref().expect_err("a reject stops").to_string();
        for word in [
            "topic=in",
            "partition=0",
            "offset=5",
            "planted failure",
            "on_reject: drop",
        ] {
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(
            ran.last_commit(),
            Some(4),
            "the batches before it are committed, its own is not"
        );
        assert_eq!(ran.payloads("out"), ["a", "b", "c", "d"]);
        ran.balances();
    }

    #[test]
    fn rejects_are_dropped_only_when_asked_for() {
        let ran = run(
            Rules {
                drop_rejects: true,
                ..rules()
            },
            vec![messages(&["x", "b", "r"])],
        );
        assert!(ran.outcome.is_ok());
        assert_eq!(ran.payloads("out"), ["b"]);
        assert_eq!(ran.metrics.dropped.get(), 2);
        assert_eq!(ran.last_commit(), Some(3));
        ran.balances();
    }

    #[test]
    fn a_broken_step_stops_the_pipeline_and_value_rejects_do_not() {
        let many = |payload: &'static str| vec![messages(&vec![payload; 40])];
        let big = Rules {
            max_rows: 64,
            ..with_dead_letters()
        };
        let ran = run(big.clone(), many("x"));
        let error = ran.outcome.expect_err("broken").to_string();
        assert!(error.contains("32 of the last 256 rows"), "{error}");
        let ran = run(big, many("r"));
        assert!(ran.outcome.is_ok());
        assert_eq!(ran.payloads("dead").len(), 40);
    }

    #[test]
    fn stop_after_counts_every_reject_in_a_row() {
        let mut rules = with_dead_letters();
        if let Some(letters) = &mut rules.dead_letters {
            letters.stop_after = Some(3);
        }
        let ran = run(rules.clone(), vec![messages(&["r", "r", "a", "r", "r", "a"])]);
        assert!(ran.outcome.is_ok());
        let ran = run(rules, vec![messages(&["a", "a", "a", "r", "r", "r", "a"])]);
        let error = ran.outcome.expect_err("three in a row").to_string();
        assert!(error.contains("stop_after: 3"), "{error}");
    }

    #[test]
    fn a_row_the_sink_refuses_becomes_a_dead_letter() {
        let refuse = || Written {
            refuse: Some(b"b".to_vec()),
            ..Written::default()
        };
        let two = Rules {
            dead_letters: None,
            drop_rejects: true,
            ..rules()
        };
        let ran = run_with(two, vec![messages(&["a", "b", "c"])], refuse());
        assert!(ran.outcome.is_ok());
        assert_eq!(ran.metrics.dropped.get(), 1);
        assert_eq!(ran.metrics.delivered.get(), 2);
        let ran = run_with(with_dead_letters(), vec![messages(&["a", "b"])], refuse());
        let error = ran
            .outcome
            .as_ref()
            .expect_err("the same sink refuses the dead letter, too")
            .to_string();
        assert!(error.contains("dead letter cannot be written"), "{error}");
        assert_ne!(ran.last_commit(), Some(2));
    }

    #[test]
    fn revoked_partitions_are_flushed_committed_and_released_in_that_order() {
        let partitions = Partitions::from([TopicPartition::new("in", 0)]);
        let script = vec![
            messages(&["a", "b"]),
            Script::Event(Event::Revoked(partitions.clone())),
        ];
        let ran = run(rules(), script);
        let next = Positions::from([(TopicPartition::new("in", 0), 2)]);
        let end = &ran.asked[ran.asked.len() - 2..];
        assert_eq!(end, [Asked::Commit(next), Asked::Released(partitions)]);
        assert_eq!(lock(&ran.written).flushes, 2, "at the revocation and at the end");
        ran.balances();
    }

    #[test]
    fn what_is_not_confirmed_is_not_committed_at_a_revocation() {
        let partitions = Partitions::from([TopicPartition::new("in", 0)]);
        let script = vec![messages(&["a", "b"]), Script::Event(Event::Revoked(partitions))];
        let ran = run_with(
            rules(),
            script,
            Written {
                hold: true,
                ..Written::default()
            },
        );
        assert_ne!(ran.last_commit(), Some(2));
        assert_eq!(ran.metrics.abandoned.get(), 2);
        ran.balances();
    }

    #[test]
    fn lost_partitions_are_never_committed() {
        let partitions = Partitions::from([TopicPartition::new("in", 0)]);
        let script = vec![messages(&["a"]), Script::Event(Event::Lost(partitions.clone()))];
        let ran = run_with(
            rules(),
            script,
            Written {
                hold: true,
                ..Written::default()
            },
        );
        assert_eq!(ran.asked.last(), Some(&Asked::Released(partitions)));
        assert_ne!(ran.last_commit(), Some(1));
        ran.balances();
    }

    #[test]
    fn nothing_more_is_handed_over_than_max_records() {
        let rules = Rules {
            max_records: 3,
            max_rows: 2,
            ..rules()
        };
        let held = Written {
            hold: true,
            ..Written::default()
        };
        let source = MemorySource::new(vec![messages(&["a", "b", "c", "d", "e"])]);
        let written = Arc::new(Mutex::new(held));
        let stop = Stop::default();
        let metrics = Arc::new(LaneMetrics::default());
        let carrier = Carrier::new(
            Box::new(VerbatimDecoder),
            Vec::new(),
            Box::new(VerbatimEncoder::new("out")),
            Arc::clone(&metrics),
        );
        let sink = MemorySink::new(Arc::clone(&written));
        let lane = Lane::new(
            Box::new(source),
            carrier,
            vec![Box::new(sink)],
            rules,
            Arc::clone(&metrics),
            stop.clone(),
        );
        let thread = std::thread::spawn(move || lane.run());
        while metrics.heartbeat.get() == 0 || metrics.consumed.get() < 3 {
            std::thread::yield_now();
        }
        let before = metrics.heartbeat.get();
        while metrics.heartbeat.get() < before + 5 {
            std::thread::yield_now();
        }
        assert_eq!(metrics.consumed.get(), 3);
        lock(&written).hold = false;
        thread.join().expect("no panic").expect("no error");
        assert_eq!(lock(&written).messages.len(), 5);
    }

    #[test]
    fn a_gap_stops_or_is_passed_and_counted() {
        let partition = TopicPartition::new("in", 0);
        let gap = || {
            Script::Event(Event::Gap(Gap {
                partition: partition.clone(),
                position: 5,
                earliest: 9,
                latest: 20,
            }))
        };
        let start = || Script::Event(Event::Assigned(Positions::from([(partition.clone(), 5)])));
        let ran = run(rules(), vec![start(), gap()]);
        let error = ran.outcome.expect_err("a gap stops").to_string();
        assert!(
            error.contains("position 5 of in[0] no longer exists: the log holds 9 to 20"),
            "{error}"
        );
        let ran = run(
            Rules {
                on_gap: OnGap::Earliest,
                ..rules()
            },
            vec![start(), gap()],
        );
        assert!(ran.outcome.is_ok());
        assert!(
            ran.asked
                .contains(&Asked::Rewound(Positions::from([(partition.clone(), 9)])))
        );
        assert_eq!((ran.metrics.gaps.get(), ran.metrics.gap_offsets.get()), (1, 4));
        assert_eq!(ran.last_commit(), Some(9));
    }

    #[test]
    fn a_source_that_fails_for_now_is_tried_again() {
        let script = vec![Script::Failure(Error::retry("planted")), messages(&["a"])];
        let ran = run(rules(), script);
        assert!(ran.outcome.is_ok());
        assert_eq!(ran.metrics.retries.get(), 1);
        assert_eq!(ran.payloads("out"), ["a"]);
    }
}
