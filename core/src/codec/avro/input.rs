//! The bytes of one body, read from front to back. Knows how Avro writes numbers and lengths; it does not know types or columns.

use crate::codec::fault::{Fault, Parsed};

/// A place in a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

const TRUNCATED: &str = "the body breaks off";
const NEGATIVE: &str = "a negative length";

impl<'b> Input<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(Fault::new(TRUNCATED, self.at)),
        }
    }

    /// The next `count` bytes.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> Parsed<&'b [u8]> {
        if count > self.left() {
            return Err(Fault::new(TRUNCATED, self.at));
        }
        let start = self.at;
        self.at += count;
        Ok(&self.bytes[start..self.at])
    }

    /// An int, a long, the number of a branch or symbol.
    #[inline(always)]
    pub(super) fn long(&mut self) -> Parsed<i64> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(zigzag(u64::from(*byte)))
            }
            _ => match self.word() {
                Some((word, bytes)) => {
                    self.at += bytes;
                    Ok(zigzag(compact(word)))
                }
                None => self.long_of_many(),
            },
        }
    }

    /// The next bytes up to the one that ends a number, and how many they are, where that is one of the next eight.
    #[inline(always)]
    fn word(&self) -> Option<(u64, usize)> {
        let word = match self.bytes[self.at..].first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            // Near the end: the last eight bytes without those in front, and with bytes behind that end nothing.
            None => {
                let missing = 8 * (8 - self.left()) as u32;
                let last = u64::from_le_bytes(*self.bytes.last_chunk()?);
                last.checked_shr(missing)? | u64::MAX.checked_shl(64 - missing)?
            }
        };
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return None;
        }
        let bits = (ends.trailing_zeros() + 1) as usize;
        Some((word & (u64::MAX >> (64 - bits)), bits / 8))
    }

    #[cold]
    fn long_of_many(&mut self) -> Parsed<i64> {
        let rest = &self.bytes[self.at..];
        let mut value = 0;
        for (nth, byte) in rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * nth);
            if *byte < 0x80 {
                // The tenth byte has room for one bit.
                if nth == 9 && *byte > 1 {
                    break;
                }
                self.at += nth + 1;
                return Ok(zigzag(value));
            }
        }
        Err(self.no_long())
    }

    #[cold]
    fn no_long(&self) -> Box<Fault> {
        let what = if self.left() < 10 {
            TRUNCATED
        } else {
            "a number of more than 64 bits"
        };
        Fault::new(what, self.at)
    }

    #[inline]
    pub(super) fn int(&mut self) -> Parsed<i32> {
        let at = self.at;
        let value = self.long()?;
        i32::try_from(value).map_err(|_| Fault::new("an int of more than 32 bits", at))
    }

    /// Bytes with their length in front; the length is no reason to allocate.
    #[inline(always)]
    pub(super) fn counted(&mut self) -> Parsed<&'b [u8]> {
        let at = self.at;
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.left() => self.take(length),
            Ok(_) => Err(Fault::new("a length beyond the end of the body", at)),
            Err(_) => Err(Fault::new(NEGATIVE, at)),
        }
    }

    pub(super) fn boolean(&mut self) -> Parsed<bool> {
        let at = self.at;
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Fault::new("a boolean that is neither 0 nor 1", at)),
        }
    }

    /// The number of a branch or a symbol among `count`.
    #[inline]
    pub(super) fn index(&mut self, count: usize, what: &'static str) -> Parsed<usize> {
        let at = self.at;
        let index = usize::try_from(self.long()?).ok();
        index
            .filter(|index| *index < count)
            .ok_or_else(|| Fault::new(what, at))
    }

    /// The head of a block of an array or map: how many items, and how many bytes they have where that is said.
    pub(super) fn block(&mut self) -> Parsed<(u64, Option<usize>)> {
        let at = self.at;
        let count = self.long()?;
        if count >= 0 {
            return Ok((count.unsigned_abs(), None));
        }
        let size = usize::try_from(self.long()?).map_err(|_| Fault::new(NEGATIVE, at))?;
        if size > self.left() {
            return Err(Fault::new("a block beyond the end of the body", at));
        }
        Ok((count.unsigned_abs(), Some(size)))
    }

    /// Passes over `count` numbers.
    #[inline]
    pub(super) fn pass_longs(&mut self, count: u64) -> Parsed<()> {
        for _ in 0..count {
            match self.word() {
                Some((_, bytes)) => self.at += bytes,
                None => {
                    self.long_of_many()?;
                }
            }
        }
        Ok(())
    }

    /// Passes over `count` things of `width` bytes.
    #[inline]
    pub(super) fn pass(&mut self, width: usize, count: u64) -> Parsed<()> {
        let all = usize::try_from(count)
            .ok()
            .and_then(|count| width.checked_mul(count));
        match all {
            Some(all) if all <= self.left() => {
                self.at += all;
                Ok(())
            }
            // Nothing has any number of nothings; a product that overflows has bytes.
            None if width == 0 => Ok(()),
            _ => Err(Fault::new(TRUNCATED, self.at)),
        }
    }
}

/// The lower seven bits of each byte, one behind the other: in pairs, then in pairs of pairs, then the halves.
#[inline(always)]
fn compact(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
    (word & 0x0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4
}

#[inline(always)]
fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_every_length() {
        let mut values = vec![0, -1, 1, 63, -64, 64, -65, i64::MAX, i64::MIN];
        values.extend((0..63).flat_map(|bit| [1 << bit, -(1 << bit), (1 << bit) - 1]));
        for value in values {
            let mut out = Vec::new();
            super::super::write::long(&mut out, value);
            let mut input = Input::new(&out);
            assert_eq!(input.long(), Ok(value));
            assert_eq!(input.at, out.len());
            // With bytes behind it that are another's.
            let mut longer = out.clone();
            longer.extend([0xff; 8]);
            let mut input = Input::new(&longer);
            assert_eq!(input.long(), Ok(value));
            assert_eq!(input.at, out.len());
            let mut input = Input::new(&longer);
            assert_eq!((input.pass_longs(1), input.at), (Ok(()), out.len()));
            for end in 0..out.len() {
                let cut = Input::new(&out[..end]).long();
                assert_eq!(cut.expect_err("cut").what, TRUNCATED, "{value}");
            }
        }
    }

    #[test]
    fn refuses_numbers_that_are_too_long() {
        let eleven = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        for bytes in [&eleven[..], &bits[..]] {
            let fault = Input::new(bytes).long().expect_err("too long");
            assert_eq!(fault.what, "a number of more than 64 bits");
        }
        let wide = Input::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).int();
        assert_eq!(wide.expect_err("2^31").what, "an int of more than 32 bits");
    }

    #[test]
    fn a_claimed_length_is_checked_first() {
        let claims: [(&[u8], &str); 3] = [
            (&[1], NEGATIVE),
            (&[4, b'x'], "beyond the end"),
            (
                &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                "beyond the end",
            ),
        ];
        for (bytes, what) in claims {
            let fault = Input::new(bytes).counted().expect_err(what);
            assert!(fault.what.contains(what), "{}", fault.what);
        }
        let mut nothings = Input::new(&[7]);
        assert_eq!(nothings.pass(0, u64::MAX), Ok(()));
        assert_eq!(nothings.at, 0);
        assert!(nothings.pass(2, u64::MAX).is_err());
    }
}
