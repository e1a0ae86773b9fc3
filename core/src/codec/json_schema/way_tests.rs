//! What `check` says of schemas: a table of them with verdicts, and references that the validator follows, too.

use serde_json::{Value, json};

use super::compile;
use super::way::way;
use crate::codec::json::{Deletes, Envelope};
use crate::codec::schemas::{RegisteredSchema, SchemaReference, SchemaType};
use crate::codec::way::Way;
use crate::codec::{Column, ColumnKind, DefaultValue};

fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.into(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: false,
        default: None,
    }
}

fn float() -> Column {
    column("f1", ColumnKind::Float32)
}

fn registered(schema: &Value) -> RegisteredSchema {
    RegisteredSchema {
        schema_type: SchemaType::JsonSchema,
        text: schema.to_string(),
        references: Vec::new(),
    }
}

fn one_of(schema: &RegisteredSchema, envelope: Envelope, column: Column) -> Result<Way, String> {
    way(schema, envelope, &[column]).expect("a schema").remove(0)
}

/// An event with `f1` in it, which is always there.
fn with(f1: Value) -> Value {
    json!({ "type": "object", "properties": { "id": { "type": "integer" }, "f1": f1 }, "required": ["id", "f1"],
        "definitions": { "text": { "type": "string" }, "float": { "type": "number" }, "endless": { "$ref": "#/definitions/endless" } } })
}

/// In a line: what breaks, what would be rejects, and whether a null may come.
fn said(schema: &Value, column: Column) -> String {
    match one_of(&registered(schema), Envelope::None, column) {
        Err(why) => why,
        Ok(way) if way.missing => "missing".into(),
        Ok(way) => {
            let null = way.nullable.then(|| "nullable".to_owned());
            let all: Vec<_> = null.into_iter().chain(way.rejects).collect();
            if all.is_empty() {
                "fits".into()
            } else {
                all.join(", ")
            }
        }
    }
}

#[test]
fn each_schema_of_a_number_has_its_verdict() {
    let unfit = |found: &str| format!("its field `f1` is {found}, which does not convert to float32");
    let never = "the schema allows no value in its field `f1`";
    let any = "nullable, a boolean, a string, an array, an object";
    let (none, text) = (json!({ "type": "null" }), json!({ "type": "string" }));
    let number = json!({ "type": "number" });
    let cases = [
        (number.clone(), "fits"),
        (json!({ "type": "integer" }), "fits"),
        (json!({ "const": 1.5 }), "fits"),
        (json!({ "enum": [1, 2.5] }), "fits"),
        (json!({ "$ref": "#/definitions/float" }), "fits"),
        (json!({ "allOf": [number, { "minimum": 0 }] }), "fits"),
        (json!({ "anyOf": [number, { "type": "integer" }] }), "fits"),
        (
            json!({ "type": ["number", "null"], "not": { "type": "null" } }),
            "fits",
        ),
        (
            json!({ "if": { "minimum": 1 }, "then": number, "else": { "type": "integer" } }),
            "fits",
        ),
        (json!({ "type": ["number", "null"] }), "nullable"),
        (json!({ "oneOf": [none, number] }), "nullable"),
        (json!({ "anyOf": [number, none] }), "nullable"),
        (json!({ "enum": [1, null] }), "nullable"),
        (json!({ "type": ["number", "string"] }), "a string"),
        (json!({ "oneOf": [none, number, text] }), "nullable, a string"),
        (json!({ "enum": [1, "a", true] }), "a boolean, a string"),
        (json!({}), any),
        (json!(true), any),
        (json!({ "minimum": 0 }), any),
        (json!({ "if": { "minimum": 1 }, "then": number }), any),
        (text.clone(), &unfit("string")),
        (none.clone(), "missing"),
        (json!({ "oneOf": [none, text] }), &unfit("string or null")),
        (json!({ "anyOf": [text, none] }), &unfit("string or null")),
        (
            json!({ "allOf": [{ "$ref": "#/definitions/text" }] }),
            &unfit("string"),
        ),
        (
            json!({ "allOf": [{ "type": ["string", "null"] }, { "type": ["string", "number"] }] }),
            &unfit("string"),
        ),
        (json!({ "const": "x" }), &unfit("string")),
        (json!({ "const": null }), "missing"),
        (json!({ "enum": ["a", "b"] }), &unfit("string")),
        (json!({ "type": "boolean" }), &unfit("boolean")),
        (json!({ "type": "object" }), &unfit("object")),
        (json!({ "type": "array", "items": number }), &unfit("array")),
        (json!(false), never),
        (json!({ "type": "number", "allOf": [text] }), never),
        (json!({ "type": "number", "enum": ["a"] }), never),
        (json!({ "not": {} }), never),
        (
            json!({ "$ref": "#/definitions/none" }),
            "`#/definitions/none` leads nowhere",
        ),
        (
            json!({ "$ref": "none.json#/a" }),
            "`none.json#/a` is not among the schema's references",
        ),
        (
            json!({ "$ref": "#/definitions/endless" }),
            "the schema refers to itself without end, or its parts are nested too deep",
        ),
        (
            json!(5),
            "a part of the schema is neither an object nor a boolean",
        ),
    ];
    for (f1, expected) in cases {
        assert_eq!(said(&with(f1.clone()), float()), expected, "{f1}");
    }
}

#[test]
fn columns_of_each_kind_take_their_types() {
    use ColumnKind::{Bool, Bytes, Int64, String, Timestamp};
    let unit = arrow::datatypes::TimeUnit::Second;
    let cases = [
        (json!({ "type": "boolean" }), Bool, "fits"),
        (
            json!({ "type": "integer" }),
            Bool,
            "its field `f1` is integer, which does not convert to bool",
        ),
        (json!({ "type": "integer" }), Int64, "fits"),
        (json!({ "const": 5.0 }), Int64, "fits"),
        (json!({ "type": "number" }), Int64, "a number with a fraction"),
        (
            json!({ "const": 0.5 }),
            Int64,
            "its field `f1` is number with a fraction, which does not convert to int64",
        ),
        (json!({ "type": "string" }), String, "fits"),
        (json!({ "enum": ["a", "b"] }), String, "fits"),
        (json!({ "type": ["string", "integer"] }), Bytes, "an integer"),
        (json!({ "type": ["string", "number"] }), Timestamp(unit), "fits"),
        (
            json!({ "type": ["array", "string"] }),
            Timestamp(unit),
            "an array",
        ),
    ];
    for (f1, kind, expected) in cases {
        assert_eq!(
            said(&with(f1.clone()), column("f1", kind)),
            expected,
            "{f1} to {kind:?}"
        );
    }
}

#[test]
fn lists_fit_by_their_items_and_their_length() {
    let list = |of: &str| format!("its field `f1` is an array of {of}, which does not convert to float32[3]");
    let of = |items: Value, least: u64, most: u64| json!({ "type": "array", "items": items, "minItems": least, "maxItems": most });
    let (number, text) = (json!({ "type": "number" }), json!({ "type": "string" }));
    let three = json!([number, number, number]);
    let length = "an array of another length than 3";
    let cases = [
        (of(number.clone(), 3, 3), "fits"),
        (
            json!({ "allOf": [{ "type": "array" }, { "items": number }, { "minItems": 3 }, { "maxItems": 3 }] }),
            "fits",
        ),
        (
            json!({ "type": "array", "prefixItems": three, "items": false, "minItems": 3 }),
            "fits",
        ),
        (
            json!({ "type": "array", "items": three, "additionalItems": false, "minItems": 3 }),
            "fits",
        ),
        (
            json!({ "oneOf": [{ "type": "null" }, of(number.clone(), 3, 3)] }),
            "nullable",
        ),
        (json!({ "type": "array", "items": number }), length),
        (of(number.clone(), 0, 3), length),
        (of(number.clone(), 3, 9), length),
        (
            of(json!({ "type": ["number", "null"] }), 3, 3),
            "an array with null in it",
        ),
        (
            json!({ "anyOf": [of(number.clone(), 3, 3), of(text.clone(), 3, 3)] }),
            "an array with a string in it",
        ),
        (
            json!({ "type": "array", "minItems": 3, "maxItems": 3 }),
            "an array with a boolean in it, an array with a string in it, an array with an array in it, \
             an array with an object in it, an array with null in it",
        ),
        (of(text.clone(), 0, 2), &list("string")),
        (of(text.clone(), 3, 3), &list("string")),
        (of(number.clone(), 0, 2), &list("at most 2 items")),
        (of(number.clone(), 4, 9), &list("at least 4 items")),
        (
            json!({ "type": "array", "items": false }),
            &list("at most 0 items"),
        ),
        (
            json!({ "type": "array", "prefixItems": [number, text], "items": number }),
            &list("string"),
        ),
        (
            number,
            "its field `f1` is number, which does not convert to float32[3]",
        ),
    ];
    for (f1, expected) in cases {
        let column = column("f1", ColumnKind::Float32List(3));
        assert_eq!(said(&with(f1.clone()), column), expected, "{f1}");
    }
    let long = column("f1", ColumnKind::Float64List(100_000));
    assert_eq!(
        said(&with(of(json!({ "type": "number" }), 100_000, 100_000)), long),
        "fits"
    );
}

#[test]
fn paths_lead_through_what_combines_schemas() {
    let number = json!({ "type": "number" });
    let reading =
        |value: Value| json!({ "type": "object", "properties": { "value": value }, "required": ["value"] });
    let event =
        |of: Value| json!({ "type": "object", "properties": { "reading": of }, "required": ["reading"] });
    let fits = reading(number.clone());
    let none = "the schema has no field `reading.value`";
    let cases = [
        (event(fits.clone()), "fits"),
        (
            json!({ "allOf": [{ "type": "object" }, event(fits.clone())] }),
            "fits",
        ),
        (
            json!({ "oneOf": [event(fits.clone()), event(fits.clone())] }),
            "fits",
        ),
        (
            json!({ "properties": { "reading": { "properties": { "value": number } } } }),
            "nullable",
        ),
        (event(json!({ "anyOf": [{ "type": "null" }, fits] })), "nullable"),
        (
            event(json!({ "type": "object", "additionalProperties": number })),
            "nullable",
        ),
        (
            event(
                json!({ "type": "object", "patternProperties": { "^v": number }, "additionalProperties": false }),
            ),
            "nullable",
        ),
        (event(json!({ "type": "object" })), "nullable"),
        (json!(true), "nullable"),
        (
            json!({ "oneOf": [event(fits.clone()), { "type": "object", "properties": { "other": true } }] }),
            "nullable",
        ),
        (
            event(json!({ "anyOf": [{ "type": "string" }, fits] })),
            "gone where `reading` is a string",
        ),
        (
            json!({ "anyOf": [{ "type": "array" }, event(fits.clone())] }),
            "gone where the event is an array",
        ),
        (
            event(json!({ "allOf": [fits, { "properties": { "value": { "minimum": 0 } } }] })),
            "fits",
        ),
        (
            event(json!({ "allOf": [fits, { "properties": { "value": { "type": "string" } } }] })),
            "the schema allows no value in its field `reading.value`",
        ),
        (
            event(number.clone()),
            "its field `reading` is number, which has no fields",
        ),
        (
            event(json!({ "type": "null" })),
            "its field `reading` is always null",
        ),
        (
            event(reading(json!({ "type": "string" }))),
            "its field `reading.value` is string, which does not convert to float32",
        ),
        (
            event(json!({ "type": "object", "properties": { "velue": number } })),
            &format!("{none}; did you mean \"velue\"?, though writers may add it; fields: velue"),
        ),
        (
            event(json!({ "properties": { "velue": number }, "additionalProperties": false })),
            &format!("{none}; did you mean \"velue\"?; fields: velue"),
        ),
        (
            event(
                json!({ "type": "object", "patternProperties": { "^x": number }, "additionalProperties": false }),
            ),
            &format!("{none}; it names none"),
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(
            said(&schema, column("reading.value", ColumnKind::Float32)),
            expected,
            "{schema}"
        );
    }
}

#[test]
fn a_default_or_a_null_fills_what_is_never_there() {
    let nullable = || Column {
        nullable: true,
        ..float()
    };
    let own = || Column {
        default: Some(DefaultValue::Float(0.5)),
        ..float()
    };
    let never = json!({ "properties": { "f1": false } });
    let null = json!({ "properties": { "f1": { "type": "null" } } });
    assert!(said(&never, float()).contains("allows no value"));
    assert_eq!(said(&never, own()), "fits");
    assert_eq!(said(&never, nullable()), "missing");
    assert_eq!(said(&null, float()), "missing");
    assert_eq!(said(&null, own()), "nullable");
    assert_eq!(said(&null, nullable()), "missing");
    assert_eq!(said(&with(json!({ "type": "null" })), own()), "missing");
}

#[test]
fn a_schema_of_events_without_members_is_refused() {
    let cases = [
        (
            json!({ "type": "string" }),
            "its events are string, and columns are members of an object",
        ),
        (json!({ "type": "array" }), "its events are array, and"),
        (
            json!({ "oneOf": [{ "const": 1 }, { "type": "null" }] }),
            "its events are integer or null, and",
        ),
        (json!(false), "no event can follow it: it allows no value"),
        (
            json!({ "allOf": [{ "type": "object" }, false] }),
            "no event can follow it",
        ),
        (
            json!(5),
            "found the json of a value, integer; a schema is an object, or true or false",
        ),
        (json!("x"), "found the json of a value, string"),
        (json!([]), "found the json of a value, array"),
    ];
    for (schema, expected) in cases {
        let refused = way(&registered(&schema), Envelope::None, &[float()]).expect_err("no schema");
        assert!(refused.to_string().contains(expected), "{schema}: {refused}");
    }
}

#[test]
fn schemas_that_grow_with_every_step_are_not_followed_to_their_end() {
    let mut definitions = json!({ "d40": { "type": "number" } });
    for n in 0..40 {
        let next = json!({ "$ref": format!("#/definitions/d{}", n + 1) });
        definitions[format!("d{n}")] = json!({ "anyOf": [next, next] });
    }
    let schema =
        json!({ "properties": { "f1": { "$ref": "#/definitions/d0" } }, "definitions": definitions });
    assert!(said(&schema, float()).contains("without end"));
}

#[test]
fn references_lead_where_the_validator_follows_them() {
    let number = json!({ "type": "number" });
    let draft7 = "http://json-schema.org/draft-07/schema#";
    let whole = |to: &str, more: Value| {
        let mut schema =
            json!({ "type": "object", "properties": { "f1": { "$ref": to } }, "required": ["f1"] });
        let members = schema.as_object_mut().expect("members");
        members.extend(more.as_object().expect("members").clone());
        schema
    };
    let reference = |name: &str, schema: &Value| SchemaReference {
        name: name.into(),
        text: schema.to_string(),
    };
    let plain = |schema: Value| registered(&schema);
    let beside = |to: &str, name: &str, other: &Value| RegisteredSchema {
        references: vec![reference(name, other)],
        ..registered(&whole(to, json!({ "$id": "http://acme/events/paid.json" })))
    };
    let known = json!({ "$id": "http://else/where.json", "definitions": { "a b": number, "n": { "$anchor": "n", "type": "number" } } });
    let fit = [
        plain(whole(
            "http://acme/paid.json#/$defs/n",
            json!({ "$id": "http://acme/paid.json", "$defs": { "n": number } }),
        )),
        plain(whole(
            "paid.json#/$defs/n",
            json!({ "$id": "http://acme/paid.json", "$defs": { "n": number } }),
        )),
        plain(whole(
            "#n",
            json!({ "$defs": { "n": { "$anchor": "n", "type": "number" } } }),
        )),
        plain(whole(
            "#n",
            json!({ "$schema": draft7, "definitions": { "n": { "$id": "#n", "type": "number" } } }),
        )),
        plain(whole(
            "n.json",
            json!({ "$id": "http://acme/paid.json", "$defs": { "n": { "$id": "n.json", "type": "number" } } }),
        )),
        plain(whole(
            "#/definitions/a%20b",
            json!({ "definitions": { "a b": number } }),
        )),
        plain(whole(
            "#/definitions/a~1b",
            json!({ "definitions": { "a/b": number } }),
        )),
        plain(whole(
            "#/definitions/%C3%A4",
            json!({ "definitions": { "ä": number } }),
        )),
        plain(json!({
            "type": "object",
            "required": ["f1"],
            "properties": { "f1": { "$id": "http://acme/in/f1.json", "$ref": "n.json" } },
            "$defs": { "n": { "$id": "http://acme/in/n.json", "type": "number" } },
        })),
        beside("n.json", "n.json", &number),
        beside("http://acme/events/n.json", "n.json", &number),
        beside("http://else/where.json#/definitions/a%20b", "where", &known),
        beside("where.json#n", "where.json", &known),
    ];
    let text = json!({ "type": "string" });
    let unfit = [
        beside("n.json", "n.json", &text),
        plain(whole(
            "#/definitions/a%20b",
            json!({ "definitions": { "a b": text, "a%20b": number } }),
        )),
        plain(whole(
            "#none",
            json!({ "$defs": { "n": { "$anchor": "n", "type": "number" } } }),
        )),
        beside("m.json", "n.json", &number),
    ];
    for (schema, fits) in fit
        .iter()
        .map(|one| (one, true))
        .chain(unfit.iter().map(|one| (one, false)))
    {
        let validated = compile(schema).is_ok_and(|validator| validator.is_valid(&json!({ "f1": 1.5 })));
        assert_eq!(validated, fits, "{}", schema.text);
        let way = one_of(schema, Envelope::None, float());
        assert_eq!(way.is_ok(), fits, "{}: {way:?}", schema.text);
    }
}

#[test]
fn what_stands_beside_a_reference_counts_where_its_draft_says_so() {
    let schema = |draft: &str| {
        let f1 = json!({ "$ref": "#/definitions/n", "type": "number" });
        json!({ "$schema": draft, "properties": { "f1": f1 }, "required": ["f1"], "definitions": { "n": true } })
    };
    assert_eq!(
        said(&schema("https://json-schema.org/draft/2020-12/schema"), float()),
        "fits"
    );
    assert!(said(&schema("http://json-schema.org/draft-07/schema#"), float()).contains("a string"));
}

#[test]
fn columns_are_looked_for_inside_their_envelope() {
    let row = |of: &str| json!({ "oneOf": [{ "type": "null" }, { "type": "object", "properties": { "f1": { "type": of } }, "required": ["f1"] }] });
    let debezium = |after: &str, before: &str| json!({ "type": "object", "properties": { "before": row(before), "after": row(after), "op": { "type": "string" } } });
    let connect = |payload: Value| json!({ "properties": { "schema": { "type": ["object", "null"] }, "payload": payload } });
    let number = debezium("number", "number");
    let nested = connect(number.clone());
    let verdict = |schema: &Value, envelope| {
        one_of(&registered(schema), envelope, float()).map(|way| (way.path, way.nullable))
    };
    for deletes in [Deletes::Reject, Deletes::Skip, Deletes::Before] {
        let envelope = Envelope::Debezium(deletes);
        assert_eq!(verdict(&number, envelope), Ok(("after.f1".into(), false)));
        assert_eq!(verdict(&nested, envelope), Ok(("payload.after.f1".into(), false)));
        let why = verdict(&debezium("string", "number"), envelope).expect_err("text");
        assert!(why.contains("`after.f1` is string"), "{why}");
        let before = verdict(&debezium("number", "string"), envelope);
        assert_eq!(before.is_err(), deletes == Deletes::Before, "{before:?}");
    }
    let missing = |before: &str| {
        let schema = registered(&debezium("null", before));
        let way = one_of(&schema, Envelope::Debezium(Deletes::Before), float());
        way.map(|way| (way.nullable, way.missing))
    };
    assert_eq!(missing("null"), Ok((true, true)));
    assert_eq!(missing("number"), Ok((true, false)));
    assert_eq!(
        verdict(&connect(row("number")), Envelope::Connect),
        Ok(("payload.f1".into(), false))
    );
    assert_eq!(
        verdict(&json!({ "type": "object" }), Envelope::Connect),
        Ok(("payload.f1".into(), true))
    );

    let bare = with(json!({ "type": "number" }));
    let nullable = Column {
        nullable: true,
        ..float()
    };
    let why = one_of(&registered(&bare), Envelope::Connect, nullable).expect_err("no envelope");
    assert!(why.contains("no field `payload`"), "{why}");
    let why = way(
        &registered(&bare),
        Envelope::Debezium(Deletes::Reject),
        &[float()],
    )
    .expect_err("no envelope");
    assert!(
        why.to_string()
            .contains("no envelope of debezium: the schema has no field `op`; fields: id, f1"),
        "{why}"
    );
}
