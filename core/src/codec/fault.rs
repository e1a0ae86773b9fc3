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

    #[cold]
    pub(super) fn of_column(mut self: Box<Self>, column: usize) -> Box<Self> {
        self.column = self.column.or(Some(column));
        self
    }
}

/// Faults are rare, and in a box: what goes right fits into registers.
pub(super) type Parsed<T> = Result<T, Box<Fault>>;
