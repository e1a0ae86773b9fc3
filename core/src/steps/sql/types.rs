//! The types in which columns leave a step: those a pipeline file can name, wherever nothing is lost. Knows types only.

use arrow::datatypes::{DataType, TimeUnit};

/// Functions and casts may give views, large strings, small integers and other timestamps, which no encoder and no
/// model needs to know. A timestamp without a zone is one in UTC.
pub(super) fn plain(found: &DataType) -> DataType {
    match found {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}
