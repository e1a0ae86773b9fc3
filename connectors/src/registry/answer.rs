//! What a registry answers, in JSON. Its words come from outside: nothing here trusts them, and no text of an answer that cannot
//! be read is quoted.

use forebay_core::codec::schemas::SchemaType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

/// A schema, as every part of the API gives one.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SchemaAnswer {
    pub(super) schema: String,
    /// Left out for Avro.
    #[serde(rename = "schemaType")]
    pub(super) schema_type: Option<String>,
    pub(super) references: Option<Vec<Reference>>,
    pub(super) subject: Option<String>,
    pub(super) version: Option<u32>,
    pub(super) id: Option<u32>,
}

/// What a schema says of another one that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Reference {
    /// By what name it is referred to.
    pub name: String,
    pub subject: String,
    pub version: i32,
}

/// What was registered.
#[derive(Debug, Deserialize)]
pub(super) struct Registered {
    pub(super) id: u32,
}

/// Whether a schema may follow the one that is there.
#[derive(Debug, Deserialize)]
pub(super) struct Judged {
    pub(super) is_compatible: bool,
    #[serde(default)]
    pub(super) messages: Vec<String>,
}

/// What a registry says where it does not do what it was asked.
#[derive(Debug, Deserialize)]
pub(super) struct Complaint {
    pub(super) error_code: u32,
    #[serde(default)]
    pub(super) message: String,
}

/// The subject is not known.
pub(super) const NO_SUBJECT: u32 = 40401;
/// The subject has no such version.
pub(super) const NO_VERSION: u32 = 40402;
/// The schema is not known.
pub(super) const NO_SCHEMA: u32 = 40403;

impl SchemaAnswer {
    /// `None`: a language that Forebay does not read.
    pub(super) fn schema_type(&self) -> Option<SchemaType> {
        let all = [SchemaType::Avro, SchemaType::JsonSchema, SchemaType::Protobuf];
        match self.schema_type.as_deref() {
            None => Some(SchemaType::Avro),
            Some(name) => all.into_iter().find(|one| one.name() == name),
        }
    }
}

/// An answer that cannot be read.
#[derive(Debug)]
pub(super) struct Unread {
    /// What is wrong with it, without a word of its own.
    pub(super) why: String,
    /// It is all there, and no registry's.
    pub(super) whole: bool,
}

/// Reads an answer.
///
/// # Errors
/// Where it is none of a registry, or not all of it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unread> {
    serde_json::from_slice(body).map_err(|error| {
        let length = body.len();
        let why = match error.classify() {
            _ if is_html(body) => "it answered with a page of HTML".to_owned(),
            Category::Eof => format!("its answer breaks off after {length} bytes"),
            Category::Data => format!("its answer of {length} bytes is JSON, but none of a schema registry"),
            Category::Syntax | Category::Io => format!("its answer of {length} bytes is no JSON"),
        };
        let whole = is_html(body) || error.classify() != Category::Eof;
        Unread { why, whole }
    })
}

pub(super) fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// A part of a path, as RFC 3986 wants it: subjects have slashes, colons and blanks in them.
pub(super) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_any_name_fit_into_a_path() {
        assert_eq!(segment("payments-value"), "payments-value");
        assert_eq!(segment(":.prod:a/b c+%ü"), "%3A.prod%3Aa%2Fb%20c%2B%25%C3%BC");
    }

    #[test]
    fn what_cannot_be_read_is_described_and_not_quoted() {
        for (body, says) in [
            (r#"{"schema":"planted"#, "breaks off after 18 bytes"),
            ("", "breaks off after 0 bytes"),
            (r#"{"schema":7,"a":"planted"}"#, "none of a schema registry"),
            (r#"["planted"]"#, "none of a schema registry"),
            ("planted", "no JSON"),
            (" <html>planted", "a page of HTML"),
        ] {
            let said = read::<SchemaAnswer>(body.as_bytes()).expect_err("unreadable").why;
            assert!(said.contains(says) && !said.contains("planted"), "{said}");
        }
    }

    #[test]
    fn avro_is_what_has_no_type() {
        let of = |body: &str| {
            read::<SchemaAnswer>(body.as_bytes())
                .expect("an answer")
                .schema_type()
        };
        assert_eq!(of(r#"{"schema":""}"#), Some(SchemaType::Avro));
        assert_eq!(
            of(r#"{"schema":"","schemaType":"PROTOBUF","references":null}"#),
            Some(SchemaType::Protobuf)
        );
        assert_eq!(of(r#"{"schema":"","schemaType":"XML"}"#), None);
    }
}
