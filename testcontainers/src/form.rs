//! Names and values as forms and queries carry them, encoded with percent signs.

use std::collections::BTreeMap;

/// A form, or a query; of names that come twice the last one counts.
pub(crate) fn parse(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Undoes `application/x-www-form-urlencoded`.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3);
        let coded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, length) = match (byte, coded) {
            (b'%', Some(coded)) => (coded, 3),
            (b'+', _) => (b' ', 1),
            _ => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// As RFC 3986 has it: all but letters, digits and `-_.~`, and but what is in `but`.
pub(crate) fn encoded(text: &str, but: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || but.as_bytes().contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let form = parse("scope=a+b%2Fc%C3%A9&client_secret=100%&empty=");
        assert_eq!(form["scope"], "a b/cé");
        assert_eq!(form["client_secret"], "100%");
        assert_eq!(form["empty"], "");
    }

    #[test]
    fn text_is_encoded_and_decoded_again() {
        let text = "a b/c:é+~%";
        assert_eq!(encoded(text, ""), "a%20b%2Fc%3A%C3%A9%2B~%25");
        assert_eq!(encoded("a/b", "/"), "a/b");
        assert_eq!(decoded(&encoded(text, "")), text);
    }
}
