//! One batch's way from records to payloads: decode, steps, encode. Where a step fails on a batch, halves are tried
//! until the guilty rows are alone; only they are rejected. Knows no source, no sink and no position.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimestampNanosecondType};

use crate::batch::Batch;
use crate::breaker::{BROKEN, Breaker, WINDOW};
use crate::codec::{Decode, Encode};
use crate::drift::Watch;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Count, LaneMetrics, StepMetrics};
use crate::records::{NO_TIMESTAMP, Records};
use crate::reject::{Reject, Stage, cause};
use crate::sink::Outgoing;
use crate::steps::Step;

/// Everything between source and sink, owned by one lane.
pub struct Carrier {
    decode: Box<dyn Decode>,
    steps: Vec<Running>,
    encode: Box<dyn Encode>,
    event_time: Option<usize>,
    breaker: Breaker,
    metrics: Arc<LaneMetrics>,
    /// Who looks at batches on their way.
    watches: Vec<Watch>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carrier({} steps)", self.steps.len())
    }
}

/// A step, and what it counts.
struct Running {
    stage: Stage,
    step: Box<dyn Step>,
    metrics: Arc<StepMetrics>,
}

/// What became of records: results to write, and rejects in the order of their records. The rest was filtered.
#[derive(Debug)]
pub struct Carried {
    pub results: Outgoing,
    pub rejects: Vec<Reject>,
    /// When each record's event happened, in milliseconds since the epoch or [`NO_TIMESTAMP`]; empty where the records' own
    /// timestamps tell.
    pub times: Vec<i64>,
}

impl Carrier {
    /// A carrier of opened parts.
    pub fn new(
        decode: Box<dyn Decode>,
        steps: Vec<(Stage, Box<dyn Step>)>,
        encode: Box<dyn Encode>,
        metrics: Arc<LaneMetrics>,
    ) -> Self {
        let counted: Vec<_> = steps
            .iter()
            .map(|(stage, _)| Arc::new(StepMetrics::new(*stage)))
            .collect();
        let steps = steps.into_iter().zip(&counted);
        let steps = steps.map(|((stage, step), metrics)| Running {
            stage,
            step,
            metrics: Arc::clone(metrics),
        });
        let steps = steps.collect();
        metrics.steps.get_or_init(|| counted);
        Self {
            decode,
            steps,
            encode,
            event_time: None,
            breaker: Breaker::default(),
            metrics,
            watches: Vec::new(),
        }
    }

    /// Column `column` of what is decoded says when each event happened.
    #[must_use]
    pub fn timed_by(mut self, column: Option<usize>) -> Self {
        self.event_time = column;
        self
    }

    /// Lets `watches` look at every batch, each at its place.
    #[must_use]
    pub fn watched_by(mut self, watches: Vec<Watch>) -> Self {
        self.watches = watches;
        self
    }

    /// Carries records through.
    ///
    /// # Errors
    /// `Fatal` where a step is broken, not the data.
    pub fn carry(&mut self, records: &Arc<Records>) -> Result<Carried> {
        let mut clock = Clock(Instant::now());
        let decoded = caught(Stage::Decode, || self.decode.decode(records))?;
        clock.lap(&self.metrics.decoding);
        let (mut batch, mut rejects) = (decoded.batch, decoded.rejects);
        let times = self
            .event_time
            .map(|column| event_times(&batch, column, records.len()));
        show(&mut self.watches, 0, &batch);
        for (number, running) in self.steps.iter_mut().enumerate() {
            let Running { stage, step, metrics } = running;
            let (rows, columns) = (batch.len() as u64, batch.rows.num_columns());
            if rows == 0 {
                break;
            }
            batch = apply(*stage, step.as_mut(), batch, &mut rejects, &mut self.breaker)?;
            metrics.runs.add(1);
            metrics.rows.add(rows);
            metrics.gone.add(rows - batch.len() as u64);
            if *stage == Stage::Model {
                metrics.not_finite.add(not_finite(&batch, columns));
            }
            clock.lap(&metrics.busy);
            show(&mut self.watches, number + 1, &batch);
        }
        let results = encode(self.encode.as_mut(), &mut batch, &mut rejects, &mut self.breaker)?;
        clock.lap(&self.metrics.encoding);
        rejects.sort_by_key(|r| r.record);
        for reject in &rejects {
            self.metrics.rejected(reject, records);
        }
        Ok(Carried {
            results,
            rejects,
            times: times.unwrap_or_default(),
        })
    }
}

fn event_times(batch: &Batch, column: usize, records: usize) -> Vec<i64> {
    let mut times = vec![NO_TIMESTAMP; records];
    if let Some(column) = batch
        .rows
        .column(column)
        .as_primitive_opt::<TimestampNanosecondType>()
    {
        for (row, origin) in batch.origin.iter().enumerate() {
            if column.is_valid(row) {
                times[*origin as usize] = column.value(row).div_euclid(1_000_000);
            }
        }
    }
    times
}

/// NaN and infinite numbers in the columns that a model has put behind the `columns` it found.
fn not_finite(batch: &Batch, columns: usize) -> u64 {
    let in_list = |column: &ArrayRef| match column.as_fixed_size_list_opt() {
        Some(list) => Arc::clone(list.values()),
        None => Arc::clone(column),
    };
    let results = batch.rows.columns().iter().skip(columns).map(in_list);
    let count = |results: ArrayRef| match results.data_type() {
        DataType::Float32 => among(results.as_primitive::<Float32Type>().values(), |n| n.is_finite()),
        DataType::Float64 => among(results.as_primitive::<Float64Type>().values(), |n| n.is_finite()),
        _ => 0,
    };
    results.map(count).sum::<usize>() as u64
}

fn among<T: Copy>(values: &[T], finite: impl Fn(T) -> bool) -> usize {
    values.iter().filter(|value| !finite(**value)).count()
}

/// When the last lap ended.
struct Clock(Instant);

impl Clock {
    /// Adds the time since the last lap.
    fn lap(&mut self, to: &Count) {
        let now = Instant::now();
        to.add_nanos(now.duration_since(self.0));
        self.0 = now;
    }
}

/// Shows a batch that has passed so many steps to those who watch it there.
fn show(watches: &mut [Watch], after: usize, batch: &Batch) {
    for watch in watches.iter_mut().filter(|watch| watch.after == after) {
        watch.what.observe(&batch.rows);
    }
}

fn apply(
    stage: Stage,
    step: &mut dyn Step,
    batch: Batch,
    rejects: &mut Vec<Reject>,
    breaker: &mut Breaker,
) -> Result<Batch> {
    let (input, applied) = without_guilty(stage, batch, rejects, breaker, |b| {
        caught(stage, || step.apply(b))
    })?;
    if applied.batch.len() + applied.rejects.len() > input.len() {
        return Err(
            Error::fatal(format!("the {stage} step gave more rows than it got"))
                .with("rows_in", input.len())
                .with("rows_out", applied.batch.len() + applied.rejects.len()),
        );
    }
    rejects.extend(applied.rejects);
    Ok(applied.batch)
}

fn encode(
    encoder: &mut dyn Encode,
    batch: &mut Batch,
    rejects: &mut Vec<Reject>,
    breaker: &mut Breaker,
) -> Result<Outgoing> {
    let stage = Stage::Encode;
    let all = batch.slice(0, batch.len());
    let (good, outgoing) = without_guilty(stage, all, rejects, breaker, |b| {
        caught(stage, || encoder.encode(b))
    })?;
    *batch = good;
    Ok(outgoing)
}

/// Runs `run` on the batch; where it fails, finds the rows that fail alone, rejects them, and runs it on the others.
/// Returns the batch that went through, and what came of it.
fn without_guilty<T>(
    stage: Stage,
    batch: Batch,
    rejects: &mut Vec<Reject>,
    breaker: &mut Breaker,
    mut run: impl FnMut(&Batch) -> Result<T>,
) -> Result<(Batch, T)> {
    let failure = match run(&batch) {
        Ok(output) => {
            breaker.record(batch.len(), &[]);
            return Ok((batch, output));
        }
        Err(error) if error.kind() == Kind::Reject => error,
        Err(error) => return Err(error),
    };
    let mut guilty = Vec::new();
    find_guilty(&batch, 0, failure, &mut guilty, &mut run)?;
    let rows: Vec<u32> = guilty.iter().map(|(row, _)| *row).collect();
    if breaker.record(batch.len(), &rows) {
        let reason = guilty.pop().map(|(_, error)| error);
        return Err(broken(stage, reason));
    }
    let good: Vec<u32> = (0..batch.len() as u32)
        .filter(|row| rows.binary_search(row).is_err())
        .collect();
    rejects.extend(guilty.into_iter().map(|(row, error)| Reject {
        record: batch.origin[row as usize],
        stage,
        cause: cause::ROW_FAILED,
        reason: error.to_string(),
    }));
    let rest = batch.take(&good)?;
    match run(&rest) {
        Ok(output) => Ok((rest, output)),
        Err(error) => Err(Error::fatal(format!(
            "the {stage} step failed on rows that pass one by one; it is broken, not the data"
        ))
        .caused_by(error)),
    }
}

fn broken(stage: Stage, reason: Option<Error>) -> Error {
    let message = format!(
        "{BROKEN} of the last {WINDOW} rows failed alone in the {stage} step: the model or the query is broken, \
         not the data; nothing of this batch was committed"
    );
    match reason {
        Some(reason) => Error::fatal(message).caused_by(reason),
        None => Error::fatal(message),
    }
}

/// Halves until the rows that fail are alone; `first` is the row number of the batch's first row.
fn find_guilty<T>(
    batch: &Batch,
    first: u32,
    failure: Error,
    guilty: &mut Vec<(u32, Error)>,
    run: &mut impl FnMut(&Batch) -> Result<T>,
) -> Result<()> {
    if batch.len() == 1 {
        guilty.push((first, failure));
        return Ok(());
    }
    let middle = batch.len() / 2;
    for (start, len) in [(0, middle), (middle, batch.len() - middle)] {
        let half = batch.slice(start, len);
        match run(&half) {
            Ok(_) => {}
            Err(error) if error.kind() == Kind::Reject => {
                find_guilty(&half, first + start as u32, error, guilty, run)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A panic becomes an error of the batch; its text may hold data and is not passed on.
fn caught<T>(stage: Stage, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        drop(panic);
        Err(match stage {
            Stage::Decode => Error::fatal("the decoder panicked"),
            _ => Error::reject(format!("the {stage} step panicked")),
        })
    })
}
