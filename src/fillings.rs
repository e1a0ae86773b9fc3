//! What a sql step fills a null with: a column's default as SQL writes it. Knows columns; it does not know steps.

use forebay_core::codec::{Column, DefaultValue};

/// The default of `column` as a literal; none where there is no default, or SQL has no literal for it.
pub(crate) fn filling(column: &Column) -> Option<String> {
    match column.default.as_ref()? {
        DefaultValue::Bool(value) => Some(value.to_string()),
        DefaultValue::Int(value) => Some(value.to_string()),
        DefaultValue::Float(value) => Some(value.to_string()),
        DefaultValue::String(value) => Some(format!("'{}'", value.replace('\'', "''"))),
        DefaultValue::Bytes(_) | DefaultValue::Timestamp(_) | DefaultValue::List(_) => None,
    }
}
