//! Looks at the expressions of a query before they are planned: unknown columns and functions, and what no step can do.
//! Knows names, no types.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, Value, Visit, visit_expressions,
};

use super::functions::FUNCTIONS;
use super::metadata::Metadata;
use super::place;
use super::syntax::refused;
use crate::error::Error;
use crate::steps::{Fault, names};

const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "every",
    "first_value",
    "grouping",
    "group_concat",
    "last_value",
    "listagg",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_samp",
    "variance",
];

const WINDOWS: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "lag",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// What a query can name.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// `input`, or its alias.
    pub(super) table: &'a str,
    pub(super) columns: Vec<&'a str>,
}

impl Names<'_> {
    /// Everything that `part` holds and no step can do, and every name it does not know, once.
    pub(super) fn inspect<V: Visit>(&self, part: &V) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        let _walked: ControlFlow<()> = visit_expressions(part, |expr| {
            let Some(fault) = self.refusal(expr) else {
                return ControlFlow::Continue(());
            };
            let said = |before: &Fault| before.error.message() == fault.error.message();
            if !faults.iter().any(said) {
                faults.push(fault);
            }
            // What stands inside a query of its own is not about these columns.
            match expr {
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Lambda(_) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        });
        faults
    }

    /// The columns that `part` names, metadata included.
    pub(super) fn read<V: Visit>(&self, part: &V) -> Vec<String> {
        let mut read: Vec<String> = Vec::new();
        let _walked: ControlFlow<()> = visit_expressions(part, |expr| {
            let name = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(parts) => column_of(parts, self.table),
                _ => None,
            };
            if let Some(name) = name.filter(|name| !read.contains(&name.value)) {
                read.push(name.value.clone());
            }
            ControlFlow::Continue(())
        });
        read
    }

    fn refusal(&self, expr: &Expr) -> Option<Fault> {
        let here = |error| Some(place::fault(expr, error));
        match expr {
            Expr::Identifier(name) => self.unknown(name),
            Expr::CompoundIdentifier(parts) => self.unknown(column_of(parts, self.table)?),
            Expr::Function(function) => here(function_refusal(function)?),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => here(subquery()),
            Expr::InUnnest { .. } => here(unnest()),
            Expr::Lambda(_) => here(refused(
                "a function written with ->",
                "lists are indexed",
                "write p[1]",
            )),
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => here(refused(
                &format!("the placeholder {value}"),
                "a query has no parameters",
                "write ${NAME} to fill in an environment variable",
            )),
            _ => None,
        }
    }

    fn unknown(&self, name: &Ident) -> Option<Fault> {
        let known = self.columns.contains(&name.value.as_str());
        (!known).then(|| self.unknown_column(name))
    }

    /// The error for a column that does not exist.
    pub(super) fn unknown_column(&self, name: &Ident) -> Fault {
        let near = names::suggestion(&name.value, self.columns.iter().copied());
        let quotes = match name.quote_style {
            Some('"') if near.is_empty() => "; text stands in single quotes",
            _ => "",
        };
        let own = self.columns.iter().filter(|column| !is_metadata(column));
        let metadata = names::list(Metadata::ALL.map(Metadata::name));
        let error = Error::config(format!(
            "sql: unknown column \"{}\"{near}{quotes}; there are: {}; and the record's {metadata}",
            name.value,
            names::list(own.copied()),
        ));
        place::at(name.span.start, error)
    }
}

fn is_metadata(column: &str) -> bool {
    Metadata::ALL.iter().any(|metadata| metadata.name() == column)
}

/// The column that `table.column` or `column.field` names.
fn column_of<'a>(parts: &'a [Ident], table: &str) -> Option<&'a Ident> {
    match parts {
        [first, column, ..] if first.value == table => Some(column),
        [column, ..] => Some(column),
        [] => None,
    }
}

fn function_refusal(function: &Function) -> Option<Error> {
    let written = function.name.to_string();
    let name = written.trim_matches('"').to_lowercase();
    if function.over.is_some() || WINDOWS.contains(&name.as_str()) {
        return Some(refused(
            &format!("the window function {name}"),
            "a step sees the rows that happen to have arrived together",
            "compute over several rows behind the sink, or before the source",
        ));
    }
    if name == "unnest" {
        return Some(unnest());
    }
    if FUNCTIONS.has(&name) {
        return aggregates(function).then(|| aggregate(&format!("form of {name}")));
    }
    if AGGREGATES.contains(&name.as_str()) {
        return Some(aggregate(&name));
    }
    let near = names::suggestion(&name, FUNCTIONS.names());
    Some(Error::config(format!("sql: unknown function {written}{near}")))
}

/// Whether a call is written as only an aggregate's can be: `f(DISTINCT x)`, `f(x) FILTER (...)` and their like.
fn aggregates(function: &Function) -> bool {
    let listed = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some() || !list.clauses.is_empty(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    let behind = function.filter.is_some() || function.null_treatment.is_some();
    listed || behind || !function.within_group.is_empty()
}

fn aggregate(name: &str) -> Error {
    let instead = match name {
        "min" => "for the smallest of several columns use least(a, b)",
        "max" => "for the greatest of several columns use greatest(a, b)",
        _ => "aggregate the results behind the sink, or before the source",
    };
    refused(
        &format!("the aggregate {name}"),
        "a step sees the rows that happen to have arrived together, and one row gives one row",
        instead,
    )
}

fn unnest() -> Error {
    refused(
        "UNNEST",
        "no step multiplies rows",
        "index the list: p[1], or split events before the source",
    )
}

fn subquery() -> Error {
    refused(
        "a subquery",
        "there is one SELECT over one table",
        "use a step per stage, or a `lookup` step",
    )
}
