//! A record's metadata as columns: read from the records by origin, and only those that a query names.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, MapBuilder, MapFieldNames, StringBuilder,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::error::{Error, Result};
use crate::records::{NO_TIMESTAMP, Records};

/// A metadata column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    Key,
    Value,
    Headers,
    Topic,
    Partition,
    Offset,
    Timestamp,
}

impl Metadata {
    pub(super) const ALL: [Self; 7] = [
        Self::Key,
        Self::Value,
        Self::Headers,
        Self::Topic,
        Self::Partition,
        Self::Offset,
        Self::Timestamp,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Key => "_key",
            Self::Value => "_value",
            Self::Headers => "_headers",
            Self::Topic => "_topic",
            Self::Partition => "_partition",
            Self::Offset => "_offset",
            Self::Timestamp => "_timestamp",
        }
    }

    pub(super) fn field(self) -> Field {
        let nullable = matches!(self, Self::Key | Self::Value | Self::Timestamp);
        Field::new(self.name(), self.data_type(), nullable)
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Key | Self::Value => DataType::Binary,
            Self::Headers => headers_type(),
            Self::Topic => DataType::Utf8,
            Self::Partition => DataType::Int32,
            Self::Offset => DataType::Int64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }

    /// The column for the rows that came from the records at `origin`.
    pub(super) fn read(self, records: &Records, origin: &[u32]) -> Result<ArrayRef> {
        let rows = || origin.iter().map(|row| *row as usize);
        Ok(match self {
            Self::Key => bytes(rows().map(|row| records.key(row))),
            Self::Value => bytes(rows().map(|row| records.payload(row))),
            Self::Headers => headers(records, rows())?,
            Self::Topic => topics(records, rows()),
            Self::Partition => {
                let values = rows().map(|row| records.partition(row).partition);
                Arc::new(Int32Array::from_iter_values(values))
            }
            Self::Offset => Arc::new(Int64Array::from_iter_values(
                rows().map(|row| records.offset(row)),
            )),
            Self::Timestamp => {
                let values = rows().map(|row| nanoseconds(records.timestamp(row)));
                Arc::new(TimestampNanosecondArray::from_iter(values).with_timezone("UTC"))
            }
        })
    }
}

fn headers_type() -> DataType {
    let entry = DataType::Struct(
        vec![
            Field::new("name", DataType::Utf8, false),
            Field::new("value", DataType::Binary, true),
        ]
        .into(),
    );
    DataType::Map(Arc::new(Field::new("headers", entry, false)), false)
}

fn nanoseconds(milliseconds: i64) -> Option<i64> {
    if milliseconds == NO_TIMESTAMP {
        return None;
    }
    milliseconds.checked_mul(1_000_000)
}

fn bytes<'a>(values: impl ExactSizeIterator<Item = Option<&'a [u8]>> + Clone) -> ArrayRef {
    let size = values.clone().map(|value| value.map_or(0, <[u8]>::len)).sum();
    let mut builder = BinaryBuilder::with_capacity(values.len(), size);
    for value in values {
        builder.append_option(value);
    }
    Arc::new(builder.finish())
}

fn topics(records: &Records, rows: impl ExactSizeIterator<Item = usize> + Clone) -> ArrayRef {
    let size = rows.clone().map(|row| records.partition(row).topic.len()).sum();
    let mut builder = StringBuilder::with_capacity(rows.len(), size);
    for row in rows {
        builder.append_value(&records.partition(row).topic);
    }
    Arc::new(builder.finish())
}

fn headers(records: &Records, rows: impl ExactSizeIterator<Item = usize>) -> Result<ArrayRef> {
    let names = MapFieldNames {
        entry: "headers".to_owned(),
        key: "name".to_owned(),
        value: "value".to_owned(),
    };
    let rooms = rows.len();
    let mut builder =
        MapBuilder::with_capacity(Some(names), StringBuilder::new(), BinaryBuilder::new(), rooms);
    for row in rows {
        for (name, value) in records.headers(row) {
            builder.keys().append_value(name);
            builder.values().append_option(value);
        }
        builder
            .append(true)
            .map_err(|e| Error::fatal("build the column _headers").caused_by(e))?;
    }
    Ok(Arc::new(builder.finish()))
}
