//! Numbers: the grammar of JSON, exact integers, and correctly rounded floats with a short way for short decimals.
//! Knows text and machine numbers; it does not know columns.

use super::parser::Cursor;
use crate::codec::fault::Parsed;

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

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 20] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
];

/// Digits that surely fit 64 bits.
const MAX_DIGITS: usize = 19;

/// The short way for most floats: the nearest `f64` to a decimal of few digits and without an exponent, and where it
/// ends. `None` says nothing of the text: it goes the long way.
#[inline(always)]
pub(super) fn short_float(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let whole = start + usize::from(negative);
    let (mut at, mut mantissa, mut scale) = (whole, 0, 0);
    digits(bytes, &mut at, &mut mantissa);
    let count = at - whole;
    if count == 0 || (count > 1 && bytes[whole] == b'0') {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        let point = at;
        at += 1;
        many_digits(bytes, &mut at, &mut mantissa);
        scale = at - point - 1;
        if scale == 0 {
            return None;
        }
    }
    if count + scale > MAX_DIGITS || mantissa > 1 << 53 || matches!(bytes.get(at), Some(b'e' | b'E')) {
        return None;
    }
    // Exact operands and one operation: rounded once, thus correctly.
    let value = mantissa as f64 / POWERS[scale];
    Some((if negative { -value } else { value }, at))
}

/// The nearest `f32` to a number whose nearest `f64` is `value`, where that can be told from `value`: rounding twice is
/// wrong only where the `f64` lies exactly between two `f32`, or below the normal ones.
#[inline(always)]
pub(super) fn short_f32(value: f64) -> Option<f32> {
    const BETWEEN: u64 = 1 << 28;
    let told = value.to_bits() & (2 * BETWEEN - 1) != BETWEEN && (value.abs() > 1e-37 || value == 0.0);
    told.then_some(value as f32)
}

/// The short way for most integers: few digits, nothing behind them, and where they end.
#[inline(always)]
pub(super) fn short_integer(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let whole = start + usize::from(negative);
    let (mut at, mut magnitude) = (whole, 0);
    digits(bytes, &mut at, &mut magnitude);
    let count = at - whole;
    let more = matches!(bytes.get(at), Some(b'.' | b'e' | b'E'));
    if more || count == 0 || count > 18 || (count > 1 && bytes[whole] == b'0') {
        return None;
    }
    let magnitude = magnitude as i64;
    Some((if negative { -magnitude } else { magnitude }, at))
}

impl<'a> Number<'a> {
    /// Reads the number under the cursor.
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
            many_digits(bytes, &mut at, &mut mantissa);
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
        // One digit before the point is the most frequent.
        if let [b'0'..=b'9', b'.', ..] = bytes[whole..] {
            at += 1;
        } else {
            skip_digits(bytes, &mut at);
        }
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
    pub(super) fn f64(&self) -> f64 {
        fast_float2::parse(self.text).unwrap_or(f64::INFINITY)
    }

    /// The nearest `f32`; infinite where the number is too large.
    pub(super) fn f32(&self) -> f32 {
        fast_float2::parse(self.text).unwrap_or(f32::INFINITY)
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

/// Appends the digits from `at` on to `mantissa`, and steps behind them.
#[inline(always)]
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

/// The same where many digits are likely: up to eight at once, whatever their number. Fractions differ in length, and a
/// branch per digit is guessed wrong at the last one.
#[inline(always)]
fn many_digits(bytes: &[u8], at: &mut usize, mantissa: &mut u64) {
    while let Some(chunk) = bytes.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let count = (not_digits(word).trailing_zeros() / 8) as usize;
        // The digits move to the end of the word; zero bytes before them count nothing. Two steps, for a shift by 64.
        let half = 32 - 4 * count;
        let value = eight_digits(word << half << half);
        *mantissa = mantissa.wrapping_mul(TENS[count]).wrapping_add(value);
        *at += count;
        if count < 8 {
            return;
        }
    }
    digits(bytes, at, mantissa);
}

const TENS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// Eight digits as a number, the first in the lowest byte: pairs, then fours, then all.
#[inline(always)]
fn eight_digits(word: u64) -> u64 {
    let ones = word & 0x0f0f_0f0f_0f0f_0f0f;
    let tens = ones.wrapping_mul(10).wrapping_add(ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let hundreds = tens.wrapping_mul(100).wrapping_add(tens >> 16) & 0x0000_ffff_0000_ffff;
    hundreds.wrapping_mul(10_000).wrapping_add(hundreds >> 32) & 0xffff_ffff
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

    /// Both ways to a float must agree.
    fn floats(text: &str) -> (f64, f32) {
        let long = (number(text).f64(), number(text).f32());
        if let Some((value, end)) = short_float(text.as_bytes(), 0) {
            assert_eq!(end, text.len());
            assert_eq!(value.to_bits(), long.0.to_bits(), "{text}");
            if let Some(value) = short_f32(value) {
                assert_eq!(value.to_bits(), long.1.to_bits(), "{text}");
            }
        }
        long
    }

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
    fn runs_of_digits_of_every_length_are_read_whatever_stands_behind_them() {
        let all = b"9876543210987654321";
        for length in 1..=all.len() {
            for behind in [
                &b""[..],
                b",",
                b"}",
                b".........",
                b":         ",
                b"/abcdefgh",
                b"\xff\xff\xff\xff\xff\xff\xff\xff",
            ] {
                let bytes = [&all[..length], behind].concat();
                let (mut at, mut value) = (0, 0);
                many_digits(&bytes, &mut at, &mut value);
                let expected: u64 = std::str::from_utf8(&all[..length]).unwrap().parse().unwrap();
                assert_eq!((at, value), (length, expected), "{length} before {behind:?}");
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
                floats(text).0.to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
            assert_eq!(
                floats(text).1.to_bits(),
                text.parse::<f32>().unwrap().to_bits(),
                "{text}"
            );
        }
        assert!(floats("1e309").0.is_infinite());
        assert!(floats("3.5e38").1.is_infinite());
    }

    #[test]
    fn random_floats_are_rounded_once() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..200_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let digits = seed % 10u64.pow((seed >> 60) as u32 + 1);
            let point = (seed >> 40) as usize % 12;
            let text = match seed >> 52 & 1 {
                0 => format!("{digits}e{}", (seed >> 32) as i64 % 50 - 25),
                _ => format!("{}{}.{digits:0point$}", ["", "-"][point % 2], seed >> 20 & 7),
            };
            assert_eq!(
                floats(&text).0.to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
            assert_eq!(
                floats(&text).1.to_bits(),
                text.parse::<f32>().unwrap().to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_short_ways_leave_what_they_cannot_tell() {
        for text in [
            "",
            "-",
            "01",
            "-01.5",
            "1.",
            ".5",
            "1e5",
            "1.5E3",
            "12345678901234567890",
            "x",
        ] {
            assert_eq!(short_float(text.as_bytes(), 0), None, "{text}");
            assert_eq!(short_integer(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(
            short_float(b"-0,", 0).map(|(v, end)| (v.to_bits(), end)),
            Some(((-0.0_f64).to_bits(), 2))
        );
        assert_eq!(short_float(b"[1.25]", 1), Some((1.25, 5)));
        assert_eq!(short_integer(b"-120}", 0), Some((-120, 4)));
        assert_eq!(short_integer(b"1.0", 0), None);
        assert_eq!(short_f32(1.0000000596046448), None);
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
            if let Some((value, end)) = short_integer(text.as_bytes(), 0) {
                assert_eq!((Ok((value, true)), end), (expected, text.len()), "{text}");
            }
        }
        assert_eq!(number("1.5").scaled(9), Ok((1_500_000_000, true)));
        assert_eq!(number("9223372037").scaled(9), Err(OutOfRange));
    }
}
