//! How a column comes about from what a schema says, in words: for a plan that a person reads.

/// The way of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The field in the schema, from the outside in: `merchant.id`.
    pub path: String,
    /// The type that the schema gives the field, in its own words.
    pub written_as: String,
    /// Whether a valid record may leave the column without a value.
    pub nullable: bool,
    /// Whether no valid record has a value for the column, and nothing fills it.
    pub missing: bool,
    /// Values of a valid record that the column does not take, in words: an event with one is a reject.
    pub rejects: Vec<String>,
    /// What becomes of the value where the column's type is another.
    pub cast: Option<String>,
    /// What fills the column where the record has no value.
    pub default: Option<String>,
}
