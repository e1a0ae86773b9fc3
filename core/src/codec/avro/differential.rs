//! Compares with `apache_avro` on schemas and values made up from a seed: what it writes is read here, column by column.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use super::fixtures::{Random, column, decode, nullable, text};
use crate::codec::{Column, ColumnKind};

/// A type made up.
enum Made {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize, usize),
    Enum(usize),
    Array(Box<Made>),
    Map(Box<Made>),
    Record(usize, Vec<Made>),
    /// Null and one other; whether null comes first.
    Nullable(bool, Box<Made>),
}

const SYMBOLS: [&str; 3] = ["A", "B", "C"];

impl Made {
    fn simple(random: &mut Random) -> Self {
        match random.below(7) {
            0 => Self::Boolean,
            1 => Self::Int,
            2 => Self::Long,
            3 => Self::Float,
            4 => Self::Double,
            5 => Self::Bytes,
            _ => Self::String,
        }
    }

    /// `names` counts the named types.
    fn any(random: &mut Random, names: &mut usize, depth: usize) -> Self {
        *names += 1;
        let id = *names;
        match random.below(if depth == 0 { 9 } else { 14 }) {
            0..=5 => Self::simple(random),
            6 => Self::Null,
            7 => Self::Fixed(id, random.below(5)),
            8 => Self::Enum(id),
            9 => Self::Array(Box::new(Self::any(random, names, depth - 1))),
            10 => Self::Map(Box::new(Self::any(random, names, depth - 1))),
            11 => Self::record(random, names, depth - 1),
            _ => Self::Nullable(
                random.below(2) == 0,
                Box::new(match random.below(4) {
                    0 => Self::record(random, names, depth - 1),
                    1 => Self::Array(Box::new(Self::any(random, names, depth - 1))),
                    _ => Self::simple(random),
                }),
            ),
        }
    }

    fn record(random: &mut Random, names: &mut usize, depth: usize) -> Self {
        *names += 1;
        let id = *names;
        let fields = (0..1 + random.below(7)).map(|_| Self::any(random, names, depth));
        Self::Record(id, fields.collect())
    }

    fn json(&self) -> String {
        match self {
            Self::Null => r#""null""#.into(),
            Self::Boolean => r#""boolean""#.into(),
            Self::Int => r#""int""#.into(),
            Self::Long => r#""long""#.into(),
            Self::Float => r#""float""#.into(),
            Self::Double => r#""double""#.into(),
            Self::Bytes => r#""bytes""#.into(),
            Self::String => r#""string""#.into(),
            Self::Fixed(id, size) => format!(r#"{{"type":"fixed","name":"x{id}","size":{size}}}"#),
            Self::Enum(id) => format!(r#"{{"type":"enum","name":"e{id}","symbols":["A","B","C"]}}"#),
            Self::Array(of) => format!(r#"{{"type":"array","items":{}}}"#, of.json()),
            Self::Map(of) => format!(r#"{{"type":"map","values":{}}}"#, of.json()),
            Self::Record(id, fields) => {
                let fields = fields.iter().enumerate();
                let fields = fields.map(|(nth, of)| format!(r#"{{"name":"f{nth}","type":{}}}"#, of.json()));
                let fields: Vec<_> = fields.collect();
                format!(
                    r#"{{"type":"record","name":"r{id}","fields":[{}]}}"#,
                    fields.join(",")
                )
            }
            Self::Nullable(true, of) => format!(r#"["null",{}]"#, of.json()),
            Self::Nullable(false, of) => format!(r#"[{},"null"]"#, of.json()),
        }
    }

    fn value(&self, random: &mut Random) -> Value {
        let bytes = |random: &mut Random, count: usize| (0..count).map(|_| random.next() as u8).collect();
        match self {
            Self::Null => Value::Null,
            Self::Boolean => Value::Boolean(random.below(2) == 0),
            Self::Int => Value::Int((random.next() >> random.below(64)) as i32),
            Self::Long => Value::Long((random.next() >> random.below(64)) as i64),
            Self::Float => Value::Float(random.next() as i32 as f32 / 64.0),
            Self::Double => Value::Double(random.next() as i64 as f64 / 64.0),
            Self::Bytes => {
                let count = random.below(100);
                Value::Bytes(bytes(random, count))
            }
            Self::String => {
                Value::String(["", "abc", "größer", "日本"][random.below(4)].repeat(random.below(20)))
            }
            Self::Fixed(_, size) => Value::Fixed(*size, bytes(random, *size)),
            Self::Enum(_) => {
                let symbol = random.below(3);
                Value::Enum(symbol as u32, SYMBOLS[symbol].to_owned())
            }
            Self::Array(of) => Value::Array((0..random.below(4)).map(|_| of.value(random)).collect()),
            Self::Map(of) => {
                let entries = (0..random.below(4)).map(|nth| (format!("k{nth}"), of.value(random)));
                Value::Map(entries.collect())
            }
            Self::Record(_, fields) => {
                let fields = fields
                    .iter()
                    .enumerate()
                    .map(|(nth, of)| (format!("f{nth}"), of.value(random)));
                Value::Record(fields.collect())
            }
            Self::Nullable(first, of) => match random.below(3) {
                0 => Value::Union(u32::from(!first), Box::new(Value::Null)),
                _ => Value::Union(u32::from(*first), Box::new(of.value(random))),
            },
        }
    }

    /// The columns that can be had from here, some left out.
    fn columns(&self, random: &mut Random, path: &str, null: bool, out: &mut Vec<Column>) {
        let kind = match self {
            Self::Boolean => ColumnKind::Bool,
            Self::Int => ColumnKind::Int32,
            Self::Long => ColumnKind::Int64,
            Self::Float => ColumnKind::Float32,
            Self::Double => ColumnKind::Float64,
            Self::Bytes | Self::Fixed(..) => ColumnKind::Bytes,
            Self::String | Self::Enum(_) => ColumnKind::String,
            Self::Nullable(_, of) => return of.columns(random, path, true, out),
            Self::Map(of) => return of.columns(random, &format!("{path}.k1"), true, out),
            Self::Record(_, fields) => {
                let dot = if path.is_empty() { "" } else { "." };
                for (nth, of) in fields.iter().enumerate() {
                    of.columns(random, &format!("{path}{dot}f{nth}"), null, out);
                }
                return;
            }
            Self::Null | Self::Array(_) => return,
        };
        if random.below(3) > 0 {
            out.push(if null {
                nullable(path, kind)
            } else {
                column(path, kind)
            });
        }
    }
}

/// What a path leads to.
fn expected(value: &Value, path: &[String]) -> String {
    match (value, path.split_first()) {
        (Value::Union(_, inner), _) => expected(inner, path),
        (Value::Null, _) => "null".to_owned(),
        (Value::Record(fields), Some((name, rest))) => {
            let field = fields.iter().find(|(field, _)| field == name);
            expected(&field.expect("a field").1, rest)
        }
        (Value::Map(entries), Some((key, rest))) => entries
            .get(key)
            .map_or("null".to_owned(), |value| expected(value, rest)),
        (Value::Boolean(value), None) => value.to_string(),
        (Value::Int(value), None) => value.to_string(),
        (Value::Long(value), None) => value.to_string(),
        (Value::Float(value), None) => value.to_string(),
        (Value::Double(value), None) => value.to_string(),
        (Value::String(value) | Value::Enum(_, value), None) => value.clone(),
        (Value::Bytes(value) | Value::Fixed(_, value), None) => format!("{value:?}"),
        (other, rest) => panic!("{other:?} at {rest:?}"),
    }
}

#[test]
fn what_apache_avro_writes_is_read_the_same() {
    let mut random = Random(42);
    let mut compared = 0;
    for _ in 0..400 {
        let made = Made::record(&mut random, &mut 0, 4);
        let schema = made.json();
        let theirs = apache_avro::Schema::parse_str(&schema).expect("their schema");
        let writer = GenericDatumWriter::builder(&theirs).build().expect("a writer");
        let mut columns = Vec::new();
        made.columns(&mut random, "", false, &mut columns);
        let values: Vec<_> = (0..10).map(|_| made.value(&mut random)).collect();
        let write = |value: &Value| writer.write_value_to_vec(value.clone()).expect("a body");
        let bodies: Vec<_> = values.iter().map(write).collect();
        let decoded = decode(&schema, &columns, &bodies);
        assert!(decoded.rejects.is_empty(), "{:?} of {schema}", decoded.rejects);
        for (nth, column) in columns.iter().enumerate() {
            for (row, value) in values.iter().enumerate() {
                let found = text(decoded.batch.rows.column(nth), row);
                assert_eq!(
                    found,
                    expected(value, &column.path),
                    "{} of {schema}",
                    column.name
                );
                compared += 1;
            }
        }
        // What is left of a body is never one.
        for body in bodies.iter().filter(|body| !body.is_empty()) {
            let cut = decode(&schema, &columns, &[&body[..random.below(body.len())]]);
            assert_eq!(cut.rejects.len(), 1, "{schema}");
        }
    }
    assert!(compared > 5000, "{compared}");
}
