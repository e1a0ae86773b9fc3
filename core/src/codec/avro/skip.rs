//! How values that no column names are passed over: a short rule per type, found once per schema, with fixed widths added up.
//! Knows types and bytes; it does not know columns.

use super::input::Input;
use super::schema::{AvroSchema, Type};
use crate::codec::fault::{Fault, Parsed};

/// How deep values may lie in each other where they are passed over: far deeper than events are, and little for a stack.
const MAX_DEPTH: usize = 256;

/// How one value is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// So many bytes.
    Fixed(usize),
    /// So many numbers.
    Longs(u32),
    /// Bytes with their length in front.
    Counted,
    /// As the rule of this type says.
    Of(usize),
}

/// The rule of a type that consists of others.
#[derive(Debug)]
enum Rule {
    /// One that is simple, or is never asked.
    None,
    All(Box<[Skip]>),
    OneOf(Box<[Skip]>),
    Items(Skip),
    /// The values of a map; each has its key in front.
    Values(Skip),
}

/// The rules of all types of a schema.
#[derive(Debug)]
pub(super) struct Skips {
    simple: Vec<Skip>,
    rules: Vec<Rule>,
}

impl Skips {
    pub(super) fn new(schema: &AvroSchema) -> Self {
        let widths = Widths::of(schema);
        let simple = schema.types.iter().enumerate();
        let simple: Vec<_> = simple
            .map(|(nth, of)| simple_rule(nth, of, widths.0[nth]))
            .collect();
        let rules = schema.types.iter().enumerate().map(|(nth, of)| match of {
            _ if simple[nth] != Skip::Of(nth) => Rule::None,
            Type::Record { fields, .. } => {
                let mut all = Vec::new();
                fields.iter().for_each(|field| push(&mut all, simple[field.of]));
                Rule::All(all.into())
            }
            Type::Union(branches) => Rule::OneOf(branches.iter().map(|branch| simple[*branch]).collect()),
            Type::Array(items) => Rule::Items(simple[*items]),
            Type::Map(values) => Rule::Values(simple[*values]),
            _ => Rule::None,
        });
        let rules = rules.collect();
        Self { simple, rules }
    }

    /// How a value of type `of` is passed over.
    pub(super) fn of(&self, of: usize) -> Skip {
        self.simple[of]
    }

    #[inline(always)]
    pub(super) fn pass(&self, input: &mut Input<'_>, skip: Skip) -> Parsed<()> {
        match skip {
            Skip::Fixed(width) => input.take(width).map(drop),
            Skip::Longs(count) => input.pass_longs(u64::from(count)),
            other => self.pass_at(input, other, 0),
        }
    }

    fn pass_at(&self, input: &mut Input<'_>, skip: Skip, depth: usize) -> Parsed<()> {
        match skip {
            Skip::Fixed(width) => input.pass(width, 1),
            Skip::Longs(count) => input.pass_longs(u64::from(count)),
            Skip::Counted => input.counted().map(drop),
            Skip::Of(of) => self.follow(input, of, depth),
        }
    }

    fn follow(&self, input: &mut Input<'_>, of: usize, depth: usize) -> Parsed<()> {
        if depth == MAX_DEPTH {
            return Err(Fault::new("values nested deeper than 256", input.at));
        }
        match &self.rules[of] {
            Rule::None => Ok(()),
            Rule::All(all) => all
                .iter()
                .try_for_each(|skip| self.pass_at(input, *skip, depth + 1)),
            Rule::OneOf(branches) => {
                let branch = input.index(branches.len(), NO_BRANCH)?;
                self.pass_at(input, branches[branch], depth + 1)
            }
            Rule::Items(item) => blocks(input, |input, count| match *item {
                Skip::Fixed(width) => input.pass(width, count),
                item => (0..count).try_for_each(|_| self.pass_at(input, item, depth + 1)),
            }),
            Rule::Values(value) => blocks(input, |input, count| {
                (0..count).try_for_each(|_| {
                    input.counted()?;
                    self.pass_at(input, *value, depth + 1)
                })
            }),
        }
    }
}

pub(super) const NO_BRANCH: &str = "a branch that its union does not have";

/// Passes over the blocks of an array or map, without a look inside where a block says its size.
fn blocks<'b>(input: &mut Input<'b>, mut items: impl FnMut(&mut Input<'b>, u64) -> Parsed<()>) -> Parsed<()> {
    loop {
        match input.block()? {
            (0, _) => return Ok(()),
            (_, Some(size)) => input.pass(size, 1)?,
            (count, None) => items(input, count)?,
        }
    }
}

/// Appends a step, or adds it to the last one.
fn push(all: &mut Vec<Skip>, skip: Skip) {
    match (all.last_mut(), skip) {
        (_, Skip::Fixed(0)) => {}
        (Some(last), skip) if let Some(both) = last.and(skip) => *last = both,
        _ => all.push(skip),
    }
}

impl Skip {
    /// Both in one step, where they are alike.
    pub(super) fn and(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Fixed(a), Self::Fixed(b)) => Some(Self::Fixed(a.saturating_add(b))),
            (Self::Longs(a), Self::Longs(b)) => a.checked_add(b).map(Self::Longs),
            _ => None,
        }
    }
}

fn simple_rule(nth: usize, of: &Type, width: Option<usize>) -> Skip {
    match (of, width) {
        (_, Some(width)) => Skip::Fixed(width),
        (Type::Int(_) | Type::Long(_) | Type::Enum { .. }, _) => Skip::Longs(1),
        (Type::Bytes(_) | Type::String(_), _) => Skip::Counted,
        _ => Skip::Of(nth),
    }
}

/// Per type the bytes of each of its values, where all have as many. A record inside itself has none.
struct Widths(Vec<Option<usize>>);

impl Widths {
    /// Records are entered on a stack of our own: a schema may nest them by name as deep as it is long.
    fn of(schema: &AvroSchema) -> Self {
        let mut widths = vec![None; schema.types.len()];
        let mut seen = vec![false; schema.types.len()];
        for start in 0..schema.types.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let mut stack = vec![(start, 0, Some(0_usize))];
            while let Some((of, nth, sum)) = stack.pop() {
                let Type::Record { fields, .. } = schema.at(of) else {
                    widths[of] = own_width(schema.at(of));
                    continue;
                };
                match fields.get(nth) {
                    Some(field) if !std::mem::replace(&mut seen[field.of], true) => {
                        stack.push((of, nth, sum));
                        stack.push((field.of, 0, Some(0)));
                    }
                    Some(field) => {
                        let both = sum.zip(widths[field.of]);
                        stack.push((of, nth + 1, both.map(|(a, b)| a.saturating_add(b))));
                    }
                    None => widths[of] = sum,
                }
            }
        }
        Self(widths)
    }
}

fn own_width(of: &Type) -> Option<usize> {
    match of {
        Type::Null => Some(0),
        Type::Boolean => Some(1),
        Type::Float => Some(4),
        Type::Double => Some(8),
        Type::Fixed { size, .. } => Some(*size),
        _ => None,
    }
}
