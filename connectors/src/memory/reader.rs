//! Looks at a topic in memory, as no member of any group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::memory::{Message, records_of};
use forebay_core::records::Records;
use forebay_core::{Positions, Result, TopicPartition};

use super::log::Shared;
use super::unknown;
use crate::connector::{Reader, Start};

#[derive(Debug)]
pub(super) struct MemoryReader {
    shared: Arc<Shared>,
    next: Positions,
    /// Where each partition ended when the reader was opened.
    ends: Positions,
}

impl MemoryReader {
    pub(super) fn open(shared: &Arc<Shared>, topic: &str, start: Start) -> Result<Self> {
        let log = shared.lock();
        let count = log.topic(topic).map(<[_]>::len).ok_or_else(|| unknown(topic))?;
        let name: Arc<str> = topic.into();
        let partition = |p| TopicPartition::new(Arc::clone(&name), i32::try_from(p).unwrap_or_default());
        let partitions: Vec<TopicPartition> = (0..count).map(partition).collect();
        let next = partitions
            .iter()
            .map(|p| (p.clone(), log.start(p, start)))
            .collect();
        let ends = partitions.iter().map(|p| (p.clone(), log.end(p))).collect();
        drop(log);
        Ok(Self {
            shared: Arc::clone(shared),
            next,
            ends,
        })
    }
}

impl Reader for MemoryReader {
    fn read(&mut self, wait: Duration) -> Result<Records> {
        let until = Instant::now() + wait;
        let mut log = self.shared.lock();
        loop {
            let mut messages: Vec<Message> = Vec::new();
            for (partition, next) in &mut self.next {
                messages.extend_from_slice(log.from(partition, *next));
                *next = (*next).max(log.end(partition));
            }
            let left = until.saturating_duration_since(Instant::now());
            if !messages.is_empty() || left.is_zero() {
                return Ok(records_of(&messages));
            }
            log = self.shared.wait(log, left);
        }
    }

    fn is_at_end(&self) -> bool {
        self.ends
            .iter()
            .all(|(partition, end)| self.next.get(partition).is_none_or(|next| next >= end))
    }
}
