//! From scores to a verdict: what a score may be before a column drifts. Thresholds are learnt from how much the reference's own
//! windows spread, unless they are set. Knows no file and no clock.

use super::baseline::{Measure, Spread};
use super::scores::Scores;

/// Thresholds that are set; the others are learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    pub psi: Option<f64>,
    pub js: Option<f64>,
    pub missing: Option<f64>,
    pub new_categories: Option<f64>,
}

/// A score above its limit is drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub psi: f64,
    pub js: f64,
    pub missing: f64,
    /// `None` of numbers.
    pub new_categories: Option<f64>,
}

/// Learnt limits are never below these. Scores of equal distributions are skewed to the right, and mean + 3 sd alone is passed by
/// one window in sixty; a change that is smaller than this is nothing to wake a person for.
pub const FLOOR: Limits = Limits {
    psi: 0.05,
    js: 0.1,
    missing: 0.01,
    new_categories: Some(0.01),
};

/// So many standard deviations above the mean.
const DEVIATIONS: f64 = 3.0;

impl Limits {
    /// What is set, else mean + 3 sd of the reference's windows, at least [`FLOOR`].
    pub fn of(spread: &Spread, set: &Thresholds) -> Self {
        let learnt = |measure: Measure, floor: f64| (measure.mean + DEVIATIONS * measure.sd).max(floor);
        let floor = FLOOR.new_categories.unwrap_or_default();
        Self {
            psi: set.psi.unwrap_or_else(|| learnt(spread.psi, FLOOR.psi)),
            js: set.js.unwrap_or_else(|| learnt(spread.js, FLOOR.js)),
            missing: set
                .missing
                .unwrap_or_else(|| learnt(spread.missing, FLOOR.missing)),
            new_categories: spread
                .new_categories
                .map(|measure| set.new_categories.unwrap_or_else(|| learnt(measure, floor))),
        }
    }

    /// The names of the scores that are above their limits.
    pub fn passed(&self, scores: &Scores) -> Vec<&'static str> {
        let new = scores.new_categories.zip(self.new_categories);
        [
            ("psi", scores.psi > self.psi),
            ("js", scores.js > self.js),
            ("missing", scores.missing > self.missing),
            ("new_categories", new.is_some_and(|(score, limit)| score > limit)),
        ]
        .into_iter()
        .filter_map(|(name, passed)| passed.then_some(name))
        .collect()
    }
}
