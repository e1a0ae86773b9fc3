//! Models on ONNX Runtime. One session per lane, one thread, no spinning: lanes are the parallelism.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, FixedSizeListArray, PrimitiveArray,
    StringArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, UInt8Type};
use ort::logging::LogLevel;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{
    DynValue, Outlet, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType, TensorRef,
    ValueType,
};

use super::runtime;
use super::{Element, Model, Signature, Tensor};
use crate::error::{Error, Result};

/// An ONNX model with all of its inputs and the selected outputs bound.
pub struct OnnxModel {
    path: PathBuf,
    session: Session,
    signature: Signature,
    outputs: Vec<Tensor>,
    options: RunOptions<HasSelectedOutputs>,
    one_by_one: bool,
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnnxModel({})", self.path.display())
    }
}

impl OnnxModel {
    /// Opens the model with every input and output bound, in the model's order.
    ///
    /// # Errors
    /// `Config` where the file is no model that can be run, naming it.
    pub fn open(path: &Path, library: &Path) -> Result<Self> {
        let session = session(path, library)?;
        let signature = Signature {
            inputs: tensors(path, session.inputs())?,
            outputs: tensors(path, session.outputs())?,
        };
        let one_by_one = fixed_rows(path, &signature)?;
        let outputs = signature.outputs.clone();
        let options = selecting(path, &outputs)?;
        Ok(Self {
            path: path.to_path_buf(),
            session,
            signature,
            outputs,
            options,
            one_by_one,
        })
    }

    /// Fetches only these outputs, in this order.
    ///
    /// # Errors
    /// `Config` where ONNX Runtime refuses.
    pub fn select(mut self, outputs: Vec<Tensor>) -> Result<Self> {
        self.options = selecting(&self.path, &outputs)?;
        self.outputs = outputs;
        Ok(self)
    }

    /// Whether the model takes exactly one row at a time.
    pub fn one_by_one(&self) -> bool {
        self.one_by_one
    }

    /// The version that the file says the model is of; ONNX Runtime gives the greatest number where it says none.
    pub fn version(&self) -> Option<i64> {
        let version = self.session.metadata().ok()?.version()?;
        (version != i64::MAX).then_some(version)
    }

    fn run(&mut self, inputs: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>> {
        let bound = self.signature.inputs.iter().zip(inputs);
        let bools: Vec<Vec<bool>> = bound
            .clone()
            .map(|(tensor, array)| bools(tensor, array))
            .collect();
        let mut values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for ((tensor, array), bools) in bound.zip(&bools) {
            let value = input_value(tensor, array, rows, bools);
            let value = value.map_err(|e| {
                Error::fatal("hand a tensor to the model")
                    .with("tensor", &tensor.name)
                    .caused_by(e)
            })?;
            values.push((Cow::Borrowed(tensor.name.as_str()), value));
        }
        let mut answer = self
            .session
            .run_with_options(values, &self.options)
            .map_err(|e| {
                Error::reject(format!("the model {} failed on these rows", self.path.display()))
                    .with("found", without_values(&e))
            })?;
        let read = self.outputs.iter().map(|tensor| {
            let value = answer.remove(&tensor.name);
            let value = value.ok_or_else(|| Error::fatal("read an output").with("output", &tensor.name))?;
            output_array(tensor, &value, rows)
        });
        read.collect()
    }
}

impl Model for OnnxModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&mut self, inputs: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let rows = inputs.first().map_or(0, |a| a.len());
        if !self.one_by_one || rows == 1 {
            return self.run(inputs, rows);
        }
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.outputs.len()];
        for row in 0..rows {
            let one: Vec<ArrayRef> = inputs.iter().map(|a| a.slice(row, 1)).collect();
            let outputs = self.run(&one, 1)?;
            parts
                .iter_mut()
                .zip(outputs)
                .for_each(|(part, output)| part.push(output));
        }
        let joined = parts.iter().map(|part| {
            let part: Vec<&dyn Array> = part.iter().map(AsRef::as_ref).collect();
            concat(&part).map_err(|e| Error::fatal("join the outputs of single rows").caused_by(e))
        });
        joined.collect()
    }
}

fn session(path: &Path, library: &Path) -> Result<Session> {
    let environment = runtime::load(library)?;
    std::fs::File::open(path).map_err(|e| {
        Error::config("open the model")
            .with("path", path.display())
            .caused_by(e)
    })?;
    let failed = |reason: String| {
        Error::config("load the model; the file must be an ONNX model")
            .with("path", path.display())
            .with("found", reason)
    };
    let builder = Session::builder(environment).map_err(|e| failed(e.to_string()))?;
    let builder = builder.with_intra_threads(1).map_err(|e| failed(e.to_string()))?;
    let builder = builder.with_inter_threads(1).map_err(|e| failed(e.to_string()))?;
    let builder = builder
        .with_intra_op_spinning(false)
        .map_err(|e| failed(e.to_string()))?;
    let builder = builder.with_log_level(QUIET).map_err(|e| failed(e.to_string()))?;
    let mut builder = builder
        .with_memory_pattern(false)
        .map_err(|e| failed(e.to_string()))?;
    builder.commit_from_file(path).map_err(|e| failed(e.to_string()))
}

/// ONNX Runtime writes failures to the standard error output, with values of the tensors; they come back as errors, too.
const QUIET: LogLevel = LogLevel::Fatal;

/// ONNX Runtime's text as far as it names the node; behind that it may quote what the tensors hold.
fn without_values(error: &ort::Error) -> String {
    let text = error.message();
    let node = text
        .find("Status Message")
        .map_or("", |end| text[..end].trim_end());
    format!("{:?} {node}", error.code()).trim_end().to_owned()
}

fn selecting(path: &Path, outputs: &[Tensor]) -> Result<RunOptions<HasSelectedOutputs>> {
    let failed = |e: ort::Error| {
        Error::config("prepare the model")
            .with("path", path.display())
            .caused_by(e)
    };
    let mut options = RunOptions::new().map_err(failed)?;
    options.set_log_level(QUIET).map_err(failed)?;
    let none = OutputSelector::no_default();
    Ok(options.with_outputs(
        outputs
            .iter()
            .fold(none, |selector, tensor| selector.with(tensor.name.as_str())),
    ))
}

fn tensors(path: &Path, outlets: &[Outlet]) -> Result<Vec<Tensor>> {
    outlets.iter().map(|outlet| tensor(path, outlet)).collect()
}

/// # Errors
/// `Config` where the type is none that columns can fill.
fn tensor(path: &Path, outlet: &Outlet) -> Result<Tensor> {
    let refused = |what: String| {
        Err(Error::config(format!("`{}` of the model is {what}", outlet.name())).with("path", path.display()))
    };
    let (ty, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => (ty, shape),
        ValueType::Sequence(_) | ValueType::Map { .. } => {
            return refused(
                "a sequence or map, not a tensor; export scikit-learn models with zipmap off".into(),
            );
        }
        ValueType::Optional(_) => return refused("optional, which cannot be filled from columns".into()),
    };
    let element = match ty {
        TensorElementType::Float32 => Element::F32,
        TensorElementType::Float64 => Element::F64,
        TensorElementType::Int32 => Element::I32,
        TensorElementType::Int64 => Element::I64,
        TensorElementType::Uint8 => Element::U8,
        TensorElementType::Bool => Element::Bool,
        TensorElementType::String => Element::String,
        other => {
            return refused(format!(
                "of type {other}; a tensor may be float32, float64, int32, int64, uint8, bool or string"
            ));
        }
    };
    let shape = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
    Ok(Tensor {
        name: outlet.name().to_string(),
        element,
        shape,
    })
}

/// Whether the model takes one row at a time.
fn fixed_rows(path: &Path, signature: &Signature) -> Result<bool> {
    let mut one_by_one = false;
    for tensor in &signature.inputs {
        let problem = match tensor.shape.first() {
            Some(None) => continue,
            Some(Some(1)) => {
                one_by_one = true;
                continue;
            }
            Some(Some(rows)) => {
                format!("takes exactly {rows} rows; export it with a dynamic first dimension")
            }
            None => "is a scalar, not rows".to_string(),
        };
        return Err(
            Error::config(format!("the model's input `{}` {problem}", tensor.name))
                .with("path", path.display()),
        );
    }
    Ok(one_by_one)
}

/// The values behind rows, be they plain or lists.
fn flat(array: &ArrayRef) -> ArrayRef {
    match array.as_fixed_size_list_opt() {
        Some(list) => {
            let width = usize::try_from(list.value_length()).unwrap_or(0);
            list.values().slice(first_value(list), list.len() * width)
        }
        None => Arc::clone(array),
    }
}

fn first_value(list: &FixedSizeListArray) -> usize {
    usize::try_from(list.value_offset(0)).unwrap_or(0)
}

/// Arrow packs bools into bits, tensors do not; empty for every other type.
fn bools(tensor: &Tensor, array: &ArrayRef) -> Vec<bool> {
    match tensor.element {
        Element::Bool => flat(array)
            .as_boolean()
            .iter()
            .map(Option::unwrap_or_default)
            .collect(),
        _ => Vec::new(),
    }
}

fn dimensions(tensor: &Tensor, rows: usize, values: usize) -> Vec<usize> {
    let known: usize = tensor.shape.iter().skip(1).flatten().product();
    let rest = values / rows.max(1) / known.max(1);
    let mut shape: Vec<usize> = tensor.shape.iter().map(|size| size.unwrap_or(rest)).collect();
    if let Some(first) = shape.first_mut() {
        *first = rows;
    }
    shape
}

fn input_value<'v>(
    tensor: &Tensor,
    array: &'v ArrayRef,
    rows: usize,
    bools: &'v [bool],
) -> ort::Result<SessionInputValue<'v>> {
    let values = flat(array);
    let shape = dimensions(tensor, rows, values.len());
    match tensor.element {
        Element::F32 => view::<Float32Type>(array, shape),
        Element::F64 => view::<Float64Type>(array, shape),
        Element::I32 => view::<Int32Type>(array, shape),
        Element::I64 => view::<Int64Type>(array, shape),
        Element::U8 => view::<UInt8Type>(array, shape),
        Element::Bool => Ok(TensorRef::from_array_view((shape, bools))?.into()),
        Element::String => {
            // ONNX Runtime copies strings in any case.
            let strings = values.as_string::<i32>().iter();
            let strings: Vec<String> = strings.map(|s| s.unwrap_or_default().to_owned()).collect();
            Ok(OrtTensor::from_string_array((shape, strings.as_slice()))?.into())
        }
    }
}

/// The array's own memory as a tensor.
fn view<T>(array: &ArrayRef, shape: Vec<usize>) -> ort::Result<SessionInputValue<'_>>
where
    T: ArrowPrimitiveType,
    T::Native: PrimitiveTensorElementType + fmt::Debug,
{
    let values = match array.as_fixed_size_list_opt() {
        Some(list) => {
            let width = usize::try_from(list.value_length()).unwrap_or(0);
            let start = first_value(list);
            &list.values().as_primitive::<T>().values()[start..start + list.len() * width]
        }
        None => &array.as_primitive::<T>().values()[..],
    };
    Ok(TensorRef::from_array_view((shape, values))?.into())
}

fn output_array(tensor: &Tensor, value: &DynValue, rows: usize) -> Result<ArrayRef> {
    let failed = |e: ort::Error| {
        Error::fatal("read an output of the model")
            .with("output", &tensor.name)
            .caused_by(e)
    };
    let (first, values): (i64, ArrayRef) = match tensor.element {
        Element::F32 => primitive::<Float32Type>(value).map_err(failed)?,
        Element::F64 => primitive::<Float64Type>(value).map_err(failed)?,
        Element::I32 => primitive::<Int32Type>(value).map_err(failed)?,
        Element::I64 => primitive::<Int64Type>(value).map_err(failed)?,
        Element::U8 => primitive::<UInt8Type>(value).map_err(failed)?,
        Element::Bool => {
            let (shape, values) = value.try_extract_tensor::<bool>().map_err(failed)?;
            (rows_of(shape), Arc::new(BooleanArray::from(values.to_vec())))
        }
        Element::String => {
            let (shape, values) = value.try_extract_strings().map_err(failed)?;
            (rows_of(shape), Arc::new(StringArray::from(values)))
        }
    };
    if usize::try_from(first) != Ok(rows) {
        return Err(Error::fatal("the model gave another number of rows than it got")
            .with("output", &tensor.name)
            .with("rows_in", rows)
            .with("rows_out", first));
    }
    let width = values.len() / rows.max(1);
    if width == 1 {
        return Ok(values);
    }
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    let list = FixedSizeListArray::try_new(item, i32::try_from(width).unwrap_or(i32::MAX), values, None);
    list.map(|l| Arc::new(l) as ArrayRef).map_err(|e| {
        Error::fatal("shape an output")
            .with("output", &tensor.name)
            .caused_by(e)
    })
}

/// A scalar output counts as no row.
fn rows_of(shape: &[i64]) -> i64 {
    shape.first().copied().unwrap_or(0)
}

fn primitive<T>(value: &DynValue) -> ort::Result<(i64, ArrayRef)>
where
    T: ArrowPrimitiveType,
    T::Native: PrimitiveTensorElementType,
{
    let (shape, values) = value.try_extract_tensor::<T::Native>()?;
    let values: ScalarBuffer<T::Native> = values.to_vec().into();
    Ok((rows_of(shape), Arc::new(PrimitiveArray::<T>::new(values, None))))
}

/// The Arrow type of a tensor with `width` values a row.
pub fn data_type(element: Element, width: usize) -> DataType {
    let item = match element {
        Element::F32 => DataType::Float32,
        Element::F64 => DataType::Float64,
        Element::I32 => DataType::Int32,
        Element::I64 => DataType::Int64,
        Element::U8 => DataType::UInt8,
        Element::Bool => DataType::Boolean,
        Element::String => DataType::Utf8,
    };
    if width == 1 {
        return item;
    }
    let width = i32::try_from(width).unwrap_or(i32::MAX);
    DataType::FixedSizeList(Arc::new(Field::new("item", item, false)), width)
}
