//! Values of logical types as text and floats: decimals, uuids, durations. Knows their bytes; it does not know bodies or columns.

/// The unscaled number of a decimal; `None` where it has more than 128 bits.
pub(super) fn unscaled(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign = if negative { 0xff } else { 0 };
    let cut = bytes.len().saturating_sub(16);
    let (above, low) = bytes.split_at(cut);
    if above.iter().any(|byte| *byte != sign) {
        return None;
    }
    let mut wide = [sign; 16];
    wide[16 - low.len()..].copy_from_slice(low);
    let value = i128::from_be_bytes(wide);
    // What was cut off said the sign.
    ((value < 0) == negative).then_some(value)
}

/// Appends the digits with the point in its place: `-0.05`.
pub(super) fn write(out: &mut Vec<u8>, value: i128, scale: u32) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    let places = scale as usize;
    if value < 0 {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(places);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    if places > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', places.saturating_sub(digits.len())));
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The nearest `f64`.
pub(super) fn float64(value: i128, scale: u32, scratch: &mut Vec<u8>) -> f64 {
    match POWERS.get(scale as usize) {
        // Exact operands and one operation: rounded once, thus correctly.
        Some(power) if value.unsigned_abs() <= 1 << 53 => value as f64 / power,
        _ => {
            scratch.clear();
            write(scratch, value, scale);
            fast_float2::parse(&*scratch).unwrap_or(f64::NAN)
        }
    }
}

/// The nearest `f32`, infinite where there is none.
pub(super) fn float32(value: i128, scale: u32, scratch: &mut Vec<u8>) -> f32 {
    scratch.clear();
    write(scratch, value, scale);
    fast_float2::parse(&*scratch).unwrap_or(f32::NAN)
}

/// Appends the 36 characters of a uuid.
pub(super) fn write_uuid(out: &mut Vec<u8>, bytes: [u8; 16]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (nth, byte) in bytes.into_iter().enumerate() {
        if matches!(nth, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// Appends a duration of months, days and milliseconds as ISO 8601: each part, be it zero; they do not convert into each other.
pub(super) fn write_duration(out: &mut Vec<u8>, bytes: [u8; 12]) {
    let part = |at: usize| {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        u32::from_le_bytes(bytes)
    };
    out.push(b'P');
    out.extend_from_slice(itoa::Buffer::new().format(part(0)).as_bytes());
    out.push(b'M');
    out.extend_from_slice(itoa::Buffer::new().format(part(4)).as_bytes());
    out.extend_from_slice(b"DT");
    write(out, i128::from(part(8)), 3);
    out.push(b'S');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: i128, scale: u32) -> String {
        let mut out = Vec::new();
        write(&mut out, value, scale);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_plain_digits() {
        let cases = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (12345, 2, "123.45"),
            (-12345, 0, "-12345"),
            (i128::MIN, 1, "-17014118346046923173168730371588410572.8"),
        ];
        for (value, scale, expected) in cases {
            assert_eq!(text(value, scale), expected);
        }
    }

    #[test]
    fn reads_two_s_complement_of_any_length() {
        let long = [vec![0xff; 20], vec![0x80]].concat();
        let cases: [(&[u8], Option<i128>); 7] = [
            (&[], Some(0)),
            (&[0xff], Some(-1)),
            (&[0, 0xff], Some(255)),
            (&[0x80], Some(-128)),
            (&long, Some(-128)),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(unscaled(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn floats_are_the_nearest() {
        let scratch = &mut Vec::new();
        assert_eq!(float64(1, 1, scratch), 0.1);
        assert_eq!(
            float64(-123_456_789_012_345_678, 9, scratch),
            -123_456_789.012_345_67
        );
        assert_eq!(float64(i128::MAX, 0, scratch), i128::MAX as f64);
        assert_eq!(float64(1, 400, scratch), 0.0);
        assert_eq!(float32(16_777_217, 0, scratch), 16_777_216.0);
        assert_eq!(float32(1, 1, scratch), 0.1);
    }

    #[test]
    fn uuids_and_durations_have_a_text() {
        let mut out = Vec::new();
        write_uuid(&mut out, std::array::from_fn(|nth| nth as u8));
        out.push(b' ');
        write_duration(&mut out, [1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0]);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "00010203-0405-0607-0809-0a0b0c0d0e0f P1M2DT3.004S");
    }
}
