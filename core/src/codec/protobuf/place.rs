//! Which message of a schema's file a record is: an index among the file's messages, then one for each message around it from
//! the outside in, as zigzag varints behind their count. `[0]`, the most frequent, is one byte 0.

use std::fmt;

use super::wire::{Cursor, write_varint};

const MOST: usize = 15;

/// A path of indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    indexes: [u16; MOST],
    count: u8,
}

impl Place {
    /// The file's first message.
    pub(super) const FIRST: Self = Self {
        indexes: [0; MOST],
        count: 1,
    };

    /// `None` where there are none, too many, or one is too large.
    pub(super) fn new(of: &[usize]) -> Option<Self> {
        let mut indexes = [0; MOST];
        if of.is_empty() || of.len() > MOST {
            return None;
        }
        for (to, from) in indexes.iter_mut().zip(of) {
            *to = u16::try_from(*from).ok()?;
        }
        let count = of.len() as u8;
        Some(Self { indexes, count })
    }

    pub(super) fn indexes(&self) -> &[u16] {
        &self.indexes[..usize::from(self.count)]
    }

    /// Reads the indexes that `bytes` begin with; returns what is behind them.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), &'static str> {
        const MALFORMED: &str = "malformed message index";
        let mut place = Self::FIRST;
        if let [0, body @ ..] = bytes {
            return Ok((place, body));
        }
        if bytes.is_empty() {
            return Err("no message index: a record of protobuf has one behind the schema's id");
        }
        let mut cursor = Cursor::new(bytes);
        let mut next = || cursor.varint().ok().map(zigzag);
        let count = next().ok_or(MALFORMED)?;
        if !(1..=MOST as i64).contains(&count) {
            return Err("message index with a count outside 1 to 15");
        }
        place.count = count as u8;
        for index in &mut place.indexes[..count as usize] {
            let value = next().ok_or(MALFORMED)?;
            *index = u16::try_from(value).map_err(|_| "message index out of range")?;
        }
        Ok((place, &bytes[cursor.at..]))
    }

    /// Writes them as [`Place::read`] reads them.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.indexes() == [0] {
            return out.push(0);
        }
        write_varint(out, u64::from(self.count) << 1);
        for index in self.indexes() {
            write_varint(out, u64::from(*index) << 1);
        }
    }
}

/// The number whose zigzag form is `value`.
pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// `[0, 2]`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.indexes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_written() {
        let cases: [(&[usize], &[u8]); 4] = [
            (&[0], &[0]),
            (&[1], &[2, 2]),
            (&[0, 0], &[4, 0, 0]),
            (&[1, 300], &[4, 2, 0xd8, 4]),
        ];
        for (indexes, bytes) in cases {
            let place = Place::new(indexes).expect("a place");
            let mut out = Vec::new();
            place.write(&mut out);
            assert_eq!(out, bytes);
            out.extend([7, 7]);
            assert_eq!(Place::read(&out), Ok((place, &[7, 7][..])));
        }
        // The form without the shortcut is read, too.
        assert_eq!(
            Place::read(&[2, 0, 9]).map(|(place, _)| place),
            Place::read(&[0]).map(|(place, _)| place)
        );
    }

    #[test]
    fn what_is_no_place_says_why() {
        let cases: [(&[u8], &str); 7] = [
            (&[], "no message index"),
            (&[2], "malformed"),
            (&[0x80], "malformed"),
            (&[1], "count outside"),
            (&[0xfe, 0xff, 0xff, 0xff, 0x0f], "count outside"),
            (&[2, 1], "out of range"),
            (&[2, 0x80, 0x80, 0x40], "out of range"),
        ];
        for (bytes, reason) in cases {
            let found = Place::read(bytes).expect_err(reason);
            assert!(found.contains(reason), "{found}");
        }
    }
}
