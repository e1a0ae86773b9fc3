//! Which members of an object are used: the paths of the columns as a small tree of levels.
//! Knows names and column numbers; it does not know values.

use crate::codec::Column;

/// The used members of one object.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) fields: Vec<Field>,
    /// One bit per tag of a used name: most unused names end here.
    tags: u64,
}

/// A used member.
#[derive(Debug)]
pub(super) struct Field {
    name: Vec<u8>,
    /// The name with its closing quote, as it lies in an event; what no event can hold where it needs escapes.
    quoted: Vec<u8>,
    /// The columns that this member's value fills; more than one where columns share a path.
    pub(super) columns: Vec<usize>,
    /// The level of its own members.
    pub(super) level: Option<usize>,
    /// Its number among all fields of all levels.
    pub(super) id: usize,
}

impl Level {
    /// The field that a key names.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        if self.tags >> tag(key) & 1 == 0 {
            return None;
        }
        self.fields.iter().position(|field| field.name == key)
    }

    /// The length of the key with its closing quote, if `rest` starts with the name of field `expected`.
    #[inline]
    pub(super) fn expect(&self, expected: usize, rest: &[u8]) -> Option<usize> {
        let quoted = &self.fields.get(expected)?.quoted;
        rest.starts_with(quoted).then_some(quoted.len())
    }

    /// The place of the field named `name`, which is new where `id` grows.
    pub(super) fn enter(&mut self, name: &str, id: &mut usize) -> usize {
        let name = name.as_bytes();
        if let Some(known) = self.find(name) {
            return known;
        }
        let plain = name.iter().all(|b| *b >= 0x20 && *b != b'"' && *b != b'\\');
        self.tags |= 1 << tag(name);
        self.fields.push(Field {
            name: name.to_vec(),
            quoted: if plain { [name, b"\""].concat() } else { vec![0] },
            columns: Vec::new(),
            level: None,
            id: *id,
        });
        *id += 1;
        self.fields.len() - 1
    }
}

#[inline]
fn tag(name: &[u8]) -> u32 {
    let (first, last) = (
        name.first().copied().unwrap_or(0),
        name.last().copied().unwrap_or(0),
    );
    (name.len() as u32 * 23 + u32::from(first) * 5 + u32::from(last)) & 63
}

/// The levels that the columns' paths make, the outermost first, and the number of fields.
pub(super) fn levels(columns: &[Column]) -> (Vec<Level>, usize) {
    let mut levels = vec![Level::default()];
    let mut fields = 0;
    for (column, of) in columns.iter().enumerate() {
        let mut level = 0;
        for (depth, name) in of.path.iter().enumerate() {
            let field = levels[level].enter(name, &mut fields);
            if depth + 1 == of.path.len() {
                levels[level].fields[field].columns.push(column);
            } else {
                let next = levels[level].fields[field].level.unwrap_or(levels.len());
                levels[level].fields[field].level = Some(next);
                if next == levels.len() {
                    levels.push(Level::default());
                }
                level = next;
            }
        }
    }
    (levels, fields)
}
