//! Rows to Avro payloads: a frame, then the record as the plan says, all in one buffer.
//! It knows batches and payloads; it does not know which sink takes them, nor where the schema is registered.

use arrow::datatypes::Schema;

use super::plan::plan;
use super::schema::AvroSchema;
use super::view::Cell;
use super::write::Fields;
use crate::batch::Batch;
use crate::codec::framing::Framing;
use crate::codec::payloads::{Payloads, refused};
use crate::codec::{Encode, EncoderOptions};
use crate::error::{Error, Result};
use crate::sink::Outgoing;

/// Every row as an Avro record.
#[derive(Debug)]
pub struct AvroEncoder {
    payloads: Payloads,
    fields: Fields,
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
        framing.begin(id, &mut encoder.payloads.prefix);
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
        let payloads = Payloads::new(options, input)?;
        let fields = plan(writer, input.fields(), payloads.key())
            .map_err(|problem| Error::config("write columns by an avro schema").caused_by(problem))?;
        Ok(Self { payloads, fields })
    }
}

impl Encode for AvroEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let columns = batch.rows.columns().iter();
        // One without a form is the key's alone: the plan has refused every other.
        let cells: Vec<_> = columns
            .map(|column| Cell::new(column).unwrap_or(Cell::NONE))
            .collect();
        let fields = &self.fields;
        self.payloads.write(batch, |arena, row| {
            fields.write(arena, &cells, row).map_err(|(column, what)| {
                let what = format!("write a column as avro: {what}");
                refused(batch, row, what).with("column", batch.rows.schema_ref().field(column).name())
            })
        })
    }
}
