//! Avro of about 119 bytes with 30 fields, from framed payloads into Arrow columns, against `apache_avro`'s values and against
//! `arrow-avro`, in alternating rounds of one run. Prints the median of the rounds' ratios, and whether each bound holds.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
use forebay_core::codec::avro::AvroDecoder;
use forebay_core::codec::framing::Confluent;
use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, SchemaType, Schemas};
use forebay_core::codec::{Column, ColumnKind, Decode, Part};
use forebay_core::{Record, Records};

const ROWS: usize = 256;
const ROUNDS: usize = 41;
const BATCHES: usize = 5;
const ID: u32 = 7;

/// A registry that has one schema.
#[derive(Debug)]
struct One(Arc<RegisteredSchema>);

impl Schemas for One {
    fn schema(&self, _: SchemaKey) -> forebay_core::Result<Arc<RegisteredSchema>> {
        Ok(Arc::clone(&self.0))
    }
}

/// An id, a device, 25 features and three more, as events have them.
fn fields() -> Vec<(String, &'static str, ColumnKind)> {
    let feature = |nth| (format!("f{nth:02}"), "float", ColumnKind::Float32);
    let mut fields = vec![
        ("id".to_owned(), "long", ColumnKind::Int64),
        ("device".to_owned(), "string", ColumnKind::String),
    ];
    fields.extend((0..25).map(feature));
    fields.extend([
        ("count".to_owned(), "int", ColumnKind::Int32),
        ("total".to_owned(), "long", ColumnKind::Int64),
        ("flag".to_owned(), "boolean", ColumnKind::Bool),
    ]);
    fields
}

fn columns() -> Vec<Column> {
    let column = |(name, _, kind): (String, &str, ColumnKind)| Column {
        path: vec![name.clone()],
        name,
        kind,
        nullable: false,
        default: None,
    };
    fields().into_iter().map(column).collect()
}

fn schema(nullable: bool) -> String {
    let field = |(name, of, _): (String, &str, ColumnKind)| match nullable {
        true => format!(r#"{{"name":"{name}","type":["null","{of}"]}}"#),
        false => format!(r#"{{"name":"{name}","type":"{of}"}}"#),
    };
    let fields: Vec<_> = fields().into_iter().map(field).collect();
    format!(
        r#"{{"type":"record","name":"event","fields":[{}]}}"#,
        fields.join(",")
    )
}

fn event(row: usize, nullable: bool) -> Vec<(String, Value)> {
    let mut seed = row as u64 * 2_654_435_761 + 1;
    let value = |(name, of, _): (String, &str, ColumnKind)| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        let value = match of {
            "string" => Value::String(format!("dev-{:04}", random % 10_000)),
            "int" => Value::Int((random % 1000) as i32),
            "long" => Value::Long((random % 100_000) as i64),
            "boolean" => Value::Boolean(random.is_multiple_of(2)),
            _ => Value::Float((random % 10_000) as f32 / 7.0),
        };
        (
            name,
            if nullable {
                Value::Union(1, Box::new(value))
            } else {
                value
            },
        )
    };
    fields().into_iter().map(value).collect()
}

fn records(nullable: bool) -> Arc<Records> {
    let schema = apache_avro::Schema::parse_str(&schema(nullable)).expect("a schema");
    let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
    let mut records = Records::default();
    let partition = records.intern(&"events".into(), 0);
    for row in 0..ROWS {
        let body = writer
            .write_value_to_vec(Value::Record(event(row, nullable)))
            .expect("a body");
        let payload = [&[0], &ID.to_be_bytes()[..], &body].concat();
        let record = Record {
            offset: row as i64,
            payload: Some(&payload),
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

fn decoder(columns: &[Column], nullable: bool) -> AvroDecoder {
    let schema = RegisteredSchema {
        schema_type: SchemaType::Avro,
        text: schema(nullable),
        references: Vec::new(),
    };
    let schemas = Arc::new(One(Arc::new(schema)));
    AvroDecoder::registered(columns, Part::Value, Arc::new(Confluent), schemas)
}

fn ours(decoder: &mut AvroDecoder, records: &Arc<Records>) -> Duration {
    timed(|| {
        let decoded = decoder.decode(records).expect("decodes");
        assert_eq!(decoded.batch.len(), ROWS);
        black_box(decoded);
    })
}

/// Values alone; what it takes to make columns of them is not counted.
fn values(reader: &GenericDatumReader<'_>, records: &Records) -> Duration {
    timed(|| {
        for row in 0..ROWS {
            let mut body = &records.payload(row).expect("has a payload")[5..];
            black_box(reader.read_value(&mut body).expect("a value"));
        }
    })
}

fn arrow(nullable: bool) -> arrow_avro::reader::Decoder {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    store
        .set(Fingerprint::Id(ID), AvroSchema::new(schema(nullable)))
        .expect("a schema");
    let builder = ReaderBuilder::new()
        .with_writer_schema_store(store)
        .with_batch_size(ROWS);
    builder.build_decoder().expect("builds")
}

fn theirs(decoder: &mut arrow_avro::reader::Decoder, records: &Records) -> Duration {
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
    let all = columns();
    let some: Vec<_> = [1, 5, 15, 25].map(|nth| all[nth].clone()).to_vec();
    let (plain, unions) = (records(false), records(true));
    let text = apache_avro::Schema::parse_str(&schema(false)).expect("a schema");
    let reader = GenericDatumReader::builder(&text).build().expect("a reader");
    let mut our_all = decoder(&all, false);
    let mut our_some = decoder(&some, false);
    let mut our_unions = decoder(&all, true);
    let (mut their_all, mut their_unions) = (arrow(false), arrow(true));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([
            ours(&mut our_all, &plain),
            theirs(&mut their_all, &plain),
            values(&reader, &plain),
            ours(&mut our_some, &plain),
            ours(&mut our_unions, &unions),
            theirs(&mut their_unions, &unions),
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
        plain.size() / ROWS
    );
    println!(
        "all 30 fields: ours {:.0}, arrow-avro {:.0}, apache_avro's values {:.0}",
        time(0),
        time(1),
        time(2)
    );
    println!("4 of 30 fields: ours {:.0}", time(3));
    println!(
        "30 fields or null: ours {:.0}, arrow-avro {:.0}",
        time(4),
        time(5)
    );
    let verdicts = [
        report("all fields against apache_avro's values", ratio(2, 0), 8.0),
        report("all fields against arrow-avro", ratio(1, 0), 0.9),
        report("4 of 30 against all 30", ratio(0, 3), 1.5),
        report("fields or null against arrow-avro", ratio(5, 4), 0.9),
    ];
    if verdicts.contains(&false) {
        eprintln!("a bound does not hold");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
