//! A writer's schema and the pipeline's columns to a program: what to do with each stretch of a body, decided once per schema.
//! This is where evolution is resolved; a record is then read without a look at names.

use std::fmt;

use super::fit::{Read, fit};
use super::schema::{AvroSchema, Field, Type};
use super::skip::{Skip, Skips};
use crate::codec::{Column, type_name};
use crate::steps::names;

/// What is done with the next value of a body.
#[derive(Debug)]
pub(super) enum Op {
    Skip(Skip),
    Read(Read, u32),
    /// Floats of four bytes one after another, each into its column: their bytes are there or not once for all.
    Floats(Vec<u32>),
    /// Null where this branch is taken, else a value.
    Optional(u8, Read, u32),
    /// Takes no bytes: the row is null, or a reject.
    Null(u32),
    /// Takes no bytes: the column's default, else null, else a reject.
    Absent(u32),
    /// A branch of this name does not fit the column: a reject.
    Misfit(u32, Box<str>),
    OneOf(Box<[Ops]>),
    /// Each of them from the same place on.
    Each(Box<[Ops]>),
    Map(Box<MapOp>),
}

pub(super) type Ops = Box<[Op]>;

/// A map of which some keys are used.
#[derive(Debug)]
pub(super) struct MapOp {
    pub(super) keys: Box<[Key]>,
    pub(super) value: Skip,
}

/// A used key of a map.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: Box<str>,
    pub(super) found: Ops,
    pub(super) absent: Ops,
    /// A column of it, for messages.
    pub(super) column: u32,
}

/// How bodies of one writer schema are read.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) ops: Ops,
    pub(super) skips: Skips,
}

/// Why a column cannot be had from a schema, or why it cannot be written with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub column: String,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}`: {}", self.column, self.what)
    }
}

impl std::error::Error for Problem {}

/// Keys of one map that columns may name: as many bits as tell which were seen.
pub(super) const MAX_KEYS: usize = 64;

/// The paths of the columns as a tree.
#[derive(Debug, Default)]
struct Wanted<'a> {
    /// The columns whose path ends here.
    columns: Vec<u32>,
    children: Vec<(&'a str, Wanted<'a>)>,
}

impl<'a> Wanted<'a> {
    fn of(columns: &'a [Column]) -> Self {
        let mut root = Self::default();
        for (nth, column) in columns.iter().enumerate() {
            let mut at = &mut root;
            for segment in &column.path {
                let known = at.children.iter().position(|(name, _)| name == segment);
                let index = known.unwrap_or_else(|| {
                    at.children.push((segment, Self::default()));
                    at.children.len() - 1
                });
                at = &mut at.children[index].1;
            }
            at.columns.push(nth as u32);
        }
        root
    }

    /// Some column here or below; there is always one.
    fn first(&self) -> u32 {
        let below = || self.children.first().map_or(0, |(_, child)| child.first());
        self.columns.first().copied().unwrap_or_else(below)
    }

    fn each(&self, act: &mut impl FnMut(u32)) {
        self.columns.iter().for_each(|column| act(*column));
        self.children.iter().for_each(|(_, child)| child.each(act));
    }
}

/// The field that a segment of a path names: by its name, else by an alias.
pub(super) fn find_field<'f>(fields: &'f [Field], segment: &str) -> Option<(usize, &'f Field)> {
    let by = |is: &dyn Fn(&Field) -> bool| fields.iter().enumerate().find(|(_, field)| is(field));
    by(&|field| field.name == segment).or_else(|| by(&|field| field.aliases.iter().any(|a| a == segment)))
}

/// Whether the one column that is read from `schema` takes the whole value: there are no fields to name, and it names none.
pub(super) fn takes_whole(schema: &AvroSchema, columns: &[Column]) -> bool {
    let [column] = columns else { return false };
    column.path == [column.name.as_str()] && is_bare(schema, schema.root)
}

/// Whether a value of type `of` has no fields, and is more than a null.
fn is_bare(schema: &AvroSchema, of: usize) -> bool {
    match schema.at(of) {
        Type::Record { .. } | Type::Map(_) | Type::Null => false,
        Type::Union(branches) => {
            let is_null = |branch: &usize| matches!(schema.at(*branch), Type::Null);
            let mut values = branches.iter().filter(|branch| !is_null(branch)).peekable();
            values.peek().is_some() && values.all(|branch| is_bare(schema, *branch))
        }
        _ => true,
    }
}

/// Compiles `schema` for `columns`.
pub(super) fn compile(schema: &AvroSchema, columns: &[Column]) -> Result<Program, Problem> {
    compile_as(schema, columns, takes_whole(schema, columns))
}

/// Compiles `schema` for `columns`, of which the first is the `whole` value or each is a part of it.
pub(super) fn compile_as(schema: &AvroSchema, columns: &[Column], whole: bool) -> Result<Program, Problem> {
    let compiler = Compiler {
        schema,
        columns,
        skips: Skips::new(schema),
    };
    let mut ops = Vec::new();
    match whole {
        true => compiler.leaf(schema.root, 0, &mut ops)?,
        false => compiler.value(schema.root, &Wanted::of(columns), &mut ops)?,
    }
    Ok(Program {
        ops: ops.into(),
        skips: compiler.skips,
    })
}

struct Compiler<'a> {
    schema: &'a AvroSchema,
    columns: &'a [Column],
    skips: Skips,
}

type Done = Result<(), Problem>;

impl Compiler<'_> {
    fn problem(&self, column: u32, what: String) -> Problem {
        let column = self.columns.get(column as usize);
        let column = column.map_or_else(String::new, |column| column.name.clone());
        Problem { column, what }
    }

    fn value(&self, of: usize, wanted: &Wanted<'_>, out: &mut Vec<Op>) -> Done {
        match (wanted.columns.as_slice(), wanted.children.is_empty()) {
            ([], true) => {
                push_skip(out, self.skips.of(of));
                Ok(())
            }
            ([column], true) => self.leaf(of, *column, out),
            ([], false) => self.nested(of, wanted, out),
            (columns, _) => {
                let mut each = Vec::new();
                for column in columns {
                    each.push(self.ops(|out| self.leaf(of, *column, out))?);
                }
                if !wanted.children.is_empty() {
                    each.push(self.ops(|out| self.nested(of, wanted, out))?);
                }
                out.push(Op::Each(each.into()));
                Ok(())
            }
        }
    }

    fn ops(&self, fill: impl FnOnce(&mut Vec<Op>) -> Done) -> Result<Ops, Problem> {
        let mut out = Vec::new();
        fill(&mut out)?;
        Ok(out.into())
    }

    /// A value that one column takes.
    fn leaf(&self, of: usize, column: u32, out: &mut Vec<Op>) -> Done {
        let Some(wanted) = self.columns.get(column as usize) else {
            return Err(self.problem(column, "there is no such column".to_owned()));
        };
        match self.schema.at(of) {
            Type::Union(branches) => self.union_leaf(of, branches, column, out),
            Type::Null if wanted.nullable => {
                out.push(Op::Null(column));
                Ok(())
            }
            _ => match fit(self.schema, of, wanted.kind) {
                Some((read, _)) => {
                    push_read(out, read, column);
                    Ok(())
                }
                None => Err(self.unfit(of, column)),
            },
        }
    }

    fn unfit(&self, of: usize, column: u32) -> Problem {
        let wanted = self.columns.get(column as usize);
        let wanted = wanted.map_or_else(String::new, |column| type_name(&column.kind.data_type()));
        self.problem(
            column,
            format!("{} does not convert to {wanted}", self.schema.words(of)),
        )
    }

    fn union_leaf(&self, of: usize, branches: &[usize], column: u32, out: &mut Vec<Op>) -> Done {
        let Some(wanted) = self.columns.get(column as usize) else {
            return Err(self.unfit(of, column));
        };
        let read = |branch: &usize| fit(self.schema, *branch, wanted.kind).map(|(read, _)| read);
        let is_null = |branch: &usize| matches!(self.schema.at(*branch), Type::Null);
        let fitting = branches.iter().filter_map(read).count();
        if fitting == 0 && !(wanted.nullable && branches.iter().any(is_null)) {
            return Err(self.unfit(of, column));
        }
        if let ([_, _], Some(null)) = (branches, branches.iter().position(is_null))
            && let Some(read) = read(&branches[1 - null])
        {
            out.push(Op::Optional(null as u8, read, column));
            return Ok(());
        }
        let ops = branches.iter().map(|branch| -> Ops {
            let op = match read(branch) {
                _ if is_null(branch) => Op::Null(column),
                Some(read) => Op::Read(read, column),
                None => Op::Misfit(column, self.schema.words(*branch).into()),
            };
            Box::new([op])
        });
        out.push(Op::OneOf(ops.collect()));
        Ok(())
    }

    /// A value of which columns take parts.
    fn nested(&self, of: usize, wanted: &Wanted<'_>, out: &mut Vec<Op>) -> Done {
        match self.schema.at(of) {
            Type::Record { fields, .. } => self.record(fields, wanted, out),
            Type::Map(values) => self.map(*values, wanted, out),
            Type::Union(branches) => self.union_nested(of, branches, wanted, out),
            Type::Null => {
                wanted.children.iter().for_each(|(_, child)| absent(child, out));
                Ok(())
            }
            _ => {
                let inside = wanted.children.first().map_or("", |(name, _)| name);
                let found = self.schema.words(of);
                let hint = match of == self.schema.root {
                    true => "; a value without fields fills one column alone, which has no `path`",
                    false => "",
                };
                let what = format!("`{inside}` is looked for in a record or map, found {found}{hint}");
                Err(self.problem(wanted.first(), what))
            }
        }
    }

    fn union_nested(&self, of: usize, branches: &[usize], wanted: &Wanted<'_>, out: &mut Vec<Op>) -> Done {
        let (mut all, mut first) = (Vec::new(), None);
        let mut fitting = 0;
        for branch in branches {
            let is_null = matches!(self.schema.at(*branch), Type::Null);
            let ops = match self.ops(|out| self.nested(*branch, wanted, out)) {
                Ok(ops) => {
                    fitting += usize::from(!is_null);
                    ops
                }
                Err(problem) => {
                    first = first.or(Some(problem));
                    Box::new([Op::Misfit(wanted.first(), self.schema.words(*branch).into())])
                }
            };
            all.push(ops);
        }
        if fitting == 0 {
            return Err(first.unwrap_or_else(|| self.unfit(of, wanted.first())));
        }
        out.push(Op::OneOf(all.into()));
        Ok(())
    }

    fn record(&self, fields: &[Field], wanted: &Wanted<'_>, out: &mut Vec<Op>) -> Done {
        let mut used: Vec<Vec<&Wanted<'_>>> = vec![Vec::new(); fields.len()];
        let mut missing = Vec::new();
        for (segment, child) in &wanted.children {
            match find_field(fields, segment) {
                Some((nth, _)) => used[nth].push(child),
                None => missing.push((*segment, child)),
            }
        }
        for (segment, child) in missing {
            self.missing(segment, child, fields)?;
            absent(child, out);
        }
        for (field, used) in fields.iter().zip(&used) {
            match used.as_slice() {
                [] => push_skip(out, self.skips.of(field.of)),
                [one] => self.value(field.of, one, out)?,
                more => {
                    let each = more
                        .iter()
                        .map(|one| self.ops(|out| self.value(field.of, one, out)));
                    out.push(Op::Each(each.collect::<Result<_, _>>()?));
                }
            }
        }
        Ok(())
    }

    /// Whether columns can do without a field that the writer does not have.
    fn missing(&self, segment: &str, child: &Wanted<'_>, fields: &[Field]) -> Done {
        let mut needed = None;
        child.each(&mut |nth| {
            let column = self.columns.get(nth as usize);
            if column.is_some_and(|column| !column.nullable && column.default.is_none()) {
                needed = needed.or(Some(nth));
            }
        });
        let Some(column) = needed else { return Ok(()) };
        let near = names::suggestion(segment, fields.iter().map(|field| field.name.as_str()));
        let what = format!(
            "the schema has no field `{segment}`, and the column has no default and is not nullable{near}"
        );
        Err(self.problem(column, what))
    }

    fn map(&self, values: usize, wanted: &Wanted<'_>, out: &mut Vec<Op>) -> Done {
        if wanted.children.len() > MAX_KEYS {
            let what = format!("more than {MAX_KEYS} keys of one map are used");
            return Err(self.problem(wanted.first(), what));
        }
        let keys = wanted.children.iter().map(|(name, child)| {
            Ok(Key {
                name: (*name).into(),
                found: self.ops(|out| self.value(values, child, out))?,
                absent: self.ops(|out| {
                    absent(child, out);
                    Ok(())
                })?,
                column: child.first(),
            })
        });
        out.push(Op::Map(Box::new(MapOp {
            keys: keys.collect::<Result<_, _>>()?,
            value: self.skips.of(values),
        })));
        Ok(())
    }
}

fn absent(wanted: &Wanted<'_>, out: &mut Vec<Op>) {
    wanted.each(&mut |column| out.push(Op::Absent(column)));
}

/// Appends the reading of a value; floats behind floats are read together.
fn push_read(out: &mut Vec<Op>, read: Read, column: u32) {
    match (out.last_mut(), &read) {
        (Some(Op::Floats(columns)), Read::Float32) => columns.push(column),
        (Some(last @ Op::Read(Read::Float32, _)), Read::Float32) => {
            if let Op::Read(_, first) = *last {
                *last = Op::Floats(vec![first, column]);
            }
        }
        _ => out.push(Op::Read(read, column)),
    }
}

/// Appends a step over unused bytes, or adds it to the last one.
fn push_skip(out: &mut Vec<Op>, skip: Skip) {
    if skip == Skip::Fixed(0) {
        return;
    }
    if let Some(Op::Skip(last)) = out.last_mut()
        && let Some(both) = last.and(skip)
    {
        *last = both;
        return;
    }
    out.push(Op::Skip(skip));
}
