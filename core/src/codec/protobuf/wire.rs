//! The bytes of a Protobuf message: tags, varints, fixed widths, lengths, groups. Moves a cursor and reports faults; allocates
//! nothing and recurses into nothing. It does not know what a field means.

use crate::codec::fault::{Fault, Parsed};

/// How deep groups may nest in what is skipped.
const MOST_GROUPS: usize = 100;

const TRUNCATED: &str = "truncated protobuf";

/// How a field's value lies in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Group,
    EndGroup,
    Fixed32,
}

impl Wire {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Varint => "a varint",
            Self::Fixed64 => "8 bytes of fixed width",
            Self::Bytes => "bytes with their length",
            Self::Group => "a group",
            Self::EndGroup => "the end of a group",
            Self::Fixed32 => "4 bytes of fixed width",
        }
    }
}

/// A place in a body. `end` is where the message under the cursor ends, never behind the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            end: bytes.len(),
        }
    }

    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Parsed<u64> {
        match self.bytes[self.at..self.end].first() {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Parsed<u64> {
        let (start, mut value) = (self.at, 0);
        for (nth, byte) in self.bytes[start..self.end].iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if nth == 9 && *byte > 1 {
                return Err(Fault::new("varint of more than 64 bits", start));
            }
            value |= u64::from(byte & 0x7f) << (7 * nth);
            if *byte < 0x80 {
                self.at = start + nth + 1;
                return Ok(value);
            }
        }
        Err(Fault::new(TRUNCATED, self.end))
    }

    /// The number of the next field, and how its value lies.
    #[inline]
    pub(super) fn tag(&mut self) -> Parsed<(u32, Wire)> {
        let at = self.at;
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::Group,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            _ => return Err(Fault::new("tag with a wire type that does not exist", at)),
        };
        match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => Ok((number, wire)),
            _ => Err(Fault::new("tag with a field number that does not exist", at)),
        }
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Parsed<u32> {
        match self.bytes[self.at..self.end].first_chunk() {
            Some(bytes) => {
                self.at += 4;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => Err(Fault::new(TRUNCATED, self.end)),
        }
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Parsed<u64> {
        match self.bytes[self.at..self.end].first_chunk() {
            Some(bytes) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(Fault::new(TRUNCATED, self.end)),
        }
    }

    /// Steps behind bytes with their length; returns where they start and end.
    #[inline]
    pub(super) fn bytes(&mut self) -> Parsed<(usize, usize)> {
        let at = self.at;
        let length = self.varint()?;
        let left = self.end - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let start = self.at;
                self.at += length;
                Ok((start, self.at))
            }
            _ => Err(Fault::new("length beyond the end of the message", at)),
        }
    }

    /// The same bytes, up to `end`.
    #[inline]
    pub(super) fn within(&self, start: usize, end: usize) -> Cursor<'a> {
        Cursor {
            bytes: self.bytes,
            at: start,
            end,
        }
    }

    /// Steps behind the value of field `number`.
    #[inline]
    pub(super) fn skip(&mut self, number: u32, wire: Wire) -> Parsed<()> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.fixed64().map(drop),
            Wire::Fixed32 => self.fixed32().map(drop),
            Wire::Bytes => self.bytes().map(drop),
            Wire::Group => self.skip_group(number),
            Wire::EndGroup => Err(Fault::new("end of a group that was not begun", self.at)),
        }
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Parsed<()> {
        let mut open = [0; MOST_GROUPS];
        open[0] = number;
        let mut depth = 1;
        while depth > 0 {
            let at = self.at;
            match self.tag()? {
                (number, Wire::Group) => {
                    let slot = open.get_mut(depth);
                    *slot.ok_or_else(|| Fault::new("groups nested deeper than 100", at))? = number;
                    depth += 1;
                }
                (number, Wire::EndGroup) => {
                    depth -= 1;
                    if open[depth] != number {
                        return Err(Fault::new("end of another group than the one begun", at));
                    }
                }
                (number, wire) => self.skip(number, wire)?,
            }
        }
        Ok(())
    }
}

/// Appends a varint.
#[inline]
pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write_varint`] appends.
#[inline]
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_are_read_as_written() {
        for bits in 0..=64 {
            let value = if bits == 64 { u64::MAX } else { (1u64 << bits) - 1 };
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(out.len(), varint_length(value), "{value}");
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.varint(), Ok(value));
            assert!(cursor.is_at_end());
            for length in 0..out.len() {
                assert!(
                    Cursor::new(&out[..length]).varint().is_err(),
                    "{value} cut at {length}"
                );
            }
        }
    }

    #[test]
    fn what_no_writer_writes_is_refused() {
        let cases: [(&[u8], &str); 6] = [
            (&[0xff; 11], "varint of more than 64 bits"),
            (&[0x02], "a field number that does not exist"),
            (&[0x0e], "a wire type that does not exist"),
            (&[0x0a, 0x80, 0x80, 0x80, 0x80, 0x10, 1], "length beyond"),
            (&[0x0c], "end of a group that was not begun"),
            (&[0x0b, 0x14], "end of another group"),
        ];
        for (bytes, reason) in cases {
            let mut cursor = Cursor::new(bytes);
            let skipped = cursor.tag().and_then(|(number, wire)| cursor.skip(number, wire));
            let fault = skipped.expect_err(reason);
            assert!(fault.what.contains(reason), "{}", fault.what);
        }
        let deep = [0x0b; 5000];
        let fault = Cursor::new(&deep).skip(1, Wire::Group).expect_err("a bomb");
        assert!(fault.what.contains("deeper than 100"));
    }
}
