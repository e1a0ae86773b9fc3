//! Any bytes as a key in each format that keys have, beside a payload that is read: one row or one reject, and numbers are those of the
//! bytes.
#![no_main]

use std::cell::RefCell;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use forebay_core::codec::avro::AvroDecoder;
use forebay_core::codec::json::JsonDecoder;
use forebay_core::codec::keyed::Keyed;
use forebay_core::codec::scalar::{Scalar, ScalarDecoder};
use forebay_core::codec::{ColumnKind, Decode, Part};
use forebay_core::{Record, Records};
use forebay_fuzz::{MILLIS, column, decode};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

const SCALARS: [(Scalar, ColumnKind); 13] = [
    (Scalar::Int64, ColumnKind::Int64),
    (Scalar::String, ColumnKind::String),
    (Scalar::Bytes, ColumnKind::Bytes),
    (Scalar::Int32, ColumnKind::Int32),
    (Scalar::Int32, ColumnKind::Float32),
    (Scalar::Int32, MILLIS),
    (Scalar::Int64, ColumnKind::Int32),
    (Scalar::Int64, ColumnKind::Float64),
    (Scalar::Int64, MILLIS),
    (Scalar::Float32, ColumnKind::Float32),
    (Scalar::Float32, ColumnKind::Float64),
    (Scalar::Float64, ColumnKind::Float64),
    (Scalar::Float64, ColumnKind::Float32),
];

thread_local! {
    static DECODERS: RefCell<Vec<Keyed>> = RefCell::new(decoders());
}

fn decoders() -> Vec<Keyed> {
    let scalar = |(format, kind)| -> Box<dyn Decode> {
        Box::new(ScalarDecoder::new(&column("k", kind), Part::Key, format).expect("a decoder"))
    };
    let json = JsonDecoder::of(&[column("k", ColumnKind::Int64)], Part::Key);
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"k","type":["null","long"]}]}"#;
    let avro = AvroDecoder::plain(&[column("k", ColumnKind::Int64)], Part::Key, schema).expect("a decoder");
    let mut all: Vec<_> = SCALARS.into_iter().map(scalar).collect();
    all.push(Box::new(json));
    all.push(Box::new(avro));
    let beside = |key| Keyed {
        value: Box::new(JsonDecoder::new(&[column("v", ColumnKind::Int64)])),
        key,
    };
    all.into_iter().map(beside).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let mut records = Records::default();
    let partition = records.intern(&Arc::from("t"), 0);
    for (key, payload) in [
        (Some(bytes), &br#"{"v":1}"#[..]),
        (None, br#"{"v":2}"#),
        (Some(bytes), bytes),
    ] {
        let record = Record {
            key,
            payload: Some(payload),
            ..Record::default()
        };
        records.push(partition, record);
    }
    let records = Arc::new(records);
    DECODERS.with_borrow_mut(|decoders| {
        for (number, decoder) in decoders.iter_mut().enumerate() {
            let decoded = decode(decoder, &records);
            if number == 0 {
                is_the_number(bytes, &decoded.batch);
            }
        }
    });
});

/// A key of eight bytes is the number that they are, whatever it is, and any other is none.
fn is_the_number(key: &[u8], batch: &forebay_core::Batch) {
    let of_first = batch.origin.first() == Some(&0);
    match <[u8; 8]>::try_from(key) {
        Ok(eight) => {
            let keys = batch.rows.column(1);
            assert!(of_first && keys.is_valid(0));
            assert_eq!(keys.as_primitive::<Int64Type>().value(0), i64::from_be_bytes(eight));
        }
        Err(_) => assert!(!of_first),
    }
}
