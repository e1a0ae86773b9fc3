//! An event as it came, with members added behind its own. Its bytes are kept as they lie; a member that is replaced is
//! left out. Knows the text of one object; it does not know columns' types.

use super::fields::Level;
use super::parser::Cursor;
use crate::codec::fault::Parsed;

/// Appends the object in `payload` up to behind its last member, without the members that `replaced` names.
/// Returns where in `payload` the closing bracket stands, and whether a member was written.
pub(super) fn copy_open(
    out: &mut Vec<u8>,
    payload: &[u8],
    replaced: &Level,
    scratch: &mut Vec<u8>,
) -> Parsed<(usize, bool)> {
    let mut cursor = Cursor::new(payload);
    if cursor.peek() != Some(b'{') {
        return cursor.mismatch("expected a json object");
    }
    cursor.enter()?;
    out.extend_from_slice(&payload[..cursor.at]);
    // The run of members to keep that is not copied yet.
    let mut run = cursor.at..cursor.at;
    let (mut kept, mut first) = (false, true);
    while cursor.next(b'}', first)? {
        let start = if first { run.start } else { cursor.at };
        first = false;
        cursor.open_key()?;
        let key = cursor.text(scratch)?;
        let drop = replaced.find(key).is_some();
        cursor.colon()?;
        cursor.skip_value()?;
        if drop {
            kept |= flush(out, payload, &run, kept);
            run = cursor.at..cursor.at;
        } else {
            run = if run.is_empty() { start } else { run.start }..cursor.at;
        }
    }
    kept |= flush(out, payload, &run, kept);
    let close = cursor.at - 1;
    cursor.end()?;
    Ok((close, kept))
}

fn flush(out: &mut Vec<u8>, payload: &[u8], run: &std::ops::Range<usize>, kept: bool) -> bool {
    if run.is_empty() {
        return false;
    }
    if kept {
        out.push(b',');
    }
    out.extend_from_slice(&payload[run.clone()]);
    true
}
