//! Events to write and to find again. Knows sinks and readers, no groups.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::memory::{Message, records_of};
use forebay_core::records::Records;
use forebay_core::sink::{Bytes, Outgoing, Sink, Ticket};

use super::{Broken, PATIENCE, Subject, rule, sound};
use crate::connector::{SinkSpec, Start};

/// How a sink of the contract writes.
pub(super) fn spec() -> SinkSpec {
    SinkSpec {
        compression: "none".into(),
        linger: Duration::from_millis(1),
        buffer_bytes: 32 << 20,
    }
}

/// `count` events from number `from` on, with keys in turn; each payload is its number.
pub(super) fn numbered(from: usize, count: usize) -> Vec<Message> {
    let event = |n: usize| Message {
        timestamp: 1_700_000_000_000 + n as i64,
        key: Some(format!("key-{}", n % 17).into_bytes()),
        payload: Some(n.to_string().into_bytes()),
        ..Message::default()
    };
    (from..from + count).map(event).collect()
}

/// The rows of `events`, as they are.
pub(super) fn rows(topic: &str, events: &[Message]) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        records: Arc::new(records_of(events)),
        origin: (0..u32::try_from(events.len()).unwrap_or(u32::MAX)).collect(),
        arena: Vec::new(),
        payload: vec![Bytes::Original; events.len()],
        key: Vec::new(),
        headers: Arc::new([]),
        row_headers: Vec::new(),
    }
}

/// Queues all rows, however often it takes.
pub(super) fn queue(sink: &mut dyn Sink, ticket: Ticket, rows: &Outgoing) -> Result<(), Broken> {
    let (mut from, until) = (0, Instant::now() + PATIENCE);
    while from < rows.len() {
        from += sound(sink.write(ticket, rows, from))?;
        sound(sink.confirmed())?;
        rule(
            "a sink that is full gets room again",
            Instant::now() < until,
            || format!("it took {from} of {} rows", rows.len()),
        )?;
    }
    Ok(())
}

impl Subject<'_> {
    /// Writes `events`, and waits until they are settled.
    pub(super) fn write(&self, topic: &str, events: &[Message]) -> Result<(), Broken> {
        let mut sink = sound(self.connector.sink(&spec()))?;
        queue(sink.as_mut(), Ticket(1), &rows(topic, events))?;
        sound(sink.flush(PATIENCE))
    }

    /// Everything that is in `topic`, without a group.
    pub(super) fn read(&self, topic: &str) -> Result<Vec<Message>, Broken> {
        let mut reader = sound(self.connector.reader(topic, Start::Earliest))?;
        let (mut all, until) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let at_end = reader.is_at_end();
            let records = sound(reader.read(Duration::from_millis(20)))?;
            let none = records.is_empty();
            all.extend(messages(&records));
            if at_end && none {
                return Ok(all);
            }
            rule("a reader comes to the end", Instant::now() < until, || {
                format!("after {PATIENCE:?} it had {} records", all.len())
            })?;
        }
    }
}

/// Records, owned.
pub(super) fn messages(records: &Records) -> Vec<Message> {
    let message = |row: usize| Message {
        topic: records.partition(row).topic.to_string(),
        partition: records.partition(row).partition,
        offset: records.offset(row),
        timestamp: records.timestamp(row),
        key: records.key(row).map(<[u8]>::to_vec),
        payload: records.payload(row).map(<[u8]>::to_vec),
        headers: records
            .headers(row)
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
            .collect(),
    };
    (0..records.len()).map(message).collect()
}

/// The numbers that payloads hold, sorted.
pub(super) fn numbers<'m>(all: impl IntoIterator<Item = &'m Message>) -> Vec<usize> {
    let number = |m: &Message| std::str::from_utf8(m.payload.as_deref()?).ok()?.parse().ok();
    let mut numbers: Vec<usize> = all.into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Which of the numbers up to `count` are missing or there twice.
pub(super) fn differences(found: &[usize], count: usize) -> String {
    let missing: Vec<usize> = (0..count).filter(|n| !found.contains(n)).collect();
    let twice: Vec<usize> = found.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    let some = |all: &[usize]| format!("{} ({:?} ..)", all.len(), &all[..all.len().min(5)]);
    format!("missing: {}, twice: {}", some(&missing), some(&twice))
}
