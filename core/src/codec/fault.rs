//! What a decoder finds wrong with one record.

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
    pub(super) fn new(what: &'static str, at: usize) -> Self {
        Self {
            what,
            found: None,
            at,
            column: None,
            full: false,
        }
    }

    #[cold]
    pub(super) fn of_column(mut self, column: usize) -> Self {
        self.column = self.column.or(Some(column));
        self
    }
}

pub(super) type Parsed<T> = Result<T, Fault>;
