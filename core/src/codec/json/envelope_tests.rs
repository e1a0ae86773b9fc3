//! What stands in envelopes, and what an event without one says.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::{Deletes, Envelope, JsonDecoder};
use crate::codec::{Column, ColumnKind, Decode, Decoded, Part};
use crate::records::{Record, Records};

fn decode(envelope: Envelope, payloads: &[Option<&str>]) -> Decoded {
    let column = Column {
        name: "n".into(),
        path: vec!["o".into(), "n".into()],
        kind: ColumnKind::Int64,
        nullable: false,
        default: None,
    };
    let mut records = Records::default();
    let partition = records.intern(&"t".into(), 0);
    for payload in payloads {
        let payload = payload.map(str::as_bytes);
        records.push(
            partition,
            Record {
                payload,
                ..Record::default()
            },
        );
    }
    let mut decoder = JsonDecoder::in_envelope(&[column], Part::Value, envelope);
    decoder.decode(&Arc::new(records)).expect("a batch")
}

fn values(decoded: &Decoded) -> Vec<i64> {
    decoded
        .batch
        .rows
        .column(0)
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

/// Each is a reject that says so.
fn refused(envelope: Envelope, cases: &[(&str, &str)]) {
    for (payload, expected) in cases {
        let decoded = decode(envelope, &[Some(payload)]);
        let reason = decoded.rejects.first().map_or("a row", |reject| &reject.reason);
        assert!(reason.contains(expected), "{payload}: {reason}, not {expected}");
    }
}

#[test]
fn connects_envelope_is_taken_off() {
    let good = [
        r#"{"schema":{"type":"struct"},"payload":{"o":{"n":1}}}"#,
        r#" { "payload" : {"o":{"n":2}} , "schema" : null } "#,
    ];
    let decoded = decode(Envelope::Connect, &good.map(Some));
    assert_eq!(values(&decoded), [1, 2]);
    let cases = [
        (r#"{"o":{"n":1}}"#, "no envelope of connect"),
        (r#"{"payload":{"o":{"n":1}}}"#, "no envelope of connect"),
        (r#"{"schema":{},"payload":null}"#, "a null as its payload"),
        (
            r#"{"schema":{},"payload":5}"#,
            "expected a json object, found a number at byte 23",
        ),
        (
            r#"{"schema":{},"payload":{"o":{"n":"x"}}}"#,
            "column `n`: expected an int64, found a string at byte 33",
        ),
        (r#"{"schema":{},"schema":{},"payload":{}}"#, "given twice"),
        (r#"{"schema":{},"payload":{"o":{"n":1}}} x"#, "trailing bytes"),
        (r#"{"schema":{},"payload":{"o":{"n":1}}"#, "truncated json"),
        ("[]", "expected a json object, found an array"),
        ("", "empty payload"),
    ];
    refused(Envelope::Connect, &cases);
}

const UPDATE: &str = r#"{"before":{"o":{"n":1}},"after":{"o":{"n":2}},"source":{},"op":"u","ts_ms":5}"#;
const CREATE: &str = r#"{"schema":{"x":[]},"payload":{"before":null,"after":{"o":{"n":3}},"op":"c"}}"#;
const DELETE: &str = r#"{"before":{"o":{"n":4}},"after":null,"op":"d"}"#;

#[test]
fn debeziums_rows_are_found_with_connects_envelope_and_without() {
    let events = [Some(UPDATE), Some(DELETE), None, Some(CREATE)];
    let decoded = decode(Envelope::Debezium(Deletes::Reject), &events);
    assert_eq!(
        (values(&decoded), decoded.batch.origin.as_slice()),
        (vec![2, 3], &[0, 3][..])
    );
    let reasons: Vec<_> = decoded.rejects.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "a delete of debezium: it has no row in `after`",
            "tombstone: the record has no payload at byte 0"
        ]
    );
    // Each delete is told of already: its tombstone is left out.
    for (deletes, expected) in [(Deletes::Before, vec![2, 4, 3]), (Deletes::Skip, vec![2, 3])] {
        let decoded = decode(Envelope::Debezium(deletes), &events);
        assert_eq!(
            (values(&decoded), decoded.rejects.len()),
            (expected, 0),
            "{deletes:?}"
        );
    }
}

#[test]
fn an_event_that_is_none_of_debeziums_says_so() {
    let cases = [
        (r#"{"o":{"n":1}}"#, "no `op`"),
        (r#"{"schema":{},"payload":{"o":{"n":1}}}"#, "no `op`"),
        (r#"{"schema":{},"payload":null}"#, "no `op`"),
        (r#"{"op":"c","after":null}"#, "without a row in `after`"),
        (r#"{"op":"t","after":null}"#, "a truncate of debezium"),
        (r#"{"op":"m","message":{}}"#, "a message of debezium"),
        (
            r#"{"op":"u","after":[1]}"#,
            "expected a json object, found an array at byte 18",
        ),
        (r#"{"op":"u","after":{"o":{"n":1}}"#, "truncated json"),
    ];
    refused(Envelope::Debezium(Deletes::Before), &cases);
    refused(
        Envelope::Debezium(Deletes::Before),
        &[(
            r#"{"op":"d","before":null}"#,
            "a delete of debezium without the row in `before`",
        )],
    );
}

#[test]
fn every_prefix_of_an_event_is_a_row_or_a_reject() {
    for event in [UPDATE, CREATE, DELETE] {
        for end in 0..event.len() {
            let debeziums = [Deletes::Reject, Deletes::Skip, Deletes::Before].map(Envelope::Debezium);
            for envelope in [Envelope::Connect].into_iter().chain(debeziums) {
                let decoded = decode(envelope, &[Some(&event[..end])]);
                assert_eq!(decoded.rejects.len(), 1, "{envelope:?}: {}", &event[..end]);
            }
        }
    }
}
