//! Bodies and schemas made to hurt: each is a row or a reject, soon, without a panic and without memory for what is only claimed.

use std::time::{Duration, Instant};

use super::AvroSchema;
use super::decode::AvroDecoder;
use super::fixtures::{Put, Random, body, column, decode, nullable, record, records, value};
use crate::codec::schemas::SchemaReference;
use crate::codec::{Column, ColumnKind, Decode, Part};

/// Far more than any of these takes on a busy machine, far less than what is claimed would.
const SOON: Duration = Duration::from_secs(120);

const EVENT: &str = r#"{"type":"record","name":"event","fields":[
    {"name":"id","type":"long"},
    {"name":"skipped","type":{"type":"array","items":{"type":"map","values":["null","string","event"]}}},
    {"name":"name","type":["null","string"]},
    {"name":"nothings","type":{"type":"array","items":"null"}},
    {"name":"list","type":{"type":"array","items":"float"}},
    {"name":"map","type":{"type":"map","values":"int"}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
    {"name":"kind","type":{"type":"enum","name":"k","symbols":["A","B"]}},
    {"name":"next","type":["null","event"]},
    {"name":"fixed","type":{"type":"fixed","name":"f","size":3}},
    {"name":"flag","type":"boolean"}]}"#;

fn columns() -> Vec<Column> {
    vec![
        column("id", ColumnKind::Int32),
        nullable("name", ColumnKind::String),
        column("list", ColumnKind::Float32List(2)),
        nullable("map.a", ColumnKind::Int32),
        column("price", ColumnKind::Float64),
        column("kind", ColumnKind::String),
        column("fixed", ColumnKind::Bytes),
        column("flag", ColumnKind::Bool),
    ]
}

fn good() -> Vec<u8> {
    use Put::{Float, Long, Raw, Text};
    body(&[
        Long(70),
        Long(1),
        Long(2),
        Text("k"),
        Long(0),
        Text("l"),
        Long(1),
        Text("v"),
        Long(0),
        Long(0),
        Long(1),
        Text("ab"),
        Long(5),
        Long(0),
        Long(2),
        Float(1.0),
        Float(2.0),
        Long(0),
        Long(-1),
        Long(3),
        Text("a"),
        Long(4),
        Long(0),
        Long(2),
        Raw(&[1, 2]),
        Long(1),
        Long(0),
        Raw(&[1, 2, 3]),
        Raw(&[1]),
    ])
}

#[test]
fn each_bad_body_is_one_reject_and_its_neighbours_are_not_touched() {
    use Put::{Float, Long, Raw, Text};
    let huge = i64::MAX;
    let start = [Long(1), Long(0), Long(0)];
    let behind = |parts: &[Put<'_>]| body(&[&start[..], parts].concat());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "breaks off at byte 0"),
        (vec![2], "breaks off"),
        (vec![2, 0], "breaks off"),
        (vec![0xff; 30], "column `id`"),
        (
            body(&[Long(1 << 40)]),
            "column `id`: number out of range at byte 0",
        ),
        (body(&[Long(1), Long(huge)]), "breaks off"),
        (
            body(&[Long(1), Long(i64::MIN), Long(huge)]),
            "a block beyond the end of the body",
        ),
        (body(&[Long(1), Long(-1), Long(-1)]), "a negative length"),
        (body(&[Long(1), Long(1), Long(1), Long(-4)]), "a negative length"),
        (
            body(&[Long(1), Long(1), Long(1), Text("k"), Long(3)]),
            "a branch that its union does not have",
        ),
        (
            body(&[Long(1), Long(0), Long(1), Long(huge)]),
            "column `name`: a length beyond the end",
        ),
        (
            body(&[Long(1), Long(0), Long(1), Long(-1)]),
            "column `name`: a negative length",
        ),
        (
            body(&[Long(1), Long(0), Long(1), Long(2), Raw(&[0xc3, 0x28])]),
            "column `name`: invalid utf-8 at byte 4",
        ),
        (body(&[Long(1), Long(0), Long(2)]), "column `name`: a branch that"),
        (behind(&[Long(huge)]), "breaks off"),
        (
            behind(&[Long(0), Long(huge)]),
            "column `list`: list of another length",
        ),
        (
            behind(&[Long(0), Long(i64::MIN), Long(0)]),
            "column `list`: list of another length",
        ),
        (
            behind(&[Long(0), Long(0)]),
            "column `list`: list of another length",
        ),
        (
            behind(&[Long(0), Long(-2), Long(1), Float(1.0), Float(1.0), Long(0)]),
            "column `list`: a block of another size",
        ),
        (
            behind(&[Long(0), Long(2), Float(1.0), Float(1.0), Long(0), Long(huge)]),
            "breaks off",
        ),
        (
            behind(&[
                Long(0),
                Long(2),
                Float(1.0),
                Float(1.0),
                Long(0),
                Long(0),
                Long(17),
                Raw(&[1; 17]),
            ]),
            "column `price`: a decimal of more than 128 bits",
        ),
        (
            behind(&[
                Long(0),
                Long(2),
                Float(1.0),
                Float(1.0),
                Long(0),
                Long(0),
                Long(0),
                Long(2),
            ]),
            "column `kind`: a symbol that its enum",
        ),
        (
            [good(), vec![0]].concat(),
            "trailing bytes behind the value at byte",
        ),
        (
            [&good()[..good().len() - 1], &[2]].concat(),
            "column `flag`: a boolean that is neither 0 nor 1",
        ),
    ];
    for (bad, reason) in cases {
        let began = Instant::now();
        let decoded = decode(EVENT, &columns(), &[good(), bad.clone(), good()]);
        assert!(began.elapsed() < SOON, "{reason}");
        assert_eq!(decoded.batch.origin, [0, 2], "{reason} for {bad:?}");
        assert!(
            decoded.rejects[0].reason.contains(reason),
            "{} for {reason}",
            decoded.rejects[0].reason
        );
    }
}

#[test]
fn every_prefix_is_a_reject() {
    let good = good();
    let prefixes: Vec<_> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    let decoded = decode(EVENT, &columns(), &prefixes);
    assert_eq!(decoded.rejects.len(), good.len());
    assert!(decoded.batch.is_empty());
}

#[test]
fn mutations_are_rows_or_rejects() {
    let good = good();
    let mut random = Random(7);
    let mut decoder = AvroDecoder::plain(&columns(), Part::Value, EVENT).expect("a decoder");
    let (mut rows, mut rejects) = (0, 0);
    for _ in 0..200 {
        let bodies: Vec<_> = (0..100)
            .map(|_| {
                let mut bad = good.clone();
                for _ in 0..1 + random.below(3) {
                    let at = random.below(bad.len());
                    match random.below(4) {
                        0 => bad[at] ^= 1 << random.below(8),
                        1 => bad[at] = [0, 1, 2, 0x7f, 0x80, 0xff][random.below(6)],
                        2 => drop(bad.remove(at)),
                        _ => bad.insert(at, random.below(256) as u8),
                    }
                }
                bad
            })
            .collect();
        let decoded = decoder.decode(&records(&bodies)).expect("a batch");
        assert_eq!(decoded.batch.len() + decoded.rejects.len(), bodies.len());
        rows += decoded.batch.len();
        rejects += decoded.rejects.len();
    }
    assert!(rows > 100 && rejects > 1000, "{rows} rows, {rejects} rejects");
}

#[test]
fn deep_recursion_in_a_body_ends() {
    let list = r#"{"type":"record","name":"l","fields":[{"name":"n","type":"int"},{"name":"next","type":["null","l"]}]}"#;
    let n = column("n", ColumnKind::Int32);
    let chain = |depth: usize| [[2, 2].repeat(depth), vec![2, 0]].concat();
    assert_eq!(value(list, &n, &chain(100)).as_deref(), Ok("1"));
    let refused = value(list, &n, &chain(1_000_000)).expect_err("too deep");
    assert!(refused.contains("nested deeper than 256"), "{refused}");
    let endless = r#"{"type":"record","name":"e","fields":[{"name":"n","type":"int"},{"name":"e","type":"e"},{"name":"f","type":"e"}]}"#;
    let refused = value(endless, &n, &[2; 2000]).expect_err("it has no end");
    assert!(refused.contains("nested deeper than 256"), "{refused}");
}

#[test]
fn types_that_double_at_each_level_take_no_time() {
    for leaf in [r#""null""#, r#""double""#, r#""string""#] {
        let reference = |level: usize| SchemaReference {
            name: format!("r{level}"),
            text: match level {
                0 => format!(r#"{{"type":"record","name":"r0","fields":[{{"name":"a","type":{leaf}}}]}}"#),
                _ => format!(
                    r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":"r{0}"}},{{"name":"b","type":"r{0}"}}]}}"#,
                    level - 1
                ),
            },
        };
        let references: Vec<_> = (0..100).map(reference).collect();
        let began = Instant::now();
        let schema = AvroSchema::parse(
            &record(r#"{"name":"n","type":"int"},{"name":"r","type":"r99"}"#),
            &references,
        );
        let schema = schema.expect("a schema");
        let program = super::compile::compile(&schema, &[column("n", ColumnKind::Int32)]).expect("a program");
        let input = &mut super::input::Input::new(&[0; 64]);
        let passed = program.skips.pass(input, program.skips.of(schema.root));
        assert_eq!(passed.is_ok(), leaf == r#""null""#, "{leaf}");
        assert!(began.elapsed() < SOON, "{leaf}");
    }
}

#[test]
fn hostile_schemas_are_errors_or_schemas() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "breaks off"),
        ("<html>".into(), "no json"),
        ("7".into(), "a type is a name"),
        (deep, "nested too deep"),
        ("{}".into(), "without `type`"),
        (r#"{"type":"record"}"#.into(), "without `name`"),
        (
            r#"{"type":"record","name":"r"}"#.into(),
            "record `r` without `fields`",
        ),
        (record(r#"{"type":"int"}"#), "a field without `name`"),
        (record(r#"{"name":"n"}"#), "field `n`: without `type`"),
        (
            record(r#"{"name":"n","type":"int"},{"name":"n","type":"int"}"#),
            "field `n` given twice",
        ),
        (record(r#"{"name":"n","type":"nt"}"#), "type `nt` is not defined"),
        (
            r#"{"type":"enum","name":"e","symbols":[1]}"#.into(),
            "enum `e` without `symbols`",
        ),
        (
            r#"{"type":"fixed","name":"f","size":-1}"#.into(),
            "fixed `f` without a `size`",
        ),
        (r#"{"type":"array"}"#.into(), "`array` without `items`"),
        (r#"[["int"]]"#.into(), "directly in a union"),
    ];
    for (text, reason) in cases {
        let error = AvroSchema::parse(&text, &[]).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
    for fine in [
        "[]",
        r#"{"type":"fixed","name":"f","size":18446744073709551615}"#,
        r#"{"type":{"type":"int"}}"#,
    ] {
        assert!(AvroSchema::parse(fine, &[]).is_ok(), "{fine}");
    }
    let vast = record(
        r#"{"name":"f","type":{"type":"fixed","name":"f","size":18446744073709551615}},{"name":"n","type":"int"}"#,
    );
    let refused = value(&vast, &column("n", ColumnKind::Int32), &[0; 8]).expect_err("too short");
    assert!(refused.contains("breaks off"), "{refused}");
}

#[test]
fn five_megabytes_of_schema_are_compiled_soon() {
    let field = |nth: usize| {
        format!(
            r#"{{"name":"f{nth}","type":["null",{{"type":"record","name":"r{nth}","fields":[{{"name":"x","type":"string"}}]}}],"default":null}}"#
        )
    };
    let fields: Vec<_> = (0..42_000).map(field).collect();
    let text = record(&fields.join(","));
    assert!(text.len() > 5_000_000, "{}", text.len());
    let began = Instant::now();
    let columns = [
        nullable("f7.x", ColumnKind::String),
        nullable("none", ColumnKind::Bool),
    ];
    let decoded = decode(&text, &columns, &[vec![0; 42_000], vec![0; 41_999]]);
    assert!(began.elapsed() < SOON);
    assert_eq!((decoded.batch.len(), decoded.rejects.len()), (1, 1));
}
