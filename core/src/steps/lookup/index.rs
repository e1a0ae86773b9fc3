//! From a key to the row of a table. Knows keys, no columns beside them and no files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};

/// What is wrong with a key column; rows count from 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadKey {
    Null {
        row: usize,
    },
    Duplicate {
        first: usize,
        row: usize,
    },
    /// This type is no key.
    Type,
}

/// Text is kept as its bytes: equal text has equal bytes.
#[derive(Debug)]
pub(super) enum Index {
    Int(HashMap<i64, u32, ahash::RandomState>),
    Bytes(HashMap<Box<[u8]>, u32, ahash::RandomState>),
}

impl Index {
    /// Without rows.
    pub(super) fn empty() -> Self {
        Self::Bytes(HashMap::default())
    }

    pub(super) fn build(keys: &ArrayRef) -> Result<Self, BadKey> {
        let nulls = keys.logical_nulls();
        if let Some(row) = nulls.and_then(|nulls| (0..keys.len()).find(|row| nulls.is_null(*row))) {
            return Err(BadKey::Null { row });
        }
        match keys.data_type() {
            DataType::Int32 => {
                let values = keys.as_primitive::<Int32Type>().values().iter();
                enter(values.map(|key| i64::from(*key))).map(Self::Int)
            }
            DataType::Int64 => {
                enter(keys.as_primitive::<Int64Type>().values().iter().copied()).map(Self::Int)
            }
            DataType::Utf8 => {
                let text = keys.as_string::<i32>();
                enter((0..text.len()).map(|row| text.value(row).as_bytes().into())).map(Self::Bytes)
            }
            DataType::Binary => {
                let bytes = keys.as_binary::<i32>();
                enter((0..bytes.len()).map(|row| bytes.value(row).into())).map(Self::Bytes)
            }
            _ => Err(BadKey::Type),
        }
    }

    /// For each key of a batch its row in the table; `None` where there is none, or the key is null.
    /// `keys` are `Int64` for an integer index, else `Utf8` or `Binary`.
    pub(super) fn rows(&self, keys: &ArrayRef) -> Vec<Option<u32>> {
        match (self, keys.data_type()) {
            (Self::Int(index), DataType::Int64) => {
                let keys = keys.as_primitive::<Int64Type>().iter();
                keys.map(|key| index.get(&key?).copied()).collect()
            }
            (Self::Bytes(index), DataType::Utf8) => {
                let keys = keys.as_string::<i32>().iter();
                keys.map(|key| index.get(key?.as_bytes()).copied()).collect()
            }
            (Self::Bytes(index), DataType::Binary) => {
                let keys = keys.as_binary::<i32>().iter();
                keys.map(|key| index.get(key?).copied()).collect()
            }
            _ => vec![None; keys.len()],
        }
    }
}

fn enter<K: Eq + std::hash::Hash>(
    keys: impl ExactSizeIterator<Item = K>,
) -> Result<HashMap<K, u32, ahash::RandomState>, BadKey> {
    let mut index = HashMap::with_capacity_and_hasher(keys.len(), ahash::RandomState::new());
    for (row, key) in keys.enumerate() {
        match index.entry(key) {
            Entry::Occupied(entry) => {
                let first: u32 = *entry.get();
                return Err(BadKey::Duplicate {
                    first: first as usize,
                    row,
                });
            }
            Entry::Vacant(entry) => entry.insert(row as u32),
        };
    }
    Ok(index)
}
