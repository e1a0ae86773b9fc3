//! `connectors`: what a connector's `kind` may name.

use forebay::connectors::KINDS;

pub(super) fn text() -> String {
    let mut out = format!("{:<12} {:<12} state\n", "kind", "feature");
    for kind in KINDS {
        let state = if kind.schema.is_some() {
            "built in"
        } else {
            "known, not built yet"
        };
        out.push_str(&format!("{:<12} {:<12} {state}\n", kind.name, kind.feature));
    }
    out
}
