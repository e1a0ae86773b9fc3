//! Rows to payloads: one JSON object per row, all in one buffer, and keys where a column names them.
//! It knows batches and payloads; it does not know which sink takes them.

use arrow::datatypes::Schema;

use super::cells::{Cells, Counts, can_write, name, write_fields};
use super::fields::Level;
use super::original::copy_open;
use crate::batch::Batch;
use crate::codec::framing::Framing;
use crate::codec::payloads::{Payloads, refused};
use crate::codec::{Encode, EncoderOptions};
use crate::error::{Error, Result};
use crate::sink::Outgoing;

/// Every row as a JSON object.
#[derive(Debug)]
pub struct JsonEncoder {
    payloads: Payloads,
    /// The columns' names, where the original is included: they replace its members.
    names: Level,
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
        let (mut names, mut ids) = (Level::default(), 0);
        for field in input.fields() {
            names.enter(field.name(), &mut ids);
        }
        Ok(Self {
            payloads: Payloads::new(options, input)?,
            names,
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
        framing.begin(id, &mut encoder.payloads.prefix);
        Ok(encoder)
    }
}

type Fields<'a> = Vec<(Vec<u8>, Cells<'a>)>;

impl Encode for JsonEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let fields = fields(batch)?;
        let Self {
            payloads,
            names,
            scratch,
        } = self;
        let original = payloads.options.include_original;
        let mut counts = Counts::default();
        let outgoing = payloads.write(batch, |arena, row| {
            if original {
                with_original(arena, batch, &fields, row, (names, scratch), &mut counts)?;
            } else {
                write_fields(arena, &fields, row, &mut counts);
                arena.push(b'}');
            }
            if counts.out_of_range > 0 {
                let what = "write a date or timestamp as json: it lies outside the years 0 to 9999";
                return Err(refused(batch, row, what));
            }
            Ok(())
        })?;
        payloads.options.not_finite.not_finite.add(counts.not_finite);
        Ok(outgoing)
    }
}

/// Appends the event as it came with the fields of row `row` in it.
fn with_original(
    arena: &mut Vec<u8>,
    batch: &Batch,
    fields: &Fields<'_>,
    row: usize,
    (names, scratch): (&Level, &mut Vec<u8>),
    counts: &mut Counts,
) -> Result<()> {
    let original = batch
        .records
        .payload(batch.origin[row] as usize)
        .unwrap_or_default();
    let copied = copy_open(arena, original, names, scratch);
    let (close, kept) = copied.map_err(|fault| {
        let what = format!(
            "add results to the event as it came: {} at byte {}",
            fault.what, fault.at
        );
        refused(batch, row, what)
    })?;
    for (nth, (name, cells)) in fields.iter().enumerate() {
        arena.extend_from_slice(if nth == 0 && !kept { &name[1..] } else { name });
        cells.write(arena, row, counts);
    }
    // White space before and behind the bracket included.
    let before = original[..close].iter().rev();
    let blank = before.take_while(|b| b.is_ascii_whitespace()).count();
    arena.extend_from_slice(&original[if kept { close - blank } else { close }..]);
    Ok(())
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
