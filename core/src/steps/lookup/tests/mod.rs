//! Tables from files, and lookups in them.

mod load;
mod step;

use std::fs::File;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use super::{Table, TableSpec};
use crate::codec::{Column, ColumnKind};
use crate::error::{Error, Kind};

fn column(name: &str, kind: ColumnKind, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        path: vec![name.to_owned()],
        kind,
        nullable,
        default: None,
    }
}

/// `id` (string, the key), `risk` (float64, nullable), `level` (int32).
fn merchants() -> Vec<Column> {
    vec![
        column("id", ColumnKind::String, false),
        column("risk", ColumnKind::Float64, true),
        column("level", ColumnKind::Int32, false),
    ]
}

fn spec(file: PathBuf, key: &str, columns: Vec<Column>) -> TableSpec {
    TableSpec {
        name: "merchants".to_owned(),
        file,
        key: key.to_owned(),
        columns,
    }
}

/// Loads a table from a file of this name and text.
fn load(name: &str, text: &str, key: &str, columns: Vec<Column>) -> Result<Table, Error> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    Ok(Table::load(&spec(file, key, columns))?)
}

fn load_parquet(rows: &RecordBatch, key: &str, columns: Vec<Column>) -> Result<Table, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("merchants.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    Ok(Table::load(&spec(path, key, columns))?)
}

fn assert_refused(result: Result<Table, Error>, expected: &[&str]) {
    let error = result.expect_err("a table that is refused");
    assert_eq!(error.kind(), Kind::Config);
    let text = error.to_string();
    for part in expected {
        assert!(text.contains(part), "said: {text}\nlacks: {part}");
    }
    assert!(!text.contains("secret"), "{text}");
}
