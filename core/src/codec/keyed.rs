//! Rows from key and payload together, each read by a decoder of its own. Knows rows and their origins; it does not know formats.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::{Decode, Decoded};
use crate::batch::Batch;
use crate::error::Result;
use crate::records::Records;
use crate::reject::Reject;

/// The columns of the payload, then those of the key. A record is a row where both could be read, and one reject where one of
/// them could not.
pub struct Keyed {
    pub value: Box<dyn Decode>,
    pub key: Box<dyn Decode>,
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}

impl Decode for Keyed {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let value = self.value.decode(records)?;
        let key = self.key.decode(records)?;
        let rejects = joined(value.rejects, key.rejects);
        let (values, keys) = common(&value.batch.origin, &key.batch.origin);
        let values = taken(value.batch, &values)?;
        let keys = taken(key.batch, &keys)?;
        let fields = [&values.rows, &keys.rows].map(|rows| rows.schema_ref().fields().iter().cloned());
        let schema = Arc::new(Schema::new(fields.into_iter().flatten().collect::<Vec<_>>()));
        let columns = values
            .rows
            .columns()
            .iter()
            .chain(keys.rows.columns())
            .cloned()
            .collect();
        let batch = Batch::new(schema, columns, values.origin, Arc::clone(records))?;
        Ok(Decoded { batch, rejects })
    }
}

/// The rows of each whose records both have; both rise.
fn common(left: &[u32], right: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut of_left, mut of_right) = (Vec::with_capacity(left.len()), Vec::with_capacity(right.len()));
    let mut rights = right.iter().enumerate().peekable();
    for (row, origin) in left.iter().enumerate() {
        while rights.next_if(|(_, other)| *other < origin).is_some() {}
        if let Some((other, _)) = rights.next_if(|(_, other)| *other == origin) {
            of_left.push(row as u32);
            of_right.push(other as u32);
        }
    }
    (of_left, of_right)
}

/// The rows named; most often all, and then nothing is copied.
fn taken(batch: Batch, rows: &[u32]) -> Result<Batch> {
    if rows.len() == batch.len() {
        return Ok(batch);
    }
    batch.take(rows)
}

/// One reject for each record that has any, in the records' order: the payload's before the key's.
fn joined(value: Vec<Reject>, mut key: Vec<Reject>) -> Vec<Reject> {
    for reject in &mut key {
        reject.reason.insert_str(0, "key: ");
    }
    if value.is_empty() {
        return key;
    }
    let mut all = value;
    all.append(&mut key);
    // Stable: where a record has two, the payload's stays first.
    all.sort_by_key(|reject| reject.record);
    all.dedup_by_key(|reject| reject.record);
    all
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use super::super::json::JsonDecoder;
    use super::super::scalar::{Scalar, ScalarDecoder};
    use super::super::{Column, ColumnKind, Part};
    use super::*;
    use crate::records::Record;

    fn column(name: &str, kind: ColumnKind) -> Column {
        Column {
            name: name.into(),
            path: vec![name.into()],
            kind,
            nullable: false,
            default: None,
        }
    }

    fn decode(of: &[(&[u8], &str)]) -> Decoded {
        let mut records = Records::default();
        let partition = records.intern(&"t".into(), 0);
        for (key, payload) in of {
            let record = Record {
                key: Some(key),
                payload: Some(payload.as_bytes()),
                ..Record::default()
            };
            records.push(partition, record);
        }
        let key =
            ScalarDecoder::new(&column("k", ColumnKind::Int64), Part::Key, Scalar::Int32).expect("a decoder");
        let mut keyed = Keyed {
            value: Box::new(JsonDecoder::new(&[column("v", ColumnKind::Int64)])),
            key: Box::new(key),
        };
        keyed.decode(&Arc::new(records)).expect("a batch")
    }

    #[test]
    fn a_row_has_the_columns_of_payload_and_key() {
        let found = decode(&[(&[0, 0, 0, 1], r#"{"v":10}"#), (&[0, 0, 0, 2], r#"{"v":20}"#)]);
        let rows = &found.batch.rows;
        let names: Vec<_> = rows
            .schema_ref()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(names, ["v", "k"]);
        assert_eq!(
            rows.column(0).as_primitive::<Int64Type>().values().to_vec(),
            [10, 20]
        );
        assert_eq!(
            rows.column(1).as_primitive::<Int64Type>().values().to_vec(),
            [1, 2]
        );
    }

    #[test]
    fn a_record_that_either_refuses_is_one_reject() {
        let good = r#"{"v":1}"#;
        let found = decode(&[
            (b"bad", good),
            (&[0, 0, 0, 1], good),
            (b"bad", "{}"),
            (&[0, 0, 0, 3], "{}"),
            (&[0, 0, 0, 4], r#"{"v":4}"#),
        ]);
        assert_eq!(found.batch.origin, [1, 4]);
        let rows = &found.batch.rows;
        assert_eq!(
            rows.column(0).as_primitive::<Int64Type>().values().to_vec(),
            [1, 4]
        );
        assert_eq!(
            rows.column(1).as_primitive::<Int64Type>().values().to_vec(),
            [1, 4]
        );
        let reasons: Vec<_> = found
            .rejects
            .iter()
            .map(|r| (r.record, r.reason.as_str()))
            .collect();
        let expected = [
            (0, "key: column `k`: not 4 bytes long at byte 3"),
            (2, "column `v`: missing, and without a default at byte 2"),
            (3, "column `v`: missing, and without a default at byte 2"),
        ];
        assert_eq!(reasons, expected);
    }
}
