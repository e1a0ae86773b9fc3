//! Which columns fill which tensor, checked by name, type and width. Reads schemas only, no data.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};

use crate::codec::type_name;
use crate::error::Error;
use crate::model::onnx::data_type;
use crate::model::{Element, Signature, Tensor};
use crate::steps::about::{Filled, Filling};
use crate::steps::names::{list, suggestion};
use crate::steps::{Fault, Spot, Warning};

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

    /// What fills the tensor.
    pub(super) fn about(&self, input: &Schema) -> Filled {
        let wanted = data_type(self.tensor.element, 1);
        let one = |(index, name, _): &(usize, String, usize)| {
            let field = input.field(*index);
            Filling {
                column: name.clone(),
                data_type: field.data_type().clone(),
                cast: (*item(field.data_type()) != wanted).then_some(self.tensor.element),
                nullable: field.is_nullable(),
            }
        };
        Filled {
            tensor: self.tensor.clone(),
            columns: self.columns.iter().map(one).collect(),
        }
    }

    /// `fillings` are those of [`Env`](crate::steps::Env).
    pub(super) fn null_warnings(&self, input: &Schema, fillings: &BTreeMap<String, String>) -> Vec<Warning> {
        let columns = self.columns.iter().enumerate();
        let nullable = columns.filter(|(_, (index, ..))| input.field(*index).is_nullable());
        nullable
            .map(|(i, (index, name, _))| Warning {
                spot: column_spot(&self.tensor, i),
                text: format!(
                    "column \"{name}\" may be null, and a null that reaches the tensor `{}` is a reject; {}",
                    self.tensor.name,
                    advice(name, fillings, input.field(*index).data_type())
                ),
            })
            .collect()
    }

    /// What to do about nulls, by column.
    pub(super) fn advice(
        &self,
        input: &Schema,
        fillings: &BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        let one = |(index, name, _): &(usize, String, usize)| {
            let advice = advice(name, fillings, input.field(*index).data_type());
            (name.clone(), advice)
        };
        self.columns.iter().map(one).collect()
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

fn advice(name: &str, fillings: &BTreeMap<String, String>, data_type: &DataType) -> String {
    let fill = fill(name, fillings.get(name).map(String::as_str), data_type);
    format!("{fill}filter with WHERE {name} IS NOT NULL")
}

/// How nulls of a column are filled, where SQL has a literal for it: with `filling`, else with its type's zero.
fn fill(name: &str, filling: Option<&str>, data_type: &DataType) -> String {
    let zero = match data_type {
        DataType::Boolean => Some("false"),
        DataType::Utf8 => Some("''"),
        other if other.is_numeric() => Some("0"),
        _ => None,
    };
    filling.or(zero).map_or_else(String::new, |filling| {
        format!("fill it with coalesce({name}, {filling}) in a sql step before the model, or ")
    })
}

/// The type of a column's values, be they plain or in lists.
fn item(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::FixedSizeList(item, _) => item.data_type(),
        other => other,
    }
}

fn column_spot(tensor: &Tensor, nth: usize) -> Spot {
    Spot::value(["inputs".to_owned(), tensor.name.clone(), nth.to_string()])
}

/// Every input with its columns; `None` where one cannot be told, or a type is not known.
pub(super) fn bind_inputs(
    wanted: &[(String, Vec<String>)],
    signature: &Signature,
    input: &Schema,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Bound>> {
    let names: Vec<&str> = signature.inputs.iter().map(|t| t.name.as_str()).collect();
    let strange = wanted.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    let before = faults.len();
    faults.extend(strange.map(|(name, _)| {
        let spot = Spot::key(["inputs", name.as_str()]);
        Fault::new(spot, unknown("the model has no input", name, &names))
    }));
    let mistyped = faults.len() > before;
    let bound = signature.inputs.iter().map(|tensor| {
        let own = wanted.iter().find(|(name, _)| *name == tensor.name);
        match own {
            Some((_, columns)) => bind(tensor, columns, input, faults),
            None if wanted.is_empty() => bind(tensor, std::slice::from_ref(&tensor.name), input, faults),
            // A name that the model has not stands for this one, most likely.
            None if mistyped => None,
            None => {
                let why = format!(
                    "no columns are named for the model's input `{}` ({tensor})",
                    tensor.name
                );
                faults.push(Fault::new(Spot::key(["inputs"]), Error::config(why)));
                None
            }
        }
    });
    let bound: Vec<Option<Bound>> = bound.collect();
    bound.into_iter().collect()
}

fn bind(tensor: &Tensor, names: &[String], input: &Schema, faults: &mut Vec<Fault>) -> Option<Bound> {
    let mut columns = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let refused = |error| Fault::new(column_spot(tensor, i), error);
        let Some((index, field)) = input.column_with_name(name) else {
            let all: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
            faults.push(refused(unknown("there is no column", name, &all)));
            continue;
        };
        if *field.data_type() == DataType::Null {
            continue;
        }
        if let Some(problem) = unfit(item(field.data_type()), tensor.element) {
            faults.push(refused(Error::config(format!(
                "column \"{name}\" ({}) does not fit the tensor `{}` ({tensor}): {problem}",
                type_name(field.data_type()),
                tensor.name
            ))));
        }
        let width = match field.data_type() {
            DataType::FixedSizeList(_, width) => usize::try_from(*width).unwrap_or(0),
            _ => 1,
        };
        columns.push((index, name.clone(), width));
    }
    let whole = columns.len() == names.len();
    let bound = Bound {
        tensor: tensor.clone(),
        columns,
    };
    if whole && let Some(error) = bound.unfit_width() {
        faults.push(Fault::new(Spot::value(["inputs", &tensor.name]), error));
    }
    whole.then_some(bound)
}

impl Bound {
    /// Why the columns do not have as many values as the tensor takes.
    fn unfit_width(&self) -> Option<Error> {
        let sizes = || self.tensor.shape.iter().skip(1);
        let known: usize = sizes().flatten().product();
        let dynamic = sizes().filter(|size| size.is_none()).count();
        let takes = match dynamic {
            0 => known.to_string(),
            _ => format!("a multiple of {known}"),
        };
        let fits = match dynamic {
            0 => self.width() == known,
            1 => self.width().is_multiple_of(known.max(1)),
            _ => false,
        };
        (!fits).then(|| {
            Error::config(format!(
                "the tensor `{}` ({}) takes {takes} values a row, its columns give {}",
                self.tensor.name,
                self.tensor,
                self.width()
            ))
        })
    }
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

/// The outputs that become columns, without those that the model has not.
pub(super) fn bind_outputs(
    wanted: &[(String, String)],
    signature: &Signature,
    input: &Schema,
    faults: &mut Vec<Fault>,
) -> Vec<Output> {
    let names: Vec<&str> = signature.outputs.iter().map(|t| t.name.as_str()).collect();
    let find = |name: &String| signature.outputs.iter().find(|t| t.name == *name);
    let mut outputs = Vec::new();
    for (name, column) in wanted {
        match find(name) {
            Some(tensor) => outputs.push(Output {
                tensor: tensor.clone(),
                column: column.clone(),
            }),
            None => {
                let spot = Spot::key(["outputs", name]);
                faults.push(Fault::new(spot, unknown("the model has no output", name, &names)));
            }
        }
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
            let why = format!(
                "the output `{}` would become the column \"{}\", which there is already; name another in `outputs`",
                output.tensor.name, output.column
            );
            let spot = Spot::value(["outputs", &output.tensor.name]);
            faults.push(Fault::new(spot, Error::config(why)));
        }
    }
    outputs
}

fn unknown(what: &str, name: &str, all: &[&str]) -> Error {
    let (hint, all) = (suggestion(name, all.iter().copied()), list(all.iter().copied()));
    Error::config(format!("{what} `{name}`{hint}; there are: {all}"))
}
