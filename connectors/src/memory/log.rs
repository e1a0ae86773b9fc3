//! Topics, partitions, groups and their commits, behind one lock. Knows no source and no sink.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_core::memory::Message;
use forebay_core::{Positions, TopicPartition};

use crate::connector::Start;

/// The log, and what wakes those that wait for it.
#[derive(Debug, Default)]
pub(super) struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    topics: BTreeMap<Arc<str>, Vec<Vec<Message>>>,
    groups: BTreeMap<String, Group>,
    next_member: u64,
}

/// A consumer group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) committed: Positions,
    /// In the order of their coming.
    members: Vec<u64>,
    /// Who reads what, until it is released.
    owners: BTreeMap<TopicPartition, u64>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes, at most `within`.
    pub(super) fn wait<'a>(&self, log: MutexGuard<'a, Log>, within: Duration) -> MutexGuard<'a, Log> {
        let waited = self.changed.wait_timeout(log, within);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }
}

impl Log {
    /// The partitions of a topic.
    pub(super) fn topic(&self, name: &str) -> Option<&[Vec<Message>]> {
        self.topics.get(name).map(Vec::as_slice)
    }

    /// The names of all topics.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }

    pub(super) fn create(&mut self, name: &str, partitions: usize) {
        self.topics.insert(name.into(), vec![Vec::new(); partitions]);
    }

    /// Writes behind the last message of a partition.
    pub(super) fn append(&mut self, topic: &str, partition: usize, mut message: Message) {
        if let Some(log) = self.topics.get_mut(topic).and_then(|all| all.get_mut(partition)) {
            message.partition = i32::try_from(partition).unwrap_or_default();
            message.offset = offset(log.len());
            log.push(message);
        }
    }

    /// The messages of a partition from `position` on.
    pub(super) fn from(&self, partition: &TopicPartition, position: i64) -> &[Message] {
        let all = self.topic(&partition.topic).unwrap_or_default();
        let one = usize::try_from(partition.partition).ok().and_then(|p| all.get(p));
        let messages = one.map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(position).unwrap_or_default().min(messages.len());
        &messages[from..]
    }

    /// The position behind the last message.
    pub(super) fn end(&self, partition: &TopicPartition) -> i64 {
        offset(self.from(partition, 0).len())
    }

    /// Where a partition without a commit begins.
    pub(super) fn start(&self, partition: &TopicPartition, start: Start) -> i64 {
        match start {
            Start::Earliest => 0,
            Start::Latest => self.end(partition),
            Start::Timestamp(at) => {
                let messages = self.from(partition, 0);
                offset(messages.iter().take_while(|m| m.timestamp < at).count())
            }
        }
    }

    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// A new member of a group.
    pub(super) fn join(&mut self, group: &str) -> u64 {
        self.next_member += 1;
        let member = self.next_member;
        self.group(group).members.push(member);
        member
    }
}

impl Group {
    /// What of `all` is this member's, once everybody has handed over.
    pub(super) fn share(&self, member: u64, all: &BTreeSet<TopicPartition>) -> BTreeSet<TopicPartition> {
        let Some(at) = self.members.iter().position(|one| *one == member) else {
            return BTreeSet::new();
        };
        all.iter().skip(at).step_by(self.members.len()).cloned().collect()
    }

    pub(super) fn is_free(&self, partition: &TopicPartition) -> bool {
        !self.owners.contains_key(partition)
    }

    pub(super) fn own(&mut self, partition: &TopicPartition, member: u64) {
        self.owners.insert(partition.clone(), member);
    }

    pub(super) fn owns(&self, partition: &TopicPartition, member: u64) -> bool {
        self.owners.get(partition) == Some(&member)
    }

    /// Hands `partition` over, where it is this member's.
    pub(super) fn release(&mut self, partition: &TopicPartition, member: u64) {
        if self.owns(partition, member) {
            self.owners.remove(partition);
        }
    }

    /// Begins to leave: from now on the member has no share.
    pub(super) fn leave(&mut self, member: u64) {
        self.members.retain(|one| *one != member);
    }

    /// Is gone, with everything it had.
    pub(super) fn gone(&mut self, member: u64) {
        self.leave(member);
        self.owners.retain(|_, owner| *owner != member);
    }
}

fn offset(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
