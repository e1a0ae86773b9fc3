//! Compares the decoder with `serde_json` on documents it makes up, whole and damaged.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type};
use serde_json::Value;

use super::JsonDecoder;
use crate::codec::{Column, ColumnKind, Decode, Decoded};
use crate::records::{Record, Records};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const KINDS: [(&str, ColumnKind); 6] = [
    ("f", ColumnKind::Float64),
    ("g", ColumnKind::Float32),
    ("i", ColumnKind::Int64),
    ("k", ColumnKind::Int32),
    ("s", ColumnKind::String),
    ("b", ColumnKind::Bool),
];

fn columns() -> Vec<Column> {
    let column = |(nth, (name, kind)): (usize, (&str, ColumnKind))| Column {
        name: name.to_owned(),
        path: if nth % 3 == 2 {
            vec!["o".to_owned(), name.to_owned()]
        } else {
            vec![name.to_owned()]
        },
        kind,
        nullable: true,
        default: None,
    };
    KINDS.into_iter().enumerate().map(column).collect()
}

fn decode(documents: &[Vec<u8>]) -> Decoded {
    let mut records = Records::default();
    let partition = records.intern(&"t".into(), 0);
    for (offset, payload) in documents.iter().enumerate() {
        let offset = offset as i64;
        let payload = Some(payload.as_slice());
        records.push(
            partition,
            Record {
                offset,
                payload,
                ..Record::default()
            },
        );
    }
    JsonDecoder::new(&columns()).decode(&Arc::new(records)).unwrap()
}

fn scalar(random: &mut Random, name: &str) -> String {
    let any = ["null", "5", "-1.5", "\"x\"", "true", "[1]", "{}"];
    if random.below(40) == 0 {
        return random.pick(&any).to_owned();
    }
    match name {
        "f" | "g" => {
            let digits = random.below(10usize.pow(1 + random.0 as u32 % 15));
            let forms = [
                format!("{digits}"),
                format!("-{digits}.25"),
                format!("0.{digits}"),
                format!("{digits}e-7"),
            ];
            forms[random.below(4)].clone()
        }
        "i" | "k" => random
            .pick(&["0", "-7", "2147483647", "12", "5.0", "3e1", "-2147483648"])
            .to_owned(),
        "s" => random
            .pick(&[
                r#""""#,
                r#""abc""#,
                r#""\u00e9\ud83d\ude00\n""#,
                "\"日本\"",
                r#""a\/\\b and some more""#,
            ])
            .to_owned(),
        _ => random.pick(&["true", "false", "null"]).to_owned(),
    }
}

fn nested(random: &mut Random, depth: usize) -> String {
    match random.below(if depth > 3 { 4 } else { 6 }) {
        0 => "null".to_owned(),
        1 => "-12.5e+3".to_owned(),
        2 => r#""q\"\\\u0041""#.to_owned(),
        3 => "[]".to_owned(),
        4 => format!("[{} , {}]", nested(random, depth + 1), nested(random, depth + 1)),
        _ => format!(
            "{{\"a\":{},\"b\" : {}}}",
            nested(random, depth + 1),
            nested(random, depth + 1)
        ),
    }
}

fn members(random: &mut Random, names: &[&str]) -> Vec<String> {
    let mut members = Vec::new();
    for name in names {
        if random.below(8) > 0 {
            members.push(format!("\"{name}\":{}", scalar(random, name)));
        }
        if random.below(3) == 0 {
            members.push(format!("\"unused{}\":{}", random.below(2), nested(random, 0)));
        }
    }
    let turn = random.below(members.len().max(1));
    members.rotate_left(turn);
    members
}

fn document(random: &mut Random) -> Vec<u8> {
    let mut outer = members(random, &["f", "g", "k", "s"]);
    let inner = members(random, &["i", "b"]).join(",");
    outer.insert(random.below(outer.len() + 1), format!(" \"o\" : {{ {inner} }} "));
    format!("{{{}}}", outer.join(random.pick(&[",", " ,\n"]))).into_bytes()
}

/// The value that a column must get from a document; `None` where the document must be refused.
fn cell<'v>(value: &'v Value, column: &Column) -> Option<&'v Value> {
    let mut value = value;
    for (depth, name) in column.path.iter().enumerate() {
        value = match value {
            Value::Object(members) => members.get(name).unwrap_or(&Value::Null),
            Value::Null if depth > 0 => value,
            _ => return None,
        };
    }
    let whole = |range: std::ops::RangeInclusive<f64>| {
        value
            .as_f64()
            .is_some_and(|f| f.fract() == 0.0 && range.contains(&f))
    };
    let good = match column.kind {
        _ if value.is_null() => true,
        ColumnKind::Float64 => value.is_number(),
        ColumnKind::Float32 => value.as_f64().is_some_and(|f| (f as f32).is_finite()),
        ColumnKind::Int64 => whole(-9.2e18..=9.2e18),
        ColumnKind::Int32 => whole(f64::from(i32::MIN)..=f64::from(i32::MAX)),
        ColumnKind::String => value.is_string(),
        _ => value.is_boolean(),
    };
    good.then_some(value)
}

/// Keys given twice cannot be seen in a `Value`; damaged documents that have one are left out.
fn repeats(document: &[u8]) -> bool {
    KINDS.iter().map(|(name, _)| *name).chain(["o"]).any(|name| {
        let quoted = format!("\"{name}\"");
        document.windows(3).filter(|w| *w == quoted.as_bytes()).count() > 1
    })
}

fn compare(documents: &[Vec<u8>]) -> usize {
    let decoded = decode(documents);
    let columns = columns();
    let rejected: Vec<_> = decoded.rejects.iter().map(|r| r.record as usize).collect();
    let mut row = 0;
    for (nth, document) in documents.iter().enumerate() {
        let text = String::from_utf8_lossy(document);
        let parsed = serde_json::from_slice::<Value>(document);
        if parsed
            .as_ref()
            .is_err_and(|e| e.to_string().contains("out of range"))
            || repeats(document)
        {
            row += usize::from(!rejected.contains(&nth));
            continue;
        }
        let parsed = parsed.ok().filter(Value::is_object);
        let expected: Option<Vec<_>> = parsed
            .as_ref()
            .and_then(|value| columns.iter().map(|c| cell(value, c)).collect());
        assert_eq!(
            expected.is_none(),
            rejected.contains(&nth),
            "{text}: {:?}",
            decoded.rejects.iter().find(|r| r.record as usize == nth)
        );
        let Some(expected) = expected else { continue };
        assert_eq!(decoded.batch.origin[row] as usize, nth);
        for (column, value) in expected.into_iter().enumerate() {
            same(&decoded.batch.rows.column(column), row, value, &text);
        }
        row += 1;
    }
    assert_eq!(row, decoded.batch.len());
    row
}

fn same(array: &dyn Array, row: usize, value: &Value, text: &str) {
    assert_eq!(array.is_null(row), value.is_null(), "{text}");
    let number = || value.to_string().parse::<f64>().unwrap();
    match array.data_type() {
        _ if value.is_null() => {}
        arrow::datatypes::DataType::Float64 => {
            let got = array.as_primitive::<Float64Type>().value(row);
            // serde_json may be off by the last bit here; the exact comparison is `floats_are_bit_equal`.
            assert!((got - number()).abs() <= got.abs() * 1e-15, "{text}");
        }
        arrow::datatypes::DataType::Float32 => {
            let got = array.as_primitive::<Float32Type>().value(row);
            assert!((got - number() as f32).abs() <= got.abs() * 2e-7, "{text}");
        }
        arrow::datatypes::DataType::Int64 => {
            assert_eq!(
                array.as_primitive::<Int64Type>().value(row) as f64,
                number(),
                "{text}"
            );
        }
        arrow::datatypes::DataType::Int32 => {
            assert_eq!(
                f64::from(array.as_primitive::<Int32Type>().value(row)),
                number(),
                "{text}"
            );
        }
        arrow::datatypes::DataType::Utf8 => {
            assert_eq!(Some(array.as_string::<i32>().value(row)), value.as_str())
        }
        _ => assert_eq!(Some(array.as_boolean().value(row)), value.as_bool(), "{text}"),
    }
}

#[test]
fn whole_documents_are_read_alike() {
    let mut random = Random(7);
    let documents: Vec<_> = (0..5000).map(|_| document(&mut random)).collect();
    assert!(compare(&documents) > 3000);
}

#[test]
fn truncated_documents_are_refused_alike() {
    let mut random = Random(11);
    for _ in 0..60 {
        let whole = document(&mut random);
        let cut: Vec<_> = (1..=whole.len()).map(|end| whole[..end].to_vec()).collect();
        compare(&cut);
    }
}

#[test]
fn damaged_documents_are_read_alike() {
    const BYTES: &[u8] = b"{}[]\",:\\ \n\t0123456789.eE+-truefalsn\x00\x1f\x7f\x80\xff\xe9u/";
    let mut random = Random(13);
    for _ in 0..60 {
        let whole = document(&mut random);
        let mut damaged = Vec::new();
        for at in 0..whole.len() {
            let mut copy = whole.clone();
            let byte = BYTES[random.below(BYTES.len())];
            match random.below(3) {
                0 => copy[at] = byte,
                1 => copy.insert(at, byte),
                _ => drop(copy.remove(at)),
            }
            damaged.push(copy);
        }
        compare(&damaged);
    }
}

#[test]
fn random_bytes_never_panic() {
    const BYTES: &[u8] = b"{}[]\",:\\u 019.eE-nulltruefsgikbo\xc3\xa9\x00";
    let mut random = Random(17);
    let mut documents = Vec::new();
    for _ in 0..20_000 {
        let length = random.below(40);
        let mut document = b"{\"".to_vec();
        document.extend((0..length).map(|_| BYTES[random.below(BYTES.len())]));
        documents.push(document);
    }
    let decoded = decode(&documents);
    assert_eq!(decoded.batch.len() + decoded.rejects.len(), documents.len());
}

#[test]
fn floats_are_bit_equal() {
    let mut random = Random(19);
    let numbers: Vec<f64> = (0..20_000)
        .map(|_| f64::from_bits(random.0 ^ random.below(1 << 40) as u64))
        .filter(|f| f.is_finite())
        .collect();
    let documents: Vec<_> = numbers
        .iter()
        .map(|f| format!("{{\"f\":{f:e}}}").into_bytes())
        .collect();
    let decoded = decode(&documents);
    let got = decoded.batch.rows.column(0).as_primitive::<Float64Type>();
    assert_eq!(got.len(), numbers.len());
    assert!(
        got.values()
            .iter()
            .zip(&numbers)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
}
