//! A table in memory: loaded once per process, shared by the lanes. Knows which reader a file needs, no reader's details.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;

use super::index::{BadKey, Index};
use super::{csv, json, parquet};
use crate::codec::{Column, schema_of, type_name};
use crate::error::{Error, Result};
use crate::steps::{Fault, Spot, names};

/// What the pipeline file says of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    pub name: String,
    /// `.csv`, `.parquet`, `.jsonl` or `.ndjson`.
    pub file: PathBuf,
    /// One of `columns`: a string, bytes, or an integer.
    pub key: String,
    pub columns: Vec<Column>,
}

/// A keyed table.
#[derive(Debug)]
pub struct Table {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) rows: RecordBatch,
    pub(super) index: Index,
}

/// Every column of `spec` from an open file.
type Read = fn(&TableSpec, File) -> Result<Vec<ArrayRef>, Fault>;

impl Table {
    /// Reads the whole file and indexes it.
    ///
    /// # Errors
    /// `Config`, naming the table, the file, and the row and column where it can, at its place in the configuration.
    pub fn load(spec: &TableSpec) -> Result<Self, Fault> {
        check(spec)?;
        let in_file = |mut fault: Fault| {
            if fault.spot.path.is_empty() {
                fault.spot = Spot::value(["file"]);
            }
            fault
        };
        Self::read(spec).map_err(in_file)
    }

    /// A table of which only the declared columns are known, since its file cannot be read: for checks.
    pub fn declared(spec: &TableSpec) -> Self {
        Self {
            name: spec.name.clone(),
            key: spec.key.clone(),
            rows: RecordBatch::new_empty(schema_of(&spec.columns)),
            index: Index::empty(),
        }
    }

    fn read(spec: &TableSpec) -> Result<Self, Fault> {
        let read = reader(spec)?;
        let file = File::open(&spec.file).map_err(|e| fault(spec, "cannot be opened").caused_by(e))?;
        let columns = read(spec, file)?;
        let index = index(spec, &columns).map_err(|e| Fault::new(Spot::value(["key"]), e))?;
        refuse_nulls(spec, &columns)?;
        let schema = schema_of(&spec.columns);
        let rows = RecordBatch::try_new(schema, columns)
            .map_err(|_| fault(spec, "its columns do not fit the declared types"))?;
        Ok(Self {
            name: spec.name.clone(),
            key: spec.key.clone(),
            rows,
            index,
        })
    }

    pub(super) fn column_type(&self, name: &str) -> Option<&DataType> {
        self.rows
            .schema_ref()
            .field_with_name(name)
            .ok()
            .map(|field| field.data_type())
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `table "merchants": what was found (file=merchants.csv)`
pub(super) fn fault(spec: &TableSpec, what: impl std::fmt::Display) -> Error {
    Error::config(format!("table \"{}\": {what}", spec.name)).with("file", spec.file.display())
}

/// `error` at the place where `column` is declared.
pub(super) fn in_column(column: &Column, error: Error) -> Fault {
    Fault::new(Spot::value(["columns", &column.name]), error)
}

/// A column that the file lacks.
pub(super) fn absent<'a>(
    spec: &TableSpec,
    name: &str,
    found: impl IntoIterator<Item = &'a str> + Clone,
) -> Error {
    let near = names::suggestion(name, found.clone());
    let found = names::list(found);
    fault(
        spec,
        format!("column \"{name}\" is not in the file{near}; it has: {found}"),
    )
}

/// The name of `column` in a file without nesting.
pub(super) fn flat_name(column: &Column) -> String {
    if column.path.is_empty() {
        return column.name.clone();
    }
    column.path.join(".")
}

fn check(spec: &TableSpec) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    if let Some(twice) = spec.columns.iter().find(|column| !seen.insert(&column.name)) {
        let why = format!("column \"{}\" is declared twice", twice.name);
        return Err(in_column(twice, fault(spec, why)));
    }
    if let Some(column) = spec.columns.iter().find(|column| column.default.is_some()) {
        let why = format!(
            "column \"{}\" has a default; give it in the lookup's `missing`",
            column.name
        );
        return Err(in_column(column, fault(spec, why)));
    }
    let declared = || spec.columns.iter().map(|column| column.name.as_str());
    if declared().any(|name| name == spec.key) {
        return Ok(());
    }
    let near = names::suggestion(&spec.key, declared());
    let known = names::list(declared());
    let why = format!(
        "the key \"{}\" is not among its columns{near}; they are: {known}",
        spec.key
    );
    Err(Fault::new(Spot::value(["key"]), fault(spec, why)))
}

fn reader(spec: &TableSpec) -> Result<Read> {
    let extension = Path::extension(&spec.file).and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok(csv::read),
        Some("parquet") => Ok(parquet::read),
        Some("jsonl" | "ndjson") => Ok(json::read),
        _ => Err(fault(
            spec,
            "the format of its file is unknown; name it .csv, .parquet, .jsonl or .ndjson",
        )),
    }
}

fn refuse_nulls(spec: &TableSpec, columns: &[ArrayRef]) -> Result<(), Fault> {
    for (column, values) in spec.columns.iter().zip(columns) {
        if column.nullable || column.name == spec.key {
            continue;
        }
        if let Some(row) = (0..values.len()).find(|row| values.is_null(*row)) {
            let why = format!(
                "row {}, column \"{}\": there is no value; declare the column nullable, or fill it in",
                row + 1,
                column.name
            );
            return Err(in_column(column, fault(spec, why)));
        }
    }
    Ok(())
}

fn index(spec: &TableSpec, columns: &[ArrayRef]) -> Result<Index> {
    let key = &spec.key;
    let at = spec.columns.iter().position(|column| &column.name == key);
    let keys = at.map(|at| &columns[at]).ok_or_else(|| absent(spec, key, []))?;
    if keys.len() >= u32::MAX as usize {
        return Err(fault(spec, "it has more than 4 billion rows"));
    }
    Index::build(keys).map_err(|bad| match bad {
        BadKey::Null { row } => fault(spec, format!("row {}: the key \"{key}\" is null", row + 1)),
        BadKey::Duplicate { first, row } => fault(
            spec,
            format!(
                "rows {} and {} have the same key \"{key}\"; a key names one row",
                first + 1,
                row + 1
            ),
        ),
        BadKey::Type => fault(spec, bad_key_type(key, &type_name(keys.data_type()))),
    })
}

fn bad_key_type(key: &str, found: &str) -> String {
    format!("the key \"{key}\" is {found}; a key is a string, bytes, int32 or int64")
}
