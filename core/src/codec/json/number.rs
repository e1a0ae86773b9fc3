//! Numbers: the grammar of JSON, exact integers, and correctly rounded floats with a short way for short decimals.
//! Knows text and machine numbers; it does not know columns.

use super::parser::{Cursor, Parsed};

/// A number as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    text: &'a [u8],
    negative: bool,
    /// All digits as one integer, where `exact`.
    mantissa: u64,
    /// The value is `mantissa * 10^exponent`.
    exponent: i32,
    /// Whether the digits fit `mantissa`.
    exact: bool,
}

/// Why a number does not fit an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfRange;

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Digits that surely fit 64 bits.
const MAX_DIGITS: usize = 19;

impl<'a> Number<'a> {
    /// Reads the number under the cursor.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Parsed<Self> {
        let bytes = cursor.bytes;
        let start = cursor.at;
        let mut at = start;
        let negative = bytes.get(at) == Some(&b'-');
        at += usize::from(negative);
        let mut mantissa = 0;
        let whole = at;
        digits(bytes, &mut at, &mut mantissa);
        let mut count = at - whole;
        let mut exponent = 0;
        if count == 0 || (count > 1 && bytes[whole] == b'0') {
            cursor.at = if count == 0 { at } else { whole };
            return cursor.fault(if count == 0 {
                "malformed number"
            } else {
                "leading zero in a number"
            });
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let fraction = at;
            digits(bytes, &mut at, &mut mantissa);
            if at == fraction {
                cursor.at = at;
                return cursor.fault("malformed number");
            }
            count += at - fraction;
            exponent = -i32::try_from(at - fraction).unwrap_or(i32::MAX / 2);
        }
        cursor.at = at;
        if let Some(b'e' | b'E') = bytes.get(at) {
            exponent = exponent.saturating_add(power(cursor)?);
        }
        Ok(Self {
            text: &bytes[start..cursor.at],
            negative,
            mantissa,
            exponent,
            exact: count <= MAX_DIGITS,
        })
    }

    /// Steps over the number under the cursor.
    #[inline]
    pub(super) fn skip(cursor: &mut Cursor<'a>) -> Parsed<()> {
        let bytes = cursor.bytes;
        let mut at = cursor.at;
        at += usize::from(bytes.get(at) == Some(&b'-'));
        let whole = at;
        skip_digits(bytes, &mut at);
        if at == whole || (at - whole > 1 && bytes[whole] == b'0') {
            return Self::read(cursor).map(drop);
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let fraction = at;
            skip_digits(bytes, &mut at);
            if at == fraction {
                return Self::read(cursor).map(drop);
            }
        }
        cursor.at = at;
        if let Some(b'e' | b'E') = bytes.get(at) {
            power(cursor)?;
        }
        Ok(())
    }

    /// The nearest `f64`; infinite where the number is too large.
    #[inline]
    pub(super) fn f64(&self) -> f64 {
        self.short()
            .unwrap_or_else(|| fast_float2::parse(self.text).unwrap_or(f64::INFINITY))
    }

    /// The nearest `f32`; infinite where the number is too large.
    #[inline]
    pub(super) fn f32(&self) -> f32 {
        // Rounding twice is wrong only where the `f64` lies exactly between two `f32`, or below the normal ones.
        const BETWEEN: u64 = 1 << 28;
        if let Some(value) = self.short()
            && value.to_bits() & (2 * BETWEEN - 1) != BETWEEN
            && (value.abs() > 1e-37 || value == 0.0)
        {
            return value as f32;
        }
        fast_float2::parse(self.text).unwrap_or(f32::INFINITY)
    }

    /// Exact operands and one operation: rounded once, thus correctly.
    #[inline]
    fn short(&self) -> Option<f64> {
        if !self.exact || self.mantissa > 1 << 53 {
            return None;
        }
        let power = *POWERS.get(self.exponent.unsigned_abs() as usize)?;
        let mantissa = self.mantissa as f64;
        let value = if self.exponent < 0 {
            mantissa / power
        } else {
            mantissa * power
        };
        Some(if self.negative { -value } else { value })
    }

    /// `value * 10^shift` without its fraction, and whether there was none.
    #[inline]
    pub(super) fn scaled(&self, shift: i32) -> Result<(i64, bool), OutOfRange> {
        let (magnitude, whole) = if self.exact && self.exponent == 0 && shift == 0 {
            (u128::from(self.mantissa), true)
        } else {
            self.shifted(shift)?
        };
        let signed = if self.negative {
            -(magnitude as i128)
        } else {
            magnitude as i128
        };
        Ok((i64::try_from(signed).map_err(|_| OutOfRange)?, whole))
    }

    fn shifted(&self, shift: i32) -> Result<(u128, bool), OutOfRange> {
        let (mantissa, exponent, sticky) = if self.exact {
            (u128::from(self.mantissa), self.exponent, false)
        } else {
            self.long()
        };
        if mantissa == 0 {
            return Ok((0, !sticky));
        }
        let exponent = exponent.saturating_add(shift);
        let power = 10u128.checked_pow(exponent.unsigned_abs());
        if exponent >= 0 {
            let value = power.and_then(|power| mantissa.checked_mul(power));
            let value = value.filter(|value| *value <= 1 << 63).ok_or(OutOfRange)?;
            return Ok((value, true));
        }
        let Some(power) = power else {
            return Ok((0, false));
        };
        let value = mantissa / power;
        if value > 1 << 63 {
            return Err(OutOfRange);
        }
        Ok((value, mantissa % power == 0 && !sticky))
    }

    /// The first 38 digits, the exponent that fits them, and whether a digit cut off was not zero.
    #[cold]
    fn long(&self) -> (u128, i32, bool) {
        let (mut mantissa, mut sticky, mut cut) = (0u128, false, 0i32);
        let digits = self.text.iter().take_while(|b| !matches!(b, b'e' | b'E'));
        for digit in digits.filter(|b| b.is_ascii_digit()) {
            if mantissa < 10u128.pow(37) {
                mantissa = mantissa * 10 + u128::from(digit - b'0');
            } else {
                cut = cut.saturating_add(1);
                sticky |= *digit != b'0';
            }
        }
        (mantissa, self.exponent.saturating_add(cut), sticky)
    }
}

#[inline]
fn digits(bytes: &[u8], at: &mut usize, mantissa: &mut u64) {
    while let Some(byte) = bytes.get(*at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
}

#[inline]
fn skip_digits(bytes: &[u8], at: &mut usize) {
    // Eight at a time: numbers differ in length, and a branch per digit is guessed wrong at the last one.
    while let Some(chunk) = bytes.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        let others = not_digits(u64::from_le_bytes(*chunk));
        if others != 0 {
            *at += (others.trailing_zeros() / 8) as usize;
            return;
        }
        *at += 8;
    }
    while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
        *at += 1;
    }
}

/// The high bit of each byte that is no digit.
#[inline]
fn not_digits(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // A digit has a high nibble of 3, and still has it with 6 added; bytes above 0x7f are marked as they are.
    let low = word & !HIGH;
    let nibble = low & (0xf0 * ONES);
    let above = (low + 6 * ONES) & (0xf0 * ONES);
    let differs = (nibble ^ (0x30 * ONES)) | (above ^ (0x30 * ONES));
    // A nibble is small enough that no sum carries into the next byte.
    (((differs >> 4) + 0x7f * ONES) | word) & HIGH
}

/// The exponent whose `e` is under the cursor.
fn power(cursor: &mut Cursor<'_>) -> Parsed<i32> {
    cursor.at += 1;
    let sign = cursor.bytes.get(cursor.at);
    let negative = sign == Some(&b'-');
    cursor.at += usize::from(matches!(sign, Some(b'-' | b'+')));
    let start = cursor.at;
    let mut value = 0i32;
    while let Some(digit) = cursor.bytes.get(cursor.at).filter(|b| b.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
        cursor.at += 1;
    }
    if cursor.at == start {
        return cursor.fault("malformed number");
    }
    // Room for adding the count of fraction digits without a change of sign.
    let value = value.min(i32::MAX / 2);
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        let mut cursor = Cursor::new(text.as_bytes());
        let number = Number::read(&mut cursor).unwrap();
        assert_eq!(cursor.at, text.len());
        let mut skipping = Cursor::new(text.as_bytes());
        Number::skip(&mut skipping).unwrap();
        assert_eq!(skipping.at, text.len());
        number
    }

    #[test]
    fn a_run_of_digits_ends_at_every_other_byte() {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=255u8 {
                    let mut bytes = vec![b'9'; length];
                    bytes[place] = byte;
                    let mut at = 0;
                    skip_digits(&bytes, &mut at);
                    let expected = if byte.is_ascii_digit() { length } else { place };
                    assert_eq!(at, expected, "{byte} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn floats_are_rounded_once() {
        let texts = [
            "0",
            "-0",
            "-0.0",
            "0.1",
            "1e22",
            "1e23",
            "9007199254740993",
            "123456789.123456789",
            "5e-324",
            "1e-400",
            "1.7976931348623157e308",
            "16777217",
            "16777217.0000001",
            "0.000000000000000000000000000000000000011754942",
            "1.00000017881393432617187499",
            "1.00000017881393432617187500",
            "1.00000017881393432617187501",
            "3.4028235e38",
            "1e-45",
            "7e-46",
            "8589973000.0",
            "0.30000001192092896",
        ];
        for text in texts {
            assert_eq!(
                number(text).f64().to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
            assert_eq!(
                number(text).f32().to_bits(),
                text.parse::<f32>().unwrap().to_bits(),
                "{text}"
            );
        }
        assert!(number("1e309").f64().is_infinite());
        assert!(number("3.5e38").f32().is_infinite());
    }

    #[test]
    fn random_floats_are_rounded_once() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..200_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let digits = seed % 10u64.pow((seed >> 60) as u32 + 1);
            let text = format!("{digits}e{}", (seed >> 32) as i64 % 50 - 25);
            assert_eq!(
                number(&text).f64().to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
            assert_eq!(
                number(&text).f32().to_bits(),
                text.parse::<f32>().unwrap().to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn integers_are_exact() {
        type Case = (&'static str, Result<(i64, bool), OutOfRange>);
        let cases: [Case; 19] = [
            ("5", Ok((5, true))),
            ("-5", Ok((-5, true))),
            ("5.0", Ok((5, true))),
            ("5e0", Ok((5, true))),
            ("5.5", Ok((5, false))),
            ("12.5e1", Ok((125, true))),
            ("1200e-2", Ok((12, true))),
            ("-0", Ok((0, true))),
            ("0e99999999999", Ok((0, true))),
            ("1e-99999999999", Ok((0, false))),
            ("1e99999999999", Err(OutOfRange)),
            ("9223372036854775807", Ok((i64::MAX, true))),
            ("9223372036854775808", Err(OutOfRange)),
            ("-9223372036854775808", Ok((i64::MIN, true))),
            ("-9223372036854775809", Err(OutOfRange)),
            ("18446744073709551616", Err(OutOfRange)),
            (
                "5.00000000000000000000000000000000000000000000000000",
                Ok((5, true)),
            ),
            (
                "5.00000000000000000000000000000000000000000000000001",
                Ok((5, false)),
            ),
            (
                "1000000000000000000000000000000000000000000000000e-47",
                Ok((10, true)),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text).scaled(0), expected, "{text}");
        }
        assert_eq!(number("1.5").scaled(9), Ok((1_500_000_000, true)));
        assert_eq!(number("9223372037").scaled(9), Err(OutOfRange));
    }
}
