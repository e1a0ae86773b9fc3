//! `*` and what may follow it. Knows the names of columns only.

use std::collections::HashSet;

use arrow::datatypes::Schema;
use datafusion_sql::sqlparser::ast::{
    ExcludeSelectItem, Ident, ObjectName, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::inspect::Names;
use crate::error::{Error, Result};
use crate::steps::Fault;

/// The input's columns without those that are excluded; metadata is never among them.
pub(super) fn columns<'a>(
    input: &'a Schema,
    options: &WildcardAdditionalOptions,
    names: &Names<'_>,
) -> Result<impl Iterator<Item = &'a str> + use<'a>, Fault> {
    refuse_options(options)?;
    let mut excluded = HashSet::new();
    for name in excluded_names(options) {
        if input.index_of(&name.value).is_err() {
            return Err(names.unknown_column(name));
        }
        excluded.insert(name.value.clone());
    }
    let columns = input.fields().iter().map(|field| field.name().as_str());
    Ok(columns.filter(move |name| !excluded.contains(*name)))
}

/// `input.*`, or `alias.*`.
pub(super) fn check_table(table: &SelectItemQualifiedWildcardKind, known: &str) -> Result<()> {
    match table {
        SelectItemQualifiedWildcardKind::ObjectName(name) if is(name, known) => Ok(()),
        other => Err(Error::config(format!(
            "sql: {other} names no table; the only one is `{known}`: write *"
        ))),
    }
}

fn is(name: &ObjectName, known: &str) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|ident| ident.value == known))
}

fn excluded_names(options: &WildcardAdditionalOptions) -> Vec<&Ident> {
    let mut names = Vec::new();
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => names.extend(last(name)),
        Some(ExcludeSelectItem::Multiple(list)) => names.extend(list.iter().filter_map(last)),
        None => {}
    }
    if let Some(except) = &options.opt_except {
        names.push(&except.first_element);
        names.extend(&except.additional_elements);
    }
    names
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(|part| part.as_ident())
}

fn refuse_options(options: &WildcardAdditionalOptions) -> Result<()> {
    let others = [
        (options.opt_ilike.is_some(), "ILIKE"),
        (options.opt_replace.is_some(), "REPLACE"),
        (options.opt_rename.is_some(), "RENAME"),
        (options.opt_alias.is_some(), "AS"),
    ];
    match others.iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::config(format!(
            "sql: * {what} is not supported; write * EXCLUDE (a), and the other columns with AS"
        ))),
        None => Ok(()),
    }
}
