//! `schema`: the JSON Schema of the pipeline file; or the schema that a pipeline's results are written with.

use clap::{Args, Subcommand};
use forebay::config;
use forebay::core::Error;
use forebay::results::Wanted;

use super::say::say_line;
use super::{Failure, Pipeline, load};

#[derive(Clone, Debug, Args)]
pub(super) struct Schema {
    #[command(subcommand)]
    of: Option<Of>,
}

#[derive(Clone, Debug, Subcommand)]
enum Of {
    /// Prints the schema of a pipeline's results, as a registry takes it, in the language of the sink's format.
    Results(Pipeline),
}

pub(super) fn run(schema: &Schema) -> Result<(), Failure> {
    match &schema.of {
        None => {
            let text = serde_json::to_string_pretty(&config::editor_schema());
            say_line(text.map_err(|e| Error::fatal("write the schema").caused_by(e))?);
            Ok(())
        }
        Some(Of::Results(pipeline)) => {
            let (config, plan) = load(&pipeline.pipeline, pipeline.connector.as_deref())?;
            let Some(wanted) = Wanted::of(&config, &plan)? else {
                return Err(Error::config(
                    "the sink's format has no schema in a registry: avro, json-schema and protobuf have, without a `schema` of their own",
                )
                .into());
            };
            say_line(wanted.schema.text);
            Ok(())
        }
    }
}
