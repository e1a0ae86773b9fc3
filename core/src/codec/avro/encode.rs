//! Rows to Avro payloads: a frame, then the record as the plan says, all in one buffer.
//! It knows batches and payloads; it does not know which sink takes them, nor where the schema is registered.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::plan::plan;
use super::schema::AvroSchema;
use super::view::Cell;
use super::write::Fields;
use crate::batch::Batch;
use crate::codec::framing::Framing;
use crate::codec::json::{Cells, KeyColumn};
use crate::codec::{Encode, EncoderOptions};
use crate::error::{Error, Result};
use crate::sink::{Bytes, Outgoing};

/// Every row as an Avro record.
#[derive(Debug)]
pub struct AvroEncoder {
    options: EncoderOptions,
    key: Option<KeyColumn>,
    fields: Fields,
    /// What every payload begins with.
    frame: Vec<u8>,
    /// The most bytes per row so far: what the next batch reserves.
    bytes_per_row: usize,
}

impl AvroEncoder {
    /// Writes rows of the schema `input` with the writer's schema `writer`, which is registered as `id`.
    ///
    /// # Errors
    /// `Config` where a column and its field do not fit, one has no other and no default, or the key's column is unknown.
    pub fn registered(
        options: EncoderOptions,
        input: &Schema,
        writer: &AvroSchema,
        framing: &dyn Framing,
        id: u32,
    ) -> Result<Self> {
        let mut encoder = Self::plain(options, input, writer)?;
        framing.begin(id, &mut encoder.frame);
        Ok(encoder)
    }

    /// Writes bodies without a frame.
    ///
    /// # Errors
    /// As for [`AvroEncoder::registered`].
    pub fn plain(options: EncoderOptions, input: &Schema, writer: &AvroSchema) -> Result<Self> {
        if options.include_original {
            let what = "write avro: the original cannot be included, its schema is another; select its columns in sql";
            return Err(Error::config(what));
        }
        let key = KeyColumn::find(options.key.as_deref(), input)?;
        let fields = plan(writer, input.fields(), key.map(|key| key.index))
            .map_err(|problem| Error::config("write columns by an avro schema").caused_by(problem))?;
        Ok(Self {
            options,
            key,
            fields,
            frame: Vec::new(),
            bytes_per_row: 64,
        })
    }
}

impl Encode for AvroEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let cells = cells(batch)?;
        let key = match self.key.map(|key| batch.rows.column(key.index)) {
            Some(column) => Some(Cells::new(column).ok_or_else(|| {
                Error::fatal("write a key: its type has no text").with("type", column.data_type())
            })?),
            None => None,
        };
        let mut arena = Vec::with_capacity(batch.len() * self.bytes_per_row);
        let mut payload = Vec::with_capacity(batch.len());
        let mut keys = Vec::with_capacity(if key.is_some() { batch.len() } else { 0 });
        for row in 0..batch.len() {
            let start = arena.len();
            arena.extend_from_slice(&self.frame);
            let written = self.fields.write(&mut arena, &cells, row);
            written.map_err(|(column, what)| refused(batch, row, column, what))?;
            payload.push(Bytes::Own(start, arena.len()));
            keys.extend(key.as_ref().map(|cells| KeyColumn::write(&mut arena, cells, row)));
        }
        let per_row = arena.len().div_ceil(batch.len().max(1));
        self.bytes_per_row = self.bytes_per_row.max(per_row + per_row / 4).min(1 << 16);
        Ok(Outgoing {
            topic: Arc::clone(&self.options.topic),
            records: Arc::clone(&batch.records),
            origin: batch.origin.clone(),
            arena,
            payload,
            key: keys,
            headers: Arc::clone(&self.options.headers),
            row_headers: Vec::new(),
        })
    }
}

fn cells(batch: &Batch) -> Result<Vec<Cell<'_>>> {
    let schema = batch.rows.schema_ref();
    let columns = schema.fields().iter().zip(batch.rows.columns());
    let cells = columns.map(|(field, column)| {
        Cell::new(column).ok_or_else(|| {
            Error::fatal("write a column as avro: its type has no avro form").with("column", field.name())
        })
    });
    cells.collect()
}

fn refused(batch: &Batch, row: usize, column: usize, what: &str) -> Error {
    let record = batch.origin[row] as usize;
    Error::reject(format!("write a column as avro: {what}"))
        .with("column", batch.rows.schema_ref().field(column).name())
        .with("topic", &batch.records.partition(record).topic)
        .with("partition", batch.records.partition(record).partition)
        .with("offset", batch.records.offset(record))
}
