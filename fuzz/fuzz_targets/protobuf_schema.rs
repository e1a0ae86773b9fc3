//! Any text as the text of a `.proto` file, and columns by the names that the corpus uses: a decoder or an error, and then a row or a
//! reject.
#![no_main]

use forebay_core::codec::protobuf::{ProtobufDecoder, way};
use forebay_core::codec::schemas::SchemaType;
use forebay_core::codec::{ColumnKind, Part};
use forebay_fuzz::{MILLIS, columns, decode, records, schema};
use libfuzzer_sys::fuzz_target;

/// Where the compiler may panic: it is caught where it is called.
const COMPILER: [&str; 3] = ["/protox", "/descriptor/error.rs", "/descriptor/build/"];

/// Any other panic ends the run.
fn end_unless_of_the_compiler() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |at| at.file());
        if !COMPILER.iter().any(|part| file.contains(part)) {
            end(panic);
        }
    }));
}

fuzz_target!(init: end_unless_of_the_compiler(), |text: &str| {
    let schema = schema(SchemaType::Protobuf, text);
    let columns = columns(&[
        ("a", ColumnKind::Int64),
        ("b", ColumnKind::String),
        ("c.a", ColumnKind::Float64),
        ("c.c.b", ColumnKind::Bytes),
        ("t", MILLIS),
        ("l", ColumnKind::Float32List(2)),
    ]);
    let Ok(ways) = way(&schema, None, &columns) else {
        return;
    };
    let records = records(&[&[0; 16], &[8; 300], &[10, 2, 8, 1], text.as_bytes()]);
    for (column, way) in columns.into_iter().zip(ways) {
        let decoder = ProtobufDecoder::plain(&[column], Part::Value, &schema, None);
        assert_eq!(way.is_ok(), decoder.is_ok());
        if let Ok(mut decoder) = decoder {
            decode(&mut decoder, &records);
        }
    }
});
