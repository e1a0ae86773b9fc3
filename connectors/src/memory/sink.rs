//! Writes into topics in memory. What is written waits in a buffer, as on its way to a broker, until it is asked about.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use forebay_core::memory::Message;
use forebay_core::sink::{Confirmed, Outgoing, Refused, Sink, Ticket};
use forebay_core::{Error, Result};

use super::log::Shared;
use super::unknown;
use crate::connector::SinkSpec;

/// A payload longer than this is refused for good.
const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct MemorySink {
    shared: Arc<Shared>,
    buffer_bytes: usize,
    waiting: Vec<Message>,
    waiting_bytes: usize,
    last: Option<Ticket>,
    refused: Vec<Refused>,
    /// Turns the partitions for rows without a key.
    turn: usize,
}

impl MemorySink {
    pub(super) fn new(shared: &Arc<Shared>, spec: &SinkSpec) -> Self {
        Self {
            shared: Arc::clone(shared),
            buffer_bytes: spec.buffer_bytes,
            waiting: Vec::new(),
            waiting_bytes: 0,
            last: None,
            refused: Vec::new(),
            turn: 0,
        }
    }

    /// What waits goes to its partitions.
    fn settle(&mut self) {
        let mut log = self.shared.lock();
        for message in self.waiting.drain(..) {
            let topic = message.topic.clone();
            let partitions = log.topic(&topic).map_or(1, <[_]>::len);
            let partition = match &message.key {
                Some(key) => {
                    let mut hasher = DefaultHasher::new();
                    key.hash(&mut hasher);
                    usize::try_from(hasher.finish() % partitions as u64).unwrap_or_default()
                }
                None => {
                    self.turn += 1;
                    self.turn % partitions
                }
            };
            log.append(&topic, partition, message);
        }
        self.waiting_bytes = 0;
        self.shared.tell();
    }
}

impl Sink for MemorySink {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        if self.shared.lock().topic(&rows.topic).is_none() {
            return Err(unknown(&rows.topic));
        }
        for row in from..rows.len() {
            let size = rows.key(row).map_or(0, <[u8]>::len) + rows.payload(row).map_or(0, <[u8]>::len);
            if size > LONGEST {
                self.refused.push(Refused {
                    ticket,
                    record: rows.origin[row],
                    error: Error::reject(format!("the record is longer than {LONGEST} bytes")),
                });
                continue;
            }
            if self.waiting_bytes > 0 && self.waiting_bytes + size > self.buffer_bytes {
                return Ok(row - from);
            }
            self.waiting_bytes += size;
            self.waiting.push(Message {
                topic: rows.topic.to_string(),
                partition: 0,
                offset: 0,
                timestamp: rows.timestamp(row),
                key: rows.key(row).map(<[u8]>::to_vec),
                payload: rows.payload(row).map(<[u8]>::to_vec),
                headers: rows
                    .headers(row)
                    .map(|(n, v)| (n.to_owned(), v.map(<[u8]>::to_vec)))
                    .collect(),
            });
        }
        self.last = self.last.max(Some(ticket));
        Ok(rows.len() - from)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        self.settle();
        Ok(Confirmed {
            up_to: self.last,
            refused: std::mem::take(&mut self.refused),
        })
    }

    fn flush(&mut self, _within: Duration) -> Result<()> {
        self.settle();
        Ok(())
    }
}
