//! Predicted classes against true ones, counted as results pass.

use std::fmt;

use serde::Deserialize;

use crate::live::grouped;

/// What is read of a result.
#[derive(Deserialize)]
struct Judged {
    anomaly: u8,
    predicted: u8,
}

/// Counts by truth (rows) and prediction (columns); 1 is an anomaly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    counts: [[u64; 2]; 2],
    /// Results that do not say both.
    pub unreadable: u64,
}

impl Confusion {
    /// Counts a result.
    pub fn count(&mut self, result: &[u8]) {
        match serde_json::from_slice::<Judged>(result) {
            Ok(Judged {
                anomaly: truth @ 0..=1,
                predicted: predicted @ 0..=1,
            }) => {
                self.counts[usize::from(truth)][usize::from(predicted)] += 1;
            }
            _ => self.unreadable += 1,
        }
    }

    /// Results counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum::<u64>() + self.unreadable
    }

    /// The share of results whose prediction is the truth.
    pub fn accuracy(&self) -> f64 {
        let right = self.counts[0][0] + self.counts[1][1];
        right as f64 / self.total().max(1) as f64
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  truth \\ predicted  {:>12} {:>12}", "normal", "anomaly")?;
        for (name, [normal, anomaly]) in ["normal", "anomaly"].iter().zip(self.counts) {
            writeln!(
                f,
                "  {name:<17}  {:>12} {:>12}",
                grouped(normal),
                grouped(anomaly)
            )?;
        }
        write!(f, "  accuracy           {:>11.2} %", self.accuracy() * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_truth_and_prediction() {
        let mut confusion = Confusion::default();
        let result =
            |truth, predicted| format!(r#"{{"id":1,"anomaly":{truth},"predicted":{predicted},"score":0.5}}"#);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            confusion.count(result(truth, predicted).as_bytes());
        }
        assert_eq!(confusion.counts, [[2, 1], [0, 1]]);
        assert!((confusion.accuracy() - 0.75).abs() < 1e-9);
        confusion.count(b"{}");
        assert_eq!((confusion.unreadable, confusion.total()), (1, 5));
        let text = confusion.to_string();
        assert!(text.contains("accuracy") && text.contains("60.00 %"), "{text}");
    }
}
