//! From the formats that the pipeline file names to decoders and encoders: the only place that knows every format.
//! Asks no registry: what one has to give comes in.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Schema;
use forebay_core::codec::avro::{AvroDecoder, AvroEncoder, AvroSchema};
use forebay_core::codec::framing::Confluent;
use forebay_core::codec::json::{Deletes, Envelope, JsonDecoder, JsonEncoder};
use forebay_core::codec::json_schema;
use forebay_core::codec::protobuf::{Frame, ProtobufDecoder, ProtobufEncoder};
use forebay_core::codec::raw::{RawDecoder, RawEncoder};
use forebay_core::codec::scalar::{Scalar, ScalarDecoder};
use forebay_core::codec::schemas::{RegisteredSchema, SchemaType, Schemas};
use forebay_core::codec::{Column, Decode, Encode, EncoderOptions, Part};
use forebay_core::{Error, Result};

use crate::config::{
    AvroSink, AvroSource, DeletesConfig, EnvelopeConfig, JsonSource, ProtobufSink, ProtobufSource,
    SinkFormat, SourceFormat,
};

/// Where formats that need a registry get their schemas.
#[derive(Clone, Debug)]
pub enum Schooled {
    /// From registries: the source's, and the schema that results are written with.
    Registries {
        source: Option<Arc<dyn Schemas>>,
        results: Option<ResultSchema>,
    },
    /// From nowhere: JSON stands for them, as in pipelines under test.
    AsJson,
}

impl Default for Schooled {
    fn default() -> Self {
        Self::Registries {
            source: None,
            results: None,
        }
    }
}

/// The registered schema of results.
#[derive(Clone, Debug)]
pub struct ResultSchema {
    pub id: u32,
    pub schema: RegisteredSchema,
    /// Of Protobuf, where it is not the first.
    pub message: Option<String>,
}

/// What stands for `format` where no registry is asked: JSON in the same envelope for a registered one, itself for any other.
pub(crate) fn as_json(format: &SourceFormat) -> Cow<'_, SourceFormat> {
    Cow::Owned(SourceFormat::Json(match format {
        SourceFormat::JsonSchema(own) => JsonSource {
            envelope: own.envelope,
            deletes: own.deletes,
        },
        registered if registered.is_registered() => JsonSource::default(),
        _ => return Cow::Borrowed(format),
    }))
}

/// A decoder of `format` for `part` of every record. Files are relative to `base`.
///
/// # Errors
/// `Config` where a column or a schema does not fit the format.
pub(crate) fn decoder(
    format: &SourceFormat,
    columns: &[Column],
    part: Part,
    base: &Path,
    schemas: Option<&Arc<dyn Schemas>>,
) -> Result<Box<dyn Decode>> {
    let framing = || Arc::new(Confluent);
    let registry = || schemas.map(Arc::clone).ok_or_else(without_registry);
    Ok(match format {
        SourceFormat::Json(json) => match envelope(json.envelope, json.deletes) {
            Envelope::None => Box::new(JsonDecoder::of(columns, part)),
            envelope => Box::new(JsonDecoder::in_envelope(columns, part, envelope)),
        },
        SourceFormat::JsonSchema(json) => {
            let validate = if json.validate { Some(registry()?) } else { None };
            let envelope = envelope(json.envelope, json.deletes);
            Box::new(json_schema::decoder(columns, part, framing(), validate, envelope))
        }
        SourceFormat::String(_) => single(columns, part, Scalar::String)?,
        SourceFormat::Int32(_) => single(columns, part, Scalar::Int32)?,
        SourceFormat::Int64(_) => single(columns, part, Scalar::Int64)?,
        SourceFormat::Float64(_) => single(columns, part, Scalar::Float64)?,
        SourceFormat::Bytes(_) => single(columns, part, Scalar::Bytes)?,
        SourceFormat::Raw(_) => Box::new(RawDecoder::new(columns)?),
        SourceFormat::Avro(AvroSource {
            schema: Some(schema), ..
        }) => Box::new(AvroDecoder::plain(columns, part, &written(schema, base)?)?),
        SourceFormat::Avro(_) => Box::new(AvroDecoder::registered(columns, part, framing(), registry()?)),
        SourceFormat::Protobuf(ProtobufSource {
            schema: Some(schema),
            message,
            ..
        }) => {
            let schema = alone(SchemaType::Protobuf, written(schema, base)?);
            Box::new(ProtobufDecoder::plain(
                columns,
                part,
                &schema,
                message.as_deref(),
            )?)
        }
        SourceFormat::Protobuf(_) => {
            Box::new(ProtobufDecoder::registered(columns, part, framing(), registry()?))
        }
    })
}

fn single(columns: &[Column], part: Part, format: Scalar) -> Result<Box<dyn Decode>> {
    match columns {
        [column] => Ok(Box::new(ScalarDecoder::new(column, part, format)?)),
        all => Err(Error::config(format!(
            "`{}` is one value, and {} columns are declared: declare one",
            format.name(),
            all.len()
        ))),
    }
}

/// The envelope that a pipeline file names.
pub(crate) fn envelope(envelope: EnvelopeConfig, deletes: DeletesConfig) -> Envelope {
    match envelope {
        EnvelopeConfig::None => Envelope::None,
        EnvelopeConfig::Connect => Envelope::Connect,
        EnvelopeConfig::Debezium => Envelope::Debezium(match deletes {
            DeletesConfig::Reject => Deletes::Reject,
            DeletesConfig::Skip => Deletes::Skip,
            DeletesConfig::Before => Deletes::Before,
        }),
    }
}

/// An encoder of `format` for rows of the columns `input`.
///
/// # Errors
/// `Config` where a column does not fit the format or the schema.
pub(crate) fn encoder(
    format: &SinkFormat,
    options: EncoderOptions,
    input: &Schema,
    base: &Path,
    results: Option<&ResultSchema>,
) -> Result<Box<dyn Encode>> {
    let registered = || results.ok_or_else(without_registry);
    Ok(match format {
        SinkFormat::Json(_) => Box::new(JsonEncoder::new(options, input)?),
        SinkFormat::JsonSchema(_) => {
            Box::new(JsonEncoder::framed(options, input, &Confluent, registered()?.id)?)
        }
        SinkFormat::Raw(_) => Box::new(RawEncoder::new(options, input)?),
        SinkFormat::Avro(AvroSink {
            schema: Some(schema), ..
        }) => {
            let writer = AvroSchema::parse(&written(schema, base)?, &[])?;
            Box::new(AvroEncoder::plain(options, input, &writer)?)
        }
        SinkFormat::Avro(_) => {
            let results = registered()?;
            let writer = AvroSchema::of(&results.schema)?;
            Box::new(AvroEncoder::registered(
                options, input, &writer, &Confluent, results.id,
            )?)
        }
        SinkFormat::Protobuf(ProtobufSink {
            schema: Some(schema),
            message,
            ..
        }) => {
            let schema = alone(SchemaType::Protobuf, written(schema, base)?);
            Box::new(ProtobufEncoder::new(
                options,
                input,
                &schema,
                message.as_deref(),
                None,
            )?)
        }
        SinkFormat::Protobuf(_) => {
            let results = registered()?;
            let frame = Frame {
                framing: Arc::new(Confluent),
                id: results.id,
            };
            Box::new(ProtobufEncoder::new(
                options,
                input,
                &results.schema,
                results.message.as_deref(),
                Some(&frame),
            )?)
        }
    })
}

/// A schema that the file holds or names.
///
/// # Errors
/// `Config` where the file cannot be read.
pub(crate) fn written(schema: &str, base: &Path) -> Result<String> {
    let json = schema.trim_start().starts_with(['[', '"']);
    let itself = json || schema.contains(['{', ';']) || schema.trim_end().contains('\n');
    if itself {
        return Ok(schema.to_owned());
    }
    let path = base.join(schema);
    std::fs::read_to_string(&path).map_err(|e| {
        Error::config("read the schema's file")
            .with("path", path.display())
            .caused_by(e)
    })
}

fn alone(schema_type: SchemaType, text: String) -> RegisteredSchema {
    RegisteredSchema {
        schema_type,
        text,
        references: Vec::new(),
    }
}

fn without_registry() -> Error {
    Error::config("the format needs a schema registry, and the connector has none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_told_from_the_name_of_its_file() {
        let proto = "syntax = \"proto3\"; message Event { int64 id = 1; }";
        let texts = [
            proto,
            "\"long\"",
            "[\"null\", \"long\"]",
            "{\"type\": \"long\"}",
            "message\nEvent",
        ];
        for text in texts {
            assert_eq!(written(text, Path::new("/nowhere")).expect("a schema"), text);
        }
        let error = written("schemas/event.proto", Path::new("/nowhere")).expect_err("no file");
        assert!(
            error.to_string().contains("/nowhere/schemas/event.proto"),
            "{error}"
        );
    }
}
