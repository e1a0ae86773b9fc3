//! Raw: numbers packed one after another, little-endian, without names or lengths. A payload is one row of fixed width:
//! `float32[784]` is 3,136 bytes. Reading and writing are copies; this module knows no broker and no model.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, PrimitiveArray};
use arrow::buffer::{MutableBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, ToByteSlice,
};

use super::payloads::Payloads;
use super::{Column, ColumnKind, Decode, Decoded, Encode, EncoderOptions, schema_of};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reject::{Reject, Stage};
use crate::sink::Outgoing;

// Arrow's buffers are in the machine's byte order, and payloads are copied into them as they are.
const _: () = assert!(cfg!(target_endian = "little"), "raw payloads are little-endian");

/// What has a fixed width: said where a column has none.
const FITTING: &str = "int32, int64, float32, float64 and lists of a fixed number of float32 or float64";

/// Payloads to the columns declared, in their order.
#[derive(Debug)]
pub struct RawDecoder {
    schema: SchemaRef,
    kinds: Vec<ColumnKind>,
    /// Bytes of one payload.
    width: usize,
}

impl RawDecoder {
    /// Fills `columns`, which lie one behind another in each payload.
    ///
    /// # Errors
    /// `Config` where a column has no fixed width, or asks for what names are needed for: a path, a default, nulls.
    pub fn new(columns: &[Column]) -> Result<Self> {
        let mut width = 0;
        for column in columns {
            let wrong = |what| Err(Error::config(what).with("column", &column.name));
            let Some(own) = width_of(&column.kind.data_type()) else {
                return wrong(format!("read raw payloads: only {FITTING} have a fixed width"));
            };
            width += own;
            if column.nullable || column.default.is_some() {
                return wrong("read raw payloads: they hold every number, so a column is neither nullable nor has a default".into());
            }
            if column.path.as_slice() != std::slice::from_ref(&column.name) {
                return wrong(
                    "read raw payloads: columns lie in the order of the file, and have no path".into(),
                );
            }
        }
        Ok(Self {
            schema: schema_of(columns),
            kinds: columns.iter().map(|c| c.kind).collect(),
            width,
        })
    }

    fn reason(&self, payload: Option<&[u8]>) -> String {
        match payload {
            None => "tombstone: the record has no payload".into(),
            Some(other) => format!(
                "the payload has {} bytes, the columns need {}",
                other.len(),
                self.width
            ),
        }
    }
}

impl Decode for RawDecoder {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let (mut origin, mut rejects) = (Vec::with_capacity(records.len()), Vec::new());
        for record in 0..records.len() as u32 {
            let payload = records.payload(record as usize);
            if payload.is_some_and(|p| p.len() == self.width) {
                origin.push(record);
                continue;
            }
            rejects.push(Reject {
                record,
                stage: Stage::Decode,
                cause: "a payload of another size",
                reason: self.reason(payload),
            });
        }
        let mut at = 0;
        let mut columns = Vec::with_capacity(self.kinds.len());
        for kind in &self.kinds {
            let width = width_of(&kind.data_type()).unwrap_or_default();
            let mut values = MutableBuffer::with_capacity(width * origin.len());
            for record in &origin {
                let payload = records.payload(*record as usize).unwrap_or_default();
                values.extend_from_slice(&payload[at..at + width]);
            }
            columns.push(column(*kind, values)?);
            at += width;
        }
        let batch = Batch::new(Arc::clone(&self.schema), columns, origin, Arc::clone(records))?;
        Ok(Decoded { batch, rejects })
    }
}

/// Bytes of one value; `None` where it varies.
fn width_of(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeList(item, length) if item.data_type().is_floating() => {
            Some(item.data_type().primitive_width()? * usize::try_from(*length).ok()?)
        }
        DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => {
            data_type.primitive_width()
        }
        _ => None,
    }
}

fn column(kind: ColumnKind, values: MutableBuffer) -> Result<ArrayRef> {
    let list = |item: DataType, width: i32, values: ArrayRef| {
        let item = Arc::new(Field::new("item", item, false));
        let list = FixedSizeListArray::try_new(item, width, values, None);
        list.map(|list| Arc::new(list) as ArrayRef)
            .map_err(|e| Error::fatal("build a column of lists").caused_by(e))
    };
    Ok(match kind {
        ColumnKind::Int32 => numbers::<Int32Type>(values),
        ColumnKind::Int64 => numbers::<Int64Type>(values),
        ColumnKind::Float32 => numbers::<Float32Type>(values),
        ColumnKind::Float64 => numbers::<Float64Type>(values),
        ColumnKind::Float32List(width) => list(DataType::Float32, width, numbers::<Float32Type>(values))?,
        ColumnKind::Float64List(width) => list(DataType::Float64, width, numbers::<Float64Type>(values))?,
        other => {
            return Err(Error::fatal("build a raw column: its type has no fixed width")
                .with("type", other.data_type()));
        }
    })
}

fn numbers<T: ArrowPrimitiveType>(values: MutableBuffer) -> ArrayRef {
    let values = ScalarBuffer::<T::Native>::from(arrow::buffer::Buffer::from(values));
    Arc::new(PrimitiveArray::<T>::new(values, None))
}

/// Rows to payloads: the columns one behind another. The column that is the key is left out.
#[derive(Debug)]
pub struct RawEncoder {
    payloads: Payloads,
    /// Index and width of each column that is written.
    columns: Vec<(usize, usize)>,
}

impl RawEncoder {
    /// Writes rows of the schema `input`.
    ///
    /// # Errors
    /// `Config` where a column has no fixed width, the key's column is unknown, or the original shall be included.
    pub fn new(options: EncoderOptions, input: &Schema) -> Result<Self> {
        if options.include_original {
            return Err(Error::config(
                "write raw payloads: they have no members, so the original cannot be included",
            ));
        }
        let payloads = Payloads::new(options, input)?;
        let mut columns = Vec::new();
        for (index, field) in input.fields().iter().enumerate() {
            if payloads.key() == Some(index) {
                continue;
            }
            let width = width_of(field.data_type()).ok_or_else(|| {
                let wrong = format!("write raw payloads: only {FITTING} have a fixed width; cast it in sql");
                Error::config(wrong)
                    .with("column", field.name())
                    .with("type", field.data_type())
            })?;
            columns.push((index, width));
        }
        Ok(Self { payloads, columns })
    }
}

impl Encode for RawEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, width) in &self.columns {
            columns.push((bytes(batch, *index)?, *width));
        }
        self.payloads.write(batch, |arena, row| {
            for (bytes, width) in &columns {
                arena.extend_from_slice(&bytes[row * width..(row + 1) * width]);
            }
            Ok(())
        })
    }
}

/// The values of a column as bytes, from its first row to its last.
///
/// # Errors
/// `Reject` where one of them is null: raw payloads have no form for it.
fn bytes(batch: &Batch, index: usize) -> Result<&[u8]> {
    let column = batch.rows.column(index);
    let name = || batch.rows.schema_ref().field(index).name().clone();
    let null = || {
        Error::reject(format!(
            "column `{}` is null, and raw payloads have no null",
            name()
        ))
    };
    if column.null_count() > 0 {
        return Err(null());
    }
    let (values, per_row) = match column.as_fixed_size_list_opt() {
        Some(list) => (list.values(), list.value_length()),
        None => (column, 1),
    };
    let first = column
        .as_fixed_size_list_opt()
        .map_or(0, |list| list.value_offset(0));
    let own = usize::try_from(first).unwrap_or(0)..;
    let own = own.start..own.start + batch.len() * usize::try_from(per_row).unwrap_or(0);
    if values.slice(own.start, own.len()).null_count() > 0 {
        return Err(null());
    }
    Ok(match values.data_type() {
        DataType::Int32 => values.as_primitive::<Int32Type>().values()[own].to_byte_slice(),
        DataType::Int64 => values.as_primitive::<Int64Type>().values()[own].to_byte_slice(),
        DataType::Float32 => values.as_primitive::<Float32Type>().values()[own].to_byte_slice(),
        DataType::Float64 => values.as_primitive::<Float64Type>().values()[own].to_byte_slice(),
        other => {
            return Err(Error::fatal("write a raw column: its type has no fixed width").with("type", other));
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, Int64Array, StringArray};

    use super::*;
    use crate::metrics::LaneMetrics;
    use crate::records::Record;

    fn columns(kinds: &[(&str, ColumnKind)]) -> Vec<Column> {
        let column = |(name, kind): &(&str, ColumnKind)| Column {
            name: (*name).into(),
            path: vec![(*name).into()],
            kind: *kind,
            nullable: false,
            default: None,
        };
        kinds.iter().map(column).collect()
    }

    fn records(payloads: &[Option<&[u8]>]) -> Arc<Records> {
        let mut records = Records::default();
        let partition = records.intern(&"t".into(), 0);
        for (offset, payload) in (0..).zip(payloads) {
            let record = Record {
                offset,
                timestamp: 0,
                key: Some(b"k"),
                payload: *payload,
            };
            records.push(partition, record);
        }
        Arc::new(records)
    }

    fn row(id: i64, values: [f32; 2]) -> Vec<u8> {
        [
            &id.to_le_bytes()[..],
            &values[0].to_le_bytes(),
            &values[1].to_le_bytes(),
        ]
        .concat()
    }

    fn options(key: Option<&str>) -> EncoderOptions {
        EncoderOptions {
            topic: "out".into(),
            key: key.map(str::to_owned),
            include_original: false,
            headers: Arc::from([]),
            not_finite: Arc::new(LaneMetrics::default()),
        }
    }

    const BOTH: [(&str, ColumnKind); 2] = [("id", ColumnKind::Int64), ("x", ColumnKind::Float32List(2))];

    #[test]
    fn rows_come_out_as_they_went_in() {
        let rows = [row(7, [1.5, f32::NAN]), row(i64::MIN, [-0.0, f32::INFINITY])];
        let records = records(&[Some(&rows[0]), Some(&rows[1])]);
        let decoded = RawDecoder::new(&columns(&BOTH))
            .unwrap()
            .decode(&records)
            .unwrap();
        let ids = decoded.batch.rows.column(0).as_primitive::<Int64Type>();
        assert_eq!(ids.values(), &[7, i64::MIN]);
        let mut encoder = RawEncoder::new(options(None), decoded.batch.rows.schema_ref()).unwrap();
        let out = encoder.encode(&decoded.batch).unwrap();
        assert_eq!(out.payload(0), Some(&rows[0][..]));
        assert_eq!(out.payload(1), Some(&rows[1][..]));
        assert_eq!(out.key(1), Some(&b"k"[..]));
        // A part of a batch begins at its own first value.
        let half = encoder.encode(&decoded.batch.slice(1, 1)).unwrap();
        assert_eq!(half.payload(0), Some(&rows[1][..]));
    }

    #[test]
    fn payloads_of_another_width_are_rejects_and_their_neighbours_are_not_touched() {
        let good = row(3, [1.0, 2.0]);
        let long = [&good[..], &[0]].concat();
        let records = records(&[
            Some(b""),
            Some(&good),
            None,
            Some(&good[1..]),
            Some(&long),
            Some(&good),
        ]);
        let decoded = RawDecoder::new(&columns(&BOTH))
            .unwrap()
            .decode(&records)
            .unwrap();
        assert_eq!(decoded.batch.origin, [1, 5]);
        let ids = decoded.batch.rows.column(0).as_primitive::<Int64Type>();
        assert_eq!(ids.values(), &[3, 3]);
        let reasons: Vec<_> = decoded
            .rejects
            .iter()
            .map(|r| (r.record, r.reason.as_str()))
            .collect();
        let wrong = |n| format!("the payload has {n} bytes, the columns need 16");
        let expected = [
            (0, wrong(0)),
            (2, "tombstone: the record has no payload".into()),
            (3, wrong(15)),
            (4, wrong(17)),
        ];
        assert_eq!(
            reasons,
            expected.each_ref().map(|(record, text)| (*record, text.as_str()))
        );
    }

    #[test]
    fn what_has_no_fixed_width_is_refused_by_name() {
        let text = RawDecoder::new(&columns(&[("s", ColumnKind::String)])).unwrap_err();
        assert!(text.to_string().contains("fixed width"), "{text}");
        assert!(text.context().contains(&("column", "s".to_string())));
        let mut nullable = columns(&BOTH);
        nullable[1].nullable = true;
        assert!(RawDecoder::new(&nullable).is_err());
        let mut moved = columns(&BOTH);
        moved[0].path = vec!["other".into()];
        assert!(RawDecoder::new(&moved).is_err());
        let schema = Schema::new(vec![Field::new("s", DataType::Utf8, false)]);
        assert!(RawEncoder::new(options(None), &schema).is_err());
        let original = EncoderOptions {
            include_original: true,
            ..options(None)
        };
        assert!(RawEncoder::new(original, &Schema::empty()).is_err());
    }

    #[test]
    fn the_key_s_column_is_the_key_alone_and_a_null_is_a_reject() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("score", DataType::Float32, true),
        ]));
        let rows = |score: Option<f32>| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from(vec![5])),
                Arc::new(StringArray::from(vec!["five"])),
                Arc::new(Float32Array::from(vec![score])),
            ];
            Batch::new(Arc::clone(&schema), columns, vec![0], records(&[None])).unwrap()
        };
        let mut encoder = RawEncoder::new(options(Some("name")), &schema).unwrap();
        let out = encoder.encode(&rows(Some(0.5))).unwrap();
        assert_eq!(out.key(0), Some(&b"five"[..]));
        let expected = [&5_i64.to_le_bytes()[..], &0.5_f32.to_le_bytes()].concat();
        assert_eq!(out.payload(0), Some(&expected[..]));
        let error = encoder.encode(&rows(None)).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Reject);
        assert!(RawEncoder::new(options(Some("missing")), &schema).is_err());
    }
}
