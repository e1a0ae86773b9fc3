//! A message of 32 fields as Protobuf and as framed JSON into Arrow columns: Protobuf beside a reader that builds whole messages,
//! JSON without validation and with it, in alternating rounds of one run. Prints the median of the rounds' ratios.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::codec::framing::Confluent;
use forebay_core::codec::json::{Envelope, JsonDecoder};
use forebay_core::codec::protobuf::ProtobufDecoder;
use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, SchemaType, Schemas};
use forebay_core::codec::{Column, ColumnKind, Decode, Part, json_schema};
use forebay_core::error::Result;
use forebay_core::{Record, Records};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

const ROWS: usize = 256;
const ROUNDS: usize = 41;
const BATCHES: usize = 5;

/// 20 floats, 6 integers, 4 strings, 2 bools, mixed as events mix them.
fn kind_of(nth: usize) -> (ColumnKind, &'static str, &'static str) {
    match nth {
        0 | 9 | 18 | 27 => (ColumnKind::String, "string", "string"),
        3 | 8 | 13 | 19 | 24 | 29 => (ColumnKind::Int64, "int64", "integer"),
        11 | 22 => (ColumnKind::Bool, "bool", "boolean"),
        _ => (ColumnKind::Float64, "double", "number"),
    }
}

fn columns(count: usize) -> Vec<Column> {
    let column = |nth| {
        let name = format!("col_{nth}");
        Column {
            path: vec![name.clone()],
            name,
            kind: kind_of(nth).0,
            nullable: false,
            default: None,
        }
    };
    (0..32).step_by(32 / count).map(column).collect()
}

/// The members of a row, as JSON and in the text form of Protobuf.
fn row(row: usize) -> (String, String) {
    let mut seed = row as u64 * 2_654_435_761 + 1;
    let members = (0..32).map(|nth| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        let value = match kind_of(nth).0 {
            ColumnKind::String => format!("\"item-{}\"", random % 1000),
            ColumnKind::Int64 => (random % 10_000).to_string(),
            ColumnKind::Bool => random.is_multiple_of(2).to_string(),
            _ => format!("0.{:04}", random % 10_000),
        };
        (format!("\"col_{nth}\":{value}"), format!("col_{nth}: {value}"))
    });
    let (json, text): (Vec<_>, Vec<_>) = members.unzip();
    (format!("{{{}}}", json.join(",")), text.join(" "))
}

fn records(payload: impl Fn(usize) -> Vec<u8>) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&"events".into(), 0);
    for nth in 0..ROWS {
        let payload = payload(nth);
        let record = Record {
            offset: nth as i64,
            payload: Some(&payload),
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

#[derive(Debug)]
struct One(Arc<RegisteredSchema>);

impl Schemas for One {
    fn schema(&self, _: SchemaKey) -> Result<Arc<RegisteredSchema>> {
        Ok(Arc::clone(&self.0))
    }
}

fn schema(schema_type: SchemaType, text: String) -> Arc<dyn Schemas> {
    Arc::new(One(Arc::new(RegisteredSchema {
        schema_type,
        text,
        references: Vec::new(),
    })))
}

fn proto_text() -> String {
    let fields = (0..32).map(|nth| format!("  {} col_{nth} = {};\n", kind_of(nth).1, nth + 1));
    format!(
        "syntax = \"proto3\";\nmessage Event {{\n{}}}\n",
        fields.collect::<String>()
    )
}

fn json_schema_text() -> String {
    let members = (0..32).map(|nth| format!("\"col_{nth}\":{{\"type\":\"{}\"}}", kind_of(nth).2));
    let members: Vec<_> = members.collect();
    format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", members.join(","))
}

fn timed(mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..BATCHES).for_each(|_| run());
    start.elapsed()
}

/// The median of how many times longer `left` takes than `right`, and the median time of a row for each.
fn compare(name: &str, mut left: impl FnMut(), mut right: impl FnMut()) {
    let mut rounds: Vec<(f64, Duration, Duration)> = (0..ROUNDS)
        .map(|_| {
            let (left, right) = (timed(&mut left), timed(&mut right));
            (left.as_secs_f64() / right.as_secs_f64(), left, right)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, left, right) = rounds[ROUNDS / 2];
    let per_row = |time: Duration| time.as_nanos() as usize / (ROWS * BATCHES);
    println!(
        "{name}: {ratio:.2} times ({} ns a row, {} ns)",
        per_row(left),
        per_row(right)
    );
}

fn decode(decoder: &mut dyn Decode, records: &Arc<Records>) {
    let decoded = decoder.decode(records).expect("a batch");
    assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects.first());
    black_box(decoded);
}

fn main() {
    let file = protox::file::File::from_source("event.proto", &proto_text()).expect("a schema");
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file.file_descriptor_proto().clone())
        .expect("a file");
    let of = pool.get_message_by_name("Event").expect("a message");
    let body = |nth| {
        DynamicMessage::parse_text_format(of.clone(), &row(nth).1)
            .expect("a message")
            .encode_to_vec()
    };
    let protobuf = records(|nth| [&[0, 0, 0, 0, 1, 0], body(nth).as_slice()].concat());
    let json = records(|nth| row(nth).0.into_bytes());
    let framed = records(|nth| [&[0, 0, 0, 0, 1], row(nth).0.as_bytes()].concat());
    println!(
        "{} bytes of protobuf a row, {} of json",
        protobuf.size() / ROWS,
        json.size() / ROWS
    );

    let registered = |count| {
        let schemas = schema(SchemaType::Protobuf, proto_text());
        ProtobufDecoder::registered(&columns(count), Part::Value, Arc::new(Confluent), schemas)
    };
    let (mut all, mut some) = (registered(32), registered(4));
    let whole = || {
        for row in 0..ROWS {
            let payload = protobuf.payload(row).expect("a payload");
            black_box(DynamicMessage::decode(of.clone(), &payload[6..]).expect("a message"));
        }
    };
    compare("whole messages beside 32 columns", whole, || {
        decode(&mut all, &protobuf)
    });
    let mut all = registered(32);
    compare(
        "32 columns beside 4",
        || decode(&mut all, &protobuf),
        || decode(&mut some, &protobuf),
    );

    let mut plain = JsonDecoder::new(&columns(32));
    let of_json = |validate| {
        json_schema::decoder(
            &columns(32),
            Part::Value,
            Arc::new(Confluent),
            validate,
            Envelope::None,
        )
    };
    let mut bare = of_json(None);
    compare(
        "framed json beside bare",
        || decode(&mut bare, &framed),
        || decode(&mut plain, &json),
    );
    let mut held = of_json(Some(schema(SchemaType::JsonSchema, json_schema_text())));
    let mut bare = of_json(None);
    compare(
        "json with validation beside without",
        || decode(&mut held, &framed),
        || decode(&mut bare, &framed),
    );
}
