//! Any bytes as an event of JSON in each envelope, bare and behind a frame: a row, a reject, or left out where deletes are skipped.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use forebay_core::codec::framing::Confluent;
use forebay_core::codec::json::{Deletes, Envelope, JsonDecoder};
use forebay_core::codec::{ColumnKind, Decode, Part, json_schema};
use forebay_fuzz::{MILLIS, among, columns, framed, records};
use libfuzzer_sys::fuzz_target;

const PLAIN: &[u8] = br#"{"a":7,"b":"x","c":{"a":1.5},"t":"2024-01-01T00:00:00Z","l":[1,2],"f":true,"x":"AQI="}"#;
const CONNECT: &[u8] = br#"{"schema":{"type":"struct","fields":[]},"payload":{"a":7,"b":"x","l":[1,2]}}"#;
const DEBEZIUM: &[u8] = br#"{"schema":{},"payload":{"before":null,"after":{"a":7,"b":"x","l":[1,2]},"op":"c"}}"#;

const ENVELOPES: [(Envelope, &[u8]); 5] = [
    (Envelope::None, PLAIN),
    (Envelope::Connect, CONNECT),
    (Envelope::Debezium(Deletes::Reject), DEBEZIUM),
    (Envelope::Debezium(Deletes::Before), DEBEZIUM),
    (Envelope::Debezium(Deletes::Skip), DEBEZIUM),
];

type Pair = (Box<dyn Decode>, Box<dyn Decode>);

thread_local! {
    static DECODERS: RefCell<Vec<Pair>> = RefCell::new(ENVELOPES.map(|(envelope, _)| pair(envelope)).into());
}

/// Without a frame, and behind one.
fn pair(envelope: Envelope) -> Pair {
    let columns = columns(&[
        ("a", ColumnKind::Int64),
        ("b", ColumnKind::String),
        ("c.a", ColumnKind::Float64),
        ("c.c.b", ColumnKind::Float32),
        ("t", MILLIS),
        ("l", ColumnKind::Float32List(2)),
        ("f", ColumnKind::Bool),
        ("x", ColumnKind::Bytes),
        ("i", ColumnKind::Int32),
    ]);
    let bare = JsonDecoder::in_envelope(&columns, Part::Value, envelope);
    let behind = json_schema::decoder(&columns, Part::Value, Arc::new(Confluent), None, envelope);
    (Box::new(bare), Box::new(behind))
}

fuzz_target!(|body: &[u8]| {
    DECODERS.with_borrow_mut(|decoders| {
        for ((envelope, good), (bare, behind)) in ENVELOPES.into_iter().zip(decoders) {
            let both = framed(&[good, body]);
            if envelope == Envelope::Debezium(Deletes::Skip) {
                left_out(bare.as_mut(), good, body);
                left_out(behind.as_mut(), &both[0], &both[1]);
            } else {
                among(bare.as_mut(), good, body);
                among(behind.as_mut(), &both[0], &both[1]);
            }
        }
    });
});

/// The one between two good ones may be neither row nor reject.
fn left_out(decoder: &mut dyn Decode, good: &[u8], any: &[u8]) {
    let decoded = decoder.decode(&records(&[good, any, good])).expect("a batch");
    assert!((2..=3).contains(&(decoded.batch.len() + decoded.rejects.len())));
    let ends = (decoded.batch.origin.first(), decoded.batch.origin.last());
    assert_eq!(ends, (Some(&0), Some(&2)), "{:?}", decoded.rejects);
}
