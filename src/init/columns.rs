//! The columns that a pipeline declares: their types, what fills an absent field, and what is worth a remark.

use forebay_core::model::Element;
use serde_json::{Value, json};

use super::sample::Kind;

/// A declared column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnType,
    /// Where it is not under its own name.
    pub(super) path: Option<String>,
    /// No field of the sample fills it; it stands for one that is to be named.
    pub(super) made_up: MadeUp,
    /// In how many events it is missing or null.
    pub(super) missing: usize,
}

/// Why a column has no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeUp {
    No,
    /// There are no events.
    NoSample,
    /// The events have nothing left for it.
    NoField,
}

/// The type of a column, as the pipeline file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Bool,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Float32List(usize),
    Float64List(usize),
}

impl ColumnType {
    /// The type that fills a tensor of `element` from a field of `kind`.
    pub(super) fn for_tensor(element: Element, kind: Kind) -> Option<Self> {
        Some(match (element, kind) {
            (Element::F32, Kind::Integer | Kind::Float) => Self::Float32,
            (Element::F64, Kind::Integer | Kind::Float) => Self::Float64,
            (Element::F32, Kind::Numbers(width)) => Self::Float32List(width),
            (Element::F64, Kind::Numbers(width)) => Self::Float64List(width),
            (Element::I32 | Element::U8, Kind::Integer) => Self::Int32,
            (Element::I64, Kind::Integer) => Self::Int64,
            (Element::String, Kind::Text) => Self::String,
            (Element::String, _) => return None,
            (_, Kind::Bool) => Self::Bool,
            _ => return None,
        })
    }

    /// The type of a single value of `element`.
    pub(super) fn of(element: Element) -> Self {
        match element {
            Element::F32 => Self::Float32,
            Element::F64 => Self::Float64,
            Element::I32 | Element::U8 => Self::Int32,
            Element::I64 => Self::Int64,
            Element::Bool => Self::Bool,
            Element::String => Self::String,
        }
    }

    /// Zero, `false` or an empty text, of this type.
    pub(super) fn zero(self) -> Value {
        match self {
            Self::Bool => json!(false),
            Self::Int32 | Self::Int64 => json!(0),
            Self::Float32 | Self::Float64 => json!(0.0),
            Self::String => json!(""),
            Self::Float32List(width) | Self::Float64List(width) => json!(vec![0.0; width]),
        }
    }
}

impl std::fmt::Display for ColumnType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Float32 => f.write_str("float32"),
            Self::Float64 => f.write_str("float64"),
            Self::String => f.write_str("string"),
            Self::Float32List(width) => write!(f, "float32[{width}]"),
            Self::Float64List(width) => write!(f, "float64[{width}]"),
        }
    }
}
