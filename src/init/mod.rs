//! A first pipeline from a model and some events: which field may fill which tensor, what may be the key. What is not
//! certain is said to be a guess. Knows signatures and fields; opens no model and writes no file.

mod columns;
mod fill;
mod names;
mod sample;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashSet;

use forebay_core::Result;
use forebay_core::model::{Signature, Tensor};

pub use sample::Sample;

use columns::Column;
use fill::Fields;
use names::{plain, unique};

/// What is known beside the model and the events.
#[derive(Clone, Debug)]
pub struct About {
    /// The pipeline's name: its group has it, too.
    pub name: String,
    /// The model, as the pipeline file names it.
    pub model: String,
    /// Where the events come from, for the first line: `events.jsonl`.
    pub sample: Option<String>,
    pub topic: Option<String>,
    pub bootstrap: Option<String>,
}

/// A pipeline in the making.
#[derive(Debug)]
pub struct Draft {
    about: About,
    events: usize,
    columns: Vec<Column>,
    inputs: Vec<Input>,
    outputs: Vec<(Tensor, String)>,
    /// The column that becomes the key.
    key: Option<String>,
    /// Fields that nothing needs.
    unused: Vec<String>,
}

/// A tensor and what fills it.
#[derive(Debug)]
struct Input {
    tensor: Tensor,
    columns: Vec<String>,
    guess: Option<String>,
}

impl Draft {
    /// What `signature` and the events suggest.
    ///
    /// # Errors
    /// `Config` where the events have nothing that could fill a tensor of many values.
    pub fn new(about: About, signature: &Signature, sample: Option<&Sample>) -> Result<Self> {
        let mut fields = Fields::new(sample);
        let alone = signature.inputs.len() == 1;
        let inputs = signature.inputs.iter().map(|tensor| fields.fill(tensor, alone));
        let inputs: Vec<Input> = inputs.collect::<Result<_>>()?;
        let key = fields.key();
        let (columns, unused) = fields.declared();
        let mut taken: HashSet<String> = columns.iter().map(|column| column.name.clone()).collect();
        let output = |tensor: &Tensor| (tensor.clone(), unique(&plain(&tensor.name), &mut taken));
        Ok(Self {
            about,
            events: sample.map_or(0, |sample| sample.events),
            inputs,
            outputs: signature.outputs.iter().map(output).collect(),
            key,
            columns,
            unused,
        })
    }

    /// The pipeline file.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// An event with nothing in it but zeros and empty texts, for a test without a sample.
    pub fn made_up_event(&self) -> String {
        let fields = self.columns.iter().map(|c| (c.name.clone(), c.kind.zero()));
        serde_json::Value::Object(fields.collect()).to_string()
    }

    /// How many parts of the file are guesses.
    pub fn guesses(&self) -> usize {
        self.text().matches("# guess").count()
    }
}
