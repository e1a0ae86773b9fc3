//! A member of a group that looks at what its source does: what must hold of every event holds in every check.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use forebay_core::memory::Message;
use forebay_core::source::{Commit, Event, Limit, Source};
use forebay_core::{Partitions, Positions, TopicPartition};

use super::events::messages;
use super::{A_WHILE, Broken, Outcome, PATIENCE, Subject, rule, sound};
use crate::connector::Start;

/// How long one poll waits.
const STEP: Duration = Duration::from_millis(10);

pub(super) struct Member {
    pub(super) source: Box<dyn Source>,
    /// Where each assigned partition goes on.
    pub(super) next: Positions,
    /// Where each partition was when it was assigned last.
    pub(super) assigned: Positions,
    /// Named by `Revoked`, and not released.
    pub(super) revoked: Partitions,
    pub(super) read: Vec<Message>,
    pub(super) committed: Vec<Positions>,
    pub(super) ended: bool,
}

impl Subject<'_> {
    pub(super) fn join(&self, topic: &str, group: &str, start: Start) -> Result<Member, Broken> {
        Ok(Member {
            source: sound(self.connector.source(&self.lane(topic, group, start)))?,
            next: Positions::new(),
            assigned: Positions::new(),
            revoked: Partitions::new(),
            read: Vec::new(),
            committed: Vec::new(),
            ended: false,
        })
    }
}

impl Member {
    /// One poll of at most `rows`.
    pub(super) fn poll(&mut self, rows: usize) -> Outcome {
        let event = sound(self.source.poll(Limit { rows }, STEP))?;
        match event {
            Event::Assigned(from) => {
                self.next.extend(from.clone());
                self.assigned.extend(from);
            }
            Event::Records(records) => {
                let new = messages(&records);
                rule("a poll returns no more than its limit", new.len() <= rows, || {
                    format!("{} records with a limit of {rows}", new.len())
                })?;
                new.iter().try_for_each(|message| self.take(message))?;
                self.read.extend(new);
            }
            Event::Revoked(partitions) => {
                for partition in &partitions {
                    let mine = self.next.contains_key(partition) && !self.revoked.contains(partition);
                    rule("only what is assigned is revoked, and once", mine, || {
                        partition.to_string()
                    })?;
                }
                self.revoked.extend(partitions);
            }
            Event::Committed(positions) => self.committed.push(positions),
            Event::Lost(partitions) => {
                rule("a live member loses nothing", false, || format!("{partitions:?}"))?
            }
            Event::Gap(gap) => rule("no gap where nothing was deleted", false, || gap.to_string())?,
            Event::Unreachable(_) | Event::Idle => {}
            Event::End => self.ended = true,
        }
        Ok(())
    }

    /// A record is of an assigned partition, and the one that is next there.
    fn take(&mut self, message: &Message) -> Outcome {
        let partition = TopicPartition::new(message.topic.as_str(), message.partition);
        let held = self.revoked.contains(&partition);
        rule("no record of a partition follows its revocation", !held, || {
            format!("offset {} of {partition}", message.offset)
        })?;
        let next = self.next.get_mut(&partition);
        let expected = next.as_deref().copied();
        rule("records are of assigned partitions", expected.is_some(), || {
            partition.to_string()
        })?;
        let expected = expected.unwrap_or_default();
        rule(
            "records of a partition come in the order of their offsets, none left out",
            message.offset == expected,
            || {
                format!(
                    "offset {} of {partition} where {expected} was next",
                    message.offset
                )
            },
        )?;
        if let Some(next) = next {
            *next = message.offset + 1;
        }
        Ok(())
    }

    /// Polls until `done`; `what` is what must come.
    pub(super) fn until(&mut self, what: &'static str, done: impl Fn(&Self) -> bool) -> Outcome {
        let until = Instant::now() + PATIENCE;
        while !done(self) {
            self.poll(100)?;
            rule(what, Instant::now() < until, || self.seen())?;
        }
        Ok(())
    }

    /// Reads until it has `count` records, and a while longer, for those that must not come.
    pub(super) fn read_all(&mut self, count: usize) -> Outcome {
        self.until("every record comes", |member| member.read.len() >= count)?;
        self.for_a_while()
    }

    /// Polls for what must not come.
    pub(super) fn for_a_while(&mut self) -> Outcome {
        let until = Instant::now() + A_WHILE;
        while Instant::now() < until {
            self.poll(100)?;
        }
        Ok(())
    }

    pub(super) fn seen(&self) -> String {
        format!(
            "after {PATIENCE:?}: {} records, assigned {:?}, revoked {:?}",
            self.read.len(),
            self.assigned,
            self.revoked
        )
    }

    /// Commits everything that was read, and hands over what was revoked.
    pub(super) fn hand_over(&mut self) -> Outcome {
        let revoked = std::mem::take(&mut self.revoked);
        if revoked.is_empty() {
            return Ok(());
        }
        let of = |p: &TopicPartition| self.next.get(p).map(|next| (p.clone(), *next));
        let next: Positions = revoked.iter().filter_map(of).collect();
        sound(self.source.commit(&next, Commit::Now))?;
        sound(self.source.release(&revoked))?;
        self.next.retain(|partition, _| !revoked.contains(partition));
        Ok(())
    }

    /// Leaves in order: hands over what is revoked, until the source has ended.
    pub(super) fn leave(&mut self) -> Outcome {
        sound(self.source.leave())?;
        let until = Instant::now() + PATIENCE;
        while !self.ended {
            self.poll(100)?;
            self.hand_over()?;
            rule(
                "a source that leaves comes to its end",
                Instant::now() < until,
                || self.seen(),
            )?;
        }
        rule(
            "a source that leaves revokes everything before its end",
            self.next.is_empty(),
            || format!("{:?} was not revoked", self.next),
        )
    }

    /// How many records of each partition were read.
    pub(super) fn counts(&self) -> BTreeMap<i32, usize> {
        let mut counts = BTreeMap::new();
        for message in &self.read {
            *counts.entry(message.partition).or_default() += 1;
        }
        counts
    }
}
