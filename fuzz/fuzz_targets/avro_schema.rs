//! Any text as a schema, and columns by the names that the corpus uses: a decoder or an error, and then a row or a reject.
#![no_main]

use forebay_core::codec::avro::{AvroDecoder, AvroSchema, way};
use forebay_core::codec::{ColumnKind, Part};
use forebay_fuzz::{columns, decode, records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(schema) = AvroSchema::parse(text, &[]) else {
        return;
    };
    let columns = columns(&[
        ("a", ColumnKind::Int64),
        ("b", ColumnKind::String),
        ("c.a", ColumnKind::Float64),
        ("c.c.b", ColumnKind::Bytes),
    ]);
    let records = records(&[&[0; 16], &[2; 300], text.as_bytes()]);
    for column in columns {
        let fits = way(&schema, &column).is_ok();
        let decoder = AvroDecoder::plain(&[column], Part::Value, text);
        assert_eq!(fits, decoder.is_ok());
        if let Ok(mut decoder) = decoder {
            decode(&mut decoder, &records);
        }
    }
});
