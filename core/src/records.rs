//! Records as they arrived: one arena of bytes plus parallel arrays, and the positions of partitions.
//! Nothing here knows a broker, a format or a column; the arena is never changed after it was filled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Per partition the *next* offset to read: the last one + 1, never a record's own.
pub type Positions = BTreeMap<TopicPartition, i64>;

/// A set of partitions.
pub type Partitions = BTreeSet<TopicPartition>;

/// A range of an arena; `None` where there is no value (a null key, a tombstone).
type Span = Option<(usize, usize)>;

/// The timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;

/// Raw records in the order they were read: of one partition in the order of their offsets.
#[derive(Debug, Default)]
pub struct Records {
    arena: Vec<u8>,
    partitions: Vec<TopicPartition>,
    partition: Vec<u32>,
    offset: Vec<i64>,
    timestamp: Vec<i64>,
    key: Vec<Span>,
    payload: Vec<Span>,
    /// For each record the end of its headers in `headers`.
    headers_end: Vec<u32>,
    headers: Vec<(Span, Span)>,
}

/// One record to push: everything borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    pub offset: i64,
    /// Milliseconds since the epoch, or [`NO_TIMESTAMP`].
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
}

impl Records {
    /// Room for `rows` records with `bytes` bytes of keys, payloads and headers in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self {
            arena: Vec::with_capacity(bytes),
            partitions: Vec::new(),
            partition: Vec::with_capacity(rows),
            offset: Vec::with_capacity(rows),
            timestamp: Vec::with_capacity(rows),
            key: Vec::with_capacity(rows),
            payload: Vec::with_capacity(rows),
            headers_end: Vec::with_capacity(rows),
            headers: Vec::new(),
        }
    }

    /// Enters a partition and returns the index that [`Records::push`] takes. Cheap to call when it changes, not per record.
    pub fn intern(&mut self, topic: &Arc<str>, partition: i32) -> u32 {
        let known = self
            .partitions
            .iter()
            .position(|p| p.partition == partition && p.topic == *topic);
        let index = known.unwrap_or_else(|| {
            self.partitions
                .push(TopicPartition::new(Arc::clone(topic), partition));
            self.partitions.len() - 1
        });
        index as u32
    }

    /// Appends a record of the partition with index `partition`; its headers follow by [`Records::push_header`].
    pub fn push(&mut self, partition: u32, record: Record<'_>) {
        let key = self.store(record.key);
        let payload = self.store(record.payload);
        self.partition.push(partition);
        self.offset.push(record.offset);
        self.timestamp.push(record.timestamp);
        self.key.push(key);
        self.payload.push(payload);
        self.headers_end.push(self.headers.len() as u32);
    }

    /// Appends a header to the record pushed last.
    pub fn push_header(&mut self, name: &str, value: Option<&[u8]>) {
        let name = self.store(Some(name.as_bytes()));
        let value = self.store(value);
        self.headers.push((name, value));
        if let Some(end) = self.headers_end.last_mut() {
            *end = self.headers.len() as u32;
        }
    }

    fn store(&mut self, bytes: Option<&[u8]>) -> Span {
        bytes.map(|bytes| {
            let start = self.arena.len();
            self.arena.extend_from_slice(bytes);
            (start, self.arena.len())
        })
    }

    fn bytes(&self, span: Span) -> Option<&[u8]> {
        span.map(|(start, end)| &self.arena[start..end])
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.offset.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.offset.is_empty()
    }

    /// Bytes of keys, payloads and headers.
    pub fn size(&self) -> usize {
        self.arena.len()
    }

    /// The partition record `row` came from.
    pub fn partition(&self, row: usize) -> &TopicPartition {
        &self.partitions[self.partition[row] as usize]
    }

    /// The index in [`Records::partitions`] of the partition record `row` came from.
    pub fn partition_index(&self, row: usize) -> usize {
        self.partition[row] as usize
    }

    /// The partitions in here, each once.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// The record's own offset.
    pub fn offset(&self, row: usize) -> i64 {
        self.offset[row]
    }

    /// Milliseconds since the epoch, or [`NO_TIMESTAMP`].
    pub fn timestamp(&self, row: usize) -> i64 {
        self.timestamp[row]
    }

    /// The key as it arrived.
    pub fn key(&self, row: usize) -> Option<&[u8]> {
        self.bytes(self.key[row])
    }

    /// The payload as it arrived; `None` is a tombstone.
    pub fn payload(&self, row: usize) -> Option<&[u8]> {
        self.bytes(self.payload[row])
    }

    /// The headers of record `row` in their order. A name that is not UTF-8 reads as empty.
    pub fn headers(&self, row: usize) -> impl ExactSizeIterator<Item = (&str, Option<&[u8]>)> {
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.headers_end[before] as usize);
        let end = self.headers_end[row] as usize;
        self.headers[start..end].iter().map(|(name, value)| {
            let name = self.bytes(*name).unwrap_or_default();
            (std::str::from_utf8(name).unwrap_or_default(), self.bytes(*value))
        })
    }

    /// The records that are not of `partitions`, in a new arena.
    #[must_use]
    pub fn without(&self, partitions: &Partitions) -> Self {
        let mut kept = Self::default();
        for row in 0..self.len() {
            let origin = self.partition(row);
            if partitions.contains(origin) {
                continue;
            }
            let partition = kept.intern(&origin.topic, origin.partition);
            kept.push(
                partition,
                Record {
                    offset: self.offset(row),
                    timestamp: self.timestamp(row),
                    key: self.key(row),
                    payload: self.payload(row),
                },
            );
            for (name, value) in self.headers(row) {
                kept.push_header(name, value);
            }
        }
        kept
    }

    /// Per partition the position behind its last record in here.
    pub fn next_positions(&self) -> Positions {
        let mut next: Vec<i64> = vec![i64::MIN; self.partitions.len()];
        for (partition, offset) in self.partition.iter().zip(&self.offset) {
            let at = &mut next[*partition as usize];
            *at = (*at).max(offset + 1);
        }
        let pairs = self.partitions.iter().cloned().zip(next);
        pairs.filter(|(_, next)| *next != i64::MIN).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, payload: Option<&[u8]>) -> Record<'_> {
        Record {
            offset,
            timestamp: offset * 10,
            key: Some(b"k"),
            payload,
        }
    }

    #[test]
    fn keeps_what_was_pushed() {
        let topic: Arc<str> = "t".into();
        let mut records = Records::default();
        let p1 = records.intern(&topic, 1);
        records.push(p1, record(5, Some(b"five")));
        records.push_header("a", Some(b"1"));
        records.push_header("b", None);
        let p0 = records.intern(&topic, 0);
        records.push(p0, record(9, None));
        assert_eq!(records.intern(&topic, 1), p1);
        records.push(p1, record(7, Some(b"")));

        assert_eq!(records.len(), 3);
        assert_eq!(records.payload(0), Some(&b"five"[..]));
        assert_eq!(records.payload(1), None);
        assert_eq!(records.payload(2), Some(&b""[..]));
        assert_eq!(records.timestamp(2), 70);
        let headers: Vec<_> = records.headers(0).collect();
        assert_eq!(headers, vec![("a", Some(&b"1"[..])), ("b", None)]);
        assert_eq!(records.headers(1).len(), 0);
        assert_eq!(records.partition(1).to_string(), "t[0]");
    }

    #[test]
    fn records_of_other_partitions_are_kept_whole() {
        let topic: Arc<str> = "t".into();
        let mut records = Records::default();
        for (partition, offset) in [(0, 3), (1, 8), (0, 4)] {
            let p = records.intern(&topic, partition);
            records.push(p, record(offset, Some(&[offset as u8])));
            records.push_header("h", Some(&[partition as u8]));
        }
        let kept = records.without(&Partitions::from([TopicPartition::new("t", 1)]));
        let rows = |r: &Records| -> Vec<_> {
            let row = |i| {
                (
                    r.partition(i).clone(),
                    r.offset(i),
                    r.payload(i).map(<[u8]>::to_vec),
                    r.timestamp(i),
                )
            };
            (0..r.len()).map(row).collect()
        };
        let all = rows(&records);
        assert_eq!(rows(&kept), [all[0].clone(), all[2].clone()]);
        assert_eq!(kept.headers(1).next(), Some(("h", Some(&[0][..]))));
        assert!(
            records
                .without(&records.partitions().iter().cloned().collect())
                .is_empty()
        );
    }

    #[test]
    fn positions_are_last_plus_one_per_partition() {
        let topic: Arc<str> = "t".into();
        let mut records = Records::default();
        for (partition, offset) in [(0, 3), (1, 8), (0, 6)] {
            let p = records.intern(&topic, partition);
            records.push(p, record(offset, None));
        }
        let expected = Positions::from([(TopicPartition::new("t", 0), 7), (TopicPartition::new("t", 1), 9)]);
        assert_eq!(records.next_positions(), expected);
    }
}
