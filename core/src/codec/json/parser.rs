//! A pull parser over the bytes of one JSON document that was checked to be UTF-8. It moves a cursor and reports faults;
//! it builds nothing, and never recurses into what it skips. It does not know columns.

use super::number::Number;
use super::scan::special;
use crate::codec::fault::{Fault, Parsed};

/// How deep objects and arrays may nest.
pub(super) const MAX_DEPTH: u32 = 128;

/// A place in a document.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
        }
    }

    #[cold]
    pub(super) fn fault<T>(&self, what: &'static str) -> Parsed<T> {
        let truncated = self.at >= self.bytes.len();
        Err(Fault::new(
            if truncated { "truncated json" } else { what },
            self.at,
        ))
    }

    /// The value under the cursor is not what was `expected`.
    #[cold]
    pub(super) fn mismatch<T>(&mut self, expected: &'static str) -> Parsed<T> {
        let Some(byte) = self.peek() else {
            return self.fault(expected);
        };
        let found = match byte {
            b'{' => "an object",
            b'[' => "an array",
            b'"' => "a string",
            b'-' | b'0'..=b'9' => "a number",
            b't' | b'f' => "a bool",
            b'n' => "null",
            _ => return self.fault("expected a json value"),
        };
        Err(Fault::new(expected, self.at).found(found))
    }

    /// The next byte that is no white space; the cursor stands on it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Steps into the object or array whose bracket is under the cursor.
    #[inline]
    pub(super) fn enter(&mut self) -> Parsed<()> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new("nested deeper than 128", self.at));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Steps to the next member or item, or out behind `close`: whether there is one. `first` on the first call.
    #[inline]
    pub(super) fn next(&mut self, close: u8, first: bool) -> Parsed<bool> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => self.fault("expected a comma or a closing bracket"),
        }
    }

    /// Steps over the quote that opens a key.
    #[inline]
    pub(super) fn open_key(&mut self) -> Parsed<()> {
        if self.peek() != Some(b'"') {
            return self.fault("expected a key");
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over the colon behind a key.
    #[inline]
    pub(super) fn colon(&mut self) -> Parsed<()> {
        if self.peek() != Some(b':') {
            return self.fault("expected a colon");
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over `word` if it is under the cursor: `true`, `false`, `null`.
    #[inline]
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Steps over a null.
    #[inline]
    pub(super) fn null(&mut self) -> Parsed<bool> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        if self.word("null") {
            Ok(true)
        } else {
            self.fault("expected null")
        }
    }

    /// Appends the rest of the string behind its opening quote to `out`.
    #[inline]
    pub(super) fn string_into(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        loop {
            let end = special(self.bytes, self.at);
            out.extend_from_slice(&self.bytes[self.at..end]);
            self.at = end;
            match self.bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let mut utf8 = [0; 4];
                    out.extend_from_slice(self.escape()?.encode_utf8(&mut utf8).as_bytes());
                }
                _ => return self.fault("control character in a string"),
            }
        }
    }

    /// The rest of the string behind its opening quote: as it lies, or without its escapes in `scratch`.
    #[inline]
    pub(super) fn text<'s>(&mut self, scratch: &'s mut Vec<u8>) -> Parsed<&'s [u8]>
    where
        'a: 's,
    {
        let end = special(self.bytes, self.at);
        if self.bytes.get(end) == Some(&b'"') {
            let text = &self.bytes[self.at..end];
            self.at = end + 1;
            return Ok(text);
        }
        scratch.clear();
        self.string_into(scratch)?;
        Ok(scratch)
    }

    /// Steps over the rest of the string behind its opening quote.
    #[inline]
    pub(super) fn skip_string(&mut self) -> Parsed<()> {
        loop {
            self.at = special(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape().map(drop)?,
                _ => return self.fault("control character in a string"),
            }
        }
    }

    /// The character that the escape under the cursor stands for.
    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        self.at += 1;
        let Some(&letter) = self.bytes.get(self.at) else {
            return self.fault("truncated json");
        };
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(start),
            _ => return self.fault("unknown escape in a string"),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `\uXXXX`, or a pair of surrogates; the cursor stands on the first `u`.
    fn unicode(&mut self, start: usize) -> Parsed<char> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                self.at += 1;
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(Fault::new("lone surrogate in a string", start));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or(Fault::new("lone surrogate in a string", start))
    }

    fn hex4(&mut self) -> Parsed<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bytes.get(self.at).and_then(|b| char::from(*b).to_digit(16));
            let Some(digit) = digit else {
                return self.fault("expected four hexadecimal digits in a string");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Steps over a value of any kind, checking that it is well-formed.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    #[inline]
    fn skip_scalar(&mut self) -> Parsed<()> {
        let good = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                return self.skip_string();
            }
            Some(b'-' | b'0'..=b'9') => return Number::skip(self),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => false,
        };
        if good {
            Ok(())
        } else {
            self.fault("expected a json value")
        }
    }

    /// One bit per open bracket instead of recursion: no document can overflow the stack.
    fn skip_nested(&mut self) -> Parsed<()> {
        let base = self.depth;
        let mut objects: u128 = 0;
        loop {
            if let Some(open @ (b'{' | b'[')) = self.peek() {
                self.enter()?;
                let object = open == b'{';
                objects = objects << 1 | u128::from(object);
                if self.next(open + 2, true)? {
                    self.skip_key(object)?;
                    continue;
                }
                objects >>= 1;
            } else {
                self.skip_scalar()?;
            }
            loop {
                if self.depth == base {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if self.next(if object { b'}' } else { b']' }, false)? {
                    self.skip_key(object)?;
                    break;
                }
                objects >>= 1;
            }
        }
    }

    #[inline]
    fn skip_key(&mut self, object: bool) -> Parsed<()> {
        if object {
            self.open_key()?;
            self.skip_string()?;
            self.colon()?;
        }
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fault("trailing bytes behind the json object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(text: &str) -> Result<(), &'static str> {
        let mut cursor = Cursor::new(text.as_bytes());
        let skipped = cursor.skip_value().and_then(|()| cursor.end());
        assert!(skipped.is_err() || cursor.depth == 0);
        skipped.map_err(|fault| fault.what)
    }

    #[test]
    fn skips_what_is_well_formed() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            r#"{"a":[1,{"b":null}],"c":"\u00e9\ud83d\ude00"}"#,
            "[[],{}]",
            "-0.5e+3",
        ] {
            assert_eq!(skip(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not() {
        let cases = [
            ("[1,]", "expected a json value"),
            ("[1 2]", "expected a comma or a closing bracket"),
            ("{\"a\" 1}", "expected a colon"),
            ("{\"a\":1,}", "expected a key"),
            ("{1:2}", "expected a key"),
            ("[}", "expected a json value"),
            ("[{]", "expected a key"),
            ("[1}", "expected a comma or a closing bracket"),
            ("\"a", "truncated json"),
            ("\"\\", "truncated json"),
            ("\"\\x\"", "unknown escape in a string"),
            ("\"\\u12g4\"", "expected four hexadecimal digits in a string"),
            ("\"\\ud800\"", "lone surrogate in a string"),
            ("\"\\ud800\\u0041\"", "lone surrogate in a string"),
            ("\"\\udc00\"", "lone surrogate in a string"),
            ("\"a\tb\"", "control character in a string"),
            ("NaN", "expected a json value"),
            ("nul", "expected a json value"),
            ("truth", "expected a json value"),
            ("01", "leading zero in a number"),
            ("1.", "truncated json"),
            ("[1.]", "malformed number"),
            ("[-]", "malformed number"),
            ("[1e]", "malformed number"),
            ("", "truncated json"),
            ("1 1", "trailing bytes behind the json object"),
        ];
        for (text, what) in cases {
            assert_eq!(skip(text), Err(what), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_128() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(skip(&nested(128)), Ok(()));
        assert_eq!(skip(&nested(129)), Err("nested deeper than 128"));
        assert_eq!(skip(&"[{\"a\":".repeat(200_000)), Err("nested deeper than 128"));
    }
}
