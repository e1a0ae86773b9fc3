//! Payload after payload in one buffer, and the keys with them. What a payload looks like is its format's matter; this module
//! knows batches and keys.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::EncoderOptions;
use super::json::{Cells, KeyColumn};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::sink::{Bytes, Outgoing};

/// What the encoders of all formats share.
#[derive(Debug)]
pub(super) struct Payloads {
    pub(super) options: EncoderOptions,
    key: Option<KeyColumn>,
    /// Stands before each payload.
    pub(super) prefix: Vec<u8>,
    /// The most bytes per row so far: what the next batch reserves.
    bytes_per_row: usize,
}

impl Payloads {
    /// For rows of the schema `input`.
    ///
    /// # Errors
    /// `Config` where the key's column is unknown, or its type has no text.
    pub(super) fn new(options: EncoderOptions, input: &Schema) -> Result<Self> {
        Ok(Self {
            key: KeyColumn::find(options.key.as_deref(), input)?,
            options,
            prefix: Vec::new(),
            bytes_per_row: 64,
        })
    }

    /// The column that becomes the key.
    pub(super) fn key(&self) -> Option<usize> {
        self.key.map(|key| key.index)
    }

    /// One payload a row: `payload` appends what stands behind the prefix.
    ///
    /// # Errors
    /// What `payload` returns.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        mut payload: impl FnMut(&mut Vec<u8>, usize) -> Result<()>,
    ) -> Result<Outgoing> {
        let key = self.key.map(|key| batch.rows.column(key.index));
        let key = key.and_then(|column| Cells::new(column));
        let mut arena = Vec::with_capacity(batch.len() * self.bytes_per_row);
        let mut payloads = Vec::with_capacity(batch.len());
        let mut keys = Vec::with_capacity(if key.is_some() { batch.len() } else { 0 });
        for row in 0..batch.len() {
            let start = arena.len();
            arena.extend_from_slice(&self.prefix);
            payload(&mut arena, row)?;
            payloads.push(Bytes::Own(start, arena.len()));
            keys.extend(key.as_ref().map(|cells| KeyColumn::write(&mut arena, cells, row)));
        }
        let per_row = arena.len().div_ceil(batch.len().max(1));
        self.bytes_per_row = self.bytes_per_row.max(per_row + per_row / 4).min(1 << 16);
        Ok(Outgoing {
            topic: Arc::clone(&self.options.topic),
            records: Arc::clone(&batch.records),
            origin: batch.origin.clone(),
            arena,
            payload: payloads,
            key: keys,
            headers: Arc::clone(&self.options.headers),
            row_headers: Vec::new(),
        })
    }
}

/// Why a row has no payload, and which record it is of.
pub(super) fn refused(batch: &Batch, row: usize, what: impl Into<String>) -> Error {
    let record = batch.origin[row] as usize;
    Error::reject(what)
        .with("topic", &batch.records.partition(record).topic)
        .with("partition", batch.records.partition(record).partition)
        .with("offset", batch.records.offset(record))
}
