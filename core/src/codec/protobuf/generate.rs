//! A schema of proto3 for result columns. Knows Arrow types; it does not know rows.

use std::fmt::Write;

use arrow::datatypes::{DataType, Schema};

use crate::error::{Error, Result};

const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// The text of a schema whose message `message` has a field for each column, numbered in their order. A column that may be null
/// becomes an `optional` field, a list a `repeated` one, which proto3 packs.
///
/// # Errors
/// `Config` where a column's name or type has no form in a schema.
pub fn schema_of_results(columns: &Schema, message: &str, package: Option<&str>) -> Result<String> {
    let identifiers = package.map_or_else(Vec::new, |package| package.split('.').collect());
    for name in identifiers.into_iter().chain([message]) {
        identifier(name).map_err(|e| e.with("name", name))?;
    }
    let mut fields = String::new();
    let mut timestamps = false;
    for (column, number) in columns.fields().iter().zip(numbers()) {
        identifier(column.name()).map_err(|e| e.with("column", column.name()))?;
        let (repeated, item) = item_of(column.data_type());
        let Some(of) = type_of(item) else {
            return Err(Error::config(
                "write a schema of protobuf: the column's type has no form in it; cast it in sql",
            )
            .with("column", column.name())
            .with("type", column.data_type()));
        };
        timestamps |= of == TIMESTAMP;
        let word = match repeated {
            true => "repeated ",
            false if column.is_nullable() => "optional ",
            false => "",
        };
        // Writing to a string does not fail.
        writeln!(fields, "  {word}{of} {} = {number};", column.name())
            .map_err(|e| Error::fatal("write a schema").caused_by(e))?;
    }
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if let Some(package) = package {
        text.push_str(&format!("package {package};\n"));
    }
    if timestamps {
        text.push_str("\nimport \"google/protobuf/timestamp.proto\";\n");
    }
    text.push_str(&format!("\nmessage {message} {{\n{fields}}}\n"));
    Ok(text)
}

/// The numbers that fields may have: those in the middle are the format's own.
fn numbers() -> impl Iterator<Item = u32> {
    (1..19_000).chain(20_000..)
}

fn identifier(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(Error::config(
        "write a schema of protobuf: a name has letters, digits and underscores only, and no digit first; rename it",
    ))
}

/// Whether a type is a list, and the type of its items.
pub(super) fn item_of(of: &DataType) -> (bool, &DataType) {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            (true, item.data_type())
        }
        other => (false, other),
    }
}

fn type_of(of: &DataType) -> Option<&'static str> {
    Some(match of {
        DataType::Boolean => "bool",
        DataType::Int8 | DataType::Int16 | DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytes"
        }
        DataType::Dictionary(_, values) => type_of(values).filter(|of| *of == "string")?,
        DataType::Timestamp(..) => TIMESTAMP,
        _ => return None,
    })
}
