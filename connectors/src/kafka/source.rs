//! The reading end: records from the lane queue, and what happens to the group, in one line of events. Group events
//! come first: after a revocation is known, no further record of any partition is given out before it is handled.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::source::{Commit, Event, Limit, Membership, Source};
use forebay_core::{Error, Kind, Partitions, Positions, Record, Records, Result, TopicPartition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use tracing::{debug, warn};

use super::acknowledged::Acknowledged;
use super::endpoint::Endpoint;
use super::ffi::{self, Answer, Commits, LaneQueue};
use super::group::{Change, Group};
use super::login::subscribe;
use super::refused;
use super::start::{self, list_of};
use crate::connector::{SourceSpec, Start, Topics};

/// A member of a consumer group.
pub(super) struct KafkaSource {
    // Before the consumer: what holds its handle must be dropped first.
    queue: LaneQueue,
    commits: Commits,
    token: Option<Subscription>,
    consumer: BaseConsumer<Group>,
    start: Start,
    /// What to tell the lane next.
    events: VecDeque<Event>,
    /// Per assigned partition the position behind the last record given out.
    positions: Positions,
    /// Partitions named in a `Revoked` or `Lost` that the lane has not released yet, with librdkafka's own list.
    releasing: Vec<(Partitions, TopicPartitionList)>,
    /// The commit that is wanted, until acknowledged: a failed one is sent again.
    wanted: Positions,
    resend_at: Option<Instant>,
    acknowledged: Acknowledged,
    /// Partitions that were assigned anew and have given no record yet, and until when they are looked after:
    /// librdkafka clears a partition's forwarding when it gets round to ending the old fetch, at some time after the
    /// call, and its records would then come to a queue that nobody reads.
    unsettled: Option<(Partitions, Instant)>,
    /// Partitions whose position is gone and the bounds of whose logs are not known yet, and when to ask for them.
    gone: Partitions,
    ask_at: Instant,
    /// Until when leaving in order is tried.
    leaving: Option<Instant>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSource({:?})", self.positions)
    }
}

/// The lane queue is waited on for so long at most, so that group events are seen in time.
const STEP: Duration = Duration::from_millis(10);
const RESEND_AFTER: Duration = Duration::from_millis(200);
const ASK_AFTER: Duration = Duration::from_millis(200);
const COMMIT_WITHIN: Duration = Duration::from_secs(10);
const LEAVE_WITHIN: Duration = Duration::from_secs(15);
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

impl KafkaSource {
    pub(super) fn open(endpoint: &Endpoint, spec: &SourceSpec) -> Result<Self> {
        let consumer: BaseConsumer<Group> = endpoint
            .consumer(spec)
            .create_with_context(Group::new(endpoint.traffic.meter()))
            .map_err(refused)?;
        let queue = LaneQueue::new(consumer.client());
        let source = Self {
            queue,
            commits: Commits::new(consumer.client()),
            token: subscribe(&endpoint.credentials, consumer.client())?,
            consumer,
            start: spec.start,
            events: VecDeque::new(),
            positions: Positions::new(),
            releasing: Vec::new(),
            wanted: Positions::new(),
            resend_at: None,
            acknowledged: Acknowledged::default(),
            unsettled: None,
            gone: Partitions::new(),
            ask_at: Instant::now(),
            leaving: None,
        };
        let names: Vec<&str> = match &spec.topics {
            Topics::Names(names) => names.iter().map(String::as_str).collect(),
            Topics::Pattern(pattern) => vec![pattern],
        };
        let subscribed = source.consumer.subscribe(&names);
        subscribed.map_err(|e| Error::config("subscribe to the source's topics").caused_by(e))?;
        Ok(source)
    }

    fn group(&self) -> &Group {
        self.consumer.context()
    }

    fn cooperative(&self) -> bool {
        matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    /// Lets librdkafka run its callbacks; waits at most `wait` for one.
    fn serve_group(&mut self, wait: Duration) -> Result<()> {
        let mut wait = wait;
        while let Some(message) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            match message {
                // Partitions are forwarded before they are assigned, so no record comes this way.
                Ok(message) => {
                    return Err(Error::fatal("a record came past the lane queue")
                        .with("topic", rdkafka::Message::topic(&message))
                        .with("offset", rdkafka::Message::offset(&message)));
                }
                Err(error) => self.client_error(error)?,
            }
        }
        Ok(())
    }

    fn client_error(&mut self, error: KafkaError) -> Result<()> {
        use RDKafkaErrorCode as Code;
        if let KafkaError::MessageConsumptionFatal(_) = error {
            let reason = self
                .consumer
                .client()
                .fatal_error()
                .map_or_else(String::new, |(_, text)| text);
            return Err(Error::fatal("the consumer cannot go on")
                .with("reason", reason)
                .caused_by(error));
        }
        let awaits_a_token = self.token.as_ref().is_some_and(Subscription::awaits_a_token);
        match error.rdkafka_error_code() {
            // The issuer fails, which its own lines tell, and the client comes again with the next token; or the connection ended.
            Some(Code::Authentication) if awaits_a_token || self.group().was_cut_off() => {
                self.events.push_back(Event::Unreachable(error.to_string()));
                Ok(())
            }
            Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::Authentication) => {
                Err(Error::new(Kind::Auth, "the cluster refused the consumer").caused_by(error))
            }
            // The group tells of it with a revocation.
            Some(Code::PollExceeded) => {
                warn!("max.poll.interval.ms was exceeded: the member has left the group and joins again");
                Ok(())
            }
            _ => {
                self.events.push_back(Event::Unreachable(error.to_string()));
                Ok(())
            }
        }
    }

    /// Turns what the callbacks recorded into events, up to the first that the lane must act on.
    fn take_changes(&mut self) {
        while self.releasing.is_empty() {
            let Some(change) = self.group().next() else { return };
            match change {
                Change::Revoke { partitions, lost } => self.revoked(partitions, lost),
                Change::Assign(partitions) => {
                    if let Err(error) = self.assign(&partitions) {
                        // Asked again with the next poll; the group waits for this member that long.
                        self.group().put_back(Change::Assign(partitions));
                        self.events
                            .push_back(Event::Unreachable(format!("read the group's commits: {error}")));
                        return;
                    }
                }
            }
        }
    }

    fn assign(&mut self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let starts = start::resolve(&self.consumer, partitions, self.start)?;
        self.forward(starts.positions.keys());
        let list = list_of(&starts.positions)?;
        if self.cooperative() {
            self.consumer.incremental_assign(&list)?;
        } else {
            self.consumer.assign(&list)?;
        }
        let mut positions = starts.positions;
        // A partition with a gap rests at its end, but its position is the one that is gone: nothing may be committed
        // past the gap before the lane has decided.
        positions.extend(
            starts
                .gaps
                .iter()
                .map(|gap| (gap.partition.clone(), gap.position)),
        );
        self.positions.extend(positions.clone());
        self.events.push_back(Event::Assigned(positions));
        self.events.extend(starts.gaps.into_iter().map(Event::Gap));
        Ok(())
    }

    fn revoked(&mut self, list: TopicPartitionList, lost: bool) {
        let named = list
            .elements()
            .into_iter()
            .map(|e| TopicPartition::new(e.topic(), e.partition()));
        let partitions: Partitions = named.collect();
        let owned: Partitions = self.positions.keys().cloned().collect();
        // With an eager protocol a revocation means everything.
        let partitions = if self.cooperative() {
            partitions
        } else {
            &partitions | &owned
        };
        self.releasing.push((partitions.clone(), list));
        self.events.push_back(if lost {
            Event::Lost(partitions)
        } else {
            Event::Revoked(partitions)
        });
    }

    fn take_answers(&mut self, wait: Duration) {
        let mut wait = wait;
        while let Some((answers, error)) = self.commits.answer(wait) {
            wait = Duration::ZERO;
            self.commit_answer(answers, error);
        }
    }

    fn commit_answer(&mut self, answers: Vec<Answer>, error: Option<RDKafkaErrorCode>) {
        if let Some(code) = error.or_else(|| answers.iter().find_map(|a| a.error)) {
            debug!(%code, "commit failed; it is sent again");
            self.resend_at = Some(Instant::now() + RESEND_AFTER);
            return;
        }
        let owned = |a: Answer| {
            (
                TopicPartition {
                    topic: a.topic,
                    partition: a.partition,
                },
                a.next,
            )
        };
        let mut committed: Positions = answers.into_iter().map(owned).collect();
        self.wanted
            .retain(|p, next| committed.get(p).is_none_or(|done| done < next));
        let again = self.acknowledged.answered(&committed);
        if !again.is_empty() {
            debug!("an older commit came late; the later one is sent again");
            committed.retain(|p, _| !again.contains_key(p));
            for (partition, next) in again {
                let wanted = self.wanted.entry(partition).or_insert(next);
                *wanted = (*wanted).max(next);
            }
            self.resend_at = Some(Instant::now());
        }
        self.events.push_back(Event::Committed(committed));
    }

    fn resend_commit(&mut self) -> Result<()> {
        if self.resend_at.is_some_and(|at| Instant::now() >= at) {
            self.resend_at = None;
            if !self.wanted.is_empty() {
                let wanted = self.wanted.clone();
                return self.send_commit(&wanted);
            }
        }
        Ok(())
    }

    fn send_commit(&mut self, next: &Positions) -> Result<()> {
        let list = list_of(next).map_err(|e| Error::fatal("build a commit").caused_by(e))?;
        if let Err(error) = self.commits.send(self.consumer.client(), &list) {
            debug!(%error, "commit could not be sent; it is sent again");
            self.resend_at = Some(Instant::now() + RESEND_AFTER);
        }
        Ok(())
    }

    /// Waits for the acknowledgement of `next`, serving the group meanwhile.
    fn await_commit(&mut self, next: &Positions) -> Result<()> {
        let until = Instant::now() + COMMIT_WITHIN;
        while next
            .iter()
            .any(|(p, n)| self.wanted.get(p).is_some_and(|wanted| wanted <= n))
        {
            if Instant::now() >= until {
                return Err(Error::retry("commit positions").with("waited", format!("{COMMIT_WITHIN:?}")));
            }
            self.take_answers(Duration::from_millis(5));
            self.serve_group(Duration::ZERO)?;
            self.resend_commit()?;
        }
        Ok(())
    }

    /// Sends the records of partitions to the lane queue, and those along that have come to another one.
    fn forward<'p>(&self, partitions: impl IntoIterator<Item = &'p TopicPartition>) {
        for partition in partitions {
            let client = self.consumer.client();
            self.queue.forward(client, &partition.topic, partition.partition);
        }
    }

    fn settle(&mut self, came: &Positions) {
        let Some((partitions, until)) = self.unsettled.take() else {
            return;
        };
        let (now, mut partitions) = (Instant::now(), partitions);
        partitions.retain(|p| !came.contains_key(p) && self.positions.contains_key(p));
        if !partitions.is_empty() && now < until {
            self.forward(&partitions);
            self.unsettled = Some((partitions, until));
        }
    }

    fn records(&mut self, limit: usize, wait: Duration) -> Option<Event> {
        let mut problem = None;
        let drained = self.queue.drain(limit, wait);
        if drained.len() == 0 {
            return None;
        }
        let size = |b: Option<&[u8]>| b.map_or(0, <[u8]>::len);
        let bytes = drained
            .iter()
            .filter(|m| m.error().is_none())
            .map(|m| size(m.key()) + size(m.payload()));
        let mut records = Records::with_capacity(drained.len(), bytes.sum());
        let (mut at, mut index) = (None, 0);
        for message in drained.iter() {
            let Some(topic) = message.topic() else { continue };
            match message.error() {
                None => {}
                Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    let partition = TopicPartition::new(Arc::clone(topic), message.partition());
                    self.gone.insert(partition);
                    continue;
                }
                Some(error) => {
                    problem = Some(format!("read {topic}[{}]: {error}", message.partition()));
                    continue;
                }
            }
            let here = (Arc::as_ptr(topic), message.partition());
            if at != Some(here) {
                at = Some(here);
                index = records.intern(topic, message.partition());
            }
            let (offset, timestamp) = (message.offset(), message.timestamp());
            records.push(
                index,
                Record {
                    offset,
                    timestamp,
                    key: message.key(),
                    payload: message.payload(),
                },
            );
            message.headers(|name, value| records.push_header(name, value));
        }
        drop(drained);
        let next = records.next_positions();
        self.settle(&next);
        self.positions.extend(next);
        self.events.extend(problem.map(Event::Unreachable));
        (!records.is_empty()).then_some(Event::Records(records))
    }

    /// Tells of the gaps whose bounds can be read now. A leader that has just moved does not answer: it is asked again.
    fn tell_gaps(&mut self) {
        if self.gone.is_empty() || Instant::now() < self.ask_at {
            return;
        }
        while let Some(partition) = self.gone.pop_first() {
            let Some(position) = self.positions.get(&partition).copied() else {
                continue;
            };
            match start::gap(&self.consumer, &partition, position) {
                Ok(gap) => self.events.push_back(Event::Gap(gap)),
                Err(error) => {
                    self.events.push_back(Event::Unreachable(format!(
                        "read the bounds of {partition}, where position {position} is gone: {error}"
                    )));
                    self.gone.insert(partition);
                    self.ask_at = Instant::now() + ASK_AFTER;
                    return;
                }
            }
        }
    }

    fn left(&self) -> bool {
        let Some(until) = self.leaving else { return false };
        let idle = self.releasing.is_empty() && self.group().is_empty() && self.positions.is_empty();
        (idle && self.consumer.assignment().is_ok_and(|a| a.count() == 0)) || Instant::now() >= until
    }
}

impl Source for KafkaSource {
    fn poll(&mut self, limit: Limit, wait: Duration) -> Result<Event> {
        let until = Instant::now() + wait;
        loop {
            self.serve_group(Duration::ZERO)?;
            self.take_answers(Duration::ZERO);
            self.take_changes();
            self.resend_commit()?;
            if self.unsettled.is_some() {
                self.settle(&Positions::new());
            }
            self.tell_gaps();
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if self.left() {
                return Ok(Event::End);
            }
            let left = until.saturating_duration_since(Instant::now()).min(STEP);
            if limit.rows == 0 || self.leaving.is_some() || !self.releasing.is_empty() {
                self.serve_group(left)?;
            } else if let Some(event) = self.records(limit.rows, left) {
                return Ok(event);
            }
            if self.group().is_empty() && self.events.is_empty() && Instant::now() >= until {
                return Ok(Event::Idle);
            }
        }
    }

    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()> {
        self.wanted.extend(next.iter().map(|(p, n)| (p.clone(), *n)));
        self.acknowledged.wanted(next);
        self.resend_at = None;
        self.send_commit(next)?;
        match how {
            Commit::Soon => Ok(()),
            Commit::Now => self.await_commit(next),
        }
    }

    fn rewind(&mut self, to: &Positions) -> Result<()> {
        let failed = |e: KafkaError| Error::retry("set the position to read from").caused_by(e);
        self.positions.extend(to.iter().map(|(p, n)| (p.clone(), *n)));
        // A partition whose position is gone is not being fetched, and cannot be sought: it is assigned anew.
        let anew = if self.cooperative() {
            let list = list_of(to).map_err(failed)?;
            self.consumer.incremental_unassign(&list).map_err(failed)?;
            self.consumer.incremental_assign(&list).map_err(failed)?;
            to
        } else {
            let list = list_of(&self.positions).map_err(failed)?;
            self.consumer.assign(&list).map_err(failed)?;
            &self.positions
        };
        let anew: Partitions = anew.keys().cloned().collect();
        self.forward(&anew);
        self.gone.retain(|p| !anew.contains(p));
        self.unsettled = Some((anew, Instant::now() + SETTLE_WITHIN));
        Ok(())
    }

    fn release(&mut self, partitions: &Partitions) -> Result<()> {
        self.positions.retain(|p, _| !partitions.contains(p));
        self.gone.retain(|p| !partitions.contains(p));
        self.wanted.retain(|p, _| !partitions.contains(p));
        self.acknowledged.release(partitions);
        let Some(at) = self.releasing.iter().position(|(named, _)| named == partitions) else {
            return Ok(());
        };
        let (_, list) = self.releasing.remove(at);
        let done = if self.cooperative() {
            self.consumer.incremental_unassign(&list)
        } else {
            self.consumer.unassign()
        };
        done.map_err(|e| Error::fatal("hand partitions over").caused_by(e))
    }

    fn lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    fn leave(&mut self) -> Result<()> {
        self.leaving = Some(Instant::now() + LEAVE_WITHIN);
        self.consumer.unsubscribe();
        Ok(())
    }

    fn membership(&self) -> Option<Membership> {
        self.consumer.group_metadata().map(|m| Membership(Box::new(m)))
    }

    fn lag(&self, positions: &Positions) -> Vec<(TopicPartition, i64)> {
        let end = |p: &TopicPartition| ffi::known_end(self.consumer.client(), &p.topic, p.partition);
        let lags = positions
            .iter()
            .filter_map(|(p, next)| end(p).map(|end| (p.clone(), (end - next).max(0))));
        lags.collect()
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.group().close();
        // What the callbacks recorded and nobody will act on any more.
        let waiting: BTreeSet<TopicPartition> = self.releasing.drain(..).flat_map(|(p, _)| p).collect();
        if !waiting.is_empty() || !self.group().is_empty() {
            while self.group().next().is_some() {}
            let done = self.consumer.unassign();
            debug!(?done, "released what was left");
        }
    }
}
