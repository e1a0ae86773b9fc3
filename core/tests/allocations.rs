//! Allocations do not grow with rows: a lane with every kind of step is fed batches of 256 rows and then of 512, and the
//! allocator is asked how often it was called between `poll` and `poll`.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forebay_core::carry::Carrier;
use forebay_core::codec::EncoderOptions;
use forebay_core::codec::json::{JsonDecoder, JsonEncoder};
use forebay_core::codec::{Column, ColumnKind, DefaultValue, schema_of};
use forebay_core::lane::{Lane, OnGap, Rules, Stop};
use forebay_core::metrics::LaneMetrics;
use forebay_core::model::runtime;
use forebay_core::sink::{Confirmed, Outgoing, Sink, Ticket};
use forebay_core::source::{Commit, Event, Limit, Source};
use forebay_core::steps::lookup::{LookupStep, Missing, Table, TableSpec};
use forebay_core::steps::model::ModelStep;
use forebay_core::steps::sql::SqlStep;
use forebay_core::steps::{Env, StepSpec};
use forebay_core::{Partitions, Positions, Record, Records, Result, TopicPartition};

struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM: usize = 20;
const COUNTED: usize = 40;

/// The same batch again and again, built as a source builds it: one copy into one arena.
struct Feed {
    payloads: Vec<String>,
    topic: Arc<str>,
    polls: usize,
    next: i64,
    committed: Option<Positions>,
    begin: u64,
    per_batch: Arc<Mutex<f64>>,
}

impl Source for Feed {
    fn poll(&mut self, _: Limit, _: Duration) -> Result<Event> {
        if let Some(positions) = self.committed.take() {
            return Ok(Event::Committed(positions));
        }
        self.polls += 1;
        match self.polls {
            1 => {
                let here = TopicPartition::new(Arc::clone(&self.topic), 0);
                return Ok(Event::Assigned(Positions::from([(here, 0)])));
            }
            WARM => self.begin = CALLS.load(Ordering::Relaxed),
            n if n == WARM + COUNTED => {
                let calls = CALLS.load(Ordering::Relaxed) - self.begin;
                *self.per_batch.lock().expect("the result") = calls as f64 / COUNTED as f64;
                return Ok(Event::End);
            }
            _ => {}
        }
        let bytes = self.payloads.iter().map(|p| p.len() + 8).sum();
        let mut records = Records::with_capacity(self.payloads.len(), bytes);
        let partition = records.intern(&self.topic, 0);
        for payload in &self.payloads {
            let record = Record {
                offset: self.next,
                timestamp: 1_700_000_000_000,
                key: Some(b"12345678"),
                payload: Some(payload.as_bytes()),
            };
            records.push(partition, record);
            self.next += 1;
        }
        Ok(Event::Records(records))
    }

    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()> {
        self.committed = (how == Commit::Soon).then(|| next.clone());
        Ok(())
    }

    fn rewind(&mut self, _: &Positions) -> Result<()> {
        Ok(())
    }

    fn release(&mut self, _: &Partitions) -> Result<()> {
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Looks at every byte that would be written, and confirms at once.
#[derive(Default)]
struct Drain {
    bytes: usize,
    up_to: Option<Ticket>,
}

impl Sink for Drain {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        for row in from..rows.len() {
            let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
            self.bytes += size(rows.payload(row)) + size(rows.key(row)) + rows.headers(row).count();
        }
        self.up_to = Some(ticket);
        Ok(rows.len() - from)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        Ok(Confirmed {
            up_to: self.up_to,
            refused: Vec::new(),
        })
    }

    fn flush(&mut self, _: Duration) -> Result<()> {
        Ok(())
    }
}

fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        path: vec![name.into()],
        kind,
        nullable: false,
        default: None,
    }
}

fn columns() -> Vec<Column> {
    vec![
        column("id", ColumnKind::String),
        column("amount", ColumnKind::Float64),
        column("count", ColumnKind::Int64),
        Column {
            default: Some(DefaultValue::Float(0.5)),
            ..column("weight", ColumnKind::Float32)
        },
        column("merchant", ColumnKind::String),
    ]
}

fn steps(folder: &Path) -> (Vec<Box<dyn StepSpec>>, Env) {
    let file = folder.join("merchants.csv");
    let rows: Vec<String> = (0..100).map(|n| format!("m{n},0.{n:02},short\n")).collect();
    fs::write(&file, format!("merchant,risk,class\n{}", rows.concat())).expect("write a table");
    let table = Table::load(&TableSpec {
        name: "merchants".into(),
        file,
        key: "merchant".into(),
        columns: vec![
            column("merchant", ColumnKind::String),
            column("risk", ColumnKind::Float64),
            column("class", ColumnKind::String),
        ],
    });
    let env = Env {
        tables: [("merchants".to_string(), Arc::new(table.expect("a table")))].into(),
        onnxruntime: Some(runtime::locate(None).expect("`make onnxruntime` fetches ONNX Runtime")),
        ..Env::default()
    };
    let lookup = LookupStep {
        table: "merchants".into(),
        on: "merchant".into(),
        columns: vec!["risk".into(), "class".into()],
        missing: Missing::Values(
            [
                ("risk".into(), DefaultValue::Float(0.5)),
                ("class".into(), DefaultValue::String("none".into())),
            ]
            .into(),
        ),
    };
    let model = ModelStep {
        path: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/sum.onnx"),
        inputs: vec![(
            "features".into(),
            ["log_amount", "weight", "risk"].map(String::from).into(),
        )],
        outputs: vec![("score".into(), "score".into())],
    };
    let steps: Vec<Box<dyn StepSpec>> = vec![
        Box::new(SqlStep::new(
            "SELECT *, ln(1 + amount) AS log_amount FROM input WHERE count > 2",
        )),
        Box::new(lookup),
        Box::new(model),
        Box::new(SqlStep::new(
            "SELECT id, class, score, score > 0.9 AS high, amount FROM input",
        )),
    ];
    (steps, env)
}

fn allocations_per_batch(rows: usize, folder: &Path) -> f64 {
    let payload = |n: usize| {
        format!(
            r#"{{"id":"id-{n}","amount":{n}.25,"count":{},"unused":[1,{{"a":"b"}}],"merchant":"m{}"}}"#,
            n % 50,
            n % 120
        )
    };
    let metrics = Arc::new(LaneMetrics::default());
    let (specs, env) = steps(folder);
    let mut schema = schema_of(&columns());
    let mut opened = Vec::new();
    for spec in specs {
        let plan = spec.plan(&schema, &env).expect("a plan");
        opened.push((spec.stage(), (plan.open)().expect("a step")));
        schema = plan.output;
    }
    let options = EncoderOptions {
        topic: "out".into(),
        key: Some("id".into()),
        include_original: false,
        headers: Arc::from([("model".to_string(), b"sum".to_vec())]),
        not_finite: Arc::clone(&metrics),
    };
    let encoder = JsonEncoder::new(options, &schema).expect("an encoder");
    let decoder = JsonDecoder::new(&columns());
    let carrier = Carrier::new(Box::new(decoder), opened, Box::new(encoder), Arc::clone(&metrics));
    let per_batch = Arc::new(Mutex::new(f64::NAN));
    let feed = Feed {
        payloads: (0..rows).map(payload).collect(),
        topic: "in".into(),
        polls: 0,
        next: 0,
        committed: None,
        begin: 0,
        per_batch: Arc::clone(&per_batch),
    };
    let rules = Rules {
        max_rows: rows,
        commit_every: Duration::from_secs(3600),
        commit_at_least: Duration::ZERO,
        max_records: u64::MAX,
        max_bytes: usize::MAX,
        on_gap: OnGap::Stop,
        drop_rejects: false,
        dead_letters: None,
        flush_within: Duration::from_secs(1),
    };
    let drain: Box<dyn Sink> = Box::new(Drain::default());
    let lane = Lane::new(
        Box::new(feed),
        carrier,
        vec![drain],
        rules,
        Arc::clone(&metrics),
        Stop::default(),
    );
    lane.run().expect("the lane ends in order");
    assert!(metrics.delivered.get() > 0 && metrics.filtered.get() > 0);
    *per_batch.lock().expect("the result")
}

#[test]
fn do_not_grow_with_rows() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let [few, many] = [256, 512].map(|rows| allocations_per_batch(rows, folder.path()));
    let per_row = (many - few) / 256.0;
    println!("{few} allocations for 256 rows, {many} for 512: {per_row} for each row more");
    assert!(few > 0.0 && per_row <= 0.01, "{few} for 256 rows, {many} for 512");
}
