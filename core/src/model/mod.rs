//! A model: columns in, columns out. Knows tensors, no pipeline and no lane.

#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "onnx")]
pub mod runtime;

use std::fmt;

use arrow::array::ArrayRef;

use crate::error::Result;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    F64,
    I32,
    I64,
    U8,
    Bool,
    String,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::Bool => "bool",
            Self::String => "string",
        })
    }
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    pub element: Element,
    /// `None` = any size; the first dimension is the rows.
    pub shape: Vec<Option<usize>>,
}

/// `float32[rows, 30]`
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.element)?;
        for (i, size) in self.shape.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match size {
                Some(size) => write!(f, "{comma}{size}")?,
                None if i == 0 => write!(f, "rows")?,
                None => write!(f, "{comma}?")?,
            }
        }
        f.write_str("]")
    }
}

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// A loaded model, owned by one lane.
pub trait Model: Send {
    /// What it takes and gives.
    fn signature(&self) -> &Signature;

    /// Runs the model. One array per bound input, of equal length: the array of an `[n, d]` tensor is a
    /// `FixedSizeList` of width d, that of `[n]` and `[n, 1]` a plain one. The same holds for what comes back,
    /// one array per output asked for.
    ///
    /// # Errors
    /// `Reject` where the model refused these rows, `Fatal` where it cannot run at all.
    fn predict(&mut self, inputs: &[ArrayRef]) -> Result<Vec<ArrayRef>>;
}
