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

    /// The place of the field named `name`, which is new where `id` grows.
    pub(super) fn enter(&mut self, name: &str, id: &mut usize) -> usize {
        let name = name.as_bytes();
        if let Some(known) = self.find(name) {
            return known;
        }
        self.tags |= 1 << tag(name);
        self.fields.push(Field {
            name: name.to_vec(),
            columns: Vec::new(),
            level: None,
            id: *id,
        });
        *id += 1;
        self.fields.len() - 1
    }
}

/// How the members of an object came in earlier events. Producers write the same keys in the same order, so most often
/// one comparison with what stood between two values then tells which member comes now, used or not.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Between>);

/// The bytes between two values: comma, white space, key, colon. Whatever is equal to it is as well-formed.
#[derive(Debug)]
struct Between {
    text: Vec<u8>,
    /// The first eight bytes of the text, or as many as it has; `mask` covers them.
    head: u64,
    mask: u64,
    /// The last eight bytes of a text that has them.
    tail: u64,
    field: Option<usize>,
}

impl Between {
    fn new(text: &[u8], field: Option<usize>) -> Self {
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        let head = &text[..text.len().min(8)];
        Self {
            head: word(head),
            mask: word(&vec![0xff; head.len()]),
            tail: word(&text[text.len().saturating_sub(8)..]),
            text: text.to_vec(),
            field,
        }
    }

    /// Whether `rest` begins with the text. Two words cover most of them, and spare a call.
    #[inline(always)]
    fn begins(&self, rest: &[u8]) -> bool {
        let length = self.text.len();
        let Some(head) = rest.first_chunk::<8>().filter(|_| length <= 16) else {
            return rest.starts_with(&self.text);
        };
        if (u64::from_le_bytes(*head) ^ self.head) & self.mask != 0 {
            return false;
        }
        let tail = || rest.get(..length).and_then(|rest| rest.last_chunk::<8>());
        length <= 8 || tail().is_some_and(|tail| u64::from_le_bytes(*tail) == self.tail)
    }
}

/// What an [`Order`] found: where in it, how many bytes to step over, and the field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    pub(super) place: usize,
    pub(super) length: usize,
    pub(super) field: Option<usize>,
}

impl Order {
    /// Objects with more members are read without guesses behind that many.
    const MOST: usize = 1024;

    /// Which member `rest` starts with, if it is the one at `place`, or the one behind it where that is absent.
    #[inline]
    pub(super) fn guess(&self, place: usize, rest: &[u8]) -> Option<Guess> {
        let here = self.at(place, rest);
        // No comma stands before the first member: only the first place has seen such a text.
        here.or_else(|| (place > 0).then(|| self.at(place + 1, rest)).flatten())
    }

    #[inline]
    fn at(&self, place: usize, rest: &[u8]) -> Option<Guess> {
        let between = self.0.get(place)?;
        between.begins(rest).then_some(Guess {
            place,
            length: between.text.len(),
            field: between.field,
        })
    }

    /// Remembers what stood before the value at `place`.
    #[cold]
    pub(super) fn learn(&mut self, place: usize, text: &[u8], field: Option<usize>) {
        if let Some(between) = self.0.get_mut(place) {
            *between = Between::new(text, field);
        } else if place == self.0.len() && place < Self::MOST {
            self.0.push(Between::new(text, field));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_recognised_by_every_byte_of_it_and_by_no_other() {
        let all = b",\"a_name_of_many_bytes\" :";
        for length in 1..=all.len() {
            let between = Between::new(&all[..length], Some(1));
            for behind in [&b""[..], b"1", b"12345678901234567890"] {
                let mut rest = [&all[..length], behind].concat();
                assert!(between.begins(&rest), "{length} before {behind:?}");
                for place in 0..length {
                    rest[place] ^= 1;
                    assert!(!between.begins(&rest), "{length} changed at {place}");
                    rest[place] ^= 1;
                }
                assert!(!between.begins(&rest[..length - 1]), "{length} cut off");
            }
        }
    }
}
