use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Float32Array, Float64Array, Int16Array,
    Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType,
};

use super::{assert_refused, column, load, load_parquet, merchants, spec};
use crate::codec::{ColumnKind, DefaultValue};
use crate::error::Error;
use crate::steps::lookup::Table;

const CSV: &str = "level,name,id,risk\n1,\"a, \"\"b\"\"\",m1,0.5\n2,x,m2,\n3,y,m3,1e-3\n";

fn sources() -> Vec<Table> {
    let lines = "{\"id\":\"m1\",\"risk\":0.5,\"level\":1,\"x\":[1]}\n\n{\"id\":\"m2\",\"risk\":null,\"level\":2.0}\n{\"id\":\"m3\",\"risk\":1e-3,\"level\":3}\n";
    let rows = RecordBatch::try_from_iter([
        ("level", Arc::new(Int16Array::from(vec![1, 2, 3])) as ArrayRef),
        ("unused", Arc::new(Int16Array::from(vec![1, 2, 3]))),
        ("id", Arc::new(LargeStringArray::from(vec!["m1", "m2", "m3"]))),
        (
            "risk",
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(1e-3)])),
        ),
    ])
    .unwrap();
    vec![
        load("merchants.csv", CSV, "id", merchants()).unwrap(),
        load("merchants.JSONL", lines, "id", merchants()).unwrap(),
        load("merchants.ndjson", lines, "id", merchants()).unwrap(),
        load_parquet(&rows, "id", merchants()).unwrap(),
    ]
}

#[test]
fn each_format_gives_the_same_table() {
    for table in sources() {
        assert_eq!(table.len(), 3);
        let rows = &table.rows;
        let risk = rows.column_by_name("risk").unwrap().as_primitive::<Float64Type>();
        assert_eq!(risk.iter().collect::<Vec<_>>(), [Some(0.5), None, Some(1e-3)]);
        let level = rows.column_by_name("level").unwrap().as_primitive::<Int32Type>();
        assert_eq!(level.values(), &[1, 2, 3]);
        let keys: ArrayRef = Arc::new(StringArray::from(vec![Some("m3"), None, Some("m9"), Some("m1")]));
        assert_eq!(table.index.rows(&keys), [Some(2), None, None, Some(0)]);
    }
}

#[test]
fn csv_reads_every_kind() {
    let text =
        "k,b,f,s,y,t,u\n7,true,0.25,\"a, \"\"b\"\"\",aGk=,2024-01-02T03:04:05Z,1700000000\n8,false,-1,,,,\n";
    let columns = vec![
        column("k", ColumnKind::Int64, false),
        column("b", ColumnKind::Bool, false),
        column("f", ColumnKind::Float32, false),
        column("s", ColumnKind::String, false),
        column("y", ColumnKind::Bytes, true),
        column("t", ColumnKind::Timestamp(TimeUnit::Millisecond), true),
        column("u", ColumnKind::Timestamp(TimeUnit::Second), true),
    ];
    let table = load("t.csv", text, "k", columns).unwrap();
    let rows = &table.rows;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[7, 8]);
    assert!(rows.column(1).as_boolean().value(0) && !rows.column(1).as_boolean().value(1));
    assert_eq!(
        rows.column(2).as_primitive::<Float32Type>().values(),
        &[0.25, -1.0]
    );
    let text: Vec<_> = rows.column(3).as_string::<i32>().iter().collect();
    assert_eq!(text, [Some("a, \"b\""), Some("")]);
    assert_eq!(
        rows.column(4).as_binary::<i32>().iter().collect::<Vec<_>>(),
        [Some(b"hi".as_slice()), None]
    );
    let times = rows.column(5).as_primitive::<TimestampNanosecondType>();
    assert_eq!(
        (times.value(0), times.is_null(1)),
        (1_704_164_645_000_000_000, true)
    );
    let units = rows.column(6).as_primitive::<TimestampNanosecondType>();
    assert_eq!(
        (units.value(0), units.is_null(1)),
        (1_700_000_000_000_000_000, true)
    );
}

#[test]
fn json_lines_read_nested_fields_lists_and_times() {
    let text = "{\"k\":1,\"a\":{\"b\":\"x\"},\"v\":[1,2.5],\"t\":\"2024-01-02T03:04:05Z\",\"y\":\"aGk=\"}\n{\"k\":2,\"a\":{},\"v\":null,\"t\":null,\"y\":null}\n";
    let mut nested = column("b", ColumnKind::String, true);
    nested.path = vec!["a".to_owned(), "b".to_owned()];
    let columns = vec![
        column("k", ColumnKind::Int32, false),
        nested,
        column("v", ColumnKind::Float32List(2), true),
        column("t", ColumnKind::Timestamp(TimeUnit::Millisecond), true),
        column("y", ColumnKind::Bytes, true),
    ];
    let table = load("t.jsonl", text, "k", columns).unwrap();
    let rows = &table.rows;
    assert_eq!(
        rows.column(1).as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("x"), None]
    );
    let lists = rows.column(2).as_fixed_size_list();
    assert_eq!(lists.value(0).as_primitive::<Float32Type>().values(), &[1.0, 2.5]);
    assert!(lists.is_null(1));
    assert_eq!(
        rows.column(3).as_primitive::<TimestampNanosecondType>().value(0),
        1_704_164_645_000_000_000
    );
    assert_eq!(rows.column(4).as_binary::<i32>().value(0), b"hi");
}

#[test]
fn parquet_reads_its_own_types() {
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(vec![
        Some(vec![Some(1.0), Some(2.0)]),
        Some(vec![Some(3.0), Some(4.0)]),
    ]);
    let rows = RecordBatch::try_from_iter([
        (
            "k",
            Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"\xff"])) as ArrayRef,
        ),
        ("t", Arc::new(TimestampMillisecondArray::from(vec![5, 6]))),
        ("n", Arc::new(Int64Array::from(vec![5, 6]))),
        ("v", Arc::new(lists)),
        ("f", Arc::new(Int64Array::from(vec![1, 2]))),
    ])
    .unwrap();
    let columns = vec![
        column("k", ColumnKind::Bytes, false),
        column("t", ColumnKind::Timestamp(TimeUnit::Millisecond), false),
        column("n", ColumnKind::Timestamp(TimeUnit::Second), false),
        column("v", ColumnKind::Float32List(2), false),
        column("f", ColumnKind::Float32, false),
    ];
    let table = load_parquet(&rows, "k", columns).unwrap();
    assert_eq!(
        table
            .rows
            .column(1)
            .as_primitive::<TimestampNanosecondType>()
            .values(),
        &[5_000_000, 6_000_000]
    );
    assert_eq!(
        table
            .rows
            .column(2)
            .as_primitive::<TimestampNanosecondType>()
            .value(0),
        5_000_000_000
    );
    let lists = table.rows.column(3).as_fixed_size_list();
    assert_eq!(lists.value(1).as_primitive::<Float32Type>().values(), &[3.0, 4.0]);
    assert_eq!(
        table.rows.column(4).as_primitive::<Float32Type>().values(),
        &[1.0, 2.0]
    );
    let keys: ArrayRef = Arc::new(BinaryArray::from(vec![b"\xff".as_slice(), b"b"]));
    assert_eq!(table.index.rows(&keys), [Some(1), None]);
}

#[test]
fn an_empty_table_has_no_rows() {
    let table = load("t.csv", "id,risk,level\n", "id", merchants()).unwrap();
    assert!(table.is_empty());
    let table = load("t.jsonl", "", "id", merchants()).unwrap();
    assert!(table.is_empty());
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["m1"]));
    assert_eq!(table.index.rows(&keys), [None]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let absent = spec(PathBuf::from("no/such/merchants.csv"), "id", merchants());
    assert_refused(
        Table::load(&absent).map_err(Error::from),
        &[
            "table \"merchants\"",
            "cannot be opened",
            "file=no/such/merchants.csv",
        ],
    );
    for name in ["merchants.xlsx", "merchants"] {
        assert_refused(
            load(name, CSV, "id", merchants()),
            &["format", ".csv, .parquet, .jsonl or .ndjson", name],
        );
    }
    assert_refused(
        load("m.parquet", "secret", "id", merchants()),
        &["cannot be read as Parquet", "m.parquet"],
    );
    assert_refused(
        load("m.csv", "id,risk,level\nm1,secret\n", "id", merchants()),
        &["cannot be read as CSV at line 2"],
    );
    assert_refused(
        load(
            "m.jsonl",
            "{\"id\":\"m1\",\"risk\":1,\"level\":1}\n{\"id\":secret\n",
            "id",
            merchants(),
        ),
        &["row 2 is not a JSON object"],
    );
    assert_refused(
        load("m.jsonl", "[\"secret\"]\n", "id", merchants()),
        &["row 1 is not a JSON object"],
    );
}

#[test]
fn columns_that_the_file_lacks_are_named_with_the_nearest() {
    let csv = load("m.csv", "id,risks,level\n", "id", merchants());
    assert_refused(
        csv,
        &[
            "column \"risk\" is not in the file",
            "did you mean \"risks\"",
            "it has: id, risks, level",
        ],
    );
    let json = load(
        "m.jsonl",
        "{\"id\":\"a\",\"risks\":1,\"level\":1}\n",
        "id",
        merchants(),
    );
    assert_refused(
        json,
        &[
            "column \"risk\" is not in the file",
            "did you mean \"risks\"",
            "level",
        ],
    );
    let rows =
        RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]).unwrap();
    assert_refused(
        load_parquet(&rows, "id", merchants()),
        &["column \"risk\" is not in the file", "it has: id"],
    );
}

#[test]
fn values_that_do_not_fit_are_said_by_row_and_column() {
    let csv = |row: &str| {
        load(
            "m.csv",
            &format!("id,risk,level\nm1,1,1\n{row}\n"),
            "id",
            merchants(),
        )
    };
    assert_refused(csv("m2,secret,1"), &["row 2, column \"risk\": not a float64"]);
    assert_refused(csv("m2,1,1.5"), &["row 2, column \"level\": not a int32"]);
    assert_refused(csv("m2,1,99999999999"), &["row 2, column \"level\""]);
    assert_refused(
        csv("m2,1,"),
        &["row 2, column \"level\": there is no value", "nullable"],
    );
    let json = |row: &str| {
        load(
            "m.jsonl",
            &format!("{{\"id\":\"m1\",\"risk\":1,\"level\":1}}\n{row}\n"),
            "id",
            merchants(),
        )
    };
    assert_refused(
        json("{\"id\":\"m2\",\"risk\":\"secret\",\"level\":1}"),
        &["row 2, column \"risk\": not a float64"],
    );
    assert_refused(
        json("{\"id\":\"m2\",\"risk\":1,\"level\":1.5}"),
        &["row 2, column \"level\": not a int32"],
    );
    assert_refused(
        json("{\"id\":5,\"risk\":1,\"level\":1}"),
        &["row 2, column \"id\": not a string"],
    );
    assert_refused(
        json("{\"id\":\"m2\",\"risk\":1}"),
        &["row 2, column \"level\": there is no value"],
    );
    let list = vec![
        column("k", ColumnKind::Int32, false),
        column("v", ColumnKind::Float32List(2), false),
    ];
    let short = load(
        "v.jsonl",
        "{\"k\":1,\"v\":[1,2]}\n{\"k\":2,\"v\":[1]}\n",
        "k",
        list.clone(),
    );
    assert_refused(short, &["row 2, column \"v\""]);
    let text = load("v.jsonl", "{\"k\":1,\"v\":[1,\"secret\"]}\n", "k", list.clone());
    assert_refused(text, &["row 1, column \"v\""]);
    assert_refused(
        load("v.csv", "k,v\n1,\"[1,2]\"\n", "k", list),
        &["column \"v\" is a list", "JSON lines"],
    );
    let bytes = vec![
        column("k", ColumnKind::Int32, false),
        column("y", ColumnKind::Bytes, false),
    ];
    assert_refused(
        load("y.csv", "k,y\n1,secret!\n", "k", bytes),
        &["row 1, column \"y\": not a bytes"],
    );
}

#[test]
fn parquet_types_that_would_lose_something_are_refused() {
    let rows = RecordBatch::try_from_iter([
        ("id", Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef),
        ("n", Arc::new(Float32Array::from(vec![1.0, 2.5]))),
        ("big", Arc::new(Int64Array::from(vec![1, 1 << 40]))),
    ])
    .unwrap();
    let columns = |name: &str, kind| vec![column("id", ColumnKind::String, false), column(name, kind, false)];
    let cut = load_parquet(&rows, "id", columns("n", ColumnKind::Int32));
    assert_refused(cut, &["column \"n\" is float32 in the file, but declared int32"]);
    assert_refused(
        load_parquet(&rows, "id", columns("n", ColumnKind::String)),
        &["float32", "declared string"],
    );
    let big = load_parquet(&rows, "id", columns("big", ColumnKind::Int32));
    assert_refused(big, &["row 2, column \"big\": not a int32"]);
}

#[test]
fn keys_name_one_row_each() {
    let csv = |text: &str, columns| load("m.csv", text, "id", columns);
    let twice = csv("id,risk,level\nm1,1,1\nm2,1,1\nm1,2,2\n", merchants());
    assert_refused(twice, &["rows 1 and 3 have the same key \"id\""]);
    assert_refused(
        csv("id,risk,level\nm1,1,1\n,1,1\n", merchants()),
        &["row 2: the key \"id\" is null"],
    );
    let numbers = vec![column("id", ColumnKind::Int64, true)];
    assert_refused(csv("id,x\n5,a\n6,b\n5,c\n", numbers.clone()), &["rows 1 and 3"]);
    assert_refused(
        csv("id,x\n5,a\n,b\n", numbers),
        &["row 2: the key \"id\" is null"],
    );
    let floats = vec![column("id", ColumnKind::Float64, false)];
    assert_refused(
        csv("id\n5\n", floats),
        &["key \"id\" is float64", "string, bytes, int32 or int64"],
    );
    let unknown = load("m.csv", CSV, "idd", merchants());
    assert_refused(
        unknown,
        &[
            "key \"idd\" is not among its columns",
            "did you mean \"id\"",
            "id, risk, level",
        ],
    );
    let mut doubled = merchants();
    doubled.push(column("risk", ColumnKind::Bool, false));
    assert_refused(csv(CSV, doubled), &["column \"risk\" is declared twice"]);
    let mut with_default = merchants();
    with_default[1].default = Some(DefaultValue::Float(1.0));
    assert_refused(
        csv(CSV, with_default),
        &["column \"risk\" has a default", "`missing`"],
    );
}

#[test]
fn parquet_dictionaries_are_read_as_their_values() {
    let ids: DictionaryArray<Int32Type> = vec!["b", "a"].into_iter().collect();
    let rows = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    let id = |kind| vec![column("id", kind, false)];
    let table = load_parquet(&rows, "id", id(ColumnKind::String)).unwrap();
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "c"]));
    assert_eq!(table.index.rows(&keys), [Some(1), None]);
    assert_refused(
        load_parquet(&rows, "id", id(ColumnKind::Int32)),
        &["column \"id\" is dictionary(int32, utf8)", "declared int32"],
    );
}

#[test]
fn types_are_those_that_are_declared() {
    for table in sources() {
        let schema = table.rows.schema();
        let types: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.data_type().clone()))
            .collect();
        assert_eq!(
            types,
            [
                ("id", DataType::Utf8),
                ("risk", DataType::Float64),
                ("level", DataType::Int32)
            ]
        );
    }
}
