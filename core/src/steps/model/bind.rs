//! Which columns fill which tensor, checked by name, type and width. Reads schemas only, no data.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};
use crate::model::onnx::data_type;
use crate::model::{Element, Signature, Tensor};
use crate::steps::names::{list, suggestion};

/// A tensor and the columns that fill it, in order.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) tensor: Tensor,
    /// Index, name and values per row.
    pub(super) columns: Vec<(usize, String, usize)>,
}

/// An output and the column it becomes.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) tensor: Tensor,
    pub(super) column: String,
}

impl Bound {
    /// Values per row.
    pub(super) fn width(&self) -> usize {
        self.columns.iter().map(|(_, _, width)| width).sum()
    }

    /// `features float32[rows, 3] <- amount (float64, cast), risk`
    pub(super) fn describe(&self, input: &Schema) -> String {
        let wanted = data_type(self.tensor.element, 1);
        let columns =
            self.columns
                .iter()
                .map(|(index, name, _)| match item(input.field(*index).data_type()) {
                    own if *own == wanted => name.clone(),
                    own => format!("{name} ({own} cast to {})", self.tensor.element),
                });
        let columns: Vec<String> = columns.collect();
        format!("{} {} <- {}", self.tensor.name, self.tensor, columns.join(", "))
    }

    pub(super) fn null_warnings(&self, input: &Schema) -> Vec<String> {
        let nullable = self
            .columns
            .iter()
            .filter(|(index, _, _)| input.field(*index).is_nullable());
        nullable
            .map(|(_, name, _)| {
                format!(
                    "column \"{name}\" may be null, and a null that reaches the tensor `{}` is a reject; filter with \
                     WHERE {name} IS NOT NULL, or give it a default",
                    self.tensor.name
                )
            })
            .collect()
    }

    /// One row of zeros (or empty strings).
    pub(super) fn zeros(&self) -> ArrayRef {
        let width = self.width();
        let values: ArrayRef = match self.tensor.element {
            Element::String => Arc::new(StringArray::from(vec![""; width])),
            element => {
                let nulls = new_null_array(&data_type(element, 1), width);
                // The memory behind nulls is zeroed.
                let zeroed = nulls.to_data().into_builder().nulls(None).build();
                zeroed.map_or(nulls, arrow::array::make_array)
            }
        };
        let field = Arc::new(Field::new("item", values.data_type().clone(), false));
        match i32::try_from(width) {
            Ok(width) if width != 1 => FixedSizeListArray::try_new(field, width, Arc::clone(&values), None)
                .map_or(values, |list| Arc::new(list)),
            _ => values,
        }
    }
}

/// The type of a column's values, be they plain or in lists.
fn item(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::FixedSizeList(item, _) => item.data_type(),
        other => other,
    }
}

pub(super) fn bind_inputs(
    wanted: &[(String, Vec<String>)],
    signature: &Signature,
    input: &Schema,
) -> Result<Vec<Bound>> {
    let names: Vec<&str> = signature.inputs.iter().map(|t| t.name.as_str()).collect();
    for (name, _) in wanted {
        if !names.contains(&name.as_str()) {
            return Err(unknown("the model has no input", name, &names));
        }
    }
    let bound = signature.inputs.iter().map(|tensor| {
        let own = wanted
            .iter()
            .find(|(name, _)| *name == tensor.name)
            .map(|(_, columns)| columns.clone());
        let columns = match own {
            Some(columns) => columns,
            None if wanted.is_empty() => vec![tensor.name.clone()],
            None => {
                return Err(Error::config(format!(
                    "no columns are named for the model's input `{}` ({tensor})",
                    tensor.name
                )));
            }
        };
        bind(tensor, &columns, input)
    });
    bound.collect()
}

fn bind(tensor: &Tensor, names: &[String], input: &Schema) -> Result<Bound> {
    let mut columns = Vec::new();
    for name in names {
        let Some((index, field)) = input.column_with_name(name) else {
            let all: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(unknown("there is no column", name, &all));
        };
        if let Some(problem) = unfit(item(field.data_type()), tensor.element) {
            return Err(Error::config(format!(
                "column \"{name}\" ({}) does not fit the tensor `{}` ({tensor}): {problem}",
                field.data_type(),
                tensor.name
            )));
        }
        let width = match field.data_type() {
            DataType::FixedSizeList(_, width) => usize::try_from(*width).unwrap_or(0),
            _ => 1,
        };
        columns.push((index, name.clone(), width));
    }
    let bound = Bound {
        tensor: tensor.clone(),
        columns,
    };
    let known: usize = tensor.shape.iter().skip(1).flatten().product();
    let dynamic = tensor.shape.iter().skip(1).filter(|size| size.is_none()).count();
    let fits = match dynamic {
        0 => bound.width() == known,
        1 => bound.width().is_multiple_of(known.max(1)),
        _ => false,
    };
    if !fits {
        return Err(Error::config(format!(
            "the tensor `{}` ({tensor}) takes {} values a row, its columns give {}",
            tensor.name,
            if dynamic == 0 {
                known.to_string()
            } else {
                format!("a multiple of {known}")
            },
            bound.width()
        )));
    }
    Ok(bound)
}

/// Why a column's values cannot become a tensor's elements.
fn unfit(column: &DataType, element: Element) -> Option<&'static str> {
    let whole = column.is_integer() || *column == DataType::Boolean;
    match element {
        Element::F32 | Element::F64 if whole || column.is_floating() => None,
        Element::I32 | Element::I64 | Element::U8 if whole => None,
        Element::I32 | Element::I64 | Element::U8 if column.is_floating() => {
            Some("a cast would cut fractions off; say so with CAST in a sql step")
        }
        Element::Bool if *column == DataType::Boolean => None,
        Element::String if *column == DataType::Utf8 => None,
        _ => Some("CAST it in a sql step, or name another column"),
    }
}

pub(super) fn bind_outputs(
    wanted: &[(String, String)],
    signature: &Signature,
    input: &Schema,
) -> Result<Vec<Output>> {
    let names: Vec<&str> = signature.outputs.iter().map(|t| t.name.as_str()).collect();
    let find = |name: &String| signature.outputs.iter().find(|t| t.name == *name);
    let mut outputs = Vec::new();
    for (name, column) in wanted {
        let tensor = find(name).ok_or_else(|| unknown("the model has no output", name, &names))?;
        outputs.push(Output {
            tensor: tensor.clone(),
            column: column.clone(),
        });
    }
    if wanted.is_empty() {
        let all = signature.outputs.iter();
        outputs.extend(all.map(|tensor| Output {
            tensor: tensor.clone(),
            column: tensor.name.clone(),
        }));
    }
    for (i, output) in outputs.iter().enumerate() {
        let twice = outputs[..i].iter().any(|o| o.column == output.column);
        if twice || input.column_with_name(&output.column).is_some() {
            return Err(Error::config(format!(
                "the output `{}` would become the column \"{}\", which there is already; name another in `outputs`",
                output.tensor.name, output.column
            )));
        }
    }
    Ok(outputs)
}

fn unknown(what: &str, name: &str, all: &[&str]) -> Error {
    let (hint, all) = (suggestion(name, all.iter().copied()), list(all.iter().copied()));
    Error::config(format!("{what} `{name}`{hint}; there are: {all}"))
}
