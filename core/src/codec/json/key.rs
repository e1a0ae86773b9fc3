//! The column that becomes a result's key. Any format may use it: a key is text or bytes, whatever the payload is.

use arrow::datatypes::Schema;

use super::cells::{Cells, Counts, can_write};
use crate::error::{Error, Result};
use crate::sink::Bytes;

/// Which column becomes the key.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct KeyColumn {
    pub(in crate::codec) index: usize,
}

impl KeyColumn {
    /// Finds the column `key` in `input`.
    ///
    /// # Errors
    /// `Config` where there is no such column, or its type has no text.
    pub(in crate::codec) fn find(key: Option<&str>, input: &Schema) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let index = input.index_of(key).map_err(|_| {
            let known: Vec<_> = input.fields().iter().map(|field| field.name().as_str()).collect();
            Error::config("take the key from a column: there is no such column; name one of the available")
                .with("column", key)
                .with("available", known.join(", "))
        })?;
        let of = input.field(index).data_type();
        if !can_write(of) {
            let what = "take the key from a column: its type has no text; cast it in sql";
            return Err(Error::config(what).with("column", key).with("type", of));
        }
        Ok(Some(Self { index }))
    }

    /// Appends the key of row `row`: a string or bytes as they are, anything else as its JSON text.
    pub(in crate::codec) fn write(arena: &mut Vec<u8>, cells: &Cells<'_>, row: usize) -> Bytes {
        if cells.is_null(row) {
            return Bytes::Null;
        }
        let start = arena.len();
        match cells.raw(row) {
            Some(raw) => arena.extend_from_slice(raw),
            None => cells.write(arena, row, &mut Counts::default()),
        }
        Bytes::Own(start, arena.len())
    }
}
