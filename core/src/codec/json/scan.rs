//! Finds the bytes that end a run of plain string content, eight at a time.
//! Shared by the parser and the encoder; knows nothing but bytes.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The index of the first quote, backslash or control character at or behind `from`; the length where there is none.
#[inline]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && !is_special(bytes[at]) {
        at += 1;
    }
    at
}

/// The high bit of each special byte; borrows may mark bytes *above* the first hit, never below it.
#[inline]
fn marks(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(quote) | zero(backslash) | control) & HIGH
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_special_byte_at_every_place() {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=255u8 {
                    let mut bytes = vec![b'\xc3'; length];
                    bytes[place] = byte;
                    let expected = if is_special(byte) { place } else { length };
                    assert_eq!(special(&bytes, 0), expected, "{byte} at {place} of {length}");
                }
            }
        }
        assert_eq!(special(b"ab\"cd\\", 3), 5);
        assert_eq!(special(b"ab", 5), 5);
    }
}
