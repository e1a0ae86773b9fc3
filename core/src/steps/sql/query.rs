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
use datafusion_sql::sqlparser::ast::{self, Spanned};
use datafusion_sql::sqlparser::tokenizer::Location;

use super::failure;
use super::functions::{FUNCTIONS, Functions};
use super::inspect::Names;
use super::metadata::Metadata;
use super::nulls;
use super::place;
use super::syntax::Selection;
use super::types::plain;
use super::wildcard;
use crate::error::{Error, Result};
use crate::steps::about::{Computed, Condition, SqlAbout};
use crate::steps::unfit::unknown;
use crate::steps::{Fault, Spot, Unfit};

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

/// A column of the output.
struct Item {
    name: String,
    /// `None` = it does not fit, or reads a column whose type is not known.
    expr: Option<Expr>,
    /// Where it stands in the query.
    place: Location,
    computed: Computed,
}

/// Plans `selection` over `input`; `faults` are what is known already to be wrong with it.
pub(super) fn plan(
    selection: &Selection,
    input: &Schema,
    mut faults: Vec<Fault>,
) -> Result<(Query, SqlAbout), Unfit> {
    let planner = Planner::new(selection, input)?;
    let filter = selection.filter.as_ref();
    let filter = filter.map(|expr| (expr, planner.expr("the filter", expr, &mut faults)));
    let items = planner.items(&selection.items, &mut faults);
    refuse_duplicates(&items, &mut faults);
    let proven = match &filter {
        Some((_, Some(expr))) => nulls::proven(expr),
        _ => BTreeSet::new(),
    };
    let scope = planner.scope(items.iter().filter_map(|item| item.expr.as_ref()), &proven)?;
    let (mut exprs, mut fields) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    for item in &items {
        let made = item
            .expr
            .as_ref()
            .map(|expr| planner.output(&item.name, expr, &scope));
        match made {
            Some(Ok((expr, field))) => {
                exprs.push(expr);
                fields.push(field);
                continue;
            }
            Some(Err(error)) => faults.push(place::at(item.place, error)),
            None => {}
        }
        fields.push(Field::new(&item.name, DataType::Null, true));
    }
    let about = planner.about(&items, filter.as_ref().map(|(written, _)| *written));
    let planned = filter.as_ref().and_then(|(written, expr)| {
        let made = planner.filter(expr.as_ref()?);
        made.map_err(|e| faults.push(place::fault(*written, e))).ok()
    });
    let output = Arc::new(Schema::new(fields));
    let whole = exprs.len() == items.len() && planned.is_some() == filter.is_some();
    if !whole || !faults.is_empty() {
        // With a typo in its name, any column may be meant.
        let meant = input.fields().iter().map(|field| unknown(field.name()));
        return Err(Unfit::with(faults, output.fields().iter().cloned().chain(meant)));
    }
    let query = Query {
        filter: planned,
        scope,
        exprs,
        output,
    };
    Ok((query, about))
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
    fn expr(&self, what: &str, expr: &ast::Expr, faults: &mut Vec<Fault>) -> Option<Expr> {
        let refused = self.names.inspect(expr);
        if !refused.is_empty() {
            faults.extend(refused);
            return None;
        }
        if self.names.read(expr).iter().any(|name| self.unknown(name)) {
            return None;
        }
        let coerced = self
            .rel
            .sql_to_expr(expr.clone(), &self.schema, &mut PlannerContext::new())
            .and_then(|expr| self.simplifier.coerce(expr, &self.schema));
        coerced
            .map_err(|e| faults.push(place::fault(expr, refuse(what, &e))))
            .ok()
    }

    /// Whether the column's type is not known, since a step before does not fit.
    fn unknown(&self, name: &str) -> bool {
        let field = self.input.field_with_name(name);
        field.is_ok_and(|field| *field.data_type() == DataType::Null)
    }

    /// The columns of the output, each with its name.
    fn items(&self, items: &[ast::SelectItem], faults: &mut Vec<Fault>) -> Vec<Item> {
        let mut named = Vec::new();
        for item in items {
            match item {
                ast::SelectItem::UnnamedExpr(expr) => named.push(self.item(name_of(expr), expr, faults)),
                ast::SelectItem::ExprWithAlias { expr, alias } => {
                    named.push(self.item(alias.value.clone(), expr, faults));
                }
                ast::SelectItem::Wildcard(options) => named.extend(self.all(item, options, faults)),
                ast::SelectItem::QualifiedWildcard(table, options) => {
                    let known = wildcard::check_table(table, self.names.table);
                    faults.extend(known.err().map(|e| place::fault(item, e)));
                    named.extend(self.all(item, options, faults));
                }
                ast::SelectItem::ExprWithAliases { .. } => {
                    let error = Error::config(format!("sql: {item}: one expression has one name"));
                    faults.push(place::fault(item, error));
                }
            }
        }
        named
    }

    fn item(&self, name: String, expr: &ast::Expr, faults: &mut Vec<Fault>) -> Item {
        Item {
            expr: self.expr(&format!("column \"{name}\""), expr, faults),
            place: expr.span().start,
            computed: Computed {
                name: name.clone(),
                text: expr.to_string(),
                reads: self.names.read(expr),
            },
            name,
        }
    }

    /// What `*` stands for.
    fn all(
        &self,
        item: &ast::SelectItem,
        options: &ast::WildcardAdditionalOptions,
        faults: &mut Vec<Fault>,
    ) -> Vec<Item> {
        let place = item.span().start;
        let one = |name: &str| Item {
            name: name.to_owned(),
            expr: (!self.unknown(name)).then(|| self.column(name)),
            place,
            computed: Computed {
                name: name.to_owned(),
                text: name.to_owned(),
                reads: vec![name.to_owned()],
            },
        };
        match wildcard::columns(self.input, options, &self.names) {
            Ok(columns) => columns.map(one).collect(),
            Err(mut fault) => {
                if fault.spot == Spot::default() {
                    fault = place::at(place, fault.error);
                }
                faults.push(fault);
                self.input
                    .fields()
                    .iter()
                    .map(|field| one(field.name()))
                    .collect()
            }
        }
    }

    fn about(&self, items: &[Item], filter: Option<&ast::Expr>) -> SqlAbout {
        SqlAbout {
            columns: items.iter().map(|item| item.computed.clone()).collect(),
            filter: filter.map(|expr| Condition {
                text: expr.to_string(),
                reads: self.names.read(expr),
            }),
        }
    }

    fn column(&self, name: &str) -> Expr {
        let table = TableReference::bare(self.names.table);
        Expr::Column(datafusion_common::Column::new(Some(table), name))
    }

    fn filter(&self, expr: &Expr) -> Result<Filter> {
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
        Ok(Filter { scope, expr })
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

fn refuse_duplicates(items: &[Item], faults: &mut Vec<Fault>) {
    let mut seen = HashSet::new();
    for Item { name, place, .. } in items.iter().filter(|item| !seen.insert(item.name.as_str())) {
        let error = Error::config(format!(
            "sql: two columns are named \"{name}\"; give one another name with AS, or leave it out of `*` with * EXCLUDE ({name})"
        ));
        faults.push(place::at(*place, error));
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
