//! What a schema refers to: by pointer, anchor, `$id`, or the name that the registry gave. Validation and `check` both go through
//! here. Asks no network.

use std::sync::Arc;

use jsonschema::{Draft, Registry, Retrieve, Uri, uri};
use serde_json::Value;

use crate::codec::schemas::{RegisteredSchema, SchemaReference};

/// What the registry gave beside a schema, by name or by its own `$id`.
#[derive(Debug)]
pub(super) struct Given {
    references: Vec<SchemaReference>,
}

impl Given {
    pub(super) fn with(schema: &RegisteredSchema) -> Self {
        Self {
            references: schema.references.clone(),
        }
    }
}

impl Retrieve for Given {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = uri.as_str().trim_end_matches('#');
        for reference in &self.references {
            let behind = uri.strip_suffix(reference.name.as_str());
            let named = behind.is_some_and(|before| before.is_empty() || before.ends_with('/'));
            let text = || serde_json::from_str::<Value>(&reference.text);
            if named || text().is_ok_and(|schema| schema["$id"].as_str() == Some(uri)) {
                return Ok(text()?);
            }
        }
        Err(format!("`{uri}` is not among the schema's references").into())
    }
}

/// The same with a null for what is not there, which matters only to a column that leads to it.
struct AsFarAsGiven(Given);

impl Retrieve for AsFarAsGiven {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.retrieve(uri).unwrap_or_default())
    }
}

/// A schema and what it refers to.
pub(super) struct Documents {
    registry: Registry<'static>,
    base: Arc<Uri<String>>,
}

/// A schema in one of the documents.
#[derive(Clone, Debug)]
pub(super) struct Spot<'r> {
    pub(super) schema: &'r Value,
    base: Arc<Uri<String>>,
    draft: Draft,
}

impl Spot<'_> {
    /// Whether what stands beside a `$ref` counts: it does not in drafts up to 7.
    pub(super) fn heeds_siblings(&self) -> bool {
        !matches!(self.draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7)
    }
}

/// The `$id` of a schema; one that is an anchor alone names no document.
fn id(schema: &Value, draft: Draft) -> Option<&str> {
    let id = schema.get(draft.id_keyword())?.as_str()?;
    Some(id.trim_end_matches('#')).filter(|id| !id.is_empty() && !id.starts_with('#'))
}

impl Documents {
    /// `root` with the references of `schema`. What is wrong with an address is the reason.
    pub(super) fn of(schema: &RegisteredSchema, root: Value) -> Result<Self, String> {
        let id = id(&root, Draft::default().detect(&root)).unwrap_or("json-schema:///");
        let base = uri::from_str(id).map_err(|e| e.to_string())?;
        let registry = Registry::new()
            .retriever(AsFarAsGiven(Given::with(schema)))
            .add(base.as_str(), root)
            .and_then(|documents| documents.prepare())
            .map_err(|e| e.to_string())?;
        Ok(Self {
            registry,
            base: Arc::new(base),
        })
    }

    pub(super) fn root(&self) -> Result<Spot<'_>, String> {
        self.found(&self.base, "#")
    }

    /// The schema `inside` the one at `spot`.
    pub(super) fn inside<'r>(&self, spot: &Spot<'r>, inside: &'r Value) -> Spot<'r> {
        let own =
            id(inside, spot.draft).and_then(|id| self.registry.resolve_uri(&spot.base.borrow(), id).ok());
        Spot {
            schema: inside,
            base: own.unwrap_or_else(|| Arc::clone(&spot.base)),
            draft: spot.draft,
        }
    }

    /// The schema that the one at `from` refers to as `to`.
    pub(super) fn refer<'r>(&'r self, from: &Spot<'r>, to: &str) -> Result<Spot<'r>, String> {
        let document = to.split_once('#').map_or(to, |(document, _)| document);
        let given = |document| {
            self.found(&from.base, document)
                .is_ok_and(|found| !found.schema.is_null())
        };
        if !document.is_empty() && !given(document) {
            return Err(format!("`{to}` is not among the schema's references"));
        }
        self.found(&from.base, to)
    }

    fn found(&self, base: &Uri<String>, to: &str) -> Result<Spot<'_>, String> {
        let found = self.registry.resolver(base.clone()).lookup(to);
        let (schema, resolver, draft) = found.map_err(|_| format!("`{to}` leads nowhere"))?.into_inner();
        Ok(Spot {
            schema,
            base: resolver.base_uri(),
            draft,
        })
    }
}
