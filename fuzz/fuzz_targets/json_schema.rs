//! A schema's text and, behind a zero byte, a document: held to the schema it is a row or a reject.
#![no_main]

use std::sync::Arc;

use forebay_core::codec::framing::Confluent;
use forebay_core::codec::json::Envelope;
use forebay_core::codec::json_schema::{decoder, way};
use forebay_core::codec::schemas::{SchemaReference, SchemaType};
use forebay_core::codec::{ColumnKind, Part};
use forebay_fuzz::{Known, columns, decode, framed, records, schema};
use libfuzzer_sys::fuzz_target;

/// What the schemas of the corpus refer to.
const OTHER: &str = r##"{"$id":"https://example.com/other","type":"object","properties":{"a":{"$ref":"#"}}}"##;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (text, document) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let mut schema = schema(SchemaType::JsonSchema, text);
    schema.references.push(SchemaReference {
        name: "other.json".to_owned(),
        text: OTHER.to_owned(),
    });
    let columns = columns(&[
        ("a", ColumnKind::Int64),
        ("b", ColumnKind::String),
        ("c.a", ColumnKind::Float64),
        ("l", ColumnKind::Float32List(2)),
    ]);
    // In words or refused: nothing to hold a document to.
    let _followed = way(&schema, Envelope::None, &columns).is_ok();
    let known = Arc::new(Known(Arc::new(schema)));
    let mut decoder = decoder(&columns, Part::Value, Arc::new(Confluent), Some(known), Envelope::None);
    let bodies = framed(&[document, b"{}", document]);
    let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    let decoded = decode(&mut decoder, &records(&bodies));
    let is_row = |record| decoded.batch.origin.contains(&record);
    assert_eq!(is_row(0), is_row(2), "{:?}", decoded.rejects);
});
