//! Checks a lookup against its input columns and its table. Knows schemas, no rows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::array::{FixedSizeListArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};

use super::run::{Fill, Looked, Lookup};
use super::table::Table;
use crate::codec::DefaultValue;
use crate::error::{Error, Result};
use crate::reject::Stage;
use crate::steps::{Env, Plan, Step, StepSpec, names};

/// What becomes of a row whose key is null or not in the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Missing {
    /// The looked-up columns are null.
    #[default]
    Null,
    /// The row is rejected.
    Reject,
    /// These columns get these values, the others are null.
    Values(BTreeMap<String, DefaultValue>),
}

/// Columns of a table beside those that arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupStep {
    pub table: String,
    /// The input column that holds the key.
    pub on: String,
    /// Empty = all but the key.
    pub columns: Vec<String>,
    pub missing: Missing,
}

impl StepSpec for LookupStep {
    fn stage(&self) -> Stage {
        Stage::Lookup
    }

    fn plan(&self, input: &Schema, env: &Env) -> Result<Plan> {
        let table = self.table(env)?;
        let (on, key_type) = self.key(input, table)?;
        let columns = self.columns(table)?;
        self.check_missing(&columns)?;
        let mut fields: Vec<Field> = input
            .fields()
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        let mut looked = Vec::with_capacity(columns.len());
        for name in &columns {
            let (field, column) = self.looked(table, name)?;
            self.refuse_collision(input, name)?;
            fields.push(field);
            looked.push(column);
        }
        let output = Arc::new(Schema::new(fields));
        let details = vec![self.describe(table, &output.fields()[input.fields().len()..])];
        let lookup = Arc::new(Lookup {
            table: Arc::clone(table),
            on,
            key_type,
            columns: looked,
            output: Arc::clone(&output),
            reject: matches!(self.missing, Missing::Reject),
            absent: format!(
                "no row in table \"{}\" for the key in column \"{}\"",
                self.table, self.on
            ),
        });
        Ok(Plan {
            output,
            details,
            warnings: Vec::new(),
            open: Box::new(move || Ok(Box::new(Arc::clone(&lookup)) as Box<dyn Step>)),
        })
    }
}

impl LookupStep {
    fn fault(&self, what: impl std::fmt::Display) -> Error {
        Error::config(format!("lookup in \"{}\": {what}", self.table))
    }

    fn table<'e>(&self, env: &'e Env) -> Result<&'e Arc<Table>> {
        let known = || env.tables.keys().map(String::as_str);
        env.tables.get(&self.table).ok_or_else(|| {
            let near = names::suggestion(&self.table, known());
            let known = names::list(known());
            self.fault(format!("there is no such table{near}; there are: {known}"))
        })
    }

    /// The index of the key's column, and the type it is looked up as.
    fn key(&self, input: &Schema, table: &Table) -> Result<(usize, DataType)> {
        let known = || input.fields().iter().map(|field| field.name().as_str());
        let index = input.index_of(&self.on).map_err(|_| {
            let near = names::suggestion(&self.on, known());
            let known = names::list(known());
            self.fault(format!(
                "`on` names the unknown column \"{}\"{near}; there are: {known}",
                self.on
            ))
        })?;
        let found = input.field(index).data_type();
        let key = table.column_type(&table.key).unwrap_or(&DataType::Null);
        match lookup_type(found, key) {
            Some(as_type) => Ok((index, as_type)),
            None => Err(self.fault(format!(
                "column \"{}\" is {found}, but the table's key \"{}\" is {key}; cast one of them, with CAST in a `sql` step or in the table's `columns`",
                self.on, table.key
            ))),
        }
    }

    fn columns(&self, table: &Table) -> Result<Vec<String>> {
        let schema = table.rows.schema();
        let all = || schema.fields().iter().map(|field| field.name().as_str());
        if self.columns.is_empty() {
            return Ok(all()
                .filter(|name| *name != table.key)
                .map(str::to_owned)
                .collect());
        }
        let mut seen = HashSet::new();
        for name in &self.columns {
            if !all().any(|known| known == name) {
                let near = names::suggestion(name, all());
                let known = names::list(all());
                return Err(self.fault(format!(
                    "the table has no column \"{name}\"{near}; it has: {known}"
                )));
            }
            if !seen.insert(name) {
                return Err(self.fault(format!("column \"{name}\" is named twice")));
            }
        }
        Ok(self.columns.clone())
    }

    fn refuse_collision(&self, input: &Schema, name: &str) -> Result<()> {
        if input.index_of(name).is_err() {
            return Ok(());
        }
        Err(self.fault(format!(
            "there is already a column \"{name}\"; rename it with AS in a `sql` step, or leave it out of the lookup's `columns`"
        )))
    }

    fn check_missing(&self, columns: &[String]) -> Result<()> {
        let Missing::Values(values) = &self.missing else {
            return Ok(());
        };
        match values.keys().find(|name| !columns.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let near = names::suggestion(name, columns.iter().map(String::as_str));
                let known = names::list(columns.iter().map(String::as_str));
                Err(self.fault(format!(
                    "`missing` names \"{name}\", which is not looked up{near}; looked up are: {known}"
                )))
            }
        }
    }

    fn looked(&self, table: &Table, name: &str) -> Result<(Field, Looked)> {
        let schema = table.rows.schema();
        let index = schema
            .index_of(name)
            .map_err(|_| self.fault(format!("the table has no column \"{name}\"")))?;
        let field = schema.field(index);
        let fill = self.fill(field)?;
        let nullable = field.is_nullable() || matches!(fill, Fill::Null);
        Ok((
            field.clone().with_nullable(nullable),
            Looked { column: index, fill },
        ))
    }

    fn fill(&self, field: &Field) -> Result<Fill> {
        match &self.missing {
            Missing::Null => Ok(Fill::Null),
            Missing::Reject => Ok(Fill::Never),
            Missing::Values(values) => match values.get(field.name()) {
                None => Ok(Fill::Null),
                Some(value) => {
                    let made = value_array(value, field.data_type());
                    made.map(Fill::Value).ok_or_else(|| {
                        self.fault(format!(
                            "`missing` of \"{}\" is {}, but the column is {}",
                            field.name(),
                            kind_of(value),
                            field.data_type()
                        ))
                    })
                }
            },
        }
    }

    fn describe(&self, table: &Table, added: &[Arc<Field>]) -> String {
        let added: Vec<String> = added
            .iter()
            .map(|field| {
                let nullable = if field.is_nullable() { " nullable" } else { "" };
                format!("{} {}{nullable}", field.name(), field.data_type())
            })
            .collect();
        let rows = table.len();
        format!(
            "{} = {}.{} ({rows} rows), adds: {}",
            self.on,
            self.table,
            table.key,
            added.join(", ")
        )
    }
}

/// What a column of type `found` is cast to, to be looked up in keys of type `key`.
fn lookup_type(found: &DataType, key: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Int8, Int16, Int32, Int64, LargeBinary, LargeUtf8, UInt8, UInt16, UInt32, Utf8,
        Utf8View,
    };
    match (found, key) {
        (Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32, Int32 | Int64) => Some(Int64),
        (Utf8 | LargeUtf8 | Utf8View, Utf8) => Some(Utf8),
        (Binary | LargeBinary | BinaryView, Binary) => Some(Binary),
        _ => None,
    }
}

/// An array of one value of type `wanted`, where `value` fits it.
fn value_array(value: &DefaultValue, wanted: &DataType) -> Option<ArrayRef> {
    let made: ArrayRef = match (value, wanted) {
        (DefaultValue::Bool(value), DataType::Boolean) => Arc::new(BooleanArray::from(vec![*value])),
        (DefaultValue::Int(value), DataType::Float32 | DataType::Float64) => {
            Arc::new(Float64Array::from(vec![*value as f64]))
        }
        (DefaultValue::Int(value), DataType::Int32 | DataType::Int64) => {
            Arc::new(Int64Array::from(vec![*value]))
        }
        (DefaultValue::Float(value), DataType::Float32 | DataType::Float64) => {
            Arc::new(Float64Array::from(vec![*value]))
        }
        (DefaultValue::String(value), DataType::Utf8) => Arc::new(StringArray::from(vec![value.as_str()])),
        (DefaultValue::Bytes(value), DataType::Binary) => Arc::new(BinaryArray::from(vec![value.as_slice()])),
        (DefaultValue::Timestamp(value), DataType::Timestamp(..)) => {
            Arc::new(TimestampNanosecondArray::from(vec![*value]).with_timezone("UTC"))
        }
        (DefaultValue::List(values), DataType::FixedSizeList(item, width))
            if values.len() == *width as usize =>
        {
            let items: ArrayRef = Arc::new(Float64Array::from(values.clone()));
            let items = cast(&items, item.data_type()).ok()?;
            Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *width, items, None).ok()?)
        }
        _ => return None,
    };
    // A number out of range becomes null.
    cast(&made, wanted).ok().filter(|made| made.null_count() == 0)
}

fn kind_of(value: &DefaultValue) -> &'static str {
    match value {
        DefaultValue::Bool(_) => "a bool",
        DefaultValue::Int(_) => "an integer",
        DefaultValue::Float(_) => "a float",
        DefaultValue::String(_) => "a string",
        DefaultValue::Bytes(_) => "bytes",
        DefaultValue::Timestamp(_) => "a timestamp",
        DefaultValue::List(_) => "a list",
    }
}
