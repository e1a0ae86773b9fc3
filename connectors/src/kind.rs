//! What a connector's `kind` may name. A kind is one row: its name, its feature, and, where that feature is built in, its
//! own strict keys and what they come to.

use std::path::Path;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::resolved::Resolved;
use crate::wrong::Wrong;

/// A kind of connector.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// The cargo feature that builds it in.
    pub feature: &'static str,
    /// `None` = known, but built without its feature.
    pub built: Option<Built>,
}

/// What is there of a kind whose feature is built in.
#[derive(Clone, Copy, Debug)]
pub struct Built {
    /// The schema of its own keys.
    pub schema: fn() -> Schema,
    /// Reads its own keys, without `kind`; files are relative to the path.
    pub resolve: fn(Value, &Path) -> Result<Resolved, Vec<Wrong>>,
}

/// The keys of a kind: data that is resolved into what the one Kafka client needs.
pub trait Preset: DeserializeOwned + JsonSchema {
    /// Reads what it names, relative to `base`, and checks what the schema cannot. Connects to nothing.
    ///
    /// # Errors
    /// Everything that is wrong, each at its key.
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>>;
}

impl Kind {
    /// A kind that is built in.
    pub const fn built<P: Preset>(name: &'static str) -> Self {
        let built = Built {
            schema: schema::<P>,
            resolve: resolve::<P>,
        };
        Self {
            name,
            feature: name,
            built: Some(built),
        }
    }

    /// A kind that is known, and built without its feature, which has its name.
    pub const fn absent(name: &'static str) -> Self {
        Self {
            name,
            feature: name,
            built: None,
        }
    }
}

fn schema<P: Preset>() -> Schema {
    schemars::schema_for!(P)
}

fn resolve<P: Preset>(own: Value, base: &Path) -> Result<Resolved, Vec<Wrong>> {
    match P::deserialize(own) {
        Ok(preset) => preset.resolve(base),
        // The schema was looked at before, so there is no better place than the whole; the text may quote a value.
        Err(_) => Err(vec![Wrong::new("", "the connector does not fit its kind")]),
    }
}
