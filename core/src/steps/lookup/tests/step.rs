use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int16Array, Int64Array, LargeStringArray, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema};

use super::{column, load, merchants};
use crate::batch::Batch;
use crate::codec::{ColumnKind, DefaultValue};
use crate::error::{Error, Kind};
use crate::records::Records;
use crate::reject::Stage;
use crate::steps::about::{About, Otherwise};
use crate::steps::lookup::{LookupStep, Missing, Table};
use crate::steps::{Applied, Env, Plan, StepSpec};

const CSV: &str = "id,risk,level\nm1,0.5,1\nm2,,2\nm3,0.25,3\n";

fn env() -> Env {
    let mut tables = BTreeMap::new();
    tables.insert(
        "merchants".to_owned(),
        Arc::new(load("m.csv", CSV, "id", merchants()).unwrap()),
    );
    let numbers = vec![
        column("n", ColumnKind::Int32, false),
        column("name", ColumnKind::String, false),
    ];
    tables.insert(
        "codes".to_owned(),
        Arc::new(load("c.csv", "n,name\n1,one\n2,two\n", "n", numbers).unwrap()),
    );
    let lists = vec![
        column("k", ColumnKind::String, false),
        column("v", ColumnKind::Float32List(2), false),
    ];
    let lists = load("v.jsonl", "{\"k\":\"m1\",\"v\":[1,2]}\n", "k", lists).unwrap();
    tables.insert("vectors".to_owned(), Arc::new(lists));
    Env {
        tables,
        ..Env::default()
    }
}

fn lookup(table: &str, on: &str, columns: &[&str], missing: Missing) -> LookupStep {
    LookupStep {
        table: table.to_owned(),
        on: on.to_owned(),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        missing,
    }
}

fn values(pairs: &[(&str, DefaultValue)]) -> Missing {
    Missing::Values(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

/// Keys m3, absent, null, m1, m2 from the records 0, 2, 4, 6 and 8.
fn batch() -> Batch {
    let keys = vec![Some("m3"), Some("gone"), None, Some("m1"), Some("m2")];
    let schema = Schema::new(vec![
        Field::new("merchant_id", DataType::Utf8, true),
        Field::new("code", DataType::Int64, false),
        Field::new("small", DataType::Int16, false),
        Field::new("large", DataType::LargeUtf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(keys.clone())),
        Arc::new(Int64Array::from(vec![2, 1, 3, i64::MAX, 2])),
        Arc::new(Int16Array::from(vec![2, 1, 3, -1, 2])),
        Arc::new(LargeStringArray::from(keys)),
    ];
    Batch::new(
        Arc::new(schema),
        columns,
        vec![0, 2, 4, 6, 8],
        Arc::new(Records::default()),
    )
    .unwrap()
}

fn plan(step: &LookupStep) -> Result<Plan, Error> {
    Ok(step.plan(&batch().rows.schema(), &env())?)
}

fn apply(step: &LookupStep) -> Applied {
    let plan = plan(step).unwrap();
    let applied = (plan.open)().unwrap().apply(&batch()).unwrap();
    assert_eq!(applied.batch.rows.schema(), plan.output);
    applied
}

fn floats(batch: &Batch, name: &str) -> Vec<Option<f64>> {
    batch
        .rows
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Float64Type>()
        .iter()
        .collect()
}

fn ints(batch: &Batch, name: &str) -> Vec<Option<i32>> {
    batch
        .rows
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Int32Type>()
        .iter()
        .collect()
}

/// `name` or `name?` of the columns behind the input's own four.
fn added(step: &LookupStep) -> Vec<String> {
    let output = plan(step).unwrap().output;
    let added = output.fields().iter().skip(4);
    added
        .map(|field| format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" }))
        .collect()
}

#[test]
fn missing_rows_are_null() {
    let step = lookup("merchants", "merchant_id", &[], Missing::Null);
    let applied = apply(&step);
    assert!(applied.rejects.is_empty());
    assert_eq!(applied.batch.origin, [0, 2, 4, 6, 8]);
    assert_eq!(
        floats(&applied.batch, "risk"),
        [Some(0.25), None, None, Some(0.5), None]
    );
    assert_eq!(
        ints(&applied.batch, "level"),
        [Some(3), None, None, Some(1), Some(2)]
    );
    assert_eq!(added(&step), ["risk?", "level?"]);
    assert_eq!(Missing::default(), Missing::Null);
}

#[test]
fn missing_rows_are_rejected_by_their_records() {
    let step = lookup("merchants", "merchant_id", &["level"], Missing::Reject);
    let applied = apply(&step);
    let rejects: Vec<_> = applied
        .rejects
        .iter()
        .map(|reject| (reject.record, reject.stage))
        .collect();
    assert_eq!(rejects, [(2, Stage::Lookup), (4, Stage::Lookup)]);
    let reason = "no row in table \"merchants\" for the key in column \"merchant_id\"";
    assert_eq!(applied.rejects[0].reason, reason);
    assert_eq!(applied.batch.origin, [0, 6, 8]);
    assert_eq!(ints(&applied.batch, "level"), [Some(3), Some(1), Some(2)]);
    let codes = applied
        .batch
        .rows
        .column_by_name("code")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert_eq!(codes.values(), &[2, i64::MAX, 2]);
    assert_eq!(added(&step), ["level"]);
}

#[test]
fn missing_rows_get_the_given_values() {
    let both = values(&[
        ("risk", DefaultValue::Float(0.75)),
        ("level", DefaultValue::Int(9)),
    ]);
    let step = lookup("merchants", "merchant_id", &["level", "risk"], both);
    let batch = apply(&step).batch;
    assert_eq!(
        floats(&batch, "risk"),
        [Some(0.25), Some(0.75), Some(0.75), Some(0.5), None]
    );
    assert_eq!(
        ints(&batch, "level"),
        [Some(3), Some(9), Some(9), Some(1), Some(2)]
    );
    assert_eq!(added(&step), ["level", "risk?"]);

    let one = values(&[("risk", DefaultValue::Int(1))]);
    let step = lookup("merchants", "merchant_id", &[], one);
    let batch = apply(&step).batch;
    assert_eq!(
        floats(&batch, "risk"),
        [Some(0.25), Some(1.0), Some(1.0), Some(0.5), None]
    );
    assert_eq!(ints(&batch, "level"), [Some(3), None, None, Some(1), Some(2)]);
    assert_eq!(added(&step), ["risk?", "level?"]);
}

#[test]
fn keys_of_other_widths_are_found() {
    for on in ["code", "small"] {
        let batch = apply(&lookup("codes", on, &["name"], Missing::Null)).batch;
        let names = batch.rows.column_by_name("name").unwrap().as_string::<i32>();
        assert_eq!(
            names.iter().collect::<Vec<_>>(),
            [Some("two"), Some("one"), None, None, Some("two")],
            "{on}"
        );
    }
    let batch = apply(&lookup("merchants", "large", &["level"], Missing::Null)).batch;
    assert_eq!(ints(&batch, "level"), [Some(3), None, None, Some(1), Some(2)]);
}

#[test]
fn lists_are_looked_up() {
    let batch = apply(&lookup("vectors", "merchant_id", &["v"], Missing::Null)).batch;
    let lists = batch.rows.column_by_name("v").unwrap().as_fixed_size_list();
    assert_eq!(
        (lists.is_null(0), lists.is_null(3), lists.len()),
        (true, false, 5)
    );
    let filled = values(&[("v", DefaultValue::List(vec![7.0, 8.0]))]);
    let batch = apply(&lookup("vectors", "merchant_id", &["v"], filled)).batch;
    let lists = batch.rows.column_by_name("v").unwrap().as_fixed_size_list();
    let numbers = lists.values().as_primitive::<arrow::datatypes::Float32Type>();
    assert_eq!(
        numbers.values(),
        &[7.0, 8.0, 7.0, 8.0, 7.0, 8.0, 1.0, 2.0, 7.0, 8.0]
    );
}

#[test]
fn no_rows_give_no_rows() {
    let step = lookup("merchants", "merchant_id", &[], Missing::Reject);
    let applied = (plan(&step).unwrap().open)()
        .unwrap()
        .apply(&batch().slice(0, 0))
        .unwrap();
    assert!(applied.batch.is_empty() && applied.rejects.is_empty());
}

#[test]
fn what_does_not_fit_is_refused() {
    let risk = |value| values(&[("risk", value)]);
    let cases: Vec<(LookupStep, &[&str])> = vec![
        (
            lookup("merchant", "merchant_id", &[], Missing::Null),
            &["\"merchant\"", "did you mean \"merchants\"", "codes, merchants"],
        ),
        (
            lookup("merchants", "merchantid", &[], Missing::Null),
            &["\"merchantid\"", "did you mean \"merchant_id\"", "code"],
        ),
        (
            lookup("merchants", "code", &[], Missing::Null),
            &["\"code\" is int64", "key \"id\" is string", "CAST"],
        ),
        (
            lookup("codes", "merchant_id", &[], Missing::Null),
            &["\"merchant_id\" is string", "key \"n\" is int32"],
        ),
        (
            lookup("merchants", "merchant_id", &["risks"], Missing::Null),
            &["no column \"risks\"", "did you mean \"risk\"", "id, risk, level"],
        ),
        (
            lookup("merchants", "merchant_id", &["risk", "risk"], Missing::Null),
            &["\"risk\" is named twice"],
        ),
        (
            lookup(
                "merchants",
                "merchant_id",
                &["risk"],
                values(&[("level", DefaultValue::Int(1))]),
            ),
            &["`missing` names \"level\"", "looked up are: risk"],
        ),
        (
            lookup(
                "merchants",
                "merchant_id",
                &[],
                risk(DefaultValue::String("x".to_owned())),
            ),
            &["`missing` of \"risk\" is a string", "float64"],
        ),
        (
            lookup(
                "merchants",
                "merchant_id",
                &[],
                values(&[("level", DefaultValue::Int(1 << 40))]),
            ),
            &["`missing` of \"level\"", "int32"],
        ),
        (
            lookup(
                "merchants",
                "merchant_id",
                &[],
                values(&[("level", DefaultValue::Float(1.5))]),
            ),
            &["`missing` of \"level\" is a float"],
        ),
        (
            lookup(
                "vectors",
                "merchant_id",
                &[],
                values(&[("v", DefaultValue::List(vec![1.0]))]),
            ),
            &["`missing` of \"v\" is a list"],
        ),
    ];
    for (step, expected) in cases {
        assert_refused(plan(&step), expected);
    }
    let schema = Schema::new(vec![
        Field::new("merchant_id", DataType::Utf8, true),
        Field::new("risk", DataType::Utf8, true),
    ]);
    let step = lookup("merchants", "merchant_id", &[], Missing::Null);
    assert_refused(
        step.plan(&schema, &env()).map_err(Error::from),
        &["already a column \"risk\"", "AS"],
    );
}

fn assert_refused(result: Result<Plan, Error>, expected: &[&str]) {
    let error = result.expect_err("a lookup that is refused");
    assert_eq!(error.kind(), Kind::Config);
    for part in expected {
        assert!(error.to_string().contains(part), "said: {error}\nlacks: {part}");
    }
}

#[test]
fn about_says_what_is_looked_up() {
    let step = lookup("merchants", "merchant_id", &["level"], Missing::Null);
    let About::Lookup(about) = plan(&step).unwrap().about else {
        panic!("a lookup")
    };
    assert_eq!((about.rows, about.key.as_str()), (3, "id"));
    assert_eq!(about.columns, [("level".to_owned(), Otherwise::Null)]);
}

#[test]
fn a_big_batch_equals_a_naive_loop() {
    let mut csv = "id,risk,level\n".to_owned();
    let mut naive = HashMap::new();
    for n in 0..2000 {
        csv.push_str(&format!("m{n},{}.5,{n}\n", n % 7));
        naive.insert(format!("m{n}"), n);
    }
    let table: Table = load("m.csv", &csv, "id", merchants()).unwrap();
    let env = Env {
        tables: BTreeMap::from([("big".to_owned(), Arc::new(table))]),
        ..Env::default()
    };
    let keys: Vec<String> = (0..20_000_u64).map(|n| format!("m{}", n * 7919 % 3000)).collect();
    let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Utf8, false)]));
    let column: ArrayRef = Arc::new(StringArray::from(keys.clone()));
    let input = Batch::new(
        Arc::clone(&schema),
        vec![column],
        (0..20_000).collect(),
        Arc::new(Records::default()),
    )
    .unwrap();

    let step = lookup("big", "k", &["level"], Missing::Reject);
    let applied = (step.plan(&schema, &env).unwrap().open)()
        .unwrap()
        .apply(&input)
        .unwrap();

    let found: Vec<(u32, i32)> = (0..)
        .zip(&keys)
        .filter_map(|(row, key)| Some((row, *naive.get(key)?)))
        .collect();
    assert_eq!(
        applied.batch.origin,
        found.iter().map(|(row, _)| *row).collect::<Vec<_>>()
    );
    assert_eq!(
        ints(&applied.batch, "level"),
        found.iter().map(|(_, level)| Some(*level)).collect::<Vec<_>>()
    );
    assert_eq!(applied.rejects.len(), 20_000 - found.len());
}
