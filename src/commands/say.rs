//! What goes to standard output. A reader that has seen enough (`forebay check p.yaml | head`) is no error, and ends nothing;
//! a full disk is one, said once, at the end.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use forebay::core::Error;

static FAILED: OnceLock<io::Error> = OnceLock::new();

/// `text` as it stands, at once.
pub(super) fn say(text: impl Display) {
    let mut out = io::stdout().lock();
    let written = write!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _first = FAILED.set(error);
    }
}

/// `text` as a line.
pub(super) fn say_line(text: impl Display) {
    say(format_args!("{text}\n"));
}

/// Whether everything was written.
pub(super) fn said() -> Result<(), Error> {
    FAILED.get().map_or(Ok(()), |error| {
        Err(Error::fatal(format!("write to standard output: {error}")))
    })
}

/// `1 event`, `2 events`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
