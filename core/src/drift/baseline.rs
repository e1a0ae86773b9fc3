//! The reference that drift is measured against: per column its bins, how often the reference hit each, and how much the scores of
//! the reference's own windows spread. A small JSON file that a person can read; `read` and `write` know its form.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::bins::Bins;
use super::judge::{Limits, Thresholds};
use super::scores::Scores;
use super::{Part, read};
use crate::error::{Error, Result};

/// The format that this program writes, and the only one it reads.
pub const FORMAT: u64 = 1;

/// A file larger than this is no baseline: a hundred columns have a hundred kilobytes.
pub const LARGEST: u64 = 16 << 20;

/// The most columns.
pub const MOST_COLUMNS: usize = 1000;

/// Reference distributions, and of what they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// The name of the pipeline.
    pub pipeline: String,
    /// The models of the pipeline, in the order of its steps.
    pub models: Vec<ModelDigest>,
    /// Records of the reference.
    pub rows: u64,
    /// Records of each of the reference's windows; a window with fewer rows is not judged.
    pub window_rows: u64,
    /// How many windows the reference had.
    pub windows: u64,
    pub columns: Vec<Reference>,
}

/// A model, and the SHA-256 of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDigest {
    /// As the pipeline file names it.
    pub path: String,
    pub sha256: String,
}

/// The reference of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub part: Part,
    pub name: String,
    /// As the pipeline file names types.
    pub data_type: String,
    pub bins: Bins,
    /// One for each bin.
    pub counts: Vec<u64>,
    pub spread: Spread,
}

/// Mean and standard deviation of a score over windows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    pub mean: f64,
    pub sd: f64,
}

/// How the scores of the reference's own windows spread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub psi: Measure,
    pub js: Measure,
    pub missing: Measure,
    /// `None` of numbers.
    pub new_categories: Option<Measure>,
}

impl Measure {
    /// Of these scores; the deviation is that of a sample.
    fn of(scores: &[f64]) -> Self {
        let count = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let sd = if scores.len() > 1 {
            (squares / (count - 1.0)).sqrt()
        } else {
            0.0
        };
        Self { mean, sd }
    }
}

impl Spread {
    /// Of a reference's windows, each counted as the reference is.
    pub fn of(bins: &Bins, reference: &[u64], windows: &[Vec<u64>]) -> Self {
        let scores = windows
            .iter()
            .filter_map(|window| Scores::of(bins, reference, window));
        let scores: Vec<Scores> = scores.collect();
        let measure = |get: fn(&Scores) -> f64| Measure::of(&scores.iter().map(get).collect::<Vec<_>>());
        Self {
            psi: measure(|scores| scores.psi),
            js: measure(|scores| scores.js),
            missing: measure(|scores| scores.missing),
            new_categories: bins
                .other()
                .map(|_| measure(|scores| scores.new_categories.unwrap_or_default())),
        }
    }
}

impl Reference {
    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of rows without a value.
    pub fn missing(&self) -> f64 {
        let missing: u64 = self.counts.iter().skip(self.bins.values()).sum();
        missing as f64 / self.rows().max(1) as f64
    }

    /// The scores of a window; `None` where it has no rows.
    pub fn scores(&self, window: &[u64]) -> Option<Scores> {
        Scores::of(&self.bins, &self.counts, window)
    }

    /// What its scores may be.
    pub fn limits(&self, set: &Thresholds) -> Limits {
        Limits::of(&self.spread, set)
    }
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// `Config` where there is none, or it is no baseline, naming the place in it.
    pub fn load(path: &Path) -> Result<Self> {
        let failed = |what: &str| Error::config(what).with("file", path.display());
        let file = File::open(path).map_err(|e| failed("open the baseline").caused_by(e))?;
        let mut bytes = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|e| failed("read the baseline").caused_by(e))?;
        if bytes.len() as u64 > LARGEST {
            let what = format!("the file is no baseline: it is larger than {} MiB", LARGEST >> 20);
            return Err(failed(&what));
        }
        Self::parse(&bytes).map_err(|error| error.with("file", path.display()))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Baseline::load`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        read::parse(bytes)
    }

    /// The column of this name.
    pub fn column(&self, part: Part, name: &str) -> Option<&Reference> {
        self.columns.iter().find(|c| c.part == part && c.name == name)
    }
}
