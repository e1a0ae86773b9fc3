//! The pipeline file as a JSON value plus the place of every key and value. Knows places, not what the keys mean.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::interpolate::Pieces;
use super::problem::{File, Problem};
use super::written::Written;

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A JSON value and, by JSON pointer, where each key and value stands in the file. No `Debug`: values may be secrets.
pub(crate) struct Tree {
    pub(crate) value: Value,
    /// What is wrong with the YAML itself, though it can be read.
    pub(crate) problems: Vec<Problem>,
    /// Pointers of values that could not be read; nothing further is said of them.
    pub(crate) unread: BTreeSet<String>,
    pub(super) places: HashMap<String, Place>,
    pub(super) keys: HashMap<String, Place>,
    /// Every key and scalar, in the order of the file.
    pub(super) written: Vec<Written>,
    /// Pointers under which every value may be a credential.
    pub(super) secret: BTreeSet<String>,
    /// Texts that variables filled, as they were before, and which parts of them stayed.
    pub(super) filled: HashMap<String, (String, Pieces)>,
}

impl Tree {
    /// Reads the one document of `file`.
    pub(crate) fn parse(file: &File) -> Result<Self, Problem> {
        let mut tree = Self {
            value: Value::Null,
            problems: Vec::new(),
            unread: BTreeSet::new(),
            places: HashMap::new(),
            keys: HashMap::new(),
            written: Vec::new(),
            secret: ["/connectors", "/pipeline/sink/headers", "/telemetry/token"]
                .map(str::to_owned)
                .into(),
            filled: HashMap::new(),
        };
        tree.value = super::events::read(file, &mut tree)?;
        Ok(tree)
    }

    /// Where the value at `pointer` stands; the nearest parent's place where it is absent.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            let Some(cut) = pointer.rfind('/') else {
                return Place { line: 1, column: 1 };
            };
            pointer = &pointer[..cut];
        }
    }

    /// Where the key of the value at `pointer` stands.
    pub(crate) fn key_place(&self, pointer: &str) -> Place {
        let found = self.keys.get(pointer).copied();
        found.unwrap_or_else(|| self.place(pointer))
    }

    /// Says of the value at `pointer` that it may be a credential: no line shows it.
    pub(crate) fn hide(&mut self, pointer: &str) {
        self.secret.insert(pointer.to_owned());
    }

    /// Whether the value at `pointer` may be a credential.
    pub(super) fn hides(&self, pointer: &str) -> bool {
        let under = |secret: &String| {
            let rest = pointer.strip_prefix(secret.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.secret.iter().any(under) && !is_plain(pointer)
    }

    /// Every key and value that cannot be a credential, as the file writes it.
    pub(super) fn open_texts(&self, file: &File) -> Vec<String> {
        let open = self.written.iter().filter(|w| !self.hides(&w.pointer));
        let text = |w: &Written| file.text.chars().skip(w.start).take(w.end - w.start).collect();
        open.map(text).collect()
    }

    /// A problem of the value at `pointer`.
    pub(crate) fn problem(&self, file: &File, pointer: &str, message: impl Into<String>) -> Problem {
        self.problem_in(file, self.place(pointer), message)
    }

    /// A problem of the key of the value at `pointer`.
    pub(crate) fn key_problem(&self, file: &File, pointer: &str, message: impl Into<String>) -> Problem {
        self.problem_in(file, self.key_place(pointer), message)
    }

    /// A problem at a place in the text at `pointer`; `None` where the file does not tell where that is.
    pub(crate) fn problem_inside(
        &self,
        file: &File,
        pointer: &str,
        line: u64,
        column: u64,
        message: &str,
    ) -> Option<Problem> {
        let written = self.written.iter().find(|w| !w.is_key && w.pointer == pointer)?;
        let value = self.value.pointer(pointer)?.as_str()?;
        let mut offset = offset(value, line, column)?;
        let value = match self.filled.get(pointer) {
            Some((original, pieces)) => {
                offset = pieces.before(offset);
                original
            }
            None => value,
        };
        let place = written.inside(&file.text, value, offset)?;
        Some(self.problem_in(file, place, message))
    }
}

/// The child of `at` that is called `name`, as a pointer.
pub(crate) fn child(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The number of characters before a line and column, both from 1.
fn offset(text: &str, line: u64, column: u64) -> Option<usize> {
    let before = text
        .split_inclusive('\n')
        .take(usize::try_from(line).ok()?.checked_sub(1)?);
    let before: usize = before.map(|line| line.chars().count()).sum();
    Some(before + usize::try_from(column).ok()?.checked_sub(1)?)
}

/// Whether the value at `pointer` is part of a connector that holds no credential.
fn is_plain(pointer: &str) -> bool {
    let Some((_, path)) = pointer
        .strip_prefix("/connectors/")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    ["kind", "sasl/mechanism"].contains(&path) || path.starts_with("bootstrap/")
}
