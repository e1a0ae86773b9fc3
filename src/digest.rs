//! What tells one model from another: the SHA-256 of its file.

use std::fs::File;
use std::io::{self, Read};

use forebay_core::drift::ModelDigest;
use forebay_core::steps::about::About;
use forebay_core::{Error, Result};
use sha2::{Digest, Sha256};

use crate::config::{Config, StepConfig};
use crate::plan::Plan;

/// A model that a pipeline runs.
#[derive(Clone, Debug)]
pub struct Model {
    /// The number of its step, from 1.
    pub step: usize,
    pub file: ModelDigest,
    /// The version that the file says it is of.
    pub version: Option<i64>,
}

/// The models that a plan runs, in the order of its steps.
///
/// # Errors
/// `Config` where a file cannot be read.
pub fn running(config: &Config, plan: &Plan) -> Result<Vec<Model>> {
    let version = |step: usize| match &plan.steps.get(step - 1)?.1.about {
        About::Model(model) => model.version,
        _ => None,
    };
    let models = numbered(config)?.into_iter().map(|(step, file)| Model {
        step,
        file,
        version: version(step),
    });
    Ok(models.collect())
}

/// The models of a pipeline, in the order of its steps.
///
/// # Errors
/// `Config` where a file cannot be read.
pub(crate) fn models(config: &Config) -> Result<Vec<ModelDigest>> {
    Ok(numbered(config)?.into_iter().map(|(_, model)| model).collect())
}

/// The models of a pipeline by the numbers of their steps, from 1.
///
/// # Errors
/// `Config` where a file cannot be read.
fn numbered(config: &Config) -> Result<Vec<(usize, ModelDigest)>> {
    let steps = (1..).zip(&config.document.pipeline.steps);
    let models = steps.filter_map(|(number, step)| match step {
        StepConfig::Model(model) => Some((number, &model.path)),
        _ => None,
    });
    let one = |(number, path): (usize, &std::path::PathBuf)| {
        let sha256 = File::open(config.base.join(path)).and_then(sha256).map_err(|e| {
            Error::config("read a model to tell it from others")
                .with("file", path.display())
                .caused_by(e)
        })?;
        let path = path.display().to_string();
        Ok((number, ModelDigest { path, sha256 }))
    };
    models.map(one).collect()
}

fn sha256(mut file: File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut part = vec![0; 64 << 10];
    loop {
        match file.read(&mut part)? {
            0 => break,
            count => digest.update(&part[..count]),
        }
    }
    let bytes = digest.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
