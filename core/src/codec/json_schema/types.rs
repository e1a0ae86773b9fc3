//! The types that JSON values have, as a set: what a schema allows at one place.

use serde_json::Value;

/// Types of JSON values. Numbers count as two: those without a fraction, and those with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(1 << 1);
    pub(super) const INTEGER: Self = Self(1 << 2);
    const FRACTION: Self = Self(1 << 3);
    pub(super) const STRING: Self = Self(1 << 4);
    pub(super) const ARRAY: Self = Self(1 << 5);
    pub(super) const OBJECT: Self = Self(1 << 6);
    pub(super) const NUMBER: Self = Self(Self::INTEGER.0 | Self::FRACTION.0);
    pub(super) const ANY: Self = Self((1 << 7) - 1);

    /// What the word of a `type` means; nothing where it is no word of JSON Schema.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    /// The type of one value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.as_f64().is_some_and(|of| of.fract() != 0.0) => Self::FRACTION,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether one of `other` is among them.
    pub(super) fn meets(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// As a `type` names them: `integer or null`.
    pub(super) fn words(self) -> String {
        if self == Self::ANY {
            return "of any type".to_owned();
        }
        let words: Vec<_> = self.each().map(|(word, _)| word).collect();
        words.join(" or ")
    }

    /// One value of each: `a string`, `null`.
    pub(super) fn values(self) -> impl Iterator<Item = &'static str> {
        self.each().map(|(_, value)| value)
    }

    fn each(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let number = match (self.meets(Self::INTEGER), self.meets(Self::FRACTION)) {
            (true, true) => ("number", "a number"),
            (true, false) => ("integer", "an integer"),
            _ => ("number with a fraction", "a number with a fraction"),
        };
        [
            (Self::BOOLEAN, ("boolean", "a boolean")),
            (Self::NUMBER, number),
            (Self::STRING, ("string", "a string")),
            (Self::ARRAY, ("array", "an array")),
            (Self::OBJECT, ("object", "an object")),
            (Self::NULL, ("null", "null")),
        ]
        .into_iter()
        .filter(move |(of, _)| self.meets(*of))
        .map(|(_, words)| words)
    }
}
