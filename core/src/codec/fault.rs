//! What a decoder finds wrong with one record.

use super::Column;

/// A default fills what is absent, never a null.
pub(super) const NULL: &str = "null in a column that is not nullable";

/// What is wrong with a record; says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: &'static str,
    /// The kind of value found instead, where that is the point.
    pub(super) found: Option<&'static str>,
    pub(super) at: usize,
    pub(super) column: Option<usize>,
    /// Not the record's fault: the buffers of this batch can take no more.
    pub(super) full: bool,
}

impl Fault {
    #[cold]
    pub(super) fn new(what: &'static str, at: usize) -> Box<Self> {
        Box::new(Self {
            what,
            found: None,
            at,
            column: None,
            full: false,
        })
    }

    /// Names what was found instead.
    #[cold]
    pub(super) fn found(mut self: Box<Self>, found: &'static str) -> Box<Self> {
        self.found = Some(found);
        self
    }

    /// What the pipeline can do about it, behind the reason; nothing where the record alone is to blame.
    #[cold]
    pub(super) fn advice(&self, column: Option<&Column>) -> String {
        let Some(column) = column.filter(|_| self.what == NULL) else {
            return String::new();
        };
        let name = &column.name;
        let filling = column.filling();
        let fill =
            filling.map(|literal| format!(" and fill it with coalesce({name}, {literal}) in a sql step"));
        format!("; make the column `nullable`{}", fill.unwrap_or_default())
    }

    #[cold]
    pub(super) fn of_column(mut self: Box<Self>, column: usize) -> Box<Self> {
        self.column = self.column.or(Some(column));
        self
    }
}

/// Faults are rare, and in a box: what goes right fits into registers.
pub(super) type Parsed<T> = Result<T, Box<Fault>>;
