//! A key or scalar as the file writes it: which characters it takes, and where in them a character of its value stands.
//! Knows YAML's ways to write a text, no keys and no values.

use saphyr::ScalarStyle;

use super::tree::Place;

/// A key or a scalar; places are characters from the start of the file.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) pointer: String,
    pub(crate) is_key: bool,
    pub(crate) style: ScalarStyle,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Written {
    /// The place of the character number `offset` of `value`, which this writes. Line breaks and indentation may be
    /// folded, so what is counted is everything but white space: that is the same in both.
    pub(crate) fn inside(&self, text: &str, value: &str, offset: usize) -> Option<Place> {
        let mut left = value.chars().take(offset).filter(|c| !c.is_whitespace()).count();
        let mut rest = Rest::new(text, self.start);
        self.enter(&mut rest)?;
        while rest.at < self.end {
            let (taken, blank) = self.next(&rest.text[rest.at..])?;
            if !blank {
                if left == 0 {
                    return Some(rest.place());
                }
                left -= 1;
            }
            rest.at += taken;
        }
        None
    }

    /// Steps over the quote, or the line with `|` or `>`.
    fn enter(&self, rest: &mut Rest) -> Option<()> {
        match self.style {
            ScalarStyle::Plain => {}
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => rest.at += 1,
            ScalarStyle::Literal | ScalarStyle::Folded => {
                if matches!(rest.text.get(rest.at)?, '|' | '>') {
                    rest.at += rest.text[rest.at..].iter().position(|c| *c == '\n')? + 1;
                }
            }
        }
        Some(())
    }

    /// How many characters the next character of the value takes, and whether it is white space.
    fn next(&self, text: &[char]) -> Option<(usize, bool)> {
        let first = *text.first()?;
        match self.style {
            ScalarStyle::SingleQuoted if first == '\'' => Some((2, false)),
            ScalarStyle::DoubleQuoted if first == '\\' => Some(match text.get(1)? {
                'x' => (4, false),
                'u' => (6, false),
                'U' => (10, false),
                'n' | 't' | 'r' | 'v' | 'f' | ' ' | '\n' | 'N' | '_' | 'L' | 'P' => (2, true),
                _ => (2, false),
            }),
            _ => Some((1, first.is_whitespace())),
        }
    }
}

/// A file's characters, from some place on.
struct Rest {
    text: Vec<char>,
    at: usize,
}

impl Rest {
    fn new(text: &str, at: usize) -> Self {
        let text = text.chars().collect();
        Self { text, at }
    }

    fn place(&self) -> Place {
        let before = &self.text[..self.at];
        let line_starts = before.iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
        Place {
            line: before.iter().filter(|c| **c == '\n').count() + 1,
            column: self.at - line_starts + 1,
        }
    }
}
