//! The writing end of a connector, as a lane sees it: it queues, and says later what is confirmed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Part;
use crate::codec::framing::schema_header;
use crate::error::{Error, Result};
use crate::records::{Positions, Records};
use crate::source::Membership;

/// The number of one batch on its way out; rises by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where a row's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// As they arrived with the record.
    Original,
    /// Own bytes: a range of the arena of the [`Outgoing`].
    Own(usize, usize),
    /// A null.
    Null,
}

/// Rows ready to be written to one topic.
#[derive(Debug)]
pub struct Outgoing {
    pub topic: Arc<str>,
    pub records: Arc<Records>,
    /// For each row the index of its record.
    pub origin: Vec<u32>,
    pub arena: Vec<u8>,
    pub payload: Vec<Bytes>,
    /// Empty = every key as it arrived.
    pub key: Vec<Bytes>,
    /// Headers that every row gets behind its original ones.
    pub headers: Arc<[(String, Vec<u8>)]>,
    /// Headers of single rows; empty, or one entry per row.
    pub row_headers: Vec<Vec<(&'static str, Vec<u8>)>>,
}

impl Outgoing {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.origin.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origin.is_empty()
    }

    fn record(&self, row: usize) -> usize {
        self.origin[row] as usize
    }

    /// The key of row `row`.
    pub fn key(&self, row: usize) -> Option<&[u8]> {
        match self.key.get(row).copied().unwrap_or(Bytes::Original) {
            Bytes::Original => self.records.key(self.record(row)),
            Bytes::Own(start, end) => Some(&self.arena[start..end]),
            Bytes::Null => None,
        }
    }

    /// The payload of row `row`.
    pub fn payload(&self, row: usize) -> Option<&[u8]> {
        match self.payload[row] {
            Bytes::Original => self.records.payload(self.record(row)),
            Bytes::Own(start, end) => Some(&self.arena[start..end]),
            Bytes::Null => None,
        }
    }

    /// Milliseconds since the epoch, as the record had it.
    pub fn timestamp(&self, row: usize) -> i64 {
        self.records.timestamp(self.record(row))
    }

    /// The headers of row `row`: those of its record, those of every row, its own. A header that names the schema of a part goes with
    /// that part as it arrived only.
    pub fn headers(&self, row: usize) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let own = self.row_headers.get(row).map_or(&[][..], Vec::as_slice);
        let common = self.headers.iter();
        let (new_key, new_payload) = (
            self.key.get(row).is_some_and(|key| *key != Bytes::Original),
            self.payload[row] != Bytes::Original,
        );
        let untrue = move |name: &str| {
            (new_payload && name == schema_header(Part::Value))
                || (new_key && name == schema_header(Part::Key))
        };
        self.records
            .headers(self.record(row))
            .filter(move |(name, _)| !untrue(name))
            .chain(common.map(|(name, value)| (name.as_str(), Some(value.as_slice()))))
            .chain(own.iter().map(|(name, value)| (*name, Some(value.as_slice()))))
    }

    /// Bytes of keys and payloads that are not in the records.
    pub fn size(&self) -> usize {
        self.arena.len()
    }
}

/// What a sink has achieved so far.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// Every row of every ticket up to here, and of none behind it, is settled: written, or named in `refused`.
    pub up_to: Option<Ticket>,
    /// Rows the system will never take.
    pub refused: Vec<Refused>,
}

/// One row that the system will never take.
#[derive(Debug)]
pub struct Refused {
    pub ticket: Ticket,
    /// The index of its record in the records of that ticket.
    pub record: u32,
    pub error: Error,
}

/// A writing end; owned by one lane.
pub trait Sink: Send {
    /// Queues rows `from..`; returns how many it took. Fewer = full: serve the group, call again.
    ///
    /// # Errors
    /// `Retry` or `Fatal`; a row that can never be written is no error but ends in `Confirmed::refused`.
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize>;

    /// What is settled by now; never waits.
    ///
    /// # Errors
    /// `Fatal` where the sink is broken.
    fn confirmed(&mut self) -> Result<Confirmed>;

    /// Waits until everything queued is settled, at most `within`.
    ///
    /// # Errors
    /// `Retry` where something is still unsettled.
    fn flush(&mut self, within: Duration) -> Result<()>;

    /// The sink as a transaction, where it can be one.
    fn transaction(&mut self) -> Option<&mut dyn Transaction> {
        None
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    Aborted,
    Unknown,
}

/// A sink that commits the source's positions together with its rows.
pub trait Transaction {
    /// Ends the open transaction, with the positions inside.
    ///
    /// # Errors
    /// `Fatal` where the sink was fenced.
    fn commit(&mut self, next: &Positions, of: &Membership) -> Result<Outcome>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Record;

    #[test]
    fn a_header_that_names_a_schema_stays_with_the_bytes_it_came_with() {
        let mut records = Records::default();
        let partition = records.intern(&Arc::from("t"), 0);
        records.push(partition, Record::default());
        for name in ["trace", "__key_schema_id", "__value_schema_id"] {
            records.push_header(name, Some(b"1"));
        }
        let mut rows = Outgoing {
            topic: Arc::from("out"),
            records: Arc::new(records),
            origin: vec![0],
            arena: Vec::new(),
            payload: vec![Bytes::Original],
            key: Vec::new(),
            headers: Arc::from([]),
            row_headers: Vec::new(),
        };
        let named = |rows: &Outgoing| {
            let names = rows.headers(0).map(|(name, _)| name.to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(named(&rows), "trace __key_schema_id __value_schema_id");
        rows.payload = vec![Bytes::Own(0, 0)];
        assert_eq!(named(&rows), "trace __key_schema_id");
        rows.key = vec![Bytes::Null];
        assert_eq!(named(&rows), "trace");
        rows.payload = vec![Bytes::Original];
        assert_eq!(named(&rows), "trace __value_schema_id");
    }
}
