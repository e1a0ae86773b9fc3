//! What a lane costs beside its parts: the sensors example on the memory source and sink, against decode, predict and
//! encode alone, in alternating rounds of one run. The bound: parts / whole >= 0.6.

use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array};
use arrow::datatypes::{DataType, Field, Float32Type};
use forebay::config::{Config, Options};
use forebay::core::batch::Batch;
use forebay::core::codec::json::{JsonDecoder, JsonEncoder};
use forebay::core::codec::{Decode, Encode, EncoderOptions};
use forebay::core::lane::{Lane, OnGap, Rules, Stop};
use forebay::core::memory::{MemorySink, MemorySource, Message, Script, Written, records_of};
use forebay::core::metrics::LaneMetrics;
use forebay::core::model::onnx::OnnxModel;
use forebay::core::model::{Model, runtime};
use forebay::formats::Schooled;
use forebay::plan::Plan;

const ROWS: usize = 512;
const BATCHES: usize = 60;
const ROUNDS: usize = 21;
const BOUND: f64 = 0.6;

fn messages(example: &Path) -> Vec<Message> {
    let mut text = String::new();
    let packed = std::fs::File::open(example.join("shuttle.csv.gz")).expect("the telemetry");
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("unpack");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let events = lines.take(ROWS * BATCHES).enumerate().map(|(id, line)| {
        let fields = names.iter().zip(line.split(','));
        let fields: String = fields
            .map(|(name, value)| format!(",\"{name}\":{value}"))
            .collect();
        Message::new("telemetry", 0, id as i64, format!("{{\"id\":{id}{fields}}}"))
    });
    events.collect()
}

/// The whole: a lane from the memory source to the memory sink.
fn lane(plan: &Plan, messages: &[Message]) -> Duration {
    let metrics = Arc::new(LaneMetrics::default());
    let script = messages
        .chunks(ROWS)
        .map(|batch| Script::Messages(batch.to_vec()));
    let source = MemorySource::new(script.collect::<Vec<_>>());
    let written = Arc::new(Mutex::new(Written::default()));
    let sink = MemorySink::new(Arc::clone(&written));
    let rules = Rules {
        max_rows: ROWS,
        commit_every: Duration::from_secs(1),
        commit_at_least: Duration::ZERO,
        max_records: 100_000,
        max_bytes: usize::MAX,
        on_gap: OnGap::Stop,
        drop_rejects: false,
        dead_letters: None,
        flush_within: Duration::from_secs(1),
    };
    let carrier = plan
        .open_lane(Arc::clone(&metrics), &Schooled::default())
        .expect("a carrier");
    let lane = Lane::new(
        Box::new(source),
        carrier,
        vec![Box::new(sink)],
        rules,
        Arc::clone(&metrics),
        Stop::default(),
    );
    let begin = Instant::now();
    lane.run().expect("the lane ends in order");
    let took = begin.elapsed();
    assert_eq!(metrics.delivered.get(), messages.len() as u64);
    took
}

/// The parts, each alone on what it would get.
struct Parts {
    decoder: JsonDecoder,
    model: OnnxModel,
    encoder: JsonEncoder,
    results: Vec<Batch>,
}

impl Parts {
    fn new(plan: &Plan, example: &Path, messages: &[Message]) -> Self {
        let library = runtime::locate(None).expect("`make onnxruntime` fetches ONNX Runtime");
        let options = EncoderOptions {
            topic: "scores".into(),
            key: Some("id".into()),
            include_original: false,
            headers: Arc::from([]),
            not_finite: Arc::default(),
        };
        let mut parts = Self {
            decoder: JsonDecoder::new(&plan.columns),
            model: OnnxModel::open(&example.join("model.onnx"), &library).expect("the model"),
            encoder: JsonEncoder::new(options, &plan.output).expect("an encoder"),
            results: Vec::new(),
        };
        let mut steps: Vec<_> = plan
            .steps
            .iter()
            .map(|(_, step)| (step.open)().expect("a step"))
            .collect();
        for chunk in messages.chunks(ROWS) {
            let mut batch = parts
                .decoder
                .decode(&Arc::new(records_of(chunk)))
                .expect("decodes")
                .batch;
            for step in &mut steps {
                batch = step.apply(&batch).expect("applies").batch;
            }
            parts.results.push(batch);
        }
        parts
    }

    fn run(&mut self, messages: &[Message]) -> [Duration; 3] {
        let mut took = [Duration::ZERO; 3];
        for (chunk, result) in messages.chunks(ROWS).zip(&self.results) {
            let records = Arc::new(records_of(chunk));
            let begin = Instant::now();
            let batch = self.decoder.decode(&records).expect("decodes").batch;
            took[0] += begin.elapsed();
            let tensor = tensor(&batch);
            let begin = Instant::now();
            black_box(self.model.predict(&[tensor]).expect("predicts"));
            took[1] += begin.elapsed();
            let begin = Instant::now();
            black_box(self.encoder.encode(result).expect("encodes"));
            took[2] += begin.elapsed();
        }
        took
    }
}

fn tensor(batch: &Batch) -> ArrayRef {
    let column = |i: usize| batch.rows.column(i).as_primitive::<Float32Type>().values();
    let columns: Vec<_> = (1..=9).map(column).collect();
    let rows = 0..batch.len();
    let values: Vec<f32> = rows.flat_map(|row| columns.iter().map(move |c| c[row])).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    Arc::new(FixedSizeListArray::new(
        item,
        9,
        Arc::new(Float32Array::from(values)),
        None,
    ))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sensors");
    let env = |_: &str| None;
    let options = Options {
        connector: None,
        also: None,
        env: &env,
    };
    let config = Config::load(&example.join("pipeline.yaml"), &options).expect("the example's pipeline");
    let plan = Plan::new(&config).expect("it fits");
    let messages = messages(&example);
    let mut parts = Parts::new(&plan, &example, &messages);
    let per_record = |took: Duration| took.as_nanos() as f64 / messages.len() as f64;
    let (mut wholes, mut ratios, mut each) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        let whole = per_record(lane(&plan, &messages));
        let alone = parts.run(&messages).map(per_record);
        wholes.push(whole);
        ratios.push(alone.iter().sum::<f64>() / whole);
        each.iter_mut().zip(alone).for_each(|(all, one)| all.push(one));
    }
    let [decode, predict, encode] = each.map(median);
    let ratio = median(ratios);
    println!(
        "ns a record: the lane {:.0}; alone: decode {decode:.0}, predict {predict:.0}, encode {encode:.0}",
        median(wholes)
    );
    let holds = ratio >= BOUND;
    println!(
        "{} parts / whole: {ratio:.2} (at least {BOUND})",
        if holds { "PASS" } else { "FAIL" }
    );
    ExitCode::from(u8::from(!holds))
}
