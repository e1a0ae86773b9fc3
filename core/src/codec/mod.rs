//! From raw records to rows and back: one format per file. A decoder knows columns, an encoder payloads; neither knows a step or a broker.

#[cfg(feature = "avro")]
pub mod avro;
mod columns;
mod fault;
pub mod framing;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "json-schema")]
pub mod json_schema;
pub mod keyed;
mod payloads;
#[cfg(feature = "protobuf")]
pub mod protobuf;
// Behind `json`: a key that is no string is written as its JSON text.
#[cfg(feature = "json")]
pub mod raw;
pub mod scalar;
pub mod schemas;
pub mod verbatim;
pub mod way;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::batch::Batch;
use crate::error::Result;
use crate::metrics::LaneMetrics;
use crate::records::Records;
use crate::reject::Reject;
use crate::sink::Outgoing;

/// A column that a decoder fills.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// From the outside in: `merchant.id` is `["merchant", "id"]`.
    pub path: Vec<String>,
    pub kind: ColumnKind,
    pub nullable: bool,
    /// Fills an absent field; a null in the event is not absent.
    pub default: Option<DefaultValue>,
}

impl Column {
    /// The default as SQL writes it, for a null that a sql step fills; none where there is no default, or SQL has no literal for
    /// it.
    pub fn filling(&self) -> Option<String> {
        match self.default.as_ref()? {
            DefaultValue::Bool(value) => Some(value.to_string()),
            DefaultValue::Int(value) => Some(value.to_string()),
            DefaultValue::Float(value) => Some(value.to_string()),
            DefaultValue::String(value) => Some(format!("'{}'", value.replace('\'', "''"))),
            DefaultValue::Bytes(_) | DefaultValue::Timestamp(_) | DefaultValue::List(_) => None,
        }
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Bool,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    /// Base64 in JSON.
    Bytes,
    /// RFC 3339, or a number in the unit.
    Timestamp(TimeUnit),
    /// A list of exactly this many `float32`.
    Float32List(i32),
    /// A list of exactly this many `float64`.
    Float64List(i32),
}

/// A default of a column; its variant fits the column's kind (timestamps are nanoseconds since the epoch).
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    Timestamp(i64),
    List(Vec<f64>),
}

impl ColumnKind {
    /// The Arrow type; timestamps are nanoseconds in UTC whatever the unit in the event.
    pub fn data_type(self) -> DataType {
        let list = |item: DataType, width: i32| {
            DataType::FixedSizeList(Arc::new(Field::new("item", item, false)), width)
        };
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::String => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Float32List(width) => list(DataType::Float32, width),
            Self::Float64List(width) => list(DataType::Float64, width),
        }
    }
}

/// The type in the words of the pipeline file: `float64`, `string`, `float32[784]`.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".into(),
        DataType::Utf8 => "string".into(),
        DataType::Binary => "bytes".into(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp".into(),
        DataType::FixedSizeList(item, width) => format!("{}[{width}]", type_name(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}

/// The Arrow schema of decoded columns, in their order.
pub fn schema_of(columns: &[Column]) -> SchemaRef {
    let field = |c: &Column| Field::new(&c.name, c.kind.data_type(), c.nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Which bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Key,
    Value,
}

impl Part {
    /// What a record without these bytes says.
    pub(crate) fn missing(self) -> &'static str {
        match self {
            Self::Key => "the record has no key",
            Self::Value => "tombstone: the record has no payload",
        }
    }

    /// The bytes of record `row`; `None` where it has none.
    #[inline]
    pub fn of(self, records: &Records, row: usize) -> Option<&[u8]> {
        match self {
            Self::Key => records.key(row),
            Self::Value => records.payload(row),
        }
    }
}

/// What a decoder made of records: every record is a row or a reject, or left out where the pipeline asked for that.
#[derive(Debug)]
pub struct Decoded {
    pub batch: Batch,
    pub rejects: Vec<Reject>,
}

/// Raw records to rows.
pub trait Decode: Send {
    /// Decodes every record; a bad one becomes a reject and leaves its neighbours alone.
    ///
    /// # Errors
    /// `Retry` or `Fatal` where the decoder itself cannot go on.
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded>;
}

/// What an encoder writes besides the columns.
#[derive(Clone, Debug)]
pub struct EncoderOptions {
    pub topic: Arc<str>,
    /// The column whose value becomes the key; none = the key as it arrived.
    pub key: Option<String>,
    /// Adds the columns to the event as it came, instead of writing the columns alone; only JSON can.
    pub include_original: bool,
    /// Headers that every row gets.
    pub headers: Arc<[(String, Vec<u8>)]>,
    /// Counts NaN and infinities written as null.
    pub not_finite: Arc<LaneMetrics>,
}

/// Rows to payloads.
pub trait Encode: Send {
    /// Encodes every row.
    ///
    /// # Errors
    /// `Reject` where some row cannot be encoded (the lane halves the batch to find it), `Fatal` where none can.
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing>;
}
