//! A member of a group in memory. It hands partitions over as cooperative groups do: one by one, and only what moves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::memory::{Message, records_of};
use forebay_core::source::{Commit, Event, Limit, Source};
use forebay_core::{Error, Partitions, Positions, Result, TopicPartition};

use super::log::{Log, Shared};
use super::unknown;
use crate::connector::{SourceSpec, Start, Topics};

/// Reads what its group gives it.
#[derive(Debug)]
pub(super) struct MemorySource {
    shared: Arc<Shared>,
    group: String,
    topics: Vec<String>,
    start: Start,
    member: u64,
    /// Where each partition is read next.
    next: BTreeMap<TopicPartition, i64>,
    /// Announced, and not released yet.
    revoked: Partitions,
    events: VecDeque<Event>,
    leaving: bool,
    /// Turns the partitions, so that none waits for another.
    turn: usize,
}

impl MemorySource {
    pub(super) fn join(shared: &Arc<Shared>, spec: &SourceSpec) -> Result<Self> {
        let mut log = shared.lock();
        let topics = match &spec.topics {
            Topics::Names(names) => names.clone(),
            Topics::Pattern(pattern) => {
                let what = "read topics by a pattern: topics in memory are read by their names";
                return Err(Error::config(what).with("pattern", pattern));
            }
        };
        if let Some(missing) = topics.iter().find(|topic| log.topic(topic).is_none()) {
            return Err(unknown(missing));
        }
        let member = log.join(&spec.group);
        shared.tell();
        drop(log);
        Ok(Self {
            shared: Arc::clone(shared),
            group: spec.group.clone(),
            topics,
            start: spec.start,
            member,
            next: BTreeMap::new(),
            revoked: Partitions::new(),
            events: VecDeque::new(),
            leaving: false,
            turn: 0,
        })
    }

    fn all(&self, log: &Log) -> BTreeSet<TopicPartition> {
        let names = log
            .names()
            .filter(|name| self.topics.iter().any(|topic| **topic == ***name));
        let partitions = names.flat_map(|name| {
            let count = log.topic(name).map_or(0, <[_]>::len);
            (0..count).map(|p| TopicPartition::new(Arc::clone(name), i32::try_from(p).unwrap_or_default()))
        });
        partitions.collect()
    }

    /// What is there at once.
    fn now(&mut self, log: &mut Log, rows: usize) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let all = self.all(log);
        let share = log.group(&self.group).share(self.member, &all);
        let moving = |p: &&TopicPartition| !share.contains(*p) && !self.revoked.contains(*p);
        let moving: Partitions = self.next.keys().filter(moving).cloned().collect();
        if !moving.is_empty() {
            self.revoked.extend(moving.iter().cloned());
            return Some(Event::Revoked(moving));
        }
        if self.leaving && self.next.is_empty() {
            return Some(Event::End);
        }
        let assigned = self.take(log, &share);
        if !assigned.is_empty() {
            return Some(Event::Assigned(assigned));
        }
        self.records(log, rows)
    }

    /// Takes what is free of this member's share.
    fn take(&mut self, log: &mut Log, share: &BTreeSet<TopicPartition>) -> Positions {
        let free: Vec<&TopicPartition> = share
            .iter()
            .filter(|p| log.group(&self.group).is_free(p))
            .collect();
        let mut assigned = Positions::new();
        for partition in free {
            let committed = log.group(&self.group).committed.get(partition).copied();
            let from = committed.unwrap_or_else(|| log.start(partition, self.start));
            log.group(&self.group).own(partition, self.member);
            assigned.insert(partition.clone(), from);
        }
        self.next.extend(assigned.clone());
        assigned
    }

    fn records(&mut self, log: &Log, rows: usize) -> Option<Event> {
        let mut messages: Vec<Message> = Vec::new();
        let partitions: Vec<TopicPartition> = self.next.keys().cloned().collect();
        for i in 0..partitions.len() {
            let partition = &partitions[(self.turn + i) % partitions.len()];
            let room = rows - messages.len();
            if let Some(next) = self
                .next
                .get_mut(partition)
                .filter(|_| !self.revoked.contains(partition))
            {
                let more = log.from(partition, *next);
                let more = &more[..more.len().min(room)];
                *next += i64::try_from(more.len()).unwrap_or_default();
                messages.extend_from_slice(more);
            }
        }
        self.turn = self.turn.wrapping_add(1);
        (!messages.is_empty()).then(|| Event::Records(records_of(&messages)))
    }
}

impl Source for MemorySource {
    fn poll(&mut self, limit: Limit, wait: Duration) -> Result<Event> {
        let until = Instant::now() + wait;
        let shared = Arc::clone(&self.shared);
        let mut log = shared.lock();
        loop {
            if let Some(event) = self.now(&mut log, limit.rows) {
                return Ok(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Event::Idle);
            }
            log = shared.wait(log, left);
        }
    }

    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()> {
        let mut log = self.shared.lock();
        let group = log.group(&self.group);
        if let Some((other, _)) = next.iter().find(|(p, _)| !group.owns(p, self.member)) {
            return match how {
                Commit::Now => {
                    Err(Error::retry("commit a partition of another member").with("partition", other))
                }
                Commit::Soon => Ok(()),
            };
        }
        group.committed.extend(next.clone());
        if how == Commit::Soon {
            self.events.push_back(Event::Committed(next.clone()));
        }
        Ok(())
    }

    fn rewind(&mut self, to: &Positions) -> Result<()> {
        for (partition, position) in to {
            if let Some(next) = self.next.get_mut(partition) {
                *next = *position;
            }
        }
        Ok(())
    }

    fn release(&mut self, partitions: &Partitions) -> Result<()> {
        let mut log = self.shared.lock();
        for partition in partitions {
            self.next.remove(partition);
            self.revoked.remove(partition);
            log.group(&self.group).release(partition, self.member);
        }
        self.shared.tell();
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.leaving = true;
        self.shared.lock().group(&self.group).leave(self.member);
        self.shared.tell();
        Ok(())
    }

    fn lag(&self, positions: &Positions) -> Vec<(TopicPartition, i64)> {
        let log = self.shared.lock();
        let behind = |(p, next): (&TopicPartition, &i64)| (p.clone(), log.end(p) - next);
        positions.iter().map(behind).collect()
    }
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        self.shared.lock().group(&self.group).gone(self.member);
        self.shared.tell();
    }
}
