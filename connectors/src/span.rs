//! A duration as the pipeline file writes it.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number with one of the suffixes.
pub fn with_unit<'a, T: Copy>(text: &'a str, units: &[(&'a str, T)]) -> Option<(u64, T)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    let unit = units.iter().find(|(name, _)| *name == &text[digits..])?;
    Some((number, unit.1))
}

/// `5ms`, `1s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        let units = [
            ("us", 1_u64),
            ("ms", 1_000),
            ("s", 1_000_000),
            ("m", 60_000_000),
            ("h", 3_600_000_000),
        ];
        let micros = with_unit(&text, &units).and_then(|(n, unit)| n.checked_mul(unit));
        let micros = micros.ok_or_else(|| D::Error::custom("not a duration such as `5ms`"))?;
        Ok(Self(Duration::from_micros(micros)))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let micros = self.0.as_micros();
        match micros {
            _ if micros.is_multiple_of(1_000_000) => to.collect_str(&format_args!("{}s", micros / 1_000_000)),
            _ if micros.is_multiple_of(1_000) => to.collect_str(&format_args!("{}ms", micros / 1_000)),
            _ => to.collect_str(&format_args!("{micros}us")),
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,9}(us|ms|s|m|h)$", "description": "a duration such as `5ms` or `1s`" })
    }
}
