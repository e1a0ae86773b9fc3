//! What is scored: events from a fixed seed, and what each must come out as. Knows no broker and no system.

use std::io::Read;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use serde_json::Value;

use crate::{Failure, tabular};

/// Distinct events of one workload on a broker; they repeat with other ids.
pub const DISTINCT: usize = 4096;
const SEED: u64 = 42;
/// Every so many results are compared with the reference.
const SAMPLED: u64 = 101;
/// Far above what the order of additions changes, far below what a wrong feature would.
const TOLERANCE: f32 = 1e-4;

/// One workload, ready to make events.
#[derive(Debug)]
pub struct Workload {
    /// One letter, as systems get it.
    pub name: &'static str,
    pub about: &'static str,
    pub model: PathBuf,
    /// Events of a full round; of a quick one it is a quarter.
    pub records: u64,
    kind: Kind,
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tabular,
    Avro,
    Raw,
    Image,
    Shuttle,
}

/// What follows the id, and what comes out.
#[derive(Debug)]
struct Event {
    bytes: Vec<u8>,
    scores: Vec<f32>,
    /// The model's label and the true one.
    labels: Option<(i64, i64)>,
}

/// The names of all workloads, in the order they run.
pub const NAMES: [&str; 5] = ["t", "a", "r", "c", "s"];

impl Workload {
    /// Makes workload `name` with so many distinct events.
    pub fn new(name: &str, distinct: usize, root: &Path, runtime: &Environment) -> Result<Self, Failure> {
        let models = root.join("bench/models");
        let mut random = fastrand::Rng::with_seed(SEED);
        let image = |random: &mut fastrand::Rng| -> Vec<f32> { (0..784).map(|_| random.f32()).collect() };
        Ok(match name {
            "t" => {
                let model = models.join("tabular.onnx");
                let rows = tabular::rows(&mut random, distinct);
                let events = rows.iter().map(|row| (row.json(), row.features()));
                Self {
                    name: "t",
                    about: "JSON of 32 fields, 30 of them features; MLP 30-64-32-1",
                    records: 2_000_000,
                    kind: Kind::Tabular,
                    events: scored(runtime, &model, events.collect())?,
                    model,
                }
            }
            "a" => {
                let model = models.join("tabular.onnx");
                let rows = tabular::rows(&mut random, distinct);
                let events = rows.iter().map(|row| (row.avro(), row.features()));
                Self {
                    name: "a",
                    about: "T's events as Avro with a schema id in front; MLP 30-64-32-1",
                    records: 2_000_000,
                    kind: Kind::Avro,
                    events: scored(runtime, &model, events.collect())?,
                    model,
                }
            }
            "r" => {
                let model = models.join("image.onnx");
                let images: Vec<Vec<f32>> = (0..distinct).map(|_| image(&mut random)).collect();
                let bytes = |v: &Vec<f32>| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
                Self {
                    name: "r",
                    about: "784 packed float32; MLP 784-32-32-32-32-10",
                    records: 500_000,
                    kind: Kind::Raw,
                    events: scored(
                        runtime,
                        &model,
                        images.into_iter().map(|v| (bytes(&v), v)).collect(),
                    )?,
                    model,
                }
            }
            "c" => {
                let model = models.join("image.onnx");
                let images: Vec<Vec<f32>> = (0..distinct).map(|_| image(&mut random)).collect();
                let text = |v: &Vec<f32>| {
                    let numbers: Vec<String> = v.iter().map(f32::to_string).collect();
                    format!(",\"pixels\":[{}]}}", numbers.join(","))
                };
                Self {
                    name: "c",
                    about: "JSON with a list of 784 floats; MLP 784-32-32-32-32-10",
                    records: 150_000,
                    kind: Kind::Image,
                    events: scored(
                        runtime,
                        &model,
                        images.into_iter().map(|v| (text(&v), v)).collect(),
                    )?,
                    model,
                }
            }
            "s" => Self {
                name: "s",
                about: "the shuttle's telemetry, JSON of 11 integers, with its real model",
                records: 2_000_000,
                kind: Kind::Shuttle,
                events: shuttle(&root.join("examples/sensors"), distinct)?,
                model: root.join("examples/sensors/model.onnx"),
            },
            other => {
                return Err(Failure(format!(
                    "there is no workload `{other}`; there are: {}",
                    NAMES.join(", ")
                )));
            }
        })
    }

    fn event(&self, id: u64) -> &Event {
        &self.events[id as usize % self.events.len()]
    }

    /// Appends the payload of event `id`. Its key is the id as text.
    pub fn payload(&self, id: u64, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Raw => {}
            Kind::Avro => tabular::begin_avro(id, out),
            Kind::Tabular | Kind::Image | Kind::Shuttle => {
                out.extend_from_slice(b"{\"id\":");
                out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
            }
        }
        out.extend_from_slice(&self.event(id).bytes);
    }

    /// Bytes of one event, about.
    pub fn event_bytes(&self) -> u64 {
        let mut out = Vec::new();
        self.payload(1_234_567, &mut out);
        out.len() as u64
    }

    /// Whether `payload` is what event `id` must come out as; only samples are compared in full.
    pub fn check(&self, id: u64, payload: &[u8]) -> Result<(), String> {
        if !id.is_multiple_of(SAMPLED) {
            return Ok(());
        }
        let event = self.event(id);
        let scores: Vec<f32> = if self.kind == Kind::Raw {
            payload
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect()
        } else {
            let value: Value = serde_json::from_slice(payload).map_err(|e| format!("no JSON: {e}"))?;
            if value["id"].as_u64() != Some(id) {
                return Err(format!("the id is {}", value["id"]));
            }
            if let Some((predicted, anomaly)) = event.labels {
                let labels = (value["predicted"].as_i64(), value["anomaly"].as_i64());
                if labels != (Some(predicted), Some(anomaly)) {
                    return Err(format!("predicted and anomaly are {labels:?}"));
                }
            }
            let number = |v: &Value| v.as_f64().map_or(f32::NAN, |n| n as f32);
            match &value["scores"] {
                Value::Array(scores) => scores.iter().map(number).collect(),
                _ => vec![number(&value["score"])],
            }
        };
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE;
        if scores.len() != event.scores.len() || !scores.iter().zip(&event.scores).all(near) {
            return Err(format!("scores are {scores:?} instead of {:?}", event.scores));
        }
        Ok(())
    }
}

/// What the model says of each event, one by one: the features come from the generator, not from a parser.
fn scored<T: Into<Vec<u8>>>(
    runtime: &Environment,
    model: &Path,
    events: Vec<(T, Vec<f32>)>,
) -> Result<Vec<Event>, Failure> {
    let wrong = |e: ort::Error| Failure(format!("the reference: {}: {e}", model.display()));
    let mut session = Session::builder(runtime)
        .and_then(|b| Ok(b.with_intra_threads(1)?))
        .and_then(|mut b| b.commit_from_file(model))
        .map_err(wrong)?;
    let mut all = Vec::with_capacity(events.len());
    for (bytes, features) in events {
        let input = TensorRef::from_array_view(([1, features.len()], &features[..])).map_err(wrong)?;
        let outputs = session.run(ort::inputs![input]).map_err(wrong)?;
        let (_, scores) = outputs[0].try_extract_tensor::<f32>().map_err(wrong)?;
        all.push(Event {
            bytes: bytes.into(),
            scores: scores.to_vec(),
            labels: None,
        });
    }
    Ok(all)
}

/// The telemetry, with what the training script says the model makes of it.
fn shuttle(folder: &Path, distinct: usize) -> Result<Vec<Event>, Failure> {
    let read = |name: &str| {
        let mut text = String::new();
        let file = std::fs::File::open(folder.join(name));
        let unpacked = file.and_then(|f| flate2::read::GzDecoder::new(f).read_to_string(&mut text));
        unpacked
            .map(|_| text)
            .map_err(|e| Failure(format!("read {}: {e}", folder.join(name).display())))
    };
    let (rows, expected) = (read("shuttle.csv.gz")?, read("expected.csv.gz")?);
    let mut rows = rows.lines();
    let names: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let event = |(row, expected): (&str, &str)| {
        let fields = names.iter().zip(row.split(','));
        let bytes: String = fields
            .map(|(name, value)| format!(",\"{name}\":{value}"))
            .collect();
        let expected: Vec<&str> = expected.split(',').collect();
        let anomaly = row.rsplit(',').next()?.parse().ok()?;
        Some(Event {
            bytes: (bytes + "}").into_bytes(),
            scores: vec![expected.get(2)?.parse().ok()?],
            labels: Some((expected.get(1)?.parse().ok()?, anomaly)),
        })
    };
    let events = rows.zip(expected.lines().skip(1)).take(distinct).map(event);
    let events: Option<Vec<Event>> = events.collect();
    events.ok_or_else(|| Failure("the telemetry and its expected scores do not fit".into()))
}

impl Workload {
    /// Three events without a model, for tests: what comes in is what must come out.
    pub fn plain() -> Self {
        let event = |score: f32| Event {
            bytes: score.to_le_bytes().to_vec(),
            scores: vec![score],
            labels: None,
        };
        Self {
            name: "r",
            about: "plain",
            model: PathBuf::new(),
            records: 3,
            kind: Kind::Raw,
            events: vec![event(0.25), event(0.5), event(0.75)],
        }
    }
}
