//! The `model` step: columns to tensors by the model's own names, and its outputs as further columns. Checked against
//! the columns before any data moves; knows no runtime but through `Model`.

mod bind;
mod gather;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};

use self::bind::{Bound, bind_inputs, bind_outputs};
use super::about::{About, Given, ModelAbout};
use super::{Applied, Env, Fault, Plan, Spot, Step, StepSpec, Unfit, Warning};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::model::onnx::{OnnxModel, data_type};
use crate::model::{Model, Tensor};
use crate::reject::{Reject, Stage};

/// What the configuration says of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelStep {
    pub path: PathBuf,
    /// Columns by the model's input names; empty = each input takes the column of its own name.
    pub inputs: Vec<(String, Vec<String>)>,
    /// The model's outputs and the columns they become; empty = all, under their own names.
    pub outputs: Vec<(String, String)>,
}

impl StepSpec for ModelStep {
    fn stage(&self) -> Stage {
        Stage::Model
    }

    fn plan(&self, input: &Schema, env: &Env) -> Result<Plan, Unfit> {
        let (model, library) = match self.open(env) {
            Ok(opened) => opened,
            Err(fault) => {
                return Err(Unfit {
                    faults: vec![fault],
                    output: self.guess(input),
                });
            }
        };
        let mut faults = Vec::new();
        let bound = bind_inputs(&self.inputs, model.signature(), input, &mut faults);
        let outputs = bind_outputs(&self.outputs, model.signature(), input, &mut faults);
        let unknown = input.fields().iter().any(|f| *f.data_type() == DataType::Null);
        match bound {
            Some(bound) if faults.is_empty() && !unknown => {
                self.planned((input, env), model, library, bound, &outputs)
            }
            _ => {
                let said = outputs.iter().map(|o| guessed(&o.tensor, &o.column));
                let columns = self.beside(input, said.collect());
                Err(Unfit::with(faults, columns.fields().iter().cloned()))
            }
        }
    }
}

/// The column of an output, as far as the model's signature tells its type.
fn guessed(tensor: &Tensor, column: &str) -> Field {
    let width = tensor.shape.iter().skip(1).copied().product::<Option<usize>>();
    let data_type = width.map_or(DataType::Null, |width| data_type(tensor.element, width));
    Field::new(column, data_type, false)
}

impl ModelStep {
    fn open(&self, env: &Env) -> Result<(OnnxModel, PathBuf), Fault> {
        let library = env.onnxruntime.clone();
        let library = library.ok_or_else(|| Error::config("ONNX Runtime is not set"))?;
        let model = OnnxModel::open(&self.path, &library);
        let model = model.map_err(|e| Fault::new(Spot::value(["path"]), e))?;
        Ok((model, library))
    }

    /// The columns, where only the names of the outputs are known.
    fn guess(&self, input: &Schema) -> Option<Arc<Schema>> {
        let named = self.outputs.iter();
        let named = named.map(|(_, column)| Field::new(column, DataType::Null, true));
        (!self.outputs.is_empty()).then(|| self.beside(input, named.collect()))
    }

    /// The input's columns, and these. A column of an output that the model has not is among them all the same.
    fn beside(&self, input: &Schema, mut columns: Vec<Field>) -> Arc<Schema> {
        for (_, column) in &self.outputs {
            if columns.iter().all(|field| field.name() != column) {
                columns.push(Field::new(column, DataType::Null, true));
            }
        }
        let all = input.fields().iter().cloned();
        Arc::new(Schema::new(
            all.chain(columns.into_iter().map(Arc::new)).collect::<Vec<_>>(),
        ))
    }

    fn planned(
        &self,
        (input, env): (&Schema, &Env),
        model: OnnxModel,
        library: PathBuf,
        bound: Vec<Bound>,
        outputs: &[bind::Output],
    ) -> Result<Plan, Unfit> {
        let mut warnings = Vec::new();
        if model.one_by_one() {
            warnings.push(Warning {
                spot: Spot::value(["path"]),
                text:
                    "the model takes one row at a time and is slow; export it with a dynamic first dimension"
                        .into(),
            });
        }
        warnings.extend(bound.iter().flat_map(|b| b.null_warnings(input, &env.fillings)));
        let advice = bound.iter().flat_map(|b| b.advice(input, &env.fillings));
        let advice: Arc<BTreeMap<String, String>> = Arc::new(advice.collect());
        let about = self.about(input, &model, &bound, outputs);
        let tensors: Vec<_> = outputs.iter().map(|o| o.tensor.clone()).collect();
        let mut model = model.select(tensors.clone())?;
        let widths = widths(outputs, &bound, &mut model)?;
        let fields = outputs.iter().zip(&widths);
        let fields =
            fields.map(|(o, width)| Field::new(&o.column, data_type(o.tensor.element, *width), false));
        let output = self.beside(input, fields.collect());
        let (path, schema) = (self.path.clone(), Arc::clone(&output));
        let open = move || -> Result<Box<dyn Step>> {
            let model = OnnxModel::open(&path, &library)?.select(tensors.clone())?;
            Ok(Box::new(Running {
                model: Box::new(model),
                inputs: bound.clone(),
                advice: Arc::clone(&advice),
                output: Arc::clone(&schema),
            }))
        };
        Ok(Plan {
            output,
            about: About::Model(about),
            warnings,
            open: Box::new(open),
        })
    }

    fn about(
        &self,
        input: &Schema,
        model: &OnnxModel,
        bound: &[Bound],
        outputs: &[bind::Output],
    ) -> ModelAbout {
        let column = |name: &str| outputs.iter().find(|o| o.tensor.name == name);
        let given = model.signature().outputs.iter().map(|tensor| Given {
            tensor: tensor.clone(),
            column: column(&tensor.name).map(|o| o.column.clone()),
        });
        ModelAbout {
            path: self.path.clone(),
            version: model.version(),
            inputs: bound.iter().map(|b| b.about(input)).collect(),
            outputs: given.collect(),
        }
    }
}

/// Values per row of each output; where the model does not say, it is asked with one row of zeros.
fn widths(outputs: &[bind::Output], inputs: &[Bound], model: &mut OnnxModel) -> Result<Vec<usize>> {
    let said: Option<Vec<usize>> = outputs
        .iter()
        .map(|o| o.tensor.shape.iter().skip(1).copied().product::<Option<usize>>())
        .collect();
    if let Some(said) = said {
        return Ok(said);
    }
    let zeros: Vec<ArrayRef> = inputs.iter().map(Bound::zeros).collect();
    let answer = model.predict(&zeros).map_err(|e| {
        Error::config(
            "an output's width is not fixed in the model, and a row of zeros does not tell it; export the model with a \
             fixed width",
        )
        .caused_by(e)
    })?;
    Ok(answer
        .iter()
        .map(|array| match array.data_type() {
            DataType::FixedSizeList(_, width) => usize::try_from(*width).unwrap_or(1),
            _ => 1,
        })
        .collect())
}

struct Running {
    model: Box<dyn Model>,
    inputs: Vec<Bound>,
    /// What to do about nulls, by column.
    advice: Arc<BTreeMap<String, String>>,
    output: Arc<Schema>,
}

impl Step for Running {
    fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let nulls = gather::null_rows(&self.inputs, &batch.rows);
        if nulls.is_empty() {
            return Ok(Applied {
                batch: self.score(batch)?,
                rejects: Vec::new(),
            });
        }
        let rejects = nulls.iter().map(|(row, column)| Reject {
            record: batch.origin[*row as usize],
            stage: Stage::Model,
            cause: "null in front of a tensor",
            reason: format!(
                "column \"{column}\" is null, and a tensor holds no nulls; {}",
                self.advice.get(*column).map_or("", String::as_str)
            ),
        });
        let rejects = rejects.collect();
        let is_null = |row: &u32| nulls.binary_search_by_key(row, |(null, _)| *null).is_ok();
        let rest: Vec<u32> = (0..batch.len() as u32).filter(|row| !is_null(row)).collect();
        Ok(Applied {
            batch: self.score(&batch.take(&rest)?)?,
            rejects,
        })
    }
}

impl Running {
    fn score(&mut self, batch: &Batch) -> Result<Batch> {
        let mut columns: Vec<ArrayRef> = batch.rows.columns().to_vec();
        if batch.is_empty() {
            let new = &self.output.fields()[columns.len()..];
            columns.extend(new.iter().map(|f| arrow::array::new_empty_array(f.data_type())));
        } else {
            let tensors = self.inputs.iter().map(|bound| gather::tensor(bound, &batch.rows));
            columns.extend(self.model.predict(&tensors.collect::<Result<Vec<_>>>()?)?);
        }
        for (column, field) in columns.iter().zip(self.output.fields()) {
            if column.data_type() != field.data_type() {
                return Err(
                    Error::fatal("the model gave another width or type than it was planned with")
                        .with("column", field.name())
                        .with("planned", field.data_type())
                        .with("given", column.data_type()),
                );
            }
        }
        Batch::new(
            Arc::clone(&self.output),
            columns,
            batch.origin.clone(),
            Arc::clone(&batch.records),
        )
    }
}
