//! From a registry's answer to a schema with everything that it refers to. What refers to what is content of the registry:
//! circles, and more of it than anybody means, are refused.

use std::collections::HashMap;
use std::vec::IntoIter;

use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, SchemaReference};

use super::answer::{Reference, SchemaAnswer, segment};
use super::http::Http;
use super::trouble::{Trouble, What};

/// How long a chain of references may be.
const DEPTH: usize = 32;
/// How many schemas one schema may need.
const NUMBER: usize = 256;
/// How long all of them may be together, in bytes.
const LENGTH: usize = 64 << 20;

/// The schema of `key`.
pub(super) async fn fetch(http: &Http, key: SchemaKey) -> Result<RegisteredSchema, Trouble> {
    let path = match key {
        SchemaKey::Id(id) => format!("/schemas/ids/{id}"),
        SchemaKey::Guid(_) => {
            let guid = key.to_string();
            format!("/schemas/guids/{}", guid.trim_start_matches("guid "))
        }
    };
    let root = http.get(&path).await?;
    whole(http, root).await
}

/// A schema whose references are not read to their end yet.
struct Open {
    /// `None`: the root.
    reference: Option<Reference>,
    text: String,
    left: IntoIter<Reference>,
}

impl Open {
    fn new(reference: Option<Reference>, answer: SchemaAnswer) -> Self {
        Self {
            reference,
            text: answer.schema,
            left: answer.references.unwrap_or_default().into_iter(),
        }
    }

    fn is(&self, other: &Reference) -> bool {
        let same = |own: &Reference| (&own.subject, own.version) == (&other.subject, other.version);
        self.reference.as_ref().is_some_and(same)
    }
}

/// With everything that the answer's schema refers to: depth first, so that what is needed comes before what needs it.
pub(super) async fn whole(http: &Http, root: SchemaAnswer) -> Result<RegisteredSchema, Trouble> {
    let Some(schema_type) = root.schema_type() else {
        return Err(invalid("it is in a language that Forebay does not read"));
    };
    let mut read = Read {
        length: root.schema.len(),
        ..Read::default()
    };
    let mut open = vec![Open::new(None, root)];
    while let Some(top) = open.last_mut() {
        if let Some(reference) = top.left.next() {
            if open.iter().any(|one| one.is(&reference)) {
                return Err(circle(&open, &reference));
            }
            if let Some(text) = read.texts.get(&(reference.subject.clone(), reference.version)) {
                let text = text.clone();
                read.count(&text)?;
                read.close(reference, text)?;
                continue;
            }
            if open.len() > DEPTH {
                return Err(invalid(format!("its references are nested deeper than {DEPTH}")));
            }
            let answer = version(http, &reference).await?;
            read.count(&answer.schema)?;
            open.push(Open::new(Some(reference), answer));
        } else if let Some(closed) = open.pop() {
            match closed.reference {
                Some(reference) => read.close(reference, closed.text)?,
                None => {
                    return Ok(RegisteredSchema {
                        schema_type,
                        text: closed.text,
                        references: read.references,
                    });
                }
            }
        }
    }
    Err(invalid("there is none"))
}

/// One version of a subject; those that were deleted after somebody referred to them are still there for who knows them.
async fn version(http: &Http, reference: &Reference) -> Result<SchemaAnswer, Trouble> {
    let (subject, version) = (segment(&reference.subject), reference.version);
    let path = format!("/subjects/{subject}/versions/{version}?deleted=true");
    http.get(&path).await.map_err(|trouble: Trouble| Trouble {
        found: format!(
            "it refers to version {version} of `{}`: {}",
            reference.subject, trouble.found
        ),
        ..trouble
    })
}

#[derive(Default)]
struct Read {
    references: Vec<SchemaReference>,
    /// By subject and version.
    texts: HashMap<(String, i32), String>,
    number: usize,
    length: usize,
}

impl Read {
    fn count(&mut self, text: &str) -> Result<(), Trouble> {
        self.number += 1;
        self.length += text.len();
        if self.number > NUMBER {
            return Err(invalid(format!("it refers to more than {NUMBER} others")));
        }
        if self.length > LENGTH {
            let mib = LENGTH >> 20;
            return Err(invalid(format!(
                "it and what it refers to are more than {mib} MiB"
            )));
        }
        Ok(())
    }

    fn close(&mut self, reference: Reference, text: String) -> Result<(), Trouble> {
        let same = self.references.iter().find(|one| one.name == reference.name);
        if let Some(same) = same {
            if same.text == text {
                return Ok(());
            }
            return Err(invalid(format!(
                "two different schemas are referred to as `{}`",
                reference.name
            )));
        }
        let place = (reference.subject, reference.version);
        self.texts.entry(place).or_insert_with(|| text.clone());
        self.references.push(SchemaReference {
            name: reference.name,
            text,
        });
        Ok(())
    }
}

fn circle(open: &[Open], back: &Reference) -> Trouble {
    let name = |reference: &Reference| format!("`{}` version {}", reference.subject, reference.version);
    let way = open.iter().skip_while(|one| !one.is(back));
    let way: Vec<String> = way.filter_map(|one| one.reference.as_ref().map(name)).collect();
    invalid(format!(
        "its references go in a circle: {}, {}",
        way.join(", "),
        name(back)
    ))
}

fn invalid(found: impl Into<String>) -> Trouble {
    Trouble::new(What::Invalid, found).remedy("register a version that can be read")
}
