//! `${NAME}`, `${NAME:-default}`, `${file:PATH}` and the literal `$${` in strings. Works on the parsed tree, so that a
//! value can never add structure; must not put a value into a message.

use std::collections::HashSet;
use std::path::Path;

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
pub(crate) struct Masks(Vec<(String, String)>);

/// Shorter values are no secrets, and would be found inside other words.
const MASKED_FROM: usize = 4;

impl Masks {
    fn add(&mut self, value: &str, expression: &str) {
        if value.len() >= MASKED_FROM {
            self.0.push((value.to_owned(), format!("${{{expression}}}")));
            // A secret that holds another must be masked before it.
            self.0.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        }
    }

    /// `text` with every value written as in the file.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (value, expression) in &self.0 {
            out = out.replace(value, expression);
        }
        out
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
                match self.resolve(text, &mut out.masks) {
                    Ok(filled) => {
                        *text = filled;
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

    fn resolve(&self, text: &str, masks: &mut Masks) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if rest[..start].ends_with('$') {
                out.push_str(&rest[..start - 1]);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            out.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let end = inner
                .find('}')
                .ok_or("`${` without its `}`; write `$${` for a literal `${`")?;
            out.push_str(&self.lookup(&inner[..end], masks)?);
            rest = &inner[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn lookup(&self, expression: &str, masks: &mut Masks) -> Result<String, String> {
        if let Some(path) = expression.strip_prefix("file:") {
            let text = std::fs::read_to_string(self.base.join(path));
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
        Variables { env: &env, base }.resolve(text, &mut Masks::default())
    }

    #[test]
    fn values_fill_text_once_and_escapes_stay() {
        assert_eq!(resolve("<${A}>").as_deref(), Ok("<x: ${B}>"));
        assert_eq!(resolve("${C:-5}").as_deref(), Ok("5"));
        assert_eq!(resolve("a $${A} b").as_deref(), Ok("a ${A} b"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(resolve("${C}").is_err_and(|e| e.contains("`C` is not set")));
        assert!(resolve("${A").is_err_and(|e| e.contains("without its")));
        assert!(resolve("${file:absent}").is_err_and(|e| e.contains("`absent`")));
    }
}
