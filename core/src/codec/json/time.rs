//! RFC 3339 to nanoseconds and back, and dates. Knows the calendar, neither time zones by name nor columns.

const NANOS: i128 = 1_000_000_000;

/// What is wrong with a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Wrong {
    Malformed,
    OutOfRange,
}

/// Nanoseconds since the epoch in UTC; digits of the fraction beyond the ninth are cut off.
pub(in crate::codec) fn parse(text: &[u8]) -> Result<i64, Wrong> {
    let nanos = read(text).ok_or(Wrong::Malformed)?;
    i64::try_from(nanos).map_err(|_| Wrong::OutOfRange)
}

fn read(text: &[u8]) -> Option<i128> {
    let (head, rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| head[*at] != *mark) || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let year = i64::from(two(head, 0)?) * 100 + i64::from(two(head, 2)?);
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    // 60 is a leap second: it counts as the first of the next minute.
    let good = (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month);
    if !good || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    let seconds = days_from_civil(year, month, day) * 86_400
        + i64::from(hour) * 3600
        + i64::from(minute) * 60
        + i64::from(second)
        - offset;
    Some(i128::from(seconds) * NANOS + i128::from(fraction))
}

fn two(text: &[u8], at: usize) -> Option<u32> {
    let digit = |at: usize| {
        text.get(at)
            .filter(|b| b.is_ascii_digit())
            .map(|b| u32::from(b - b'0'))
    };
    Some(digit(at)? * 10 + digit(at + 1)?)
}

/// The nanoseconds of `.123`, and what follows.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let first = digits[..count]
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(9);
    let nanos = first.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    (count > 0).then(|| (nanos, &digits[count..]))
}

/// The seconds that local time is ahead.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (two(text, 1)?, two(text, 4)?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn days_of(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar; years start in March so that the leap day is the last.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = i64::from((month + 9) % 12);
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day of a day since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `2026-01-31`; false where the year has not four digits.
pub(super) fn write_date(out: &mut Vec<u8>, days: i64) -> bool {
    // Within this range the calendar cannot overflow; far less of it has four digits.
    if !(-1_000_000..=3_000_000).contains(&days) {
        return false;
    }
    let (year, month, day) = civil_from_days(days);
    if !(0..=9999).contains(&year) {
        return false;
    }
    push(out, year as u32, 4);
    out.push(b'-');
    push(out, month, 2);
    out.push(b'-');
    push(out, day, 2);
    true
}

/// Appends `2026-01-31T12:00:00.5Z` with 0, 3, 6 or 9 digits of fraction; false where the year has not four digits.
pub(super) fn write_timestamp(out: &mut Vec<u8>, value: i64, per_second: i64) -> bool {
    let seconds = value.div_euclid(per_second);
    let nanos = (value.rem_euclid(per_second) * (1_000_000_000 / per_second)) as u32;
    if !write_date(out, seconds.div_euclid(86_400)) {
        return false;
    }
    let of_day = seconds.rem_euclid(86_400) as u32;
    for (mark, part) in [
        (b'T', of_day / 3600),
        (b':', of_day / 60 % 60),
        (b':', of_day % 60),
    ] {
        out.push(mark);
        push(out, part, 2);
    }
    let (part, width) = match nanos {
        0 => (0, 0),
        _ if nanos.is_multiple_of(1_000_000) => (nanos / 1_000_000, 3),
        _ if nanos.is_multiple_of(1000) => (nanos / 1000, 6),
        _ => (nanos, 9),
    };
    if width > 0 {
        out.push(b'.');
        push(out, part, width);
    }
    out.push(b'Z');
    true
}

fn push(out: &mut Vec<u8>, value: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10u32.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339() {
        let cases = [
            ("1970-01-01T00:00:00Z", Ok(0)),
            ("1969-12-31T23:59:59.999999999Z", Ok(-1)),
            ("2000-02-29t12:30:45.5z", Ok(951_827_445_500_000_000)),
            ("2026-01-01 01:00:00+01:00", Ok(1_767_225_600_000_000_000)),
            ("2025-12-31T16:29:60-07:30", Ok(1_767_225_600_000_000_000)),
            ("1970-01-01T00:00:00.1234567891Z", Ok(123_456_789)),
            ("2262-04-11T23:47:16.854775807Z", Ok(i64::MAX)),
            ("2262-04-11T23:47:16.854775808Z", Err(Wrong::OutOfRange)),
            ("0001-01-01T00:00:00Z", Err(Wrong::OutOfRange)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_timestamp() {
        let texts = [
            "",
            "2026",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+01",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01X00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026/01/01T00:00:00Z",
            "2026-01-01T00:00:00+01:0é",
        ];
        for text in texts {
            assert_eq!(parse(text.as_bytes()), Err(Wrong::Malformed), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        let mut nanos = i64::MIN;
        while nanos < i64::MAX - 7_777_777_777_777_777 {
            nanos += 7_777_777_777_777_777;
            let mut out = Vec::new();
            assert!(write_timestamp(&mut out, nanos, 1_000_000_000));
            assert_eq!(parse(&out), Ok(nanos), "{nanos}");
        }
    }

    #[test]
    fn writes_as_many_digits_as_needed() {
        let cases = [
            (0, 1, "1970-01-01T00:00:00Z"),
            (-1, 1, "1969-12-31T23:59:59Z"),
            (1500, 1000, "1970-01-01T00:00:01.500Z"),
            (1_000_001, 1_000_000, "1970-01-01T00:00:01.000001Z"),
            (1, 1_000_000_000, "1970-01-01T00:00:00.000000001Z"),
            (253_402_300_799, 1, "9999-12-31T23:59:59Z"),
        ];
        for (value, per_second, expected) in cases {
            let mut out = Vec::new();
            assert!(write_timestamp(&mut out, value, per_second));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for (value, per_second) in [
            (253_402_300_800, 1),
            (i64::MAX, 1),
            (i64::MIN, 1),
            (i64::MIN, 1000),
        ] {
            assert!(!write_timestamp(&mut Vec::new(), value, per_second), "{value}");
        }
    }
}
