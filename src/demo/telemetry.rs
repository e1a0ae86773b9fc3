//! The example's telemetry as events: rows of a packed CSV file, from some row on, again and again with rising ids. After a while they
//! shift: a sensor reads too high, and anomalies are more.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use forebay_core::{Error, Result};

/// The sensor that drifts off.
pub const SENSOR: &str = "f3";
/// By how much.
pub const OFF_BY: i64 = 10;
/// How often each anomaly comes where it came once.
pub const TIMES: usize = 3;

/// Rows ready to become events.
#[derive(Debug)]
pub struct Telemetry {
    /// The part of an event behind its id.
    rows: Vec<String>,
    /// The same after the shift.
    shifted: Vec<String>,
    next: usize,
}

impl Telemetry {
    /// The rows of a gzipped CSV file from row `from` on; its header names the fields, all of them numbers.
    ///
    /// # Errors
    /// `Config` where the file cannot be read or has no such row.
    pub fn open(path: &Path, from: usize) -> Result<Self> {
        let failed = |e: std::io::Error| {
            Error::config("read the telemetry")
                .with("path", path.display())
                .caused_by(e)
        };
        let mut text = String::new();
        GzDecoder::new(File::open(path).map_err(failed)?)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text, from).ok_or_else(|| {
            Error::config("the telemetry has no such row")
                .with("path", path.display())
                .with("row", from)
        })
    }

    fn parse(text: &str, from: usize) -> Option<Self> {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next()?.split(',').collect();
        let (mut rows, mut shifted) = (Vec::new(), Vec::new());
        for line in lines.skip(from) {
            let fields = || names.iter().copied().zip(line.split(','));
            let anomaly = fields().any(|field| field == ("anomaly", "1"));
            let off: String = fields().map(written_off).collect();
            shifted.extend(std::iter::repeat_n(off, if anomaly { TIMES } else { 1 }));
            rows.push(fields().map(written).collect());
        }
        (!rows.is_empty()).then_some(Self {
            rows,
            shifted,
            next: 0,
        })
    }

    /// Events are shifted from the next one on; its id. A second call changes nothing.
    pub fn shift(&mut self) -> usize {
        if !self.shifted.is_empty() {
            self.rows = std::mem::take(&mut self.shifted);
        }
        self.next
    }

    /// The next event, written over what `event` holds; returns its id.
    pub fn next(&mut self, event: &mut String) -> usize {
        let id = self.next;
        event.clear();
        // Writing into a string cannot fail.
        write!(event, "{{\"id\":{id}{}}}", self.rows[id % self.rows.len()]).unwrap_or_default();
        self.next += 1;
        id
    }
}

fn written((name, value): (&str, &str)) -> String {
    format!(",\"{name}\":{value}")
}

fn written_off((name, value): (&str, &str)) -> String {
    match value.parse::<i64>() {
        Ok(value) if name == SENSOR => format!(",\"{name}\":{}", value + OFF_BY),
        _ => written((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_again_with_rising_ids() {
        let mut telemetry = Telemetry::parse("f1,anomaly\n1,0\n2,1\n3,0\n", 1).expect("rows");
        let mut event = String::new();
        let mut events = Vec::new();
        for _ in 0..3 {
            telemetry.next(&mut event);
            events.push(event.clone());
        }
        assert_eq!(
            events,
            [
                r#"{"id":0,"f1":2,"anomaly":1}"#,
                r#"{"id":1,"f1":3,"anomaly":0}"#,
                r#"{"id":2,"f1":2,"anomaly":1}"#
            ]
        );
        assert!(Telemetry::parse("f1\n1\n", 1).is_none());
    }

    #[test]
    fn after_the_shift_a_sensor_is_off_and_anomalies_are_more() {
        let mut telemetry = Telemetry::parse("f3,anomaly\n1,0\n2,1\n", 0).expect("rows");
        let mut event = String::new();
        telemetry.next(&mut event);
        assert_eq!((telemetry.shift(), telemetry.shift()), (1, 1));
        let mut events = Vec::new();
        for _ in 0..4 {
            telemetry.next(&mut event);
            events.push(event.clone());
        }
        assert_eq!(
            events,
            [
                r#"{"id":1,"f3":12,"anomaly":1}"#,
                r#"{"id":2,"f3":12,"anomaly":1}"#,
                r#"{"id":3,"f3":12,"anomaly":1}"#,
                r#"{"id":4,"f3":11,"anomaly":0}"#
            ]
        );
    }
}
