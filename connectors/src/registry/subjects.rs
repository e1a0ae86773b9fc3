//! What commands and encoders ask of a registry: subjects, their versions, and whether a schema may be another one. Each is asked
//! once; who cannot do without asks again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use forebay_core::codec::schemas::{RegisteredSchema, SchemaType};
use forebay_core::{Error, Result};
use serde_json::{Value, json};

use super::answer::{Judged, Reference, Registered, SchemaAnswer, segment};
use super::trouble::{Trouble, What};
use super::{Inner, Registry, walk};
use crate::ask::ask;

/// A schema of many references is many questions.
const WITHIN: Duration = Duration::from_secs(120);

/// One version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    pub subject: String,
    pub version: u32,
    pub id: u32,
    pub schema: RegisteredSchema,
    /// As the registry has them, for who registers a next version.
    pub references: Vec<Reference>,
}

/// A schema that the registry may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchema {
    pub schema_type: SchemaType,
    pub text: String,
    pub references: Vec<Reference>,
}

/// Whether a schema may follow the latest one of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatibility {
    pub compatible: bool,
    /// Why not, in the registry's words.
    pub messages: Vec<String>,
}

impl NewSchema {
    fn body(&self) -> Value {
        let mut body = json!({ "schema": self.text });
        // Registries older than the key know Avro alone.
        if self.schema_type != SchemaType::Avro {
            body["schemaType"] = self.schema_type.name().into();
        }
        if !self.references.is_empty() {
            body["references"] = json!(self.references);
        }
        body
    }
}

/// `Auth` where the credentials are not taken, `Config` where the registry does not take what it is given, `Retry` where it does
/// not answer.
impl Registry {
    /// Every subject.
    ///
    /// # Errors
    /// As above.
    pub fn subjects(&self) -> Result<Vec<String>> {
        let all = self.command(|inner| async move { inner.http.get("/subjects").await });
        all.map_err(|trouble| trouble.error("list the registry's subjects"))
    }

    /// The numbers of a subject's versions; none where there is no such subject.
    ///
    /// # Errors
    /// As above.
    pub fn versions(&self, subject: &str) -> Result<Vec<u32>> {
        let path = format!("/subjects/{}/versions", segment(subject));
        let all = self.command(move |inner| async move { inner.http.get(&path).await });
        let all = there(all).map_err(|t| t.error("list a subject's versions").with("subject", subject))?;
        Ok(all.unwrap_or_default())
    }

    /// One version of a subject with everything that it refers to; nothing where there is none.
    ///
    /// # Errors
    /// As above.
    pub fn version(&self, subject: &str, version: u32) -> Result<Option<SchemaVersion>> {
        self.at(subject, &version.to_string())
    }

    /// The latest version of a subject; nothing where there is none.
    ///
    /// # Errors
    /// As above.
    pub fn latest(&self, subject: &str) -> Result<Option<SchemaVersion>> {
        self.at(subject, "latest")
    }

    /// The version of a subject that has this schema; nothing where none has.
    ///
    /// # Errors
    /// As above.
    pub fn find(&self, subject: &str, schema: &NewSchema) -> Result<Option<SchemaVersion>> {
        let (path, body) = (format!("/subjects/{}", segment(subject)), schema.body());
        let asked = schema.schema_type;
        let found = self.command(move |inner| async move {
            let mut answer: SchemaAnswer = inner.http.post(&path, &body).await?;
            // It is what was asked for, and not every registry says so.
            answer.schema_type.get_or_insert_with(|| asked.name().to_owned());
            versioned(&inner, answer).await
        });
        there(found).map_err(|t| t.error("look a schema up").with("subject", subject))
    }

    /// Registers a schema as the next version of a subject, where it is none yet; its id.
    ///
    /// # Errors
    /// As above; the registry's own words where it may not be the next version.
    pub fn register(&self, subject: &str, schema: &NewSchema) -> Result<u32> {
        let (path, body) = (format!("/subjects/{}/versions", segment(subject)), schema.body());
        let done = self.command(move |inner| async move {
            let answer: Registered = inner.http.post(&path, &body).await?;
            Ok(answer.id)
        });
        done.map_err(|t| t.error("register a schema").with("subject", subject))
    }

    /// Whether a schema may be the next version of a subject, by the registry's own rule; the first one may.
    ///
    /// # Errors
    /// As above.
    pub fn compatibility(&self, subject: &str, schema: &NewSchema) -> Result<Compatibility> {
        let subject_part = segment(subject);
        let path = format!("/compatibility/subjects/{subject_part}/versions/latest?verbose=true");
        let body = schema.body();
        let judged = self.command(move |inner| async move {
            let answer: Judged = inner.http.post(&path, &body).await?;
            let quoted = |message: &String| inner.http.quoted(message);
            Ok(Compatibility {
                compatible: answer.is_compatible,
                messages: answer.messages.iter().map(quoted).collect(),
            })
        });
        let judged = there(judged).map_err(|t| {
            t.error("ask whether a schema may be the next version")
                .with("subject", subject)
        })?;
        Ok(judged.unwrap_or(Compatibility {
            compatible: true,
            messages: Vec::new(),
        }))
    }

    /// A schema that the registry may not have, with everything that it refers to there.
    ///
    /// # Errors
    /// As above.
    pub fn whole(&self, schema: NewSchema) -> Result<RegisteredSchema> {
        let answer = SchemaAnswer {
            schema: schema.text,
            schema_type: Some(schema.schema_type.name().to_owned()),
            references: Some(schema.references),
            subject: None,
            version: None,
            id: None,
        };
        let whole = self.command(|inner| async move { complete(&inner, answer).await });
        whole.map_err(|trouble| trouble.error("fetch what a schema refers to"))
    }

    fn at(&self, subject: &str, version: &str) -> Result<Option<SchemaVersion>> {
        let path = format!("/subjects/{}/versions/{version}", segment(subject));
        let found = self.command(move |inner| async move {
            let answer = inner.http.get(&path).await?;
            versioned(&inner, answer).await
        });
        let error = |t: Trouble| -> Error { t.error("read a version of a subject") };
        there(found).map_err(|t| error(t).with("subject", subject).with("version", version))
    }

    /// Runs it on the control plane, and waits.
    pub(super) fn command<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<Inner>) -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.inner));
        let answer = ask(&self.inner.runtime, WITHIN, &mut || {}, work).unwrap_or_else(|| {
            let url = self.url();
            Err(Trouble::new(
                What::Failing,
                format!("{url}: no answer within {WITHIN:?}"),
            ))
        });
        answer.inspect_err(|trouble| self.inner.leave_alone(trouble))
    }
}

/// Nothing, where the registry says that there is no such thing.
fn there<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(trouble) if trouble.what == What::Absent => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

async fn versioned(inner: &Inner, answer: SchemaAnswer) -> Result<SchemaVersion, Trouble> {
    let (Some(subject), Some(version), Some(id)) = (answer.subject.clone(), answer.version, answer.id) else {
        let found = format!(
            "{}: its answer names no subject, version and id",
            inner.http.url()
        );
        return Err(Trouble::new(What::Failing, found));
    };
    let references = answer.references.clone().unwrap_or_default();
    let schema = complete(inner, answer).await?;
    Ok(SchemaVersion {
        subject,
        version,
        id,
        schema,
        references,
    })
}

/// With everything that it refers to. That a reference is not there is no answer to whether the schema is.
async fn complete(inner: &Inner, answer: SchemaAnswer) -> Result<RegisteredSchema, Trouble> {
    let whole = walk::whole(&inner.http, answer).await;
    whole.map_err(|trouble| match trouble.what {
        What::Absent => Trouble {
            what: What::Invalid,
            ..trouble
        },
        _ => trouble,
    })
}
