//! `schema`: the JSON Schema of the pipeline file.

use forebay::config;
use forebay::core::Error;

use super::Failure;
use super::say::say_line;

pub(super) fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&config::editor_schema());
    say_line(text.map_err(|e| Error::fatal("write the schema").caused_by(e))?);
    Ok(())
}
