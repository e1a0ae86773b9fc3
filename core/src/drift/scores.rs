//! How far a window's counts are from a reference's. Each score is a pure function of two lists of counts.

use super::bins::Bins;

/// What stands for a share of zero in [`psi`]: a bin that one side never saw counts, and not infinitely. Evidently takes the same, but
/// where a share that is not zero is as small.
pub const ZERO: f64 = 0.0001;

/// The population stability index: the sum over bins of `(q - p) · ln(q / p)`, with the reference's shares p and the window's q; a
/// share of zero is taken as [`ZERO`]. Source: N. Siddiqi, *Credit Risk Scorecards* (Wiley, 2006), where it is the system
/// stability report's index; it is Jeffreys' divergence of the two shares. `None` where a side holds nothing.
pub fn psi(reference: &[u64], window: &[u64]) -> Option<f64> {
    let (p, q) = (shares(reference)?, shares(window)?);
    let at_least = |share: f64| if share == 0.0 { ZERO } else { share };
    let term = |(p, q): (f64, f64)| (q - p) * (q / p).ln();
    Some(p.map(at_least).zip(q.map(at_least)).map(term).sum())
}

/// The Jensen-Shannon distance: the root of the divergence `(KL(p ‖ m) + KL(q ‖ m)) / 2` in bits, with `m = (p + q) / 2`; it lies between
/// zero and one. Source: J. Lin, *Divergence measures based on the Shannon entropy* (IEEE Trans. Inf. Theory 37, 1991), and the root as
/// D. Endres and J. Schindelin have it (2003); the same as `scipy.spatial.distance.jensenshannon` with `base=2`. `None` where a side holds
/// nothing.
pub fn jensen_shannon(reference: &[u64], window: &[u64]) -> Option<f64> {
    let (p, q) = (shares(reference)?, shares(window)?);
    let of = |share: f64, middle: f64| {
        if share > 0.0 {
            share * (share / middle).log2()
        } else {
            0.0
        }
    };
    let term = |(p, q): (f64, f64)| of(p, (p + q) / 2.0) + of(q, (p + q) / 2.0);
    let divergence = p.zip(q).map(term).sum::<f64>() / 2.0;
    // Of equal shares a rounding below zero may be left.
    Some(divergence.max(0.0).sqrt())
}

fn shares(counts: &[u64]) -> Option<impl Iterator<Item = f64>> {
    let total: u64 = counts.iter().sum();
    (total > 0).then(|| counts.iter().map(move |count| *count as f64 / total as f64))
}

/// The scores of a window of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    pub psi: f64,
    pub js: f64,
    /// The share of rows whose value is null or no finite number.
    pub missing: f64,
    /// The share of values in categories that the reference does not name; `None` of numbers.
    pub new_categories: Option<f64>,
}

impl Scores {
    /// Of `window`, which counts as `reference` does. `None` where it has no rows. A window that holds nothing but missing values has
    /// no distribution to compare: its share of missing values says it all.
    pub fn of(bins: &Bins, reference: &[u64], window: &[u64]) -> Option<Self> {
        let rows: u64 = window.iter().sum();
        let of_values = bins.values();
        let (reference, values) = (reference.get(..of_values)?, window.get(..of_values)?);
        let there: u64 = values.iter().sum();
        (rows > 0).then(|| Self {
            psi: psi(reference, values).unwrap_or(0.0),
            js: jensen_shannon(reference, values).unwrap_or(0.0),
            missing: (rows - there) as f64 / rows as f64,
            new_categories: bins
                .other()
                .map(|other| values[other] as f64 / there.max(1) as f64),
        })
    }
}
