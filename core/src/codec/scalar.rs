//! One value as Kafka's own serializers and ksqlDB's `KAFKA` format write it: text, or a number in big-endian order, with nothing
//! around it. Mostly keys. Knows one column; it does not know a schema.

use std::sync::Arc;

use arrow::datatypes::{SchemaRef, TimeUnit};

use super::columns::{Buffers, Values};
use super::fault::{Fault, Parsed};
use super::{Column, ColumnKind, Decode, Decoded, Part, schema_of, type_name};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reject::{Reject, Stage};

/// How the value lies in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// UTF-8 (`StringSerializer`).
    String,
    /// Four bytes (`IntegerSerializer`).
    Int32,
    /// Eight bytes (`LongSerializer`).
    Int64,
    /// Four bytes (`FloatSerializer`).
    Float32,
    /// Eight bytes (`DoubleSerializer`).
    Float64,
    Bytes,
}

impl Scalar {
    /// Its name in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Bytes => "bytes",
        }
    }

    /// Whether every value, but for its range, is one of a column of `kind`.
    fn fits(self, kind: ColumnKind) -> bool {
        use ColumnKind::{Bytes, Float32, Float64, Int32, Int64, String, Timestamp};
        match self {
            Self::String => kind == String,
            Self::Bytes => kind == Bytes,
            Self::Int32 | Self::Int64 => matches!(kind, Int32 | Int64 | Float32 | Float64 | Timestamp(_)),
            Self::Float32 | Self::Float64 => matches!(kind, Float32 | Float64),
        }
    }
}

/// Keys or payloads of one value each to one column.
#[derive(Debug)]
pub struct ScalarDecoder {
    format: Scalar,
    column: Column,
    part: Part,
    schema: SchemaRef,
    buffers: Buffers,
}

impl ScalarDecoder {
    /// Fills `column`, whose path plays no part.
    ///
    /// # Errors
    /// `Config` where the format does not convert to the column's type.
    pub fn new(column: &Column, part: Part, format: Scalar) -> Result<Self> {
        if !format.fits(column.kind) {
            return Err(Error::config(
                "read one value into a column: the format does not convert to the column's type",
            )
            .with("column", &column.name)
            .with("format", format.name())
            .with("type", type_name(&column.kind.data_type())));
        }
        Ok(Self {
            format,
            column: column.clone(),
            part,
            schema: schema_of(std::slice::from_ref(column)),
            buffers: Buffers::new(column),
        })
    }

    fn record(&mut self, row: usize, bytes: Option<&[u8]>) -> Parsed<()> {
        let Some(bytes) = bytes else {
            return match self.part {
                Part::Key => self.buffers.absent(row, self.column.default.as_ref(), 0),
                Part::Value => Err(Fault::new(self.part.missing(), 0)),
            };
        };
        let (limit, kind) = (self.buffers.limit, self.buffers.kind);
        match (&mut self.buffers.values, self.format) {
            (Values::Bytes(texts), Scalar::String) => {
                let text = std::str::from_utf8(bytes);
                let text = text.map_err(|e| Fault::new("invalid utf-8", e.valid_up_to()))?;
                texts.push(text.as_bytes(), limit, 0)
            }
            (Values::Bytes(texts), _) => texts.push(bytes, limit, 0),
            (values, Scalar::Int32) => integer(values, kind, i64::from(i32::from_be_bytes(exactly(bytes)?))),
            (values, Scalar::Int64) => integer(values, kind, i64::from_be_bytes(exactly(bytes)?)),
            (values, Scalar::Float32) => float(values, f64::from(f32::from_be_bytes(exactly(bytes)?))),
            (values, _) => float(values, f64::from_be_bytes(exactly(bytes)?)),
        }
    }

    fn reason(&self, fault: &Fault) -> String {
        format!(
            "column `{}`: {} at byte {}",
            self.column.name, fault.what, fault.at
        )
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Parsed<[u8; N]> {
    let what = if N == 4 {
        "not 4 bytes long"
    } else {
        "not 8 bytes long"
    };
    bytes.try_into().map_err(|_| Fault::new(what, bytes.len().min(N)))
}

fn integer(values: &mut Values, kind: ColumnKind, value: i64) -> Parsed<()> {
    match (values, kind) {
        (Values::Int64(values), ColumnKind::Timestamp(unit)) => {
            let factor = match unit {
                TimeUnit::Second => 1_000_000_000,
                TimeUnit::Millisecond => 1_000_000,
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            };
            let nanos = value.checked_mul(factor);
            values.push(nanos.ok_or_else(|| {
                Fault::new("timestamp out of range: nanoseconds reach from 1677 to 2262", 0)
            })?);
        }
        (Values::Int64(values), _) => values.push(value),
        (Values::Int32(values), _) => {
            values.push(i32::try_from(value).map_err(|_| Fault::new("number out of range", 0))?);
        }
        (values, _) => float(values, value as f64)?,
    }
    Ok(())
}

fn float(values: &mut Values, value: f64) -> Parsed<()> {
    match values {
        Values::Float64(values) => values.push(value),
        Values::Float32(values) if (value as f32).is_finite() || !value.is_finite() => {
            values.push(value as f32)
        }
        // `new` pairs each format with its columns.
        _ => return Err(Fault::new("number out of range", 0)),
    }
    Ok(())
}

impl Decode for ScalarDecoder {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let mut origin = Vec::with_capacity(records.len());
        let mut rejects = Vec::new();
        self.buffers.begin(records.len());
        for record in 0..records.len() {
            let Err(fault) = self.record(origin.len(), self.part.of(records, record)) else {
                origin.push(record as u32);
                continue;
            };
            if fault.full {
                self.buffers = Buffers::new(&self.column);
                let reason = self.reason(&fault);
                return Err(Error::fatal(format!(
                    "decode {}: {reason}; lower the rows per batch",
                    self.format.name()
                ))
                .with("records", records.len()));
            }
            self.buffers.truncate(origin.len());
            rejects.push(Reject {
                record: record as u32,
                stage: Stage::Decode,
                cause: fault.what,
                reason: self.reason(&fault),
            });
        }
        let array = self.buffers.finish(origin.len())?;
        let batch = Batch::new(Arc::clone(&self.schema), vec![array], origin, Arc::clone(records))?;
        Ok(Decoded { batch, rejects })
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};

    use super::super::DefaultValue;
    use super::*;
    use crate::error::Kind;
    use crate::records::Record;

    fn column(kind: ColumnKind) -> Column {
        Column {
            name: "k".into(),
            path: vec!["k".into()],
            kind,
            nullable: false,
            default: None,
        }
    }

    fn keys(keys: &[Option<&[u8]>]) -> Arc<Records> {
        let mut records = Records::default();
        let partition = records.intern(&"t".into(), 0);
        for key in keys {
            let payload = Some(&b"payload"[..]);
            records.push(
                partition,
                Record {
                    key: *key,
                    payload,
                    ..Record::default()
                },
            );
        }
        Arc::new(records)
    }

    fn decode(column: &Column, format: Scalar, of: &[Option<&[u8]>]) -> Decoded {
        let mut decoder = ScalarDecoder::new(column, Part::Key, format).expect("a decoder");
        decoder.decode(&keys(of)).expect("a batch")
    }

    #[test]
    fn values_are_read_as_kafkas_serializers_write_them() {
        let seven = [0, 0, 0, 0, 0, 0, 0, 7];
        let minus = (-2i32).to_be_bytes();
        let found = decode(&column(ColumnKind::Int64), Scalar::Int64, &[Some(&seven)])
            .batch
            .rows;
        assert_eq!(found.column(0).as_primitive::<Int64Type>().value(0), 7);
        let found = decode(&column(ColumnKind::Float64), Scalar::Int32, &[Some(&minus)])
            .batch
            .rows;
        assert_eq!(found.column(0).as_primitive::<Float64Type>().value(0), -2.0);
        let found = decode(
            &column(ColumnKind::Timestamp(TimeUnit::Millisecond)),
            Scalar::Int64,
            &[Some(&seven)],
        );
        assert_eq!(
            found
                .batch
                .rows
                .column(0)
                .as_primitive::<TimestampNanosecondType>()
                .value(0),
            7_000_000
        );
        let half = 0.5f64.to_be_bytes();
        let found = decode(&column(ColumnKind::Float64), Scalar::Float64, &[Some(&half)])
            .batch
            .rows;
        assert_eq!(found.column(0).as_primitive::<Float64Type>().value(0), 0.5);
        let found = decode(
            &column(ColumnKind::String),
            Scalar::String,
            &[Some("ä".as_bytes()), Some(b"")],
        );
        assert_eq!(
            found
                .batch
                .rows
                .column(0)
                .as_string::<i32>()
                .iter()
                .collect::<Vec<_>>(),
            [Some("ä"), Some("")]
        );
        let found = decode(&column(ColumnKind::Bytes), Scalar::Bytes, &[Some(&[0xff])])
            .batch
            .rows;
        assert_eq!(found.column(0).as_binary::<i32>().value(0), [0xff]);
    }

    #[test]
    fn a_record_without_a_key_has_the_default_or_null() {
        let nullable = Column {
            nullable: true,
            ..column(ColumnKind::Int32)
        };
        let found = decode(&nullable, Scalar::Int32, &[None, Some(&[0, 0, 0, 1])])
            .batch
            .rows;
        assert!(found.column(0).is_null(0) && found.column(0).is_valid(1));
        let with = Column {
            default: Some(DefaultValue::Int(9)),
            ..column(ColumnKind::Int32)
        };
        let found = decode(&with, Scalar::Int32, &[None]).batch.rows;
        assert_eq!(found.column(0).as_primitive::<Int32Type>().value(0), 9);
    }

    #[test]
    fn bad_values_are_rejects_and_leave_their_neighbours_alone() {
        let big = i64::MAX.to_be_bytes();
        let good = [0, 0, 0, 0, 0, 0, 0, 1];
        let found = decode(
            &column(ColumnKind::Int32),
            Scalar::Int64,
            &[
                Some(&good),
                Some(&big),
                Some(b"1234"),
                Some(b""),
                None,
                Some(&good),
            ],
        );
        assert_eq!(found.batch.origin, [0, 5]);
        let reasons: Vec<_> = found.rejects.iter().map(|r| r.reason.as_str()).collect();
        let expected = [
            "column `k`: number out of range at byte 0",
            "column `k`: not 8 bytes long at byte 4",
            "column `k`: not 8 bytes long at byte 0",
            "column `k`: missing, and without a default at byte 0",
        ];
        assert_eq!(reasons, expected);
        let found = decode(&column(ColumnKind::String), Scalar::String, &[Some(b"a\xff")]);
        assert_eq!(found.rejects[0].reason, "column `k`: invalid utf-8 at byte 1");
        let refused =
            ScalarDecoder::new(&column(ColumnKind::Int64), Part::Key, Scalar::String).expect_err("a string");
        assert_eq!(refused.kind(), Kind::Config);
    }
}
