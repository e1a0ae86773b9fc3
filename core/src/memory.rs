//! A source and a sink in memory: for pipelines under test, for unit tests, and as the proof that the seam is right.
//! The sink confirms at once unless it is told to hold; every refusal and fullness a broker can show can be set.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::records::{Partitions, Positions, Record, Records, TopicPartition};
use crate::sink::{Confirmed, Outgoing, Refused, Sink, Ticket};
use crate::source::{Commit, Event, Limit, Source};

/// One message, owned: what a test puts in and reads back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// A message with this payload.
    pub fn new(topic: &str, partition: i32, offset: i64, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
            payload: Some(payload.into()),
            ..Self::default()
        }
    }
}

/// Messages as records.
pub fn records_of(messages: &[Message]) -> Records {
    let bytes = messages
        .iter()
        .map(|m| m.payload.as_ref().map_or(0, Vec::len))
        .sum();
    let mut records = Records::with_capacity(messages.len(), bytes);
    let mut topic: Arc<str> = Arc::from("");
    for message in messages {
        if *topic != *message.topic {
            topic = message.topic.as_str().into();
        }
        let partition = records.intern(&topic, message.partition);
        records.push(
            partition,
            Record {
                offset: message.offset,
                timestamp: message.timestamp,
                key: message.key.as_deref(),
                payload: message.payload.as_deref(),
            },
        );
        for (name, value) in &message.headers {
            records.push_header(name, value.as_deref());
        }
    }
    records
}

/// What a test does next to the source.
#[derive(Debug)]
pub enum Script {
    Messages(Vec<Message>),
    Event(Event),
    /// `poll` fails with this.
    Failure(Error),
}

/// What a memory source was asked to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Commit(Positions),
    Released(Partitions),
    Rewound(Positions),
}

/// Plays a script, then ends. Assigns itself what it plays; acknowledges every commit.
#[derive(Debug, Default)]
pub struct MemorySource {
    script: VecDeque<Script>,
    events: VecDeque<Event>,
    assigned: Positions,
    leaving: bool,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl MemorySource {
    /// Plays `script` from its start.
    pub fn new(script: impl IntoIterator<Item = Script>) -> Self {
        Self {
            script: script.into_iter().collect(),
            ..Self::default()
        }
    }

    /// What the lane asked, to look at while and after it runs.
    pub fn asked(&self) -> Arc<Mutex<Vec<Asked>>> {
        Arc::clone(&self.asked)
    }

    fn say(&self, asked: Asked) {
        lock(&self.asked).push(asked);
    }

    fn messages(&mut self, mut messages: Vec<Message>, limit: usize) -> Event {
        let new: Positions = messages
            .iter()
            .rev()
            .map(|m| (TopicPartition::new(m.topic.as_str(), m.partition), m.offset))
            .filter(|(p, _)| !self.assigned.contains_key(p))
            .collect();
        if !new.is_empty() {
            self.assigned.extend(new.clone());
            self.script.push_front(Script::Messages(messages));
            return Event::Assigned(new);
        }
        if messages.len() > limit {
            let rest = messages.split_off(limit);
            self.script.push_front(Script::Messages(rest));
        }
        Event::Records(records_of(&messages))
    }
}

impl Source for MemorySource {
    fn poll(&mut self, limit: Limit, _wait: Duration) -> Result<Event> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        if self.leaving {
            return Ok(Event::End);
        }
        match self.script.pop_front() {
            None => Ok(Event::End),
            Some(Script::Failure(error)) => Err(error),
            Some(Script::Event(event)) => {
                if let Event::Assigned(start) = &event {
                    self.assigned.extend(start.clone());
                }
                Ok(event)
            }
            Some(Script::Messages(messages)) if limit.rows == 0 => {
                self.script.push_front(Script::Messages(messages));
                Ok(Event::Idle)
            }
            Some(Script::Messages(messages)) => Ok(self.messages(messages, limit.rows)),
        }
    }

    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()> {
        self.say(Asked::Commit(next.clone()));
        if how == Commit::Soon {
            self.events.push_back(Event::Committed(next.clone()));
        }
        Ok(())
    }

    fn rewind(&mut self, to: &Positions) -> Result<()> {
        self.say(Asked::Rewound(to.clone()));
        Ok(())
    }

    fn release(&mut self, partitions: &Partitions) -> Result<()> {
        self.assigned.retain(|p, _| !partitions.contains(p));
        self.say(Asked::Released(partitions.clone()));
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.leaving = true;
        if !self.assigned.is_empty() {
            self.events
                .push_back(Event::Revoked(self.assigned.keys().cloned().collect()));
        }
        Ok(())
    }
}

/// What a [`MemorySink`] holds; shared with the test.
#[derive(Debug, Default)]
pub struct Written {
    /// Everything written, in order; the partition is 0 and the offset counts per topic.
    pub messages: Vec<Message>,
    /// Rows the sink takes before it is full; `None` = never.
    pub room: Option<usize>,
    /// Nothing is confirmed while this is set.
    pub hold: bool,
    /// Payloads with these bytes are refused for good.
    pub refuse: Option<Vec<u8>>,
    /// A flush fails where not everything could be confirmed.
    pub flushes: usize,
}

/// Keeps what it gets.
#[derive(Debug, Default)]
pub struct MemorySink {
    written: Arc<Mutex<Written>>,
    last: Option<Ticket>,
    refused: Vec<Refused>,
    next: BTreeMap<String, i64>,
}

impl MemorySink {
    /// A sink over `written`, which the test keeps.
    pub fn new(written: Arc<Mutex<Written>>) -> Self {
        Self {
            written,
            ..Self::default()
        }
    }

    fn message(&mut self, rows: &Outgoing, row: usize) -> Message {
        let offset = self.next.entry(rows.topic.to_string()).or_default();
        *offset += 1;
        Message {
            topic: rows.topic.to_string(),
            partition: 0,
            offset: *offset - 1,
            timestamp: rows.timestamp(row),
            key: rows.key(row).map(<[u8]>::to_vec),
            payload: rows.payload(row).map(<[u8]>::to_vec),
            headers: rows
                .headers(row)
                .map(|(n, v)| (n.to_string(), v.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

/// Locks even where a test has panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink for MemorySink {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        let shared = Arc::clone(&self.written);
        let mut written = lock(&shared);
        let mut taken = 0;
        for row in from..rows.len() {
            if written.room == Some(0) {
                break;
            }
            written.room = written.room.map(|n| n - 1);
            taken += 1;
            if written.refuse.is_some() && written.refuse.as_deref() == rows.payload(row) {
                let error = Error::reject("the sink refused the record");
                self.refused.push(Refused {
                    ticket,
                    record: rows.origin[row],
                    error,
                });
            } else {
                written.messages.push(self.message(rows, row));
            }
        }
        self.last = self.last.max(Some(ticket));
        Ok(taken)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        if lock(&self.written).hold {
            return Ok(Confirmed::default());
        }
        Ok(Confirmed {
            up_to: self.last,
            refused: std::mem::take(&mut self.refused),
        })
    }

    fn flush(&mut self, _within: Duration) -> Result<()> {
        let mut written = lock(&self.written);
        written.flushes += 1;
        if written.hold {
            return Err(Error::retry("flush the memory sink").with("held", true));
        }
        Ok(())
    }
}
