//! The demo as a newcomer runs it, for six seconds.

#[test]
fn everything_that_streams_is_scored_and_mostly_right() {
    let output = crate::output(crate::forebay(&["demo", "--seconds", "6", "--rate", "2000"]));
    let (text, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}\n{log}");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        let digits = line
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .trim()
            .replace([',', '%'], "");
        digits
            .trim()
            .parse::<f64>()
            .unwrap_or_else(|e| panic!("{name}: {digits}: {e}"))
    };
    assert!(value("events in") > 4000.0, "{text}");
    assert!((value("events in") - value("results out")).abs() < 0.5, "{text}");
    assert!(value("rejects") < 0.5, "{text}");
    assert!(value("accuracy") > 95.0, "{text}");
    assert!(text.contains("mock cluster"), "{text}");
    assert!(
        text.contains("what it does is shown at http://127.0.0.1:"),
        "{text}"
    );
    // The shift costs accuracy, and is no part of the figure above.
    assert!(value("since the shift") < value("accuracy"), "{text}");
    assert!(value("since the shift") > 90.0, "{text}");
    assert!(text.contains("drift of column f3 caught "), "{text}");
    assert!(!text.contains("false alarm"), "{text}");
}
