//! Compares decoder and encoder with a reader that builds whole messages, on schemas and messages made up from seeds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, Schema as Columns};
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::schema::Schema;
use super::tests::{records, schema};
use super::{ProtobufDecoder, ProtobufEncoder, schema_of_results};
use crate::batch::Batch;
use crate::codec::{Column, ColumnKind, Decode, Decoded, Encode, EncoderOptions, Part};
use crate::metrics::LaneMetrics;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 20) as usize % n
    }
}

const SCALARS: [&str; 16] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
    "sfixed32", "sfixed64", "bool", "string", "bytes", "E",
];

/// A message of scalars, lists, maps, a oneof, and messages inside.
fn made_up(random: &mut Random) -> String {
    let mut text = "syntax = \"proto3\";\nenum E { ZERO = 0; ONE = 1; MINUS = -1; }\n".to_owned();
    for (name, inner) in [("C", None), ("B", Some("C")), ("A", Some("B"))] {
        text.push_str(&format!("message {name} {{\n"));
        let mut number = 1;
        let mut next = |random: &mut Random| {
            let most = if random.below(5) == 0 { 3000 } else { 3 };
            number += 1 + random.below(most);
            number
        };
        for field in 0..2 + random.below(6) {
            let of = SCALARS[random.below(SCALARS.len())];
            let word = ["", "", "optional "][random.below(3)];
            text.push_str(&format!("  {word}{of} f{field} = {};\n", next(random)));
        }
        let of = SCALARS[random.below(12)];
        let packed = ["", " [packed = false]"][random.below(2)];
        text.push_str(&format!("  repeated {of} list = {}{packed};\n", next(random)));
        let of = SCALARS[random.below(SCALARS.len())];
        text.push_str(&format!("  map<string, {of}> tags = {};\n", next(random)));
        text.push_str(&format!(
            "  oneof either {{ int32 left = {}; string right = {};",
            next(random),
            next(random)
        ));
        if let Some(inner) = inner {
            text.push_str(&format!(" {inner} both = {};", next(random)));
            text.push_str(&format!(" }}\n  {inner} inner = {};\n", next(random)));
            text.push_str(&format!("  map<string, {inner}> named = {};\n}}\n", next(random)));
        } else {
            text.push_str(" }\n}\n");
        }
    }
    text
}

fn scalar(random: &mut Random, kind: &Kind) -> Value {
    let bits = match random.below(4) {
        0 => 0,
        1 => random.next() % 200,
        2 => random.next() >> random.below(64),
        _ => random.next(),
    };
    match kind {
        Kind::Double => Value::F64(if random.below(2) == 0 {
            bits as f64 / 8.0
        } else {
            f64::from_bits(bits)
        }),
        Kind::Float => Value::F32(if random.below(2) == 0 {
            bits as f32
        } else {
            f32::from_bits(bits as u32)
        }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(bits as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(bits as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(bits as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(bits),
        Kind::Bool => Value::Bool(bits & 1 == 1),
        Kind::Enum(_) => Value::EnumNumber([0, 1, -1, 77][random.below(4)]),
        Kind::Bytes => Value::Bytes(bits.to_le_bytes().to_vec().into()),
        _ => Value::String(["", "a", "ä日", "long enough to have a length"][random.below(4)].to_owned()),
    }
}

fn message(random: &mut Random, of: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields() {
        if random.below(3) == 0 {
            continue;
        }
        let one = |random: &mut Random, kind: &Kind| match kind {
            Kind::Message(inner) => Value::Message(self::message(random, inner)),
            kind => scalar(random, kind),
        };
        let value = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let kind = entry.map_entry_value_field().kind();
                let keys = ["k", "other"].into_iter().take(random.below(3));
                Value::Map(
                    keys.map(|k| (MapKey::String(k.to_owned()), one(random, &kind)))
                        .collect(),
                )
            }
            kind if field.is_list() => Value::List(
                (0..[2, 2, 2, 0, 1, 3][random.below(6)])
                    .map(|_| one(random, &kind))
                    .collect(),
            ),
            kind => one(random, &kind),
        };
        message.set_field(&field, value);
    }
    message
}

/// Columns of the fields of a message and the messages inside, each of a type that its field fits.
fn columns(random: &mut Random, of: &MessageDescriptor, path: &[String], out: &mut Vec<Column>) {
    for field in of.fields() {
        let mut path = path.to_vec();
        path.push(field.name().to_owned());
        let kind = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                path.push("k".to_owned());
                entry.map_entry_value_field().kind()
            }
            kind => kind,
        };
        if let Kind::Message(inner) = &kind {
            columns(random, inner, &path, out);
            continue;
        }
        if random.below(4) == 0 {
            continue;
        }
        let of = match &kind {
            Kind::Bool => ColumnKind::Bool,
            Kind::String => ColumnKind::String,
            Kind::Bytes => ColumnKind::Bytes,
            Kind::Enum(_) => [ColumnKind::String, ColumnKind::Int32][random.below(2)],
            _ if field.is_list() => [ColumnKind::Float64List(2), ColumnKind::Float32List(2)][random.below(2)],
            _ => [
                ColumnKind::Int32,
                ColumnKind::Int64,
                ColumnKind::Float32,
                ColumnKind::Float64,
            ][random.below(4)],
        };
        out.push(Column {
            name: path.join("."),
            path,
            kind: of,
            nullable: true,
            default: None,
        });
    }
}

/// The value at a path, as the whole message has it, and its type; none is a null.
fn expected(message: &DynamicMessage, path: &[String]) -> Option<(Value, Kind)> {
    let field = message.descriptor_of(&path[0]);
    let value = message.get_field(&field).into_owned();
    match (&value, field.kind()) {
        (Value::Map(map), Kind::Message(entry)) => {
            let value = map.get(&MapKey::String(path[1].clone()))?;
            match value {
                Value::Message(inner) => expected(inner, &path[2..]),
                value => Some((value.clone(), entry.map_entry_value_field().kind())),
            }
        }
        (Value::List(items), kind) => (!items.is_empty()).then(|| (value.clone(), kind)),
        _ if field.supports_presence() && !message.has_field(&field) => None,
        (Value::Message(inner), _) => expected(inner, &path[1..]),
        (_, kind) => Some((value.clone(), kind)),
    }
}

trait Named {
    fn descriptor_of(&self, name: &str) -> FieldDescriptor;
}

impl Named for DynamicMessage {
    fn descriptor_of(&self, name: &str) -> FieldDescriptor {
        use prost_reflect::ReflectMessage;
        self.descriptor().get_field_by_name(name).expect(name)
    }
}

fn number(value: &Value) -> (f64, Option<i128>) {
    match value {
        Value::F64(v) => (*v, None),
        Value::F32(v) => (f64::from(*v), None),
        Value::I32(v) | Value::EnumNumber(v) => (f64::from(*v), Some(i128::from(*v))),
        Value::I64(v) => (*v as f64, Some(i128::from(*v))),
        Value::U32(v) => (f64::from(*v), Some(i128::from(*v))),
        Value::U64(v) => (*v as f64, Some(i128::from(*v))),
        other => panic!("{other:?}"),
    }
}

fn integer(value: &Value) -> Option<i128> {
    let (float, whole) = number(value);
    whole.or_else(|| (float.trunc() == float && float.abs() < 1e30).then_some(float as i128))
}

/// What a cell must be, as text; `None` where the record must be refused.
fn text(value: &Value, kind: &Kind, column: ColumnKind) -> Option<String> {
    let narrow = |value: &Value| {
        let wide = number(value).0;
        let near = match value {
            Value::F32(v) => *v,
            _ => wide as f32,
        };
        (near.is_finite() || !wide.is_finite()).then_some(near)
    };
    Some(match (column, value) {
        (ColumnKind::String, Value::EnumNumber(v)) => {
            let name = kind
                .as_enum()
                .and_then(|of| of.get_value(*v))
                .map(|v| v.name().to_owned());
            name.unwrap_or_else(|| v.to_string())
        }
        (ColumnKind::Int32, v) => i32::try_from(integer(v)?).ok()?.to_string(),
        (ColumnKind::Int64, v) => i64::try_from(integer(v)?).ok()?.to_string(),
        (ColumnKind::Float64, v) => number(v).0.to_string(),
        (ColumnKind::Float32, v) => narrow(v)?.to_string(),
        (ColumnKind::Float64List(width), Value::List(items)) if items.len() == width as usize => {
            format!("{:?}", items.iter().map(|v| number(v).0).collect::<Vec<_>>())
        }
        (ColumnKind::Float32List(width), Value::List(items)) if items.len() == width as usize => {
            format!("{:?}", items.iter().map(narrow).collect::<Option<Vec<_>>>()?)
        }
        (_, Value::List(_)) => return None,
        (_, Value::Bool(v)) => v.to_string(),
        (_, Value::String(v)) => v.clone(),
        (_, Value::Bytes(v)) => format!("{:?}", v.to_vec()),
        other => panic!("{other:?}"),
    })
}

fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        _ => {
            let list = array.as_fixed_size_list().value(row);
            match list.data_type() {
                DataType::Float32 => format!("{:?}", list.as_primitive::<Float32Type>().values().to_vec()),
                _ => format!("{:?}", list.as_primitive::<Float64Type>().values().to_vec()),
            }
        }
    }
}

fn decode(decoder: &mut ProtobufDecoder, bodies: &[Vec<u8>]) -> Decoded {
    let bodies: Vec<_> = bodies.iter().map(|body| Some(body.as_slice())).collect();
    decoder.decode(&records(&bodies)).expect("a batch")
}

/// Every column of every row as the whole messages have it, and every record refused that cannot be a row.
fn compare(
    decoded: &Decoded,
    messages: &[DynamicMessage],
    columns: &[Column],
    merged: bool,
    seed: u64,
) -> usize {
    let mut rows = decoded.batch.origin.iter().enumerate().peekable();
    let mut refused = 0;
    for (record, message) in messages.iter().enumerate() {
        let cells = columns
            .iter()
            .map(|column| match expected(message, &column.path) {
                Some((value, kind)) => text(&value, &kind, column.kind),
                None => Some("null".to_owned()),
            });
        let cells: Option<Vec<String>> = cells.collect();
        let row = rows
            .next_if(|(_, origin)| **origin as usize == record)
            .map(|(row, _)| row);
        match (cells, row) {
            (Some(cells), Some(row)) => {
                for (column, expected) in cells.iter().enumerate() {
                    let found = cell(decoded.batch.rows.column(column), row);
                    assert_eq!(
                        found, *expected,
                        "seed {seed} record {record}: {:?}",
                        columns[column]
                    );
                }
            }
            (None, None) => refused += 1,
            // A list is read as it comes: a bad one is refused even where a later field replaces it.
            (Some(_), None) if merged && is_of_a_list(decoded, record) => refused += 1,
            (Some(_), None) => panic!("seed {seed} record {record} is refused: {:?}", decoded.rejects),
            (None, Some(_)) => panic!("seed {seed} record {record} is a row: {message}"),
        }
    }
    refused
}

fn is_of_a_list(decoded: &Decoded, record: usize) -> bool {
    let reject = decoded
        .rejects
        .iter()
        .find(|reject| reject.record as usize == record);
    reject.is_some_and(|reject| reject.reason.contains("list`: "))
}

#[test]
fn rows_are_what_whole_messages_say() {
    let (mut rows, mut refused) = (0, 0);
    for seed in 1..40u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let source = schema(&made_up(&mut random));
        let of = Schema::compile(&source)
            .and_then(|s| s.message(Some("A")))
            .expect(&source.text);
        let mut of_columns = Vec::new();
        columns(&mut random, &of, &[], &mut of_columns);
        let messages: Vec<_> = (0..12).map(|_| message(&mut random, &of)).collect();
        // Two messages one behind the other are one, merged.
        let bodies: Vec<Vec<u8>> = messages.iter().map(Message::encode_to_vec).collect();
        let pairs: Vec<Vec<u8>> = bodies.windows(2).map(|pair| pair.concat()).collect();
        let merged = pairs
            .iter()
            .map(|body| DynamicMessage::decode(of.clone(), body.as_slice()).expect("a pair"));
        let merged: Vec<_> = merged.collect();
        // A few columns at a time, too: one that refuses much hides the others.
        for column in of_columns.chunks(3).chain([&of_columns[..]]) {
            let mut decoder =
                ProtobufDecoder::plain(column, Part::Value, &source, Some("A")).expect("a decoder");
            let decoded = decode(&mut decoder, &bodies);
            rows += decoded.batch.len();
            refused += compare(&decoded, &messages, column, false, seed);
            let decoded = decode(&mut decoder, &pairs);
            rows += decoded.batch.len();
            refused += compare(&decoded, &merged, column, true, seed);
        }
    }
    assert!(rows > 2000 && refused > 500, "{rows} rows, {refused} refused");
}

#[test]
fn damaged_messages_are_rows_or_rejects() {
    let mut random = Random(99);
    let (mut rows, mut rejects) = (0, 0);
    for _ in 0..12 {
        let source = schema(&made_up(&mut random));
        let of = Schema::compile(&source)
            .and_then(|s| s.message(Some("A")))
            .expect(&source.text);
        let mut of_columns = Vec::new();
        columns(&mut random, &of, &[], &mut of_columns);
        let mut decoder =
            ProtobufDecoder::plain(&of_columns[..4], Part::Value, &source, Some("A")).expect("a decoder");
        let whole = message(&mut random, &of).encode_to_vec();
        let mut bodies: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for _ in 0..600 {
            let mut body = message(&mut random, &of).encode_to_vec();
            for _ in 0..1 + random.below(4) {
                if !body.is_empty() {
                    let at = random.below(body.len());
                    body[at] = [0, 0xff, 0x80, random.next() as u8][random.below(4)];
                }
            }
            bodies.push(body);
        }
        let decoded = decode(&mut decoder, &bodies);
        assert_eq!(decoded.batch.len() + decoded.rejects.len(), bodies.len());
        rows += decoded.batch.len();
        rejects += decoded.rejects.len();
    }
    assert!(rows > 500 && rejects > 500, "{rows} rows, {rejects} rejects");
}

/// What is written by a generated schema is read by whole messages and by the decoder as it was.
#[test]
fn results_are_read_as_they_were_written() {
    let mut random = Random(5);
    for _ in 0..60 {
        let source = schema(&made_up(&mut random));
        let of = Schema::compile(&source)
            .and_then(|s| s.message(Some("A")))
            .expect(&source.text);
        let mut of_columns = Vec::new();
        columns(&mut random, &of, &[], &mut of_columns);
        let bodies: Vec<Vec<u8>> = (0..20)
            .map(|_| message(&mut random, &of).encode_to_vec())
            .collect();
        let columns = &of_columns[..of_columns.len().min(5)];
        let mut decoder =
            ProtobufDecoder::plain(columns, Part::Value, &source, Some("A")).expect("a decoder");
        let rows = decode(&mut decoder, &bodies).batch;
        let fields = columns
            .iter()
            .enumerate()
            .map(|(nth, column)| Field::new(format!("c{nth}"), column.kind.data_type(), column.nullable));
        let arrow = Arc::new(Columns::new(fields.collect::<Vec<_>>()));
        let batch = Batch {
            rows: RecordBatch::try_new(Arc::clone(&arrow), rows.rows.columns().to_vec()).expect("rows"),
            ..rows
        };
        if batch.is_empty() {
            continue;
        }
        let text = schema_of_results(&arrow, "Result", Some("made.up")).expect("a schema");
        let written = schema(&text);
        let options = EncoderOptions {
            topic: "out".into(),
            key: None,
            include_original: false,
            headers: Arc::new([]),
            not_finite: Arc::new(LaneMetrics::default()),
        };
        let mut encoder = ProtobufEncoder::new(options, &arrow, &written, None, None).expect("an encoder");
        let outgoing = encoder.encode(&batch).expect("payloads");
        let payloads: Vec<Vec<u8>> = (0..batch.len())
            .map(|row| outgoing.payload(row).expect("one").to_vec())
            .collect();
        let back: Vec<Column> = columns
            .iter()
            .enumerate()
            .map(|(nth, column)| Column {
                path: vec![format!("c{nth}")],
                ..column.clone()
            })
            .collect();
        let mut decoder = ProtobufDecoder::plain(&back, Part::Value, &written, None).expect("a decoder");
        let decoded = decode(&mut decoder, &payloads);
        assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects);
        let result = Schema::compile(&written)
            .and_then(|s| s.message(None))
            .expect("a message");
        for (row, payload) in payloads.iter().enumerate() {
            let whole = DynamicMessage::decode(result.clone(), payload.as_slice()).expect("a message");
            for (nth, column) in back.iter().enumerate() {
                let before = cell(batch.rows.column(nth), row);
                assert_eq!(cell(decoded.batch.rows.column(nth), row), before, "{text}");
                let said = expected(&whole, &column.path);
                let said = said.map_or(Some("null".to_owned()), |(value, kind)| {
                    self::text(&value, &kind, column.kind)
                });
                assert_eq!(said, Some(before), "{text}");
            }
        }
    }
}
