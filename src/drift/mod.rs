//! Drift of a pipeline: which of its columns are observed, and whether a baseline is one of this pipeline. What a lane counts and what
//! the counts say is the core's; who shows it is telemetry's.

#[cfg(feature = "cli")]
pub mod capture;
mod fits;
#[cfg(feature = "cli")]
mod keep;
mod observed;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use forebay_core::drift::bins::{classes, switches, tenths};
use forebay_core::drift::counting;
use forebay_core::drift::{Baseline, Bins, Limits, Observed, Part, Reference, Thresholds};

use crate::config::{Config, DriftConfig, Problem};
use crate::digest;
use crate::plan::Plan;

pub use observed::observable;

/// The shortest window: lanes are looked at ten times within it.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is observed of a pipeline, and what it is compared with.
pub struct Drift {
    /// How lanes count; its columns are `columns`, in this order.
    pub counted: counting::Plan,
    pub columns: Vec<Compared>,
    pub window: Duration,
    /// The file of the baseline, where there is one.
    pub file: Option<PathBuf>,
}

impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drift({} columns)", self.columns.len())
    }
}

/// A column that is observed.
#[derive(Clone, Debug)]
pub struct Compared {
    pub part: Part,
    pub name: String,
    pub data_type: String,
    pub bins: Bins,
    pub against: Option<Against>,
}

/// What a column is compared with.
#[derive(Clone, Debug)]
pub struct Against {
    pub reference: Reference,
    pub limits: Limits,
    /// A window with fewer rows is not judged: its scores would be noise.
    pub least_rows: u64,
}

impl Drift {
    /// What `config` says of drift; nothing where it says nothing.
    ///
    /// # Errors
    /// A baseline that cannot be read, or that is not of this pipeline, each difference at its place.
    pub fn of(config: &Config, plan: &Plan) -> Result<Option<Self>, Vec<Problem>> {
        let Some(said) = &config.document.pipeline.drift else {
            return Ok(None);
        };
        if said.window.0 < SHORTEST {
            return Err(vec![
                config.problem_at("/pipeline/drift/window", "a window lasts at least 1s"),
            ]);
        }
        let observable = observable(plan);
        let file = said.baseline.as_ref().map(|path| config.base.join(path));
        let (columns, compared) = match &file {
            None => without_baseline(config, said, &observable)?,
            Some(path) => {
                let at = |message: String| vec![config.problem_at("/pipeline/drift/baseline", message)];
                let baseline = Baseline::load(path).map_err(|error| at(error.to_string()))?;
                let models = digest::models(config).map_err(|error| at(error.to_string()))?;
                fits::fits(config, &baseline, &models, &observable)?;
                with_baseline(said, &baseline, &observable)
            }
        };
        let counted = counting::Plan::new(columns)
            .map_err(|error| vec![config.problem_at("/pipeline/drift", error.to_string())])?;
        Ok(Some(Self {
            counted,
            columns: compared,
            window: said.window.0,
            file,
        }))
    }
}

type Columns = (Vec<(Observed, Bins)>, Vec<Compared>);

fn with_baseline(said: &DriftConfig, baseline: &Baseline, observable: &[Observed]) -> Columns {
    let set = Thresholds {
        psi: said.psi,
        js: said.js,
        missing: said.missing,
        new_categories: said.new_categories,
    };
    let (mut columns, mut compared) = (Vec::new(), Vec::new());
    for reference in &baseline.columns {
        let wanted = said
            .columns
            .as_ref()
            .is_none_or(|names| names.contains(&reference.name));
        let found = observable
            .iter()
            .find(|observed| observed.part == reference.part && observed.name == reference.name);
        let Some(observed) = found.filter(|_| wanted) else {
            continue;
        };
        columns.push((observed.clone(), reference.bins.clone()));
        compared.push(Compared {
            part: reference.part,
            name: reference.name.clone(),
            data_type: reference.data_type.clone(),
            bins: reference.bins.clone(),
            against: Some(Against {
                limits: reference.limits(&set),
                least_rows: least_rows(baseline, reference),
                reference: reference.clone(),
            }),
        });
    }
    (columns, compared)
}

/// As many rows as the column has in a window of the reference: behind a filter there are fewer than records.
fn least_rows(baseline: &Baseline, reference: &Reference) -> u64 {
    let share = reference.rows() as f64 / baseline.rows.max(1) as f64;
    ((baseline.window_rows as f64 * share).round() as u64).max(1)
}

fn without_baseline(
    config: &Config,
    said: &DriftConfig,
    observable: &[Observed],
) -> Result<Columns, Vec<Problem>> {
    let compares = [
        ("columns", said.columns.is_some()),
        ("psi", said.psi.is_some()),
        ("js", said.js.is_some()),
        ("missing", said.missing.is_some()),
        ("new_categories", said.new_categories.is_some()),
    ];
    let problems = compares.iter().filter(|(_, given)| *given).map(|(key, _)| {
        let message =
            format!("`{key}` is for comparing with a baseline, and none is named: add `baseline: FILE`");
        config.problem_at_key(&format!("/pipeline/drift/{key}"), message)
    });
    let problems: Vec<Problem> = problems.collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let predictions = observable
        .iter()
        .filter(|observed| observed.part == Part::Prediction);
    let columns: Vec<(Observed, Bins)> = predictions
        .filter_map(|observed| Some((observed.clone(), fixed(observed)?)))
        .collect();
    let compared = columns.iter().map(|(observed, bins)| Compared {
        part: observed.part,
        name: observed.name.clone(),
        data_type: forebay_core::codec::type_name(&observed.data_type),
        bins: bins.clone(),
        against: None,
    });
    let compared = compared.collect();
    Ok((columns, compared))
}

/// The bins of a prediction that nothing is known of. The classes of texts are not known before they come.
fn fixed(observed: &Observed) -> Option<Bins> {
    use arrow::datatypes::DataType;
    match observed.data_type {
        DataType::Float32 | DataType::Float64 => Some(tenths()),
        DataType::Int32 | DataType::Int64 | DataType::UInt8 => Some(classes()),
        DataType::Boolean => Some(switches()),
        _ => None,
    }
}
