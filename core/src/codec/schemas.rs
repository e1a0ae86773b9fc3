//! What a registry of schemas gives to a decoder or takes from an encoder. Knows no network: who keeps the promise below, and
//! how, is a matter of the connector.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;

/// What a record says of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaKey {
    /// Unique in one registry.
    Id(u32),
    /// Unique everywhere.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Guid(bytes) => {
                f.write_str("guid ")?;
                bytes.iter().enumerate().try_for_each(|(i, byte)| {
                    let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")
                })
            }
        }
    }
}

/// The language that a schema is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaType {
    Avro,
    JsonSchema,
    Protobuf,
}

impl SchemaType {
    /// Its name in the API of registries; they leave out `AVRO`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::JsonSchema => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }
}

/// A schema with everything that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSchema {
    pub schema_type: SchemaType,
    pub text: String,
    /// What the text refers to, directly or not, each once: what is referred to comes before what refers to it.
    pub references: Vec<SchemaReference>,
}

/// A schema under the name by which others refer to it: a full name in Avro, a file in Protobuf, a URI in JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaReference {
    pub name: String,
    pub text: String,
}

/// A registry as a lane sees it. A call may wait, but not for long: a question that takes longer is answered to who asks
/// again. However many lanes ask for one schema, the registry is asked once.
pub trait Schemas: fmt::Debug + Send + Sync {
    /// The schema of `key`.
    ///
    /// # Errors
    /// `Retry` where the registry does not answer now, `Reject` where it says that there is no such schema, or gives what is
    /// none; neither holds a secret.
    fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>>;
}
