//! How a record says which schema its bytes were written with. Every registry's world has its own way: one file-long answer here.
//! Knows bytes and headers; it does not know what a schema is.

use std::fmt;

use super::Part;
use super::schemas::SchemaKey;
use crate::records::Records;

/// A key or payload, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    pub schema: SchemaKey,
    /// What the frame says behind the schema's key where the frame is not before the body: a Protobuf message's place
    /// in its file. `None`: such a thing is at the start of the body.
    pub beside: Option<&'a [u8]>,
    pub body: &'a [u8],
}

/// One way to say it.
pub trait Framing: fmt::Debug + Send + Sync {
    /// Takes the part of record `row` apart.
    ///
    /// # Errors
    /// Why it is not framed so; without a byte of the content.
    fn open<'a>(&self, records: &'a Records, row: usize, part: Part) -> Result<Framed<'a>, String>;

    /// Writes what comes before a body that was written with the schema of `id`.
    fn begin(&self, id: u32, out: &mut Vec<u8>);
}

/// Confluent's way, as its clients read it: a header names the schema, by GUID or id; where there is none, the first five
/// bytes do. Written are the five bytes.
/// (Confluent's documentation, "Wire format"; `DualSchemaIdDeserializer` of its registry's Java serializers, with Kafka's `lastHeader`.)
#[derive(Clone, Copy, Debug, Default)]
pub struct Confluent;

/// Before an id, in the bytes or in a header.
const MAGIC_ID: u8 = 0;
/// Before a GUID, in a header only.
const MAGIC_GUID: u8 = 1;

/// The header in which Confluent's clients name the schema of a part. It says nothing of other bytes than those it came with.
pub fn schema_header(part: Part) -> &'static str {
    match part {
        Part::Key => "__key_schema_id",
        Part::Value => "__value_schema_id",
    }
}

impl Framing for Confluent {
    fn open<'a>(&self, records: &'a Records, row: usize, part: Part) -> Result<Framed<'a>, String> {
        let name = schema_header(part);
        let body = part.of(records, row).unwrap_or_default();
        // The last of several: writers add theirs behind those that they pass on.
        let named = records.headers(row).filter(|(header, _)| *header == name).last();
        if let Some((_, Some(value))) = named {
            let (schema, beside) = in_header(value).map_err(|what| format!("header `{name}`: {what}"))?;
            return Ok(Framed {
                schema,
                beside: Some(beside),
                body,
            });
        }
        let (schema, body) = before_body(body)?;
        Ok(Framed {
            schema,
            beside: None,
            body,
        })
    }

    fn begin(&self, id: u32, out: &mut Vec<u8>) {
        out.push(MAGIC_ID);
        out.extend_from_slice(&id.to_be_bytes());
    }
}

fn in_header(value: &[u8]) -> Result<(SchemaKey, &[u8]), String> {
    match value.split_first() {
        Some((&MAGIC_ID, rest)) => match rest.split_first_chunk() {
            Some((id, rest)) => Ok((SchemaKey::Id(u32::from_be_bytes(*id)), rest)),
            None => Err(format!("{} bytes where a schema id has 4", rest.len())),
        },
        Some((&MAGIC_GUID, rest)) => match rest.split_first_chunk() {
            Some((guid, rest)) => Ok((SchemaKey::Guid(*guid), rest)),
            None => Err(format!("{} bytes where a schema's guid has 16", rest.len())),
        },
        Some((other, _)) => Err(format!(
            "begins with 0x{other:02x}, not with 0x00 (a schema id) or 0x01 (a guid)"
        )),
        None => Err("is empty".to_owned()),
    }
}

fn before_body(bytes: &[u8]) -> Result<(SchemaKey, &[u8]), String> {
    match bytes.split_first() {
        Some((&MAGIC_ID, rest)) => match rest.split_first_chunk() {
            Some((id, body)) => Ok((SchemaKey::Id(u32::from_be_bytes(*id)), body)),
            None => Err(format!(
                "{} bytes: too short for 0x00 and a schema id of 4 bytes",
                bytes.len()
            )),
        },
        Some((other, _)) => Err(format!(
            "begins with 0x{other:02x}, not with 0x00 and a schema id; its writer used no schema registry, or another one's framing"
        )),
        None => Err("empty: no schema id".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::records::Record;

    /// Key, what stands beside, body.
    type Opened = (SchemaKey, Option<Vec<u8>>, Vec<u8>);

    fn opened(payload: &[u8], header: Option<&[u8]>) -> Result<Opened, String> {
        let mut records = Records::default();
        let partition = records.intern(&Arc::from("t"), 0);
        records.push(
            partition,
            Record {
                payload: Some(payload),
                ..Record::default()
            },
        );
        if let Some(header) = header {
            records.push_header("__key_schema_id", Some(b"not of the value"));
            records.push_header("__value_schema_id", Some(header));
        }
        let framed = Confluent.open(&records, 0, Part::Value)?;
        Ok((
            framed.schema,
            framed.beside.map(<[u8]>::to_vec),
            framed.body.to_vec(),
        ))
    }

    #[test]
    fn an_id_stands_before_the_body() {
        let found = opened(&[0, 0, 0, 1, 2, 9, 8], None);
        assert_eq!(found, Ok((SchemaKey::Id(258), None, vec![9, 8])));
        let mut written = Vec::new();
        Confluent.begin(258, &mut written);
        assert_eq!(written, [0, 0, 0, 1, 2]);
    }

    #[test]
    fn a_header_comes_first() {
        let mut header = vec![1];
        header.extend(0..16);
        header.push(7);
        let guid: [u8; 16] = std::array::from_fn(|i| i as u8);
        let found = opened(&[0, 0, 0, 0, 3, 1], Some(&header));
        assert_eq!(
            found,
            Ok((SchemaKey::Guid(guid), Some(vec![7]), vec![0, 0, 0, 0, 3, 1]))
        );
        let found = opened(&[5], Some(&[0, 0, 0, 0, 3]));
        assert_eq!(found, Ok((SchemaKey::Id(3), Some(vec![]), vec![5])));
        let named = SchemaKey::Guid(guid).to_string();
        let mut records = Records::default();
        let partition = records.intern(&Arc::from("t"), 0);
        records.push(partition, Record::default());
        records.push_header("__value_schema_id", Some(&[0, 0, 0, 0, 3]));
        records.push_header("__value_schema_id", Some(&[0, 0, 0, 0, 4]));
        let last = Confluent.open(&records, 0, Part::Value).expect("a frame");
        assert_eq!(last.schema, SchemaKey::Id(4));
        assert_eq!(named, "guid 00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    #[test]
    fn what_is_not_framed_says_why() {
        let reasons = [
            (opened(&[], None), "empty: no schema id"),
            (opened(&[0], None), "1 bytes: too short"),
            (opened(&[0, 0, 0, 1], None), "4 bytes: too short"),
            (opened(b"{}", None), "begins with 0x7b, not with 0x00"),
            (opened(&[1], Some(&[])), "header `__value_schema_id`: is empty"),
            (
                opened(&[1], Some(&[1, 2])),
                "1 bytes where a schema's guid has 16",
            ),
            (opened(&[1], Some(&[0, 2, 2])), "2 bytes where a schema id has 4"),
            (opened(&[1], Some(&[9])), "begins with 0x09"),
        ];
        for (found, reason) in reasons {
            let said = found.expect_err(reason);
            assert!(said.contains(reason), "{said}");
        }
    }
}
