//! JSON behind a frame that names its schema. The columns say what is read, so the schema itself is needed only where records are
//! held to it: that is off by default, because it builds a tree of values and walks the schema for each record (the bench
//! `schemas` prints what that costs). Knows JSON and JSON Schema; it asks no network for what a schema refers to.

mod reach;
mod references;
mod types;
mod way;
#[cfg(test)]
mod way_tests;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::framing::{Framed, Framing};
use super::json::{Bodies, Body, Envelope, Enveloped, JsonDecoder, Unfit, can_write};
use super::schemas::{RegisteredSchema, SchemaKey, SchemaType, Schemas};
use super::{Column, Part};
use crate::error::{Error, Kind, Result};
use crate::records::Records;
use crate::reject::cause;
use references::Given;

pub use way::way;

/// Bytes of a schema and its references.
const MOST_BYTES: usize = 1 << 20;
/// How many compiled schemas are kept; the one not used for longest goes first.
const MOST_KEPT: usize = 64;
/// Steps of one pattern on one value: a schema comes from elsewhere.
const MOST_BACKTRACKING: usize = 100_000;

/// The body behind each record's frame.
#[derive(Debug)]
pub struct FramedJson {
    framing: Arc<dyn Framing>,
    part: Part,
    validation: Option<Validation>,
}

/// Holds records to their schemas.
#[derive(Debug)]
struct Validation {
    schemas: Arc<dyn Schemas>,
    /// The one used last first; or why it cannot be compiled.
    compiled: Vec<(SchemaKey, Result<Validator, String>)>,
}

/// Reads framed JSON into `columns`. With `validate` each record is held to its schema first; without it the registry is never
/// asked.
pub fn decoder(
    columns: &[Column],
    part: Part,
    framing: Arc<dyn Framing>,
    validate: Option<Arc<dyn Schemas>>,
    envelope: Envelope,
) -> JsonDecoder<Enveloped<FramedJson>> {
    let validation = validate.map(|schemas| Validation {
        schemas,
        compiled: Vec::new(),
    });
    let bodies = FramedJson {
        framing,
        part,
        validation,
    };
    JsonDecoder::over(columns, Enveloped::new(bodies, envelope))
}

impl Bodies for FramedJson {
    fn body<'a>(&mut self, records: &'a Records, record: usize) -> Result<Body<'a>, Unfit> {
        let Some(bytes) = self.part.of(records, record) else {
            return match self.part {
                Part::Key => Err(Unfit::Reason(self.part.missing(), self.part.missing().to_owned())),
                Part::Value => Ok(Body {
                    bytes: None,
                    before: 0,
                }),
            };
        };
        let framed = self.framing.open(records, record, self.part);
        let Framed { schema, body, .. } = framed.map_err(|why| Unfit::Reason(cause::FRAME, why))?;
        if let Some(validation) = &mut self.validation {
            validation.check(schema, body)?;
        }
        Ok(Body {
            bytes: Some(body),
            before: bytes.len() - body.len(),
        })
    }
}

impl Validation {
    fn check(&mut self, key: SchemaKey, body: &[u8]) -> Result<(), Unfit> {
        let validator = self.compiled(key)?.as_ref();
        let validator = validator
            .map_err(|why| Unfit::Reason(cause::UNREADABLE_SCHEMA, format!("schema {key}: {why}")))?;
        let value: Value = serde_json::from_slice(body).map_err(|e| {
            // Its own words may hold a part of the body.
            let at = format!("line {} column {}", e.line(), e.column());
            Unfit::Reason("malformed json", format!("malformed json at {at}"))
        })?;
        match validator.validate(&value) {
            Ok(()) => Ok(()),
            Err(e) => {
                let path = e.evaluation_path();
                // The schema's own word, not the record's.
                let missing = match e.kind() {
                    ValidationErrorKind::Required { property } => format!(": {property} is missing"),
                    _ => String::new(),
                };
                let why = format!("does not fit its schema, {key}: `{path}` is not kept{missing}");
                Err(Unfit::Reason("does not fit its schema", why))
            }
        }
    }

    fn compiled(&mut self, key: SchemaKey) -> Result<&Result<Validator, String>, Unfit> {
        let known = match self.compiled.iter().position(|(known, _)| *known == key) {
            Some(known) => known,
            None => {
                let schema = self.schemas.schema(key).map_err(|e| match e.kind() {
                    Kind::Reject => Unfit::Reason(cause::UNKNOWN_SCHEMA, e.to_string()),
                    _ => Unfit::Stop(e),
                })?;
                self.compiled.truncate(MOST_KEPT - 1);
                self.compiled.push((key, compile(&schema)));
                self.compiled.len() - 1
            }
        };
        if known > 0 {
            self.compiled[..=known].rotate_right(1);
        }
        Ok(&self.compiled[0].1)
    }
}

/// Compiles a schema with its references. The reason it cannot be is fit for a reject.
fn compile(schema: &RegisteredSchema) -> Result<Validator, String> {
    if schema.schema_type != SchemaType::JsonSchema {
        let found = schema.schema_type.name();
        return Err(format!("the schema is of type {found}, not JSON"));
    }
    let texts = std::iter::once(&schema.text).chain(schema.references.iter().map(|r| &r.text));
    let bytes: usize = texts.map(String::len).sum();
    if bytes > MOST_BYTES {
        return Err(format!(
            "the schema has {bytes} bytes with its references; {MOST_BYTES} are read"
        ));
    }
    let root: Value =
        serde_json::from_str(&schema.text).map_err(|e| format!("the schema is no json: {e}"))?;
    let patterns = PatternOptions::fancy_regex().backtrack_limit(MOST_BACKTRACKING);
    let options = jsonschema::options()
        .with_pattern_options(patterns)
        .with_retriever(Given::with(schema));
    options
        .build(&root)
        .map_err(|e| format!("the schema does not compile: {e}"))
}

/// A schema (draft 7) of what the JSON encoder writes for these columns. A float may be null in any row: JSON has neither NaN nor
/// infinities, and null is written for them.
///
/// # Errors
/// `Config` where a column has a type that JSON has no form for.
pub fn schema_of_results(columns: &Schema, title: &str) -> Result<String> {
    let mut properties = Map::new();
    for column in columns.fields() {
        if !can_write(column.data_type()) {
            return Err(Error::config(
                "write a json schema: the column's type has no json form; cast it in sql",
            )
            .with("column", column.name())
            .with("type", column.data_type()));
        }
        properties.insert(
            column.name().clone(),
            property(column.data_type(), column.is_nullable()),
        );
    }
    let required: Vec<&String> = columns.fields().iter().map(|column| column.name()).collect();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
    });
    Ok(format!("{schema:#}"))
}

fn property(of: &DataType, nullable: bool) -> Value {
    let mut property = json!({});
    let word = match of {
        DataType::Boolean => "boolean",
        of if of.is_integer() => "integer",
        of if of.is_numeric() => "number",
        DataType::List(item) | DataType::LargeList(item) => {
            property["items"] = self::property(item.data_type(), item.is_nullable());
            "array"
        }
        DataType::FixedSizeList(item, width) => {
            property["items"] = self::property(item.data_type(), item.is_nullable());
            property["minItems"] = json!(width);
            property["maxItems"] = json!(width);
            "array"
        }
        DataType::Struct(fields) => {
            let inner = fields
                .iter()
                .map(|f| (f.name().clone(), self::property(f.data_type(), f.is_nullable())));
            property["properties"] = Value::Object(inner.collect());
            "object"
        }
        DataType::Dictionary(_, values) => return self::property(values, nullable),
        DataType::Null => {
            return json!({ "type": "null" });
        }
        other => {
            match other {
                DataType::Timestamp(..) => property["format"] = json!("date-time"),
                DataType::Date32 | DataType::Date64 => property["format"] = json!("date"),
                DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_) => {
                    property["contentEncoding"] = json!("base64");
                }
                _ => {}
            }
            "string"
        }
    };
    property["type"] = if nullable || of.is_floating() {
        json!([word, "null"])
    } else {
        json!(word)
    };
    property
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::{Field, Int64Type};

    use super::super::framing::Confluent;
    use super::super::json::{Deletes, JsonEncoder};
    use super::super::schemas::SchemaReference;
    use super::super::{ColumnKind, Decode, Decoded, Encode, EncoderOptions};
    use super::*;
    use crate::batch::Batch;
    use crate::metrics::LaneMetrics;
    use crate::records::Record;

    fn columns() -> Vec<Column> {
        vec![Column {
            name: "n".into(),
            path: vec!["n".into()],
            kind: ColumnKind::Int64,
            nullable: false,
            default: None,
        }]
    }

    fn records(payloads: &[Option<&[u8]>]) -> Arc<Records> {
        let mut records = Records::default();
        let partition = records.intern(&"t".into(), 0);
        for payload in payloads {
            records.push(
                partition,
                Record {
                    payload: *payload,
                    ..Record::default()
                },
            );
        }
        Arc::new(records)
    }

    fn framed(id: u8, body: &str) -> Vec<u8> {
        [&[0, 0, 0, 0, id], body.as_bytes()].concat()
    }

    #[derive(Debug)]
    struct Registry(Vec<(u32, RegisteredSchema)>, bool);

    impl Schemas for Registry {
        fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>> {
            if self.1 {
                return Err(Error::retry("ask the registry"));
            }
            let found = self.0.iter().find(|(id, _)| SchemaKey::Id(*id) == key);
            let found =
                found.ok_or_else(|| Error::reject("the registry has no such schema").with("schema", key))?;
            Ok(Arc::new(found.1.clone()))
        }
    }

    fn schema(text: &str) -> RegisteredSchema {
        RegisteredSchema {
            schema_type: SchemaType::JsonSchema,
            text: text.to_owned(),
            references: Vec::new(),
        }
    }

    fn decode(registry: Option<Registry>, envelope: Envelope, payloads: &[Option<&[u8]>]) -> Result<Decoded> {
        let validate = registry.map(|registry| Arc::new(registry) as Arc<dyn Schemas>);
        let mut decoder = decoder(&columns(), Part::Value, Arc::new(Confluent), validate, envelope);
        decoder.decode(&records(payloads))
    }

    fn values(decoded: &Decoded) -> Vec<i64> {
        decoded
            .batch
            .rows
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    }

    #[test]
    fn bodies_are_read_behind_their_frames_without_a_registry() {
        let (one, bad, wrapped) = (
            framed(1, r#"{"n":1}"#),
            framed(2, r#"{"n":"x"}"#),
            framed(1, r#"{"schema":null,"payload":{"n":2}}"#),
        );
        let payloads = [
            Some(one.as_slice()),
            Some(&bad),
            Some(b"{}"),
            None,
            Some(&[0, 0]),
            Some(&one[..5]),
        ];
        let decoded = decode(None, Envelope::None, &payloads).expect("a batch");
        assert_eq!(values(&decoded), [1]);
        let reasons: Vec<_> = decoded.rejects.iter().map(|r| r.reason.as_str()).collect();
        let expected = [
            "column `n`: expected an int64, found a string at byte 10",
            "begins with 0x7b",
            "tombstone",
            "2 bytes: too short",
            "empty payload at byte 5",
        ];
        assert_eq!(reasons.len(), expected.len());
        for (reason, part) in reasons.iter().zip(expected) {
            assert!(reason.contains(part), "{reason}, not {part}");
        }
        let decoded = decode(None, Envelope::Connect, &[Some(&wrapped)]).expect("a batch");
        assert_eq!(values(&decoded), [2]);
        let decoded = decode(None, Envelope::Debezium(Deletes::Reject), &[Some(&one)]).expect("a batch");
        assert!(decoded.rejects[0].reason.contains("no `op`"));
    }

    #[test]
    fn records_are_held_to_their_schemas_where_asked_for() {
        let referring = RegisteredSchema {
            references: vec![SchemaReference {
                name: "n.json".into(),
                text: r#"{"type":"integer","maximum":10}"#.into(),
            }],
            ..schema(r#"{"type":"object","properties":{"n":{"$ref":"n.json"}},"required":["n"]}"#)
        };
        let nowhere = schema(r#"{"properties":{"n":{"$ref":"http://127.0.0.1:9/x.json"}}}"#);
        let avro = RegisteredSchema {
            schema_type: SchemaType::Avro,
            ..schema("{}")
        };
        let schemas = vec![(1, referring), (2, nowhere), (3, avro), (4, schema("{"))];
        let registry = Registry(schemas, false);
        let bodies = [
            framed(1, r#"{"n":10}"#),
            framed(1, r#"{"n":4711}"#),
            framed(1, r#"{"of":4711}"#),
            framed(2, r#"{"n":1}"#),
            framed(3, r#"{"n":1}"#),
            framed(4, r#"{"n":1}"#),
            framed(5, r#"{"n":1}"#),
            framed(1, r#"{"n":4711"#),
        ];
        let payloads: Vec<_> = bodies.iter().map(|body| Some(body.as_slice())).collect();
        let decoded = decode(Some(registry), Envelope::None, &payloads).expect("a batch");
        assert_eq!(values(&decoded), [10]);
        let expected = [
            "does not fit its schema, id 1: `/properties/n/$ref/maximum` is not kept",
            "does not fit its schema, id 1: `/required` is not kept: \"n\" is missing",
            "`http://127.0.0.1:9/x.json` is not among the schema's references",
            "of type AVRO",
            "the schema is no json",
            "no such schema",
            "malformed json at line 1",
        ];
        assert_eq!(decoded.rejects.len(), expected.len());
        for (reject, part) in decoded.rejects.iter().zip(expected) {
            assert!(
                reject.reason.contains(part) && !reject.reason.contains("4711"),
                "{}, not {part}",
                reject.reason
            );
        }
        let down = decode(Some(Registry(Vec::new(), true)), Envelope::None, &payloads);
        assert_eq!(down.expect_err("down").kind(), Kind::Retry);
    }

    #[test]
    fn results_are_framed_and_fit_the_schema_made_of_them() {
        let arrow = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("score", DataType::Float64, false),
            Field::new("s", DataType::Utf8, true),
        ]));
        let text = schema_of_results(&arrow, "Result").expect("a schema");
        let validator = compile(&schema(&text)).expect("a schema");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(Float64Array::from(vec![0.5, f64::NAN])),
            Arc::new(StringArray::from(vec![Some("a"), None])),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&arrow), columns).expect("rows");
        let batch = Batch {
            rows,
            origin: vec![0, 1],
            records: records(&[None, None]),
        };
        let options = EncoderOptions {
            topic: "out".into(),
            key: None,
            include_original: false,
            headers: Arc::new([]),
            not_finite: Arc::new(LaneMetrics::default()),
        };
        let mut encoder = JsonEncoder::framed(options.clone(), &arrow, &Confluent, 258).expect("an encoder");
        let outgoing = encoder.encode(&batch).expect("payloads");
        for row in 0..2 {
            let (frame, body) = outgoing.payload(row).expect("a payload").split_at(5);
            assert_eq!(frame, [0, 0, 0, 1, 2]);
            let value: Value = serde_json::from_slice(body).expect("json");
            assert!(validator.is_valid(&value), "{value} does not fit {text}");
        }
        assert!(!validator.is_valid(&json!({ "n": "x", "score": 1, "s": null })));
        assert!(!validator.is_valid(&json!({ "n": 1 })));
        let original = EncoderOptions {
            include_original: true,
            ..options
        };
        let refused =
            JsonEncoder::framed(original, &arrow, &Confluent, 1).expect_err("the original is framed");
        assert_eq!(refused.kind(), Kind::Config);
    }
}
