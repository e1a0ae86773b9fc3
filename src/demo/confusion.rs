//! Predicted classes against true ones, counted as results pass.

use std::fmt;

use serde::Deserialize;

use crate::live::grouped;

/// What is read of a result.
#[derive(Deserialize)]
struct Judged {
    id: u64,
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

/// Results of events before they shifted, and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusions {
    pub before: Confusion,
    pub after: Confusion,
}

impl Confusions {
    /// Counts a result; events from id `shifted` on are shifted.
    pub fn count(&mut self, result: &[u8], shifted: u64) {
        match serde_json::from_slice::<Judged>(result) {
            Ok(Judged {
                id,
                anomaly: truth @ 0..=1,
                predicted: predicted @ 0..=1,
            }) => {
                let part = if id < shifted {
                    &mut self.before
                } else {
                    &mut self.after
                };
                part.counts[usize::from(truth)][usize::from(predicted)] += 1;
            }
            // Nothing tells of which part it is.
            _ => self.before.unreadable += 1,
        }
    }

    /// Results counted.
    pub fn total(&self) -> u64 {
        self.before.total() + self.after.total()
    }
}

impl Confusion {
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
    fn counts_by_truth_and_prediction_before_and_after_the_shift() {
        let mut all = Confusions::default();
        let result = |id, truth, predicted| {
            format!(r#"{{"id":{id},"anomaly":{truth},"predicted":{predicted},"score":0.5}}"#)
        };
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            all.count(result(9, truth, predicted).as_bytes(), 10);
        }
        all.count(result(10, 1, 0).as_bytes(), 10);
        assert_eq!(all.before.counts, [[2, 1], [0, 1]]);
        assert_eq!(all.after.counts, [[0, 0], [1, 0]]);
        assert!((all.before.accuracy() - 0.75).abs() < 1e-9);
        all.count(b"{}", 10);
        assert_eq!((all.before.unreadable, all.total()), (1, 6));
        let text = all.before.to_string();
        assert!(text.contains("accuracy") && text.contains("60.00 %"), "{text}");
    }
}
