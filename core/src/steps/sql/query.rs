//! One SELECT and its input columns to typed expressions. Knows schemas, no data.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{DFSchema, DataFusionError, TableReference};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::expressions::{BinaryExpr, CastExpr};
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast;

use super::failure;
use super::functions::{FUNCTIONS, Functions};
use super::inspect::Names;
use super::metadata::Metadata;
use super::nulls;
use super::syntax::Selection;
use super::types::plain;
use super::wildcard;
use crate::error::{Error, Result};

/// Where a column of a scope comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// The column of the input with this index.
    Input(usize),
    Metadata(Metadata),
}

/// The columns that an expression reads, and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<Origin>,
}

/// The condition under which a row stays.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) scope: Scope,
    pub(super) expr: Arc<dyn PhysicalExpr>,
    pub(super) text: String,
}

/// What a query comes to.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) filter: Option<Filter>,
    /// What the projection reads of the rows that stay.
    pub(super) scope: Scope,
    pub(super) exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) output: SchemaRef,
}

/// Everything a query can name, with its types.
struct Planner<'a> {
    input: &'a Schema,
    names: Names<'a>,
    schema: Arc<DFSchema>,
    simplifier: ExprSimplifier,
    rel: SqlToRel<'static, Functions>,
}

/// Plans `selection` over `input`.
pub(super) fn plan(selection: &Selection, input: &Schema) -> Result<Query> {
    let planner = Planner::new(selection, input)?;
    let filter = selection
        .filter
        .as_ref()
        .map(|expr| planner.condition(expr))
        .transpose()?;
    let items = planner.items(&selection.items)?;
    let proven = filter
        .as_ref()
        .map(|(expr, _)| nulls::proven(expr))
        .unwrap_or_default();
    let scope = planner.scope(items.iter().map(|(_, expr)| expr), &proven)?;
    let mut exprs = Vec::with_capacity(items.len());
    let mut fields = Vec::with_capacity(items.len());
    for (name, expr) in &items {
        let (expr, field) = planner.output(name, expr, &scope)?;
        exprs.push(expr);
        fields.push(field);
    }
    let filter = match filter {
        Some((expr, text)) => Some(planner.filter(&expr, text)?),
        None => None,
    };
    Ok(Query {
        filter,
        scope,
        exprs,
        output: Arc::new(Schema::new(fields)),
    })
}

impl<'a> Planner<'a> {
    fn new(selection: &'a Selection, input: &'a Schema) -> Result<Self> {
        let mut fields: Vec<Field> = input
            .fields()
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        let own = |metadata: &Metadata| input.index_of(metadata.name()).is_err();
        fields.extend(Metadata::ALL.into_iter().filter(own).map(Metadata::field));
        let mut columns: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
        columns.extend(
            Metadata::ALL
                .iter()
                .filter(|metadata| own(metadata))
                .map(|metadata| metadata.name()),
        );
        let schema = Arc::new(qualified(&selection.table, &Schema::new(fields))?);
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .build();
        let options = ParserOptions::new()
            .with_enable_ident_normalization(false)
            .with_map_string_types_to_utf8view(false);
        Ok(Self {
            input,
            names: Names {
                table: &selection.table,
                columns,
            },
            schema,
            simplifier: ExprSimplifier::new(context),
            rel: SqlToRel::new_with_options(&*FUNCTIONS, options),
        })
    }

    /// The typed expression that `expr` stands for; `what` names it in errors.
    fn expr(&self, what: &str, expr: &ast::Expr) -> Result<Expr> {
        self.names.inspect(expr)?;
        let coerced = self
            .rel
            .sql_to_expr(expr.clone(), &self.schema, &mut PlannerContext::new())
            .and_then(|expr| self.simplifier.coerce(expr, &self.schema));
        coerced.map_err(|e| refuse(what, &e))
    }

    fn condition(&self, expr: &ast::Expr) -> Result<(Expr, String)> {
        let typed = self.expr("the filter", expr)?;
        Ok((typed, expr.to_string()))
    }

    /// The columns of the output, each with its name.
    fn items(&self, items: &[ast::SelectItem]) -> Result<Vec<(String, Expr)>> {
        let mut named = Vec::new();
        for item in items {
            match item {
                ast::SelectItem::UnnamedExpr(expr) => named.push(self.item(name_of(expr), expr)?),
                ast::SelectItem::ExprWithAlias { expr, alias } => {
                    named.push(self.item(alias.value.clone(), expr)?);
                }
                ast::SelectItem::Wildcard(options) => {
                    let columns = wildcard::columns(self.input, options, &self.names)?;
                    named.extend(columns.map(|name| (name.to_owned(), self.column(name))));
                }
                ast::SelectItem::QualifiedWildcard(table, options) => {
                    wildcard::check_table(table, self.names.table)?;
                    let columns = wildcard::columns(self.input, options, &self.names)?;
                    named.extend(columns.map(|name| (name.to_owned(), self.column(name))));
                }
                ast::SelectItem::ExprWithAliases { .. } => {
                    return Err(Error::config(format!("sql: {item}: one expression has one name")));
                }
            }
        }
        refuse_duplicates(&named)?;
        Ok(named)
    }

    fn item(&self, name: String, expr: &ast::Expr) -> Result<(String, Expr)> {
        let expr = self.expr(&format!("column \"{name}\""), expr)?;
        Ok((name, expr))
    }

    fn column(&self, name: &str) -> Expr {
        let table = TableReference::bare(self.names.table);
        Expr::Column(datafusion_common::Column::new(Some(table), name))
    }

    fn filter(&self, expr: &Expr, text: String) -> Result<Filter> {
        let scope = self.scope([expr], &BTreeSet::new())?;
        let expr = self.physical("the filter", expr, &scope)?;
        let found = expr
            .data_type(&scope.schema)
            .map_err(|e| refuse("the filter", &e))?;
        if found != DataType::Boolean {
            return Err(Error::config(format!(
                "sql: the filter gives {found}; WHERE needs a condition"
            )));
        }
        Ok(Filter { scope, expr, text })
    }

    /// The columns that `exprs` read; those in `proven` hold no null.
    fn scope<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>, proven: &BTreeSet<&str>) -> Result<Scope> {
        let read: HashSet<&str> = exprs
            .into_iter()
            .flat_map(|expr| expr.column_refs())
            .map(|column| column.name.as_str())
            .collect();
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for field in self.schema.fields() {
            let name = field.name().as_str();
            if !read.contains(name) {
                continue;
            }
            let nullable = field.is_nullable() && !proven.contains(name);
            fields.push(field.as_ref().clone().with_nullable(nullable));
            columns.push(self.origin(name)?);
        }
        Ok(Scope {
            schema: Arc::new(Schema::new(fields)),
            columns,
        })
    }

    fn origin(&self, name: &str) -> Result<Origin> {
        if let Ok(index) = self.input.index_of(name) {
            return Ok(Origin::Input(index));
        }
        let metadata = Metadata::ALL.into_iter().find(|metadata| metadata.name() == name);
        let metadata = metadata.ok_or_else(|| Error::config(format!("sql: unknown column \"{name}\"")))?;
        Ok(Origin::Metadata(metadata))
    }

    fn physical(&self, what: &str, expr: &Expr, scope: &Scope) -> Result<Arc<dyn PhysicalExpr>> {
        let schema = qualified(self.names.table, &scope.schema)?;
        let planned = self.simplifier.simplify(expr.clone()).and_then(|expr| {
            create_physical_expr(
                &expr,
                &schema,
                &ExecutionProps::new(),
                &PhysicalPlanningContext::default(),
            )
            .and_then(refuse_overflow)
        });
        let planned = planned.map_err(|e| refuse(what, &e))?;
        if expr.column_refs().is_empty() {
            try_constant(what, &planned)?;
        }
        Ok(planned)
    }

    fn output(&self, name: &str, expr: &Expr, scope: &Scope) -> Result<(Arc<dyn PhysicalExpr>, Field)> {
        let what = format!("column \"{name}\"");
        let never_null = nulls::never_null(expr, &qualified(self.names.table, &scope.schema)?);
        let expr = self.physical(&what, expr, scope)?;
        let found = expr.data_type(&scope.schema).map_err(|e| refuse(&what, &e))?;
        if found == DataType::Null {
            return Err(Error::config(format!(
                "sql: {what} has no type: write CAST(NULL AS VARCHAR), or the type it is to have"
            )));
        }
        let nullable = !never_null && expr.nullable(&scope.schema).map_err(|e| refuse(&what, &e))?;
        let wanted = plain(&found);
        let field = Field::new(name, wanted.clone(), nullable);
        if wanted == found {
            return Ok((expr, field));
        }
        Ok((Arc::new(CastExpr::new(expr, wanted, None)), field))
    }
}

fn qualified(table: &str, schema: &Schema) -> Result<DFSchema> {
    DFSchema::try_from_qualified_schema(TableReference::bare(table), schema)
        .map_err(|e| refuse("the input's columns", &e))
}

/// The name of a column without an alias: its own, or the expression as it is written.
fn name_of(expr: &ast::Expr) -> String {
    match expr {
        ast::Expr::Identifier(name) => name.value.clone(),
        ast::Expr::CompoundIdentifier(parts) => {
            parts.last().map(|name| name.value.clone()).unwrap_or_default()
        }
        ast::Expr::Nested(inner) => name_of(inner),
        other => other.to_string(),
    }
}

fn refuse_duplicates(items: &[(String, Expr)]) -> Result<()> {
    let mut seen = HashSet::new();
    match items.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, _)) => Err(Error::config(format!(
            "sql: two columns are named \"{name}\"; give one another name with AS, or leave it out of `*` with * EXCLUDE ({name})"
        ))),
        None => Ok(()),
    }
}

/// A constant that fails would fail on every row: it is the query that is wrong.
fn try_constant(what: &str, expr: &Arc<dyn PhysicalExpr>) -> Result<()> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .map_err(|e| Error::fatal("sql: build a row").caused_by(e))?;
    expr.evaluate(&row).map(drop).map_err(|e| refuse(what, &e))
}

/// Integers out of range fail instead of wrapping around: a wrong number would pass for a right one.
fn refuse_overflow(expr: Arc<dyn PhysicalExpr>) -> datafusion_common::Result<Arc<dyn PhysicalExpr>> {
    let checked = expr.transform_up(|expr| {
        let Some(binary) = expr.downcast_ref::<BinaryExpr>() else {
            return Ok(Transformed::no(expr));
        };
        let checked = binary.clone().with_fail_on_overflow(true);
        Ok(Transformed::yes(Arc::new(checked) as Arc<dyn PhysicalExpr>))
    });
    checked.data()
}

/// At plan time the engine's text holds the query's own words and no data.
fn refuse(what: &str, error: &DataFusionError) -> Error {
    let text = failure::root(error).message();
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("This issue was"))
        .collect();
    Error::config(format!("sql: {what}: {}", lines.join("; ")))
}
