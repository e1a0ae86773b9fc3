//! What the tests of this module share: columns in short, records, a registry in memory, bodies byte by byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType};

use super::AvroDecoder;
use super::write::{counted, long};
use crate::codec::schemas::{RegisteredSchema, SchemaKey, SchemaType, Schemas};
use crate::codec::{Column, ColumnKind, Decode, Decoded, DefaultValue, Part};
use crate::error::{Error, Result};
use crate::records::{Record, Records};

pub(super) fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.into(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: false,
        default: None,
    }
}

pub(super) fn nullable(path: &str, kind: ColumnKind) -> Column {
    Column {
        nullable: true,
        ..column(path, kind)
    }
}

pub(super) fn with_default(path: &str, kind: ColumnKind, default: DefaultValue) -> Column {
    Column {
        default: Some(default),
        ..column(path, kind)
    }
}

/// A record schema of these fields.
pub(super) fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#)
}

pub(super) fn records<B: AsRef<[u8]>>(payloads: &[B]) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 3);
    for (offset, payload) in (0..).zip(payloads) {
        let record = Record {
            offset,
            payload: Some(payload.as_ref()),
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

pub(super) fn decode<B: AsRef<[u8]>>(schema: &str, columns: &[Column], bodies: &[B]) -> Decoded {
    let mut decoder = AvroDecoder::plain(columns, Part::Value, schema).expect("a decoder");
    decoder.decode(&records(bodies)).expect("a batch")
}

/// The one value that one body gives to one column, as text, or why it is none.
pub(super) fn value(schema: &str, column: &Column, body: &[u8]) -> Result<String, String> {
    let decoded = decode(schema, std::slice::from_ref(column), &[body]);
    match decoded.rejects.first() {
        Some(reject) => Err(reject.reason.clone()),
        None => Ok(text(decoded.batch.rows.column(0), 0)),
    }
}

/// A cell as text.
pub(super) fn text(array: &ArrayRef, row: usize) -> String {
    use arrow::datatypes::DataType;
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Timestamp(..) => array
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
            .to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        DataType::FixedSizeList(..) => {
            let items = array.as_fixed_size_list().value(row);
            let items: Vec<_> = (0..items.len()).map(|item| text(&items, item)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// What a body consists of.
#[derive(Clone, Debug)]
pub(super) enum Put<'a> {
    Long(i64),
    Text(&'a str),
    Float(f32),
    Double(f64),
    Raw(&'a [u8]),
}

pub(super) fn body(parts: &[Put<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Put::Long(value) => long(&mut out, *value),
            Put::Text(text) => counted(&mut out, text.as_bytes()),
            Put::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
            Put::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
            Put::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

/// Confluent's frame around a body.
pub(super) fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], body].concat()
}

/// A registry in memory. Ids of 900 and above are not answered now.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) schemas: BTreeMap<u32, RegisteredSchema>,
    pub(super) asked: AtomicUsize,
}

impl Registry {
    pub(super) fn of(schemas: &[(u32, &str)]) -> Arc<Self> {
        let schema = |text: &str| RegisteredSchema {
            schema_type: SchemaType::Avro,
            text: text.to_owned(),
            references: Vec::new(),
        };
        let schemas = schemas.iter().map(|(id, text)| (*id, schema(text)));
        Arc::new(Self {
            schemas: schemas.collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Schemas for Registry {
    fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match key {
            SchemaKey::Id(id) if id >= 900 => Err(Error::retry("ask the registry for a schema: no answer")),
            SchemaKey::Id(id) => match self.schemas.get(&id) {
                Some(schema) => Ok(Arc::new(schema.clone())),
                None => Err(Error::reject(format!("the registry has no schema of {key}"))),
            },
            SchemaKey::Guid(_) => Err(Error::reject("the registry knows no guids")),
        }
    }
}

/// Numbers from a seed.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }
}
