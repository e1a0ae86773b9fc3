//! Checks a lookup against its input columns and its table. Knows schemas, no rows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::array::{FixedSizeListArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};

use super::run::{Fill, Looked, Lookup};
use super::table::Table;
use crate::codec::{DefaultValue, type_name};
use crate::error::{Error, Result};
use crate::reject::Stage;
use crate::steps::about::{About, LookupAbout, Otherwise};
use crate::steps::unfit::unknown;
use crate::steps::{Env, Fault, Plan, Spot, Step, StepSpec, Unfit, names};

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

    fn plan(&self, input: &Schema, env: &Env) -> Result<Plan, Unfit> {
        let mut faults = Vec::new();
        let table = self.table(env).map_err(|fault| faults.push(fault)).ok();
        let on = self.key(input, table);
        let on = on.map_err(|fault| faults.push(fault)).ok().flatten();
        let Some(table) = table else {
            return Err(Unfit {
                faults,
                output: self.guess(input),
            });
        };
        let columns = self.columns(table, &mut faults);
        self.check_missing(&columns, &mut faults);
        let (mut fields, mut looked) = (input.fields().to_vec(), Vec::with_capacity(columns.len()));
        for (i, name) in columns.iter().enumerate() {
            let spot = || match self.columns.is_empty() {
                true => Spot::default(),
                false => Spot::value(["columns".to_owned(), i.to_string()]),
            };
            let refused = self
                .refuse_collision(input, name)
                .map_err(|e| Fault::new(spot(), e));
            faults.extend(refused.err());
            match self.looked(table, name) {
                Ok((field, column)) => {
                    fields.push(Arc::new(field));
                    looked.push(column);
                }
                Err(error) => {
                    faults.push(Fault::new(Spot::value(["missing", name]), error));
                    fields.push(unknown(name));
                }
            }
        }
        let output = Arc::new(Schema::new(fields));
        match on {
            Some((on, key_type)) if faults.is_empty() => {
                Ok(self.planned(table, on, key_type, looked, output))
            }
            // With a typo among its columns, any column of the table may be meant.
            _ => {
                let columns = output.fields().iter().cloned();
                let meant = table.rows.schema();
                let meant = meant.fields().iter().map(|field| unknown(field.name()));
                Err(Unfit::with(faults, columns.chain(meant)))
            }
        }
    }
}

impl LookupStep {
    fn planned(
        &self,
        table: &Arc<Table>,
        on: usize,
        key_type: DataType,
        columns: Vec<Looked>,
        output: Arc<Schema>,
    ) -> Plan {
        let about = self.about(table, &columns);
        let lookup = Arc::new(Lookup {
            table: Arc::clone(table),
            on,
            key_type,
            columns,
            output: Arc::clone(&output),
            reject: matches!(self.missing, Missing::Reject),
            absent: format!(
                "no row in table \"{}\" for the key in column \"{}\"",
                self.table, self.on
            ),
        });
        Plan {
            output,
            about: About::Lookup(about),
            warnings: Vec::new(),
            open: Box::new(move || Ok(Box::new(Arc::clone(&lookup)) as Box<dyn Step>)),
        }
    }

    fn fault(&self, what: impl std::fmt::Display) -> Error {
        Error::config(format!("lookup in \"{}\": {what}", self.table))
    }

    fn table<'e>(&self, env: &'e Env) -> Result<&'e Arc<Table>, Fault> {
        let known = || env.tables.keys().map(String::as_str);
        env.tables.get(&self.table).ok_or_else(|| {
            let near = names::suggestion(&self.table, known());
            let known = names::list(known());
            let error = self.fault(format!("there is no such table{near}; there are: {known}"));
            Fault::new(Spot::value(["table"]), error)
        })
    }

    /// What the columns would be named, whatever the table is.
    fn guess(&self, input: &Schema) -> Option<Arc<Schema>> {
        let named = self.columns.iter().map(|name| unknown(name));
        let fields: Vec<Arc<Field>> = input.fields().iter().cloned().chain(named).collect();
        (!self.columns.is_empty()).then(|| Arc::new(Schema::new(fields)))
    }

    /// The index of the key's column, and the type it is looked up as; neither where a type is not known.
    fn key(&self, input: &Schema, table: Option<&Arc<Table>>) -> Result<Option<(usize, DataType)>, Fault> {
        let at = |error| Fault::new(Spot::value(["on"]), error);
        let known = || input.fields().iter().map(|field| field.name().as_str());
        let index = input.index_of(&self.on).map_err(|_| {
            let near = names::suggestion(&self.on, known());
            let known = names::list(known());
            at(self.fault(format!(
                "`on` names the unknown column \"{}\"{near}; there are: {known}",
                self.on
            )))
        })?;
        let found = input.field(index).data_type();
        let Some(table) = table.filter(|_| *found != DataType::Null) else {
            return Ok(None);
        };
        let Some(key) = table.column_type(&table.key) else {
            return Ok(None);
        };
        match lookup_type(found, key) {
            Some(as_type) => Ok(Some((index, as_type))),
            None => Err(at(self.fault(format!(
                "column \"{}\" is {}, but the table's key \"{}\" is {}; cast one of them, with CAST in a `sql` step or in the table's `columns`",
                self.on,
                type_name(found),
                table.key,
                type_name(key)
            )))),
        }
    }

    /// The columns to look up, without those that the table has not.
    fn columns(&self, table: &Table, faults: &mut Vec<Fault>) -> Vec<String> {
        let schema = table.rows.schema();
        let all = || schema.fields().iter().map(|field| field.name().as_str());
        if self.columns.is_empty() {
            return all()
                .filter(|name| *name != table.key)
                .map(str::to_owned)
                .collect();
        }
        let (mut seen, mut columns) = (HashSet::new(), Vec::new());
        for (i, name) in self.columns.iter().enumerate() {
            let why = if !all().any(|known| known == name) {
                let near = names::suggestion(name, all());
                let known = names::list(all());
                format!("the table has no column \"{name}\"{near}; it has: {known}")
            } else if !seen.insert(name) {
                format!("column \"{name}\" is named twice")
            } else {
                columns.push(name.clone());
                continue;
            };
            let spot = Spot::value(["columns".to_owned(), i.to_string()]);
            faults.push(Fault::new(spot, self.fault(why)));
        }
        columns
    }

    fn refuse_collision(&self, input: &Schema, name: &str) -> Result<()> {
        if input.index_of(name).is_err() {
            return Ok(());
        }
        Err(self.fault(format!(
            "there is already a column \"{name}\"; rename it with AS in a `sql` step, or leave it out of the lookup's `columns`"
        )))
    }

    fn check_missing(&self, columns: &[String], faults: &mut Vec<Fault>) {
        let Missing::Values(values) = &self.missing else {
            return;
        };
        for name in values.keys().filter(|name| !columns.contains(name)) {
            // A column that the table has not is refused where it is named.
            if self.columns.contains(name) {
                continue;
            }
            let near = names::suggestion(name, columns.iter().map(String::as_str));
            let known = names::list(columns.iter().map(String::as_str));
            let error = self.fault(format!(
                "`missing` names \"{name}\", which is not looked up{near}; looked up are: {known}"
            ));
            faults.push(Fault::new(Spot::key(["missing", name]), error));
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
                            type_name(field.data_type())
                        ))
                    })
                }
            },
        }
    }

    fn about(&self, table: &Table, columns: &[Looked]) -> LookupAbout {
        let schema = table.rows.schema();
        let one = |looked: &Looked| {
            let otherwise = match looked.fill {
                Fill::Null => Otherwise::Null,
                Fill::Never => Otherwise::Reject,
                Fill::Value(_) => Otherwise::Value,
            };
            (schema.field(looked.column).name().clone(), otherwise)
        };
        LookupAbout {
            table: self.table.clone(),
            rows: table.len(),
            on: self.on.clone(),
            key: table.key.clone(),
            columns: columns.iter().map(one).collect(),
        }
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
