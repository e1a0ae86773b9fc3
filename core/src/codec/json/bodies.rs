//! Where the documents are: in a record's payload or key, behind a frame, inside an envelope. Gives bytes; it does not know columns.

use super::parser::Cursor;
use crate::codec::Part;
use crate::codec::fault::Fault;
use crate::error::Error;
use crate::records::Records;

/// Gives the document of each record.
pub trait Bodies: Send {
    /// The document of record `record`; no bytes are a tombstone.
    fn body<'a>(&mut self, records: &'a Records, record: usize) -> Result<Body<'a>, Unfit>;
}

/// The bytes of a document.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub(in crate::codec) bytes: Option<&'a [u8]>,
    /// How many bytes of the record's part stand before it.
    pub(in crate::codec) before: usize,
}

/// Why a record has no document to read.
#[derive(Debug)]
pub enum Unfit {
    /// It is a reject: by this cause, for this reason.
    Reason(&'static str, String),
    /// It is nobody's matter: neither row nor reject.
    Skip,
    /// The decoder cannot go on.
    Stop(Error),
}

/// The part itself.
#[derive(Clone, Copy, Debug)]
pub struct Plain(pub Part);

impl Bodies for Plain {
    #[inline]
    fn body<'a>(&mut self, records: &'a Records, record: usize) -> Result<Body<'a>, Unfit> {
        let bytes = self.0.of(records, record);
        if bytes.is_none() && self.0 == Part::Key {
            return Err(Unfit::Reason(self.0.missing(), self.0.missing().to_owned()));
        }
        Ok(Body { bytes, before: 0 })
    }
}

/// What an envelope around a row looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// There is none.
    #[default]
    None,
    /// Kafka Connect's JSON converter with schemas: the row is in `payload`, beside `schema`.
    Connect,
    /// A change event of Debezium: the row is in `after`, with Connect's envelope around it or without.
    Debezium(Deletes),
}

/// What becomes of Debezium's deletes, which have no row in `after`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletes {
    /// A reject, and so is the tombstone that Debezium writes behind each delete.
    #[default]
    Reject,
    /// Left out, as a filter does: neither result nor dead letter. The tombstone is left out, too.
    Skip,
    /// The row as it was, from `before`; the tombstone behind it is left out.
    Before,
}

/// Documents in an envelope.
#[derive(Clone, Debug)]
pub struct Enveloped<B> {
    inner: B,
    envelope: Envelope,
    scratch: Vec<u8>,
}

impl<B> Enveloped<B> {
    pub(in crate::codec) fn new(inner: B, envelope: Envelope) -> Self {
        Self {
            inner,
            envelope,
            scratch: Vec::new(),
        }
    }
}

impl<B: Bodies> Bodies for Enveloped<B> {
    fn body<'a>(&mut self, records: &'a Records, record: usize) -> Result<Body<'a>, Unfit> {
        let around = self.inner.body(records, record)?;
        let bytes = match (around.bytes, self.envelope) {
            (None, Envelope::Debezium(Deletes::Skip | Deletes::Before)) => return Err(Unfit::Skip),
            // No document is a tombstone, an empty one a reject.
            (None | Some([]), _) => return Ok(around),
            (Some(bytes), _) => bytes,
        };
        let opened = match self.envelope {
            Envelope::None => return Ok(around),
            _ if simdutf8::basic::from_utf8(bytes).is_err() => return Ok(around),
            Envelope::Connect => connect(bytes, &mut self.scratch),
            Envelope::Debezium(deletes) => debezium(bytes, deletes, &mut self.scratch),
        };
        let (start, end) = opened.map_err(|wrong| match wrong {
            Wrong::Skip => Unfit::Skip,
            Wrong::Reason(what) => Unfit::Reason(what, what.to_owned()),
            Wrong::Fault(fault) => {
                let found = fault
                    .found
                    .map_or(String::new(), |found| format!(", found {found}"));
                let at = fault.at + around.before;
                Unfit::Reason(fault.what, format!("{}{found} at byte {at}", fault.what))
            }
        })?;
        Ok(Body {
            bytes: Some(&bytes[start..end]),
            before: around.before + start,
        })
    }
}

/// Why an envelope has no row.
enum Wrong {
    Skip,
    Reason(&'static str),
    Fault(Box<Fault>),
}

impl From<Box<Fault>> for Wrong {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

type Range = (usize, usize);

fn connect(bytes: &[u8], scratch: &mut Vec<u8>) -> Result<Range, Wrong> {
    let mut cursor = Cursor::new(bytes);
    let found = members(&mut cursor, ["schema", "payload"], scratch)?;
    cursor.end()?;
    match found {
        [Some(_), Some(payload)] if is_null(bytes, payload) => Err(Wrong::Reason(
            "connect's envelope has a null as its payload: a tombstone",
        )),
        [Some(_), Some(payload)] => Ok(payload),
        _ => Err(Wrong::Reason(
            "no envelope of connect: the event has not both `schema` and `payload`; its writer has `schemas.enable` off",
        )),
    }
}

fn debezium(bytes: &[u8], deletes: Deletes, scratch: &mut Vec<u8>) -> Result<Range, Wrong> {
    const NAMES: [&str; 4] = ["payload", "op", "after", "before"];
    let mut cursor = Cursor::new(bytes);
    let mut found = members(&mut cursor, NAMES, scratch)?;
    cursor.end()?;
    if let [Some((start, _)), None, ..] = found
        && bytes[start] == b'{'
    {
        cursor = Cursor::new(bytes);
        cursor.at = start;
        found = members(&mut cursor, NAMES, scratch)?;
    }
    let [_, Some(op), after, before] = found else {
        return Err(Wrong::Reason("no envelope of debezium: the event has no `op`"));
    };
    let is_row = |range: &Range| !is_null(bytes, *range);
    let (after, before) = (after.filter(is_row), before.filter(is_row));
    match (&bytes[op.0..op.1], deletes) {
        (br#""d""#, Deletes::Skip) => Err(Wrong::Skip),
        (br#""d""#, Deletes::Reject) => Err(Wrong::Reason("a delete of debezium: it has no row in `after`")),
        (br#""d""#, Deletes::Before) => {
            before.ok_or(Wrong::Reason("a delete of debezium without the row in `before`"))
        }
        (br#""t""#, _) => Err(Wrong::Reason("a truncate of debezium: it has no row")),
        (br#""m""#, _) => Err(Wrong::Reason("a message of debezium: it has no row")),
        _ => after.ok_or(Wrong::Reason("an event of debezium without a row in `after`")),
    }
}

fn is_null(bytes: &[u8], range: Range) -> bool {
    bytes[range.0..range.1] == *b"null"
}

/// Where the values of these members of the object under the cursor lie.
fn members<const N: usize>(
    cursor: &mut Cursor<'_>,
    names: [&str; N],
    scratch: &mut Vec<u8>,
) -> Result<[Option<Range>; N], Box<Fault>> {
    let mut found = [None; N];
    if cursor.peek() != Some(b'{') {
        return cursor.mismatch("expected a json object");
    }
    cursor.enter()?;
    let mut first = true;
    while cursor.next(b'}', first)? {
        first = false;
        cursor.open_key()?;
        let at = cursor.at;
        let key = cursor.text(scratch)?;
        let name = names.iter().position(|name| name.as_bytes() == key);
        cursor.colon()?;
        cursor.peek();
        let start = cursor.at;
        cursor.skip_value()?;
        if let Some(name) = name {
            if found[name].is_some() {
                return Err(Fault::new("a member of the envelope given twice", at));
            }
            found[name] = Some((start, cursor.at));
        }
    }
    Ok(found)
}
