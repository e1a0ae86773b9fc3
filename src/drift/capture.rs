//! Captures a baseline: records go through the pipeline's own decoder and steps in memory, window by window; nothing is written and
//! nothing is committed. What is seen is kept until the end, when bins are made of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arrow::array::RecordBatch;
use forebay_core::batch::Batch;
use forebay_core::carry::Carrier;
use forebay_core::codec::{Encode, type_name};
use forebay_core::drift::fit::{BINS, Seen, fit};
use forebay_core::drift::{Baseline, Bins, Observed, Part, Reference, Spread, counting};
use forebay_core::memory::{Message, records_of};
use forebay_core::records::{Record, Records};
use forebay_core::sink::Outgoing;
use forebay_core::{Error, Kind, Result};

use super::keep;
use super::observed::{is_of, observable};
use crate::config::{Config, nearest};
use crate::describe::Description;
use crate::digest;
use crate::formats::Schooled;
use crate::plan::Plan;
use crate::testing::find::Form;
use crate::testing::input;

/// How many records a window of the reference has, unless it is said.
pub const WINDOW_ROWS: usize = 1000;
/// Fewer windows do not tell how much they spread.
const FEWEST_WINDOWS: usize = 5;
/// How often a decoder that waits for a schema is asked again, and after which pause.
const ATTEMPTS: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// What is captured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Columns by name; without them all predictions, and the inputs that reach a model (all where there is none).
    pub columns: Option<Vec<String>>,
    pub window_rows: usize,
}

/// A capture that runs.
pub struct Capture<'a> {
    config: &'a Config,
    columns: Vec<Observed>,
    carrier: Carrier,
    seen: Vec<Seen>,
    window_rows: usize,
    /// Rows of the window that is not full yet.
    filled: usize,
    rows: u64,
    rejects: u64,
    /// Per window, the batches by where they were seen.
    windows: Vec<Vec<(usize, RecordBatch)>>,
}

impl std::fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Capture({} rows)", self.rows)
    }
}

/// What was captured.
#[derive(Clone, Debug)]
pub struct Captured {
    pub baseline: Baseline,
    /// Records that the pipeline rejects.
    pub rejects: u64,
}

/// Results that nobody wants.
struct Unwritten;

impl Encode for Unwritten {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        Ok(Outgoing {
            topic: "".into(),
            records: Arc::clone(&batch.records),
            origin: Vec::new(),
            arena: Vec::new(),
            payload: Vec::new(),
            key: Vec::new(),
            headers: Arc::default(),
            row_headers: Vec::new(),
        })
    }
}

impl<'a> Capture<'a> {
    /// Begins to capture.
    ///
    /// # Errors
    /// `Config` where a column cannot be observed, or nothing can.
    pub fn new(config: &'a Config, plan: &'a Plan, schooled: &Schooled, options: &Options) -> Result<Self> {
        let mut columns = chosen(config, plan, options.columns.as_deref())?;
        let (watches, seen) = places(&mut columns)
            .into_iter()
            .map(|(after, kept)| Seen::after(after, kept))
            .unzip();
        let carrier = plan.open_unwritten(schooled, Box::new(Unwritten))?;
        Ok(Self {
            config,
            columns,
            carrier: carrier.watched_by(watches),
            seen,
            window_rows: options.window_rows.max(1),
            filled: 0,
            rows: 0,
            rejects: 0,
            windows: Vec::new(),
        })
    }

    /// Takes the records in, in their order.
    ///
    /// # Errors
    /// What the pipeline stops with.
    pub fn take(&mut self, records: &Records) -> Result<()> {
        let most = self.config.document.pipeline.batch.max_rows as usize;
        let mut from = 0;
        while from < records.len() {
            if self.filled == 0 {
                self.windows.push(Vec::new());
            }
            let count = (records.len() - from)
                .min(self.window_rows - self.filled)
                .min(most.max(1));
            self.carry(&Arc::new(part_of(records, from..from + count)))?;
            from += count;
            self.rows += count as u64;
            self.filled = (self.filled + count) % self.window_rows;
        }
        Ok(())
    }

    fn carry(&mut self, records: &Arc<Records>) -> Result<()> {
        let mut attempt = 1;
        let carried = loop {
            match self.carrier.carry(records) {
                Err(error) if error.kind() == Kind::Retry && attempt < ATTEMPTS => {
                    attempt += 1;
                    thread::sleep(PAUSE);
                }
                other => break other?,
            }
        };
        self.rejects += carried.rejects.len() as u64;
        let window = self.windows.last_mut();
        let batches = self.seen.iter().flat_map(|seen| {
            let of_place = move |rows| (seen.after, rows);
            seen.take().into_iter().map(of_place)
        });
        if let Some(window) = window {
            window.extend(batches);
        }
        Ok(())
    }

    /// How many records were taken in.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes the baseline.
    ///
    /// # Errors
    /// `Config` where there are too few records, or a column has no value.
    pub fn finish(self) -> Result<Captured> {
        let full = self.windows.len() - usize::from(self.filled > 0);
        if full < FEWEST_WINDOWS {
            return Err(Error::config(format!(
                "{} records are {full} windows of {}, and a reference has {FEWEST_WINDOWS} at least: take more records, or smaller windows \
                 with `--window-rows`",
                self.rows, self.window_rows
            )));
        }
        let columns = self.columns.iter().map(|observed| self.reference(observed, full));
        Ok(Captured {
            baseline: Baseline {
                pipeline: self.config.document.pipeline.name.clone(),
                models: digest::models(self.config)?,
                rows: self.rows,
                window_rows: self.window_rows as u64,
                windows: full as u64,
                columns: columns.collect::<Result<_>>()?,
            },
            rejects: self.rejects,
        })
    }

    fn reference(&self, observed: &Observed, full: usize) -> Result<Reference> {
        let of_place = |window: &[(usize, RecordBatch)]| {
            let here = window.iter().filter(|(after, _)| *after == observed.after);
            here.map(|(_, rows)| rows.clone()).collect::<Vec<_>>()
        };
        let windows: Vec<Vec<RecordBatch>> = self.windows.iter().map(|window| of_place(window)).collect();
        let bins = fit(observed, &windows.concat(), BINS)?;
        let counted = windows.iter().map(|window| counts(observed, &bins, window));
        let counted = counted.collect::<Result<Vec<Vec<u64>>>>()?;
        let mut total = vec![0; bins.len()];
        for window in &counted {
            total
                .iter_mut()
                .zip(window)
                .for_each(|(sum, count)| *sum += count);
        }
        Ok(Reference {
            part: observed.part,
            name: observed.name.clone(),
            data_type: type_name(&observed.data_type),
            spread: Spread::of(&bins, &total, &counted[..full]),
            counts: total,
            bins,
        })
    }
}

/// Which columns to keep at which place; from now on `columns` mean those that are kept.
fn places(columns: &mut [Observed]) -> BTreeMap<usize, Vec<usize>> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for observed in columns {
        let kept = places.entry(observed.after).or_default();
        let known = kept.iter().position(|column| *column == observed.column);
        observed.column = known.unwrap_or_else(|| {
            kept.push(observed.column);
            kept.len() - 1
        });
    }
    places
}

/// Counted by what a lane counts with.
fn counts(observed: &Observed, bins: &Bins, batches: &[RecordBatch]) -> Result<Vec<u64>> {
    let plan = counting::Plan::new(vec![(observed.clone(), bins.clone())])?;
    let (mut watches, counted) = plan.open()?;
    for rows in batches {
        watches.iter_mut().for_each(|watch| watch.what.observe(rows));
    }
    let mut sums = vec![0; bins.len()];
    counted.iter().for_each(|column| column.add_to(&mut sums));
    Ok(sums)
}

/// The columns to capture.
fn chosen(config: &Config, plan: &Plan, asked: Option<&[String]>) -> Result<Vec<Observed>> {
    let all = observable(plan);
    let chosen: Vec<Observed> = match asked {
        Some(names) => {
            let known: Vec<&str> = all.iter().map(|observed| observed.name.as_str()).collect();
            for name in names {
                if !known.iter().any(|own| is_of(name, own)) {
                    return Err(Error::config(format!(
                        "no column `{name}` can be observed{}",
                        nearest(name, &known)
                    )));
                }
            }
            let wanted = |observed: &Observed| names.iter().any(|name| is_of(name, &observed.name));
            all.into_iter().filter(wanted).collect()
        }
        None => {
            let description = Description::of(config, plan);
            let key = description.source.key.iter().flat_map(|key| &key.columns);
            let declared: Vec<_> = description.source.columns.iter().chain(key).collect();
            let reaching = declared.iter().filter(|column| !column.tensors.is_empty());
            let reaching: Vec<&str> = reaching.map(|column| column.name.as_str()).collect();
            let wanted = |observed: &Observed| {
                let reaches = reaching.iter().any(|name| is_of(name, &observed.name));
                observed.part == Part::Prediction || reaching.is_empty() || reaches
            };
            all.into_iter().filter(wanted).collect()
        }
    };
    match chosen.is_empty() {
        true => Err(Error::config(
            "the pipeline has no column that can be observed: numbers, switches, texts, and lists of up to 64 of them",
        )),
        false => Ok(chosen),
    }
}

/// These rows of `records`, copied.
pub fn part_of(records: &Records, rows: impl IntoIterator<Item = usize>) -> Records {
    let mut part = Records::default();
    for row in rows {
        let of = records.partition(row);
        let partition = part.intern(&of.topic, of.partition);
        part.push(
            partition,
            Record {
                offset: records.offset(row),
                timestamp: records.timestamp(row),
                key: records.key(row),
                payload: records.payload(row),
            },
        );
        for (name, value) in records.headers(row) {
            part.push_header(name, value);
        }
    }
    part
}

/// The events of a file, as `forebay test` reads them: records where its name ends in `.records.jsonl`, else payloads.
///
/// # Errors
/// `Config`, with every line that is wrong.
pub fn events(path: &Path, config: &Config) -> Result<Records> {
    let is_records = path.to_string_lossy().ends_with(".records.jsonl");
    let form = if is_records { Form::Records } else { Form::Values };
    let events = input::read_file(path, form, config).map_err(|wrong| Error::config(wrong.join("\n")))?;
    let messages: Vec<Message> = events.into_iter().map(|event| event.message).collect();
    Ok(records_of(&messages))
}

/// Where a baseline goes unless it is said: where the pipeline reads one, else beside the pipeline file.
pub fn place(pipeline: &Path, config: &Config) -> PathBuf {
    let named = config
        .document
        .pipeline
        .drift
        .as_ref()
        .and_then(|drift| drift.baseline.as_ref());
    match named {
        Some(path) => config.base.join(path),
        None => pipeline.with_extension("baseline.json"),
    }
}

/// Writes the file, as a whole or not at all.
///
/// # Errors
/// `Config` where the folder takes no file.
pub fn write(path: &Path, baseline: &Baseline) -> Result<()> {
    keep::write(path, &baseline.to_text())
}
