//! Small YAML files beside the pipeline file, read as strictly: every problem with its place and the nearest valid name.
//! They take no variables. Knows neither what they are for nor what is in the pipeline file.

use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

use super::interpolate::Interpolated;
use super::problem::{File, Problem};
use super::schema::drop_null_choices;
use super::tree::{Place, Tree};
use super::validate::validate;

/// Reads `path` as a `T`.
///
/// # Errors
/// Every problem of the file.
pub(crate) fn read<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<T, Vec<Problem>> {
    let start = Place { line: 1, column: 1 };
    let mut file = File {
        name: path.display().to_string(),
        text: String::new(),
    };
    file.text = std::fs::read_to_string(path)
        .map_err(|e| vec![file.hidden(start, format!("read the file: {}", e.kind()))])?;
    let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if file.text.lines().all(says_nothing) {
        return Err(vec![file.hidden(start, "the file sets nothing: remove it")]);
    }
    let mut tree = Tree::parse(&file).map_err(|problem| vec![problem])?;
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    drop_null_choices(&mut schema);
    let problems = validate(&file, &mut tree, &schema, &Interpolated::default());
    if !problems.is_empty() {
        return Err(problems);
    }
    T::deserialize(tree.value)
        .map_err(|_| vec![file.hidden(start, "the file fits the schema, but not the types behind it")])
}
