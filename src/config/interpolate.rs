//! `${NAME}`, `${NAME:-default}`, `${file:PATH}` and the literal `$${` in strings. Works on the parsed tree, so that a
//! value can never add structure; must not put a value into a message.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tree::child;

/// Where variables come from.
pub(crate) struct Variables<'a> {
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// What `${file:..}` is relative to.
    pub(crate) base: &'a Path,
}

/// What variables and files gave, and how the file writes it. No `Debug`: the values may be secrets.
#[derive(Default)]
pub(crate) struct Masks {
    /// Values, and what the file writes for them.
    values: Vec<(String, String)>,
    /// Words that the file shows by itself, such as the names of columns: a value that is a part of one hides it in vain.
    own: HashSet<String>,
}

/// Shorter values are no secrets, and would be found inside other words.
const MASKED_FROM: usize = 4;

/// Of a word, as names of columns are.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Masks {
    fn add(&mut self, value: &str, expression: &str) {
        if value.len() >= MASKED_FROM {
            self.values.push((value.to_owned(), format!("${{{expression}}}")));
            // A secret that holds another must be masked before it.
            self.values
                .sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        }
    }

    /// Leaves the words of `text` as they are, which the file shows.
    pub(crate) fn spare(&mut self, text: &str) {
        let words = text.split(|c| !is_letter(c)).filter(|word| !word.is_empty());
        self.own.extend(words.map(str::to_owned));
    }

    /// `text` with every value written as in the file.
    pub(crate) fn apply(&self, text: &str) -> String {
        let values = self.values.iter();
        values.fold(text.to_owned(), |out, one| self.without(one, &out))
    }

    fn without(&self, (value, expression): &(String, String), text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = 0;
        for (at, found) in text.match_indices(value.as_str()) {
            let before = text[..at].trim_end_matches(is_letter).len();
            let behind = &text[at + found.len()..];
            let behind = text.len() - behind.trim_start_matches(is_letter).len();
            out += &text[rest..at];
            // A value of several words is none of these.
            out += match self.own.contains(&text[before..behind]) {
                true => found,
                false => expression,
            };
            rest = at + found.len();
        }
        out + &text[rest..]
    }
}

/// Which parts of a filled text stand in the file as they are; counted in characters.
#[derive(Clone, Default)]
pub(crate) struct Pieces(Vec<Piece>);

#[derive(Clone, Copy)]
struct Piece {
    /// Where it begins in the filled text, and in the file's.
    filled: usize,
    written: usize,
    length: usize,
}

impl Pieces {
    fn add(&mut self, filled: &str, written: &str, text: &str) {
        self.0.push(Piece {
            filled: filled.chars().count(),
            written: written.chars().count(),
            length: text.chars().count(),
        });
    }

    /// The place in the file's text of one in the filled text; inside of what a variable gave it is the variable's.
    pub(crate) fn before(&self, offset: usize) -> usize {
        let piece = self.0.iter().rfind(|piece| piece.filled <= offset);
        piece.map_or(0, |piece| {
            piece.written + (offset - piece.filled).min(piece.length)
        })
    }
}

/// What was found on the way.
#[derive(Default)]
pub(crate) struct Interpolated {
    /// Pointers of leaves that were filled: they may be read as numbers or switches.
    pub(crate) filled: HashSet<String>,
    /// Pointers of leaves with variables that no run uses.
    pub(crate) unresolved: HashSet<String>,
    /// Pointer and message.
    pub(crate) problems: Vec<(String, String)>,
    /// The filled texts as the file has them, by pointer.
    pub(crate) texts: HashMap<String, (String, Pieces)>,
    /// The files that `${file:..}` names.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) masks: Masks,
}

impl Variables<'_> {
    /// Fills the strings of `value`; `skip` says under which pointers variables stay as they are.
    pub(crate) fn fill(
        &self,
        value: &mut Value,
        at: &str,
        skip: &dyn Fn(&str) -> bool,
        out: &mut Interpolated,
    ) {
        match value {
            Value::String(text) if text.contains("${") => {
                if skip(at) {
                    out.unresolved.insert(at.to_owned());
                    return;
                }
                match self.resolve(text, out) {
                    Ok((filled, pieces)) => {
                        let written = std::mem::replace(text, filled);
                        out.texts.insert(at.to_owned(), (written, pieces));
                        out.filled.insert(at.to_owned());
                    }
                    Err(message) => {
                        out.unresolved.insert(at.to_owned());
                        out.problems.push((at.to_owned(), message));
                    }
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.fill(item, &format!("{at}/{i}"), skip, out);
                }
            }
            Value::Object(map) => {
                for (name, item) in map.iter_mut() {
                    self.fill(item, &child(at, name), skip, out);
                }
            }
            _ => {}
        }
    }

    fn resolve(&self, text: &str, found: &mut Interpolated) -> Result<(String, Pieces), String> {
        let (mut out, mut pieces) = (String::new(), Pieces::default());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let written = &text[..text.len() - rest.len()];
            if rest[..start].ends_with('$') {
                pieces.add(&out, written, &rest[..start - 1]);
                out.push_str(&rest[..start - 1]);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            pieces.add(&out, written, &rest[..start]);
            out.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let end = inner
                .find('}')
                .ok_or("`${` without its `}`; write `$${` for a literal `${`")?;
            out.push_str(&self.lookup(&inner[..end], found)?);
            rest = &inner[end + 1..];
        }
        pieces.add(&out, &text[..text.len() - rest.len()], rest);
        out.push_str(rest);
        Ok((out, pieces))
    }

    fn lookup(&self, expression: &str, found: &mut Interpolated) -> Result<String, String> {
        let masks = &mut found.masks;
        if let Some(path) = expression.strip_prefix("file:") {
            let file = self.base.join(path);
            let text = std::fs::read_to_string(&file);
            found.files.push(file);
            let text = text.map_err(|e| format!("read `{path}` for `${{file:{path}}}`: {}", e.kind()))?;
            let text = text.trim_end_matches(['\r', '\n']);
            masks.add(text, expression);
            return Ok(text.to_owned());
        }
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err("not a variable: write `${NAME}`, `${NAME:-default}` or `${file:PATH}`".to_owned());
        }
        let value = (self.env)(name).filter(|value| default.is_none() || !value.is_empty());
        if let Some(value) = &value {
            masks.add(value, name);
        }
        value.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
            format!("the variable `{name}` is not set: set it, or write `${{{name}:-default}}`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<String, String> {
        let env = |name: &str| (name == "A").then(|| "x: ${B}".to_owned());
        let base = Path::new(".");
        let filled = Variables { env: &env, base }.resolve(text, &mut Interpolated::default());
        filled.map(|(text, _)| text)
    }

    #[test]
    fn values_fill_text_once_and_escapes_stay() {
        assert_eq!(resolve("<${A}>").as_deref(), Ok("<x: ${B}>"));
        assert_eq!(resolve("${C:-5}").as_deref(), Ok("5"));
        assert_eq!(resolve("a $${A} b").as_deref(), Ok("a ${A} b"));
    }

    #[test]
    fn places_in_a_filled_text_are_found_in_the_file() {
        let env = |_: &str| Some("long".to_owned());
        let base = Path::new(".");
        let filled = Variables { env: &env, base }.resolve("a ${A} $${b} c", &mut Interpolated::default());
        let (text, pieces) = filled.unwrap();
        assert_eq!(text, "a long ${b} c");
        let places = [("a", 0), ("long", 2), ("c", 13)];
        for (word, written) in places {
            assert_eq!(pieces.before(text.find(word).unwrap()), written, "{word}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(resolve("${C}").is_err_and(|e| e.contains("`C` is not set")));
        assert!(resolve("${A").is_err_and(|e| e.contains("without its")));
        assert!(resolve("${file:absent}").is_err_and(|e| e.contains("`absent`")));
    }
}
