//! What the targets share: columns, records, and what must hold whatever a decoder was given.

use std::sync::Arc;

use arrow::datatypes::TimeUnit;
use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, SchemaReference, SchemaType, Schemas};
use forebay_core::codec::{Column, ColumnKind, Decode, Decoded};
use forebay_core::{Error, Record, Records};

/// A column of timestamps, from milliseconds where they are numbers.
pub const MILLIS: ColumnKind = ColumnKind::Timestamp(TimeUnit::Millisecond);

/// What stands before a body that was written with the schema of a [`Known`].
pub const FRAME: &[u8] = &[0, 0, 0, 0, 7];

/// A column that may be null, at this path.
pub fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.to_owned(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: true,
        default: None,
    }
}

/// Columns of these paths.
pub fn columns(of: &[(&str, ColumnKind)]) -> Vec<Column> {
    of.iter().map(|(path, kind)| column(path, *kind)).collect()
}

/// A schema without references.
pub fn schema(schema_type: SchemaType, text: &str) -> RegisteredSchema {
    RegisteredSchema {
        schema_type,
        text: text.to_owned(),
        references: Vec::<SchemaReference>::new(),
    }
}

/// A registry that knows one schema.
#[derive(Debug)]
pub struct Known(pub Arc<RegisteredSchema>);

impl Schemas for Known {
    fn schema(&self, key: SchemaKey) -> forebay_core::Result<Arc<RegisteredSchema>> {
        if key == SchemaKey::Id(7) {
            return Ok(Arc::clone(&self.0));
        }
        Err(Error::reject("the registry has no such schema"))
    }
}

/// Payloads behind the frame that a [`Known`] knows.
pub fn framed(payloads: &[&[u8]]) -> Vec<Vec<u8>> {
    payloads.iter().map(|payload| [FRAME, *payload].concat()).collect()
}

/// Records of these payloads, without keys.
pub fn records(payloads: &[&[u8]]) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&Arc::from("t"), 0);
    for payload in payloads {
        let record = Record {
            payload: Some(payload),
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

/// Decodes, and looks that each record became a row or a reject.
pub fn decode(decoder: &mut dyn Decode, records: &Arc<Records>) -> Decoded {
    let decoded = decoder.decode(records).expect("a batch");
    let rejects = decoded.rejects.iter().map(|reject| reject.record);
    let mut all: Vec<u32> = decoded.batch.origin.iter().copied().chain(rejects).collect();
    all.sort_unstable();
    assert_eq!(all, (0..records.len() as u32).collect::<Vec<_>>());
    assert!(decoded.rejects.iter().all(|reject| !reject.reason.is_empty()));
    decoded
}

/// Decodes a payload between two good ones: those are rows, and equal ones.
pub fn among(decoder: &mut dyn Decode, good: &[u8], any: &[u8]) {
    let decoded = decode(decoder, &records(&[good, any, good]));
    let batch = &decoded.batch;
    let ends = (batch.origin.first(), batch.origin.last());
    assert_eq!(ends, (Some(&0), Some(&2)), "{:?}", decoded.rejects);
    let rows = &batch.rows;
    assert_eq!(rows.slice(0, 1), rows.slice(rows.num_rows() - 1, 1));
}
