//! Rows to payloads: one JSON object per row, all in one buffer, and keys where a column names them.
//! It knows batches and payloads; it does not know which sink takes them.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::cells::{Cells, Counts, can_write, name, write_fields};
use super::fields::Level;
use super::key::KeyColumn;
use super::original::copy_open;
use crate::batch::Batch;
use crate::codec::framing::Framing;
use crate::codec::{Encode, EncoderOptions};
use crate::error::{Error, Result};
use crate::sink::{Bytes, Outgoing};

/// Every row as a JSON object.
#[derive(Debug)]
pub struct JsonEncoder {
    options: EncoderOptions,
    key: Option<KeyColumn>,
    /// Stands before each payload.
    prefix: Vec<u8>,
    /// The columns' names, where the original is included: they replace its members.
    names: Level,
    /// The most bytes per row so far: what the next batch reserves.
    bytes_per_row: usize,
    scratch: Vec<u8>,
}

impl JsonEncoder {
    /// Writes rows of the schema `input`.
    ///
    /// # Errors
    /// `Config` where the key's column is unknown, or a column has a type that JSON has no form for.
    pub fn new(options: EncoderOptions, input: &Schema) -> Result<Self> {
        for field in input.fields() {
            if !can_write(field.data_type()) {
                return Err(Error::config(
                    "write a column as json: its type has no json form; cast it in sql",
                )
                .with("column", field.name())
                .with("type", field.data_type()));
            }
        }
        let key = KeyColumn::find(options.key.as_deref(), input)?;
        let (mut names, mut ids) = (Level::default(), 0);
        for field in input.fields() {
            names.enter(field.name(), &mut ids);
        }
        Ok(Self {
            options,
            key,
            prefix: Vec::new(),
            names,
            bytes_per_row: 64,
            scratch: Vec::new(),
        })
    }

    /// The same behind a frame that names the schema `id`.
    ///
    /// # Errors
    /// Those of [`JsonEncoder::new`], and `Config` where the event as it came is to be included.
    pub fn framed(options: EncoderOptions, input: &Schema, framing: &dyn Framing, id: u32) -> Result<Self> {
        if options.include_original {
            return Err(Error::config(
                "write json behind a schema's id: results cannot be added to the event as it came, whose schema is another",
            ));
        }
        let mut encoder = Self::new(options, input)?;
        framing.begin(id, &mut encoder.prefix);
        Ok(encoder)
    }

    /// Appends the payload of row `row`.
    fn payload(
        &mut self,
        arena: &mut Vec<u8>,
        batch: &Batch,
        fields: &Fields<'_>,
        row: usize,
        counts: &mut Counts,
    ) -> Result<()> {
        if !self.options.include_original {
            arena.extend_from_slice(&self.prefix);
            write_fields(arena, fields, row, counts);
            arena.push(b'}');
            return Ok(());
        }
        let record = batch.origin[row] as usize;
        let original = batch.records.payload(record).unwrap_or_default();
        let copied = copy_open(arena, original, &self.names, &mut self.scratch);
        let (close, kept) = copied.map_err(|fault| {
            Error::reject(format!(
                "add results to the event as it came: {} at byte {}",
                fault.what, fault.at
            ))
            .with("topic", &batch.records.partition(record).topic)
            .with("partition", batch.records.partition(record).partition)
            .with("offset", batch.records.offset(record))
        })?;
        for (nth, (name, cells)) in fields.iter().enumerate() {
            arena.extend_from_slice(if nth == 0 && !kept { &name[1..] } else { name });
            cells.write(arena, row, counts);
        }
        // White space before and behind the bracket included.
        let tail = original[..close]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
        let tail = if kept {
            &original[close - tail..]
        } else {
            &original[close..]
        };
        arena.extend_from_slice(tail);
        Ok(())
    }
}

type Fields<'a> = Vec<(Vec<u8>, Cells<'a>)>;

impl Encode for JsonEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let fields = fields(batch)?;
        let key = self
            .key
            .and_then(|key| fields.get(key.index))
            .map(|(_, cells)| cells);
        let mut arena = Vec::with_capacity(batch.len() * self.bytes_per_row);
        let mut payload = Vec::with_capacity(batch.len());
        let mut keys = Vec::with_capacity(if key.is_some() { batch.len() } else { 0 });
        let mut counts = Counts::default();
        for row in 0..batch.len() {
            let start = arena.len();
            self.payload(&mut arena, batch, &fields, row, &mut counts)?;
            payload.push(Bytes::Own(start, arena.len()));
            keys.extend(key.map(|cells| KeyColumn::write(&mut arena, cells, row)));
            if counts.out_of_range > 0 {
                return Err(out_of_range(batch, row));
            }
        }
        let per_row = arena.len().div_ceil(batch.len().max(1));
        self.bytes_per_row = self.bytes_per_row.max(per_row + per_row / 4).min(1 << 16);
        self.options.not_finite.not_finite.add(counts.not_finite);
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

fn fields(batch: &Batch) -> Result<Fields<'_>> {
    let schema = batch.rows.schema_ref();
    let columns = schema.fields().iter().zip(batch.rows.columns());
    let fields = columns.map(|(field, column)| {
        let cells = Cells::new(column).ok_or_else(|| {
            Error::fatal("write a column as json: its type has no json form").with("column", field.name())
        })?;
        Ok((name(field.name()), cells))
    });
    fields.collect()
}

fn out_of_range(batch: &Batch, row: usize) -> Error {
    let record = batch.origin[row] as usize;
    Error::reject("write a date or timestamp as json: it lies outside the years 0 to 9999")
        .with("topic", &batch.records.partition(record).topic)
        .with("partition", batch.records.partition(record).partition)
        .with("offset", batch.records.offset(record))
}
