//! Any payload, with its first part as a header or not: taken apart, or refused.
#![no_main]

use std::sync::Arc;

use forebay_core::codec::Part;
use forebay_core::codec::framing::{Confluent, Framing};
use forebay_core::{Record, Records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (header, payload) = match bytes.split_first() {
        Some((length, rest)) => rest.split_at(rest.len().min(usize::from(*length))),
        None => (bytes, bytes),
    };
    for with_header in [false, true] {
        let mut records = Records::default();
        let partition = records.intern(&Arc::from("t"), 0);
        let record = Record {
            payload: Some(payload),
            ..Record::default()
        };
        records.push(partition, record);
        if with_header {
            records.push_header("__value_schema_id", Some(header));
        }
        match Confluent.open(&records, 0, Part::Value) {
            Ok(framed) => assert!(payload.ends_with(framed.body)),
            Err(reason) => assert!(!reason.is_empty()),
        }
    }
});
