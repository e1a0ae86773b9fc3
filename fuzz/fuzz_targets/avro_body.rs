//! Any bytes as a body of a schema that has every type: a row or a reject.
#![no_main]

use std::sync::Arc;

use forebay_core::codec::avro::AvroDecoder;
use forebay_core::codec::{Column, ColumnKind, Decode, Part};
use forebay_core::{Record, Records};
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

fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.to_owned(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: true,
        default: None,
    }
}

fuzz_target!(|body: &[u8]| {
    let columns = [
        column("id", ColumnKind::Int32),
        column("name", ColumnKind::String),
        column("list", ColumnKind::Float32List(2)),
        column("map.a", ColumnKind::Int32),
        column("price", ColumnKind::String),
        column("kind", ColumnKind::String),
        column("at", ColumnKind::Int64),
        column("next.next.name", ColumnKind::String),
        column("fixed", ColumnKind::String),
        column("flag", ColumnKind::Bool),
    ];
    let mut decoder = AvroDecoder::plain(&columns, Part::Value, SCHEMA).expect("a decoder");
    let mut records = Records::default();
    let partition = records.intern(&Arc::from("t"), 0);
    let record = Record {
        payload: Some(body),
        ..Record::default()
    };
    records.push(partition, record);
    let decoded = decoder.decode(&Arc::new(records)).expect("a batch");
    assert_eq!(decoded.batch.len() + decoded.rejects.len(), 1);
});
