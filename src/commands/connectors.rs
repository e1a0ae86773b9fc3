//! `connectors`: what a connector's `kind` may name.

use std::fmt::Write as _;

use forebay::connectors::KINDS;

pub(super) fn text() -> String {
    let mut out = format!("{:<12} {:<12} state\n", "kind", "feature");
    for kind in KINDS {
        let state = if kind.schema.is_some() { "built in" } else { "known, not built yet" };
        drop(writeln!(out, "{:<12} {:<12} {state}", kind.name, kind.feature));
    }
    out
}
