//! Defaults of a schema, from their JSON to Avro bytes: what is written for a field that no column has.
//! Knows one type and one JSON value.

use serde_json::Value;

use super::schema::{AvroSchema, Type};
use super::write::{counted, long};

/// How many values one default may consist of: a schema can repeat itself without an end.
const MOST: usize = 100_000;

/// The bytes of the default `value` of type `of`.
///
/// # Errors
/// Where it does not fit the type.
pub(super) fn literal(schema: &AvroSchema, of: usize, value: &Value) -> Result<Vec<u8>, String> {
    let mut writer = Writer {
        schema,
        out: Vec::new(),
        left: MOST,
    };
    writer.value(of, value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    schema: &'a AvroSchema,
    out: Vec<u8>,
    left: usize,
}

impl Writer<'_> {
    fn value(&mut self, of: usize, value: &Value, depth: usize) -> Result<(), String> {
        let unfit = || format!("its default is no {}", self.schema.words(of));
        self.left = self
            .left
            .checked_sub(1)
            .filter(|_| depth < 64)
            .ok_or("its default is too large")?;
        let schema = self.schema;
        match (schema.at(of), value) {
            (Type::Null, Value::Null) => {}
            (Type::Boolean, Value::Bool(value)) => self.out.push(u8::from(*value)),
            (Type::Int(_), Value::Number(number)) => {
                let value = number.as_i64().and_then(|value| i32::try_from(value).ok());
                long(&mut self.out, value.ok_or_else(unfit)?.into());
            }
            (Type::Long(_), Value::Number(number)) => {
                long(&mut self.out, number.as_i64().ok_or_else(unfit)?);
            }
            (Type::Float, Value::Number(number)) => {
                let value = number.as_f64().ok_or_else(unfit)? as f32;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::Double, Value::Number(number)) => {
                let value = number.as_f64().ok_or_else(unfit)?;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::String(_), Value::String(text)) => counted(&mut self.out, text.as_bytes()),
            (Type::Bytes(_), Value::String(text)) => {
                counted(&mut self.out, &bytes(text).ok_or_else(unfit)?);
            }
            (Type::Fixed { size, .. }, Value::String(text)) => {
                let bytes = bytes(text)
                    .filter(|bytes| bytes.len() == *size)
                    .ok_or_else(unfit)?;
                self.out.extend_from_slice(&bytes);
            }
            (Type::Enum { symbols, .. }, Value::String(text)) => {
                let symbol = symbols.iter().position(|symbol| symbol == text);
                long(&mut self.out, symbol.ok_or_else(unfit)? as i64);
            }
            (Type::Array(items), Value::Array(values)) => {
                if !values.is_empty() {
                    long(&mut self.out, values.len() as i64);
                }
                values
                    .iter()
                    .try_for_each(|value| self.value(*items, value, depth + 1))?;
                self.out.push(0);
            }
            (Type::Map(of), Value::Object(entries)) => {
                if !entries.is_empty() {
                    long(&mut self.out, entries.len() as i64);
                }
                for (key, value) in entries {
                    counted(&mut self.out, key.as_bytes());
                    self.value(*of, value, depth + 1)?;
                }
                self.out.push(0);
            }
            (Type::Record { fields, .. }, Value::Object(values)) => {
                for field in fields {
                    let value = values.get(&field.name).or(field.default.as_ref());
                    self.value(field.of, value.ok_or_else(unfit)?, depth + 1)?;
                }
            }
            // The first branch by the letter; the first that fits, as newer versions of the format say.
            (Type::Union(branches), value) => {
                let start = self.out.len();
                for (nth, branch) in branches.iter().enumerate() {
                    long(&mut self.out, nth as i64);
                    if self.value(*branch, value, depth + 1).is_ok() {
                        return Ok(());
                    }
                    self.out.truncate(start);
                }
                return Err(unfit());
            }
            _ => return Err(unfit()),
        }
        Ok(())
    }
}

/// The bytes that a default says as characters from 0 to 255.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
