//! JSON of about 490 bytes with 32 fields into Arrow columns, against `arrow-json`, in alternating rounds of one run.
//! Prints the median of the rounds' ratios, and whether each bound holds.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::codec::json::JsonDecoder;
use forebay_core::codec::{Column, ColumnKind, Decode, schema_of};
use forebay_core::{Record, Records};

const ROWS: usize = 256;
const LIST: usize = 784;
const ROUNDS: usize = 41;
const BATCHES: usize = 5;

/// 20 floats, 6 integers, 4 strings, 2 bools, mixed as events mix them.
fn columns() -> Vec<Column> {
    (0..32).map(|nth| column(nth, kind_of(nth))).collect()
}

fn kind_of(nth: usize) -> ColumnKind {
    match nth {
        0 | 9 | 18 | 27 => ColumnKind::String,
        3 | 8 | 13 | 19 | 24 | 29 => ColumnKind::Int64,
        11 | 22 => ColumnKind::Bool,
        _ => ColumnKind::Float64,
    }
}

fn column(nth: usize, kind: ColumnKind) -> Column {
    let name = format!("col_{nth}");
    Column {
        path: vec![name.clone()],
        name,
        kind,
        nullable: true,
        default: None,
    }
}

fn event(row: usize) -> String {
    let mut seed = row as u64 * 2_654_435_761 + 1;
    let members = (0..32).map(|nth| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        let value = match kind_of(nth) {
            ColumnKind::String => format!("\"item-{}\"", random % 1000),
            ColumnKind::Int64 => (random % 10_000).to_string(),
            ColumnKind::Bool => random.is_multiple_of(2).to_string(),
            _ => format!("0.{:04}", random % 10_000),
        };
        format!("\"col_{nth}\":{value}")
    });
    let members: Vec<_> = members.collect();
    format!("{{{}}}", members.join(","))
}

/// The nearest decimal of each of 784 `f32` between 0 and 1.
fn list(row: usize) -> String {
    let mut seed = row as u64 * 2_654_435_761 + 1;
    let values = (0..LIST).map(|_| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 40) as f32 / (1 << 24) as f32).to_string()
    });
    format!("{{\"values\":[{}]}}", values.collect::<Vec<_>>().join(","))
}

fn records(event: fn(usize) -> String) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&"events".into(), 0);
    for row in 0..ROWS {
        let event = event(row);
        let record = Record {
            offset: row as i64,
            payload: Some(event.as_bytes()),
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

fn timed(mut batch: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..BATCHES {
        batch();
    }
    start.elapsed()
}

fn ours(decoder: &mut JsonDecoder, records: &Arc<Records>) -> Duration {
    timed(|| {
        let decoded = decoder.decode(records).expect("decodes");
        assert_eq!(decoded.batch.len(), ROWS);
        black_box(decoded);
    })
}

fn theirs(decoder: &mut arrow_json::reader::Decoder, records: &Records) -> Duration {
    timed(|| {
        for row in 0..ROWS {
            let payload = records.payload(row).expect("has a payload");
            assert_eq!(decoder.decode(payload).expect("decodes"), payload.len());
        }
        let batch = decoder.flush().expect("flushes").expect("has rows");
        assert_eq!(batch.num_rows(), ROWS);
        black_box(batch);
    })
}

fn arrow(columns: &[Column]) -> arrow_json::reader::Decoder {
    let builder = arrow_json::ReaderBuilder::new(schema_of(columns)).with_batch_size(ROWS);
    builder.build_decoder().expect("builds")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(name: &str, ratio: f64, bound: f64) -> bool {
    let verdict = if ratio >= bound { "PASS" } else { "FAIL" };
    println!("{verdict} {name}: {ratio:.2} times as fast (at least {bound})");
    ratio >= bound
}

fn main() -> ExitCode {
    let (lists, records) = (records(list), records(event));
    let list = Column {
        name: "values".into(),
        path: vec!["values".into()],
        kind: ColumnKind::Float32List(LIST as i32),
        nullable: false,
        default: None,
    };
    let list = [list];
    let all = columns();
    let some: Vec<_> = all.iter().step_by(3).take(10).cloned().collect();
    let (mut our_all, mut our_some) = (JsonDecoder::new(&all), JsonDecoder::new(&some));
    let (mut their_all, mut their_some) = (arrow(&all), arrow(&some));
    let (mut our_list, mut their_list) = (JsonDecoder::new(&list), arrow(&list));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([
            ours(&mut our_all, &records),
            theirs(&mut their_all, &records),
            ours(&mut our_some, &records),
            theirs(&mut their_some, &records),
            ours(&mut our_list, &lists),
            theirs(&mut their_list, &lists),
        ]);
    }
    let time = |nth: usize| {
        median(rounds.iter().map(|r| r[nth].as_nanos() as f64).collect()) / (BATCHES * ROWS) as f64
    };
    let ratio = |slow: usize, fast: usize| {
        median(
            rounds
                .iter()
                .map(|r| r[slow].as_secs_f64() / r[fast].as_secs_f64())
                .collect(),
        )
    };
    println!(
        "{} bytes a record, {ROWS} records a batch; ns a record:",
        records.size() / ROWS
    );
    println!("all 32 fields: ours {:.0}, arrow-json {:.0}", time(0), time(1));
    println!("10 of 32 fields: ours {:.0}, arrow-json {:.0}", time(2), time(3));
    println!(
        "a list of {LIST} floats: ours {:.0}, arrow-json {:.0}",
        time(4),
        time(5)
    );
    let verdicts = [
        report("all fields against arrow-json", ratio(1, 0), 1.5),
        report("10 of 32 against arrow-json", ratio(3, 2), 1.5),
        report("10 of 32 against all 32", ratio(0, 2), 1.4),
        report("a list against arrow-json", ratio(5, 4), 1.5),
    ];
    if verdicts.contains(&false) {
        eprintln!("a bound does not hold");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
