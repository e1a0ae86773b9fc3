//! Any text as a schema, and columns by the names that the corpus uses: a decoder or an error, and then a row or a reject.
#![no_main]

use std::sync::Arc;

use forebay_core::codec::avro::{AvroDecoder, AvroSchema, way};
use forebay_core::codec::{Column, ColumnKind, Decode, Part};
use forebay_core::{Record, Records};
use libfuzzer_sys::fuzz_target;

fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.to_owned(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: true,
        default: None,
    }
}

fuzz_target!(|text: &str| {
    let Ok(schema) = AvroSchema::parse(text, &[]) else {
        return;
    };
    let columns = [
        column("a", ColumnKind::Int64),
        column("b", ColumnKind::String),
        column("c.a", ColumnKind::Float64),
        column("c.c.b", ColumnKind::Bytes),
    ];
    let mut records = Records::default();
    let partition = records.intern(&Arc::from("t"), 0);
    for body in [&[0; 16][..], &[2; 300], text.as_bytes()] {
        let record = Record {
            payload: Some(body),
            ..Record::default()
        };
        records.push(partition, record);
    }
    let records = Arc::new(records);
    for column in columns {
        let fits = way(&schema, &column).is_ok();
        let decoder = AvroDecoder::plain(&[column], Part::Value, text);
        assert_eq!(fits, decoder.is_ok());
        if let Ok(mut decoder) = decoder {
            let decoded = decoder.decode(&records).expect("a batch");
            assert_eq!(decoded.batch.len() + decoded.rejects.len(), 3);
        }
    }
});
