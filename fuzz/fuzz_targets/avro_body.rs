//! Any bytes as a body of a schema that has every type, bare and behind a frame: a row or a reject, and nothing to its neighbours.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use forebay_core::codec::avro::AvroDecoder;
use forebay_core::codec::framing::Confluent;
use forebay_core::codec::schemas::SchemaType;
use forebay_core::codec::{ColumnKind, Part};
use forebay_fuzz::{Known, among, columns, framed, schema};
use libfuzzer_sys::fuzz_target;

const SCHEMA: &str = r#"{"type":"record","name":"event","fields":[
    {"name":"id","type":"long"},
    {"name":"skipped","type":{"type":"array","items":{"type":"map","values":["null","string","event"]}}},
    {"name":"name","type":["null","string","bytes","double"]},
    {"name":"nothings","type":{"type":"array","items":"null"}},
    {"name":"list","type":{"type":"array","items":["null","float","long"]}},
    {"name":"map","type":{"type":"map","values":"int"}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
    {"name":"kind","type":{"type":"enum","name":"k","symbols":["A","B"]}},
    {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
    {"name":"next","type":["null","event"]},
    {"name":"fixed","type":{"type":"fixed","name":"f","size":12,"logicalType":"duration"}},
    {"name":"flag","type":"boolean"}]}"#;

/// An event with each of its fields.
const GOOD: &[u8] = b"\x0e\x00\x02\x02n\x00\x04\x02\0\0\x80\x3f\x04\x06\x00\x02\x02a\x08\x00\x04\x01\x02\x02\x02\x08\x00\
    \0\0\0\0\0\0\0\0\0\0\0\0\x01";

type Both = RefCell<(AvroDecoder, AvroDecoder)>;

thread_local! {
    static DECODERS: Both = {
        let columns = columns(&[
            ("id", ColumnKind::Int32),
            ("name", ColumnKind::String),
            ("list", ColumnKind::Float32List(2)),
            ("map.a", ColumnKind::Int32),
            ("price", ColumnKind::String),
            ("kind", ColumnKind::String),
            ("at", ColumnKind::Int64),
            ("next.next.name", ColumnKind::String),
            ("fixed", ColumnKind::String),
            ("flag", ColumnKind::Bool),
        ]);
        let known = Known(Arc::new(schema(SchemaType::Avro, SCHEMA)));
        let bare = AvroDecoder::plain(&columns, Part::Value, SCHEMA).expect("a decoder");
        let behind = AvroDecoder::registered(&columns, Part::Value, Arc::new(Confluent), Arc::new(known));
        RefCell::new((bare, behind))
    };
}

fuzz_target!(|body: &[u8]| {
    DECODERS.with_borrow_mut(|(bare, behind)| {
        among(bare, GOOD, body);
        let both = framed(&[GOOD, body]);
        among(behind, &both[0], &both[1]);
        among(behind, &both[0], body);
    });
});
