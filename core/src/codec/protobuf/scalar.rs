//! Protobuf's scalar types: how each lies in the bytes, and which number its bits are. Knows no column.

use prost_reflect::Kind;

use super::place::zigzag;
use super::wire::Wire;

/// A type of a field that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    SInt64,
    Fixed32,
    Fixed64,
    SFixed32,
    SFixed64,
    Bool,
    String,
    Bytes,
    Enum,
}

impl Scalar {
    pub(super) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Double => Self::Double,
            Kind::Float => Self::Float,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::UInt32,
            Kind::Uint64 => Self::UInt64,
            Kind::Sint32 => Self::SInt32,
            Kind::Sint64 => Self::SInt64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::SFixed32,
            Kind::Sfixed64 => Self::SFixed64,
            Kind::Bool => Self::Bool,
            Kind::String => Self::String,
            Kind::Bytes => Self::Bytes,
            Kind::Enum(_) => Self::Enum,
            Kind::Message(_) => return None,
        })
    }

    /// The type's name in a schema.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::SInt32 => "sint32",
            Self::SInt64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::SFixed32 => "sfixed32",
            Self::SFixed64 => "sfixed64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Enum => "enum",
        }
    }

    #[inline]
    pub(super) fn wire(self) -> Wire {
        match self {
            Self::Double | Self::Fixed64 | Self::SFixed64 => Wire::Fixed64,
            Self::Float | Self::Fixed32 | Self::SFixed32 => Wire::Fixed32,
            Self::String | Self::Bytes => Wire::Bytes,
            _ => Wire::Varint,
        }
    }

    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::String | Self::Bytes | Self::Enum)
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::Double | Self::Float)
    }

    /// The integer whose bits these are; `None` where 64 signed bits do not hold it. Bits beyond a type's width are cut off, as
    /// every reader of Protobuf does.
    #[inline]
    pub(super) fn integer(self, bits: u64) -> Option<i64> {
        Some(match self {
            Self::Int64 | Self::SFixed64 => bits as i64,
            Self::Int32 | Self::SFixed32 | Self::Enum => i64::from(bits as i32),
            Self::UInt32 | Self::Fixed32 => i64::from(bits as u32),
            Self::UInt64 | Self::Fixed64 => return i64::try_from(bits).ok(),
            Self::SInt32 => zigzag(bits & 0xffff_ffff),
            Self::SInt64 => zigzag(bits),
            Self::Bool => i64::from(bits != 0),
            Self::Double => return whole(f64::from_bits(bits)),
            Self::Float => return whole(f64::from(f32::from_bits(bits as u32))),
            Self::String | Self::Bytes => return None,
        })
    }

    /// The nearest float to the number whose bits these are.
    #[inline]
    pub(super) fn float(self, bits: u64) -> f64 {
        match self {
            Self::Double => f64::from_bits(bits),
            Self::Float => f64::from(f32::from_bits(bits as u32)),
            Self::UInt64 | Self::Fixed64 => bits as f64,
            _ => self.integer(bits).unwrap_or_default() as f64,
        }
    }
}

/// The integer that a float is, where it is one of 64 bits.
pub(super) fn whole(value: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    (value.trunc() == value && (-END..END).contains(&value)).then_some(value as i64)
}
