//! The SQL text to the parts of one SELECT, or the reason why it is refused. Knows syntax, no columns and no types.

use datafusion_sql::sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableFactor,
    TableWithJoins,
};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use super::place::{self, Words};
use crate::error::Error;
use crate::steps::Fault;

/// The only table there is.
pub(super) const TABLE: &str = "input";

const BATCHES: &str =
    "a step sees the rows that happen to have arrived together, and a row leaves as soon as it is done";

/// `SELECT items FROM input AS table WHERE filter`.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) items: Vec<SelectItem>,
    pub(super) filter: Option<Expr>,
    /// `input`, or the alias that the query gives it.
    pub(super) table: String,
}

/// The parts of the query, where it is one that can be planned, and everything that is refused.
pub(super) fn parse(sql: &str) -> (Option<Selection>, Vec<Fault>) {
    let mut faults = Vec::new();
    let selection = Refuse {
        words: Words::of(sql),
        faults: &mut faults,
    }
    .parse(sql);
    let selection = selection.map_err(|fault| faults.push(fault)).ok();
    (selection, faults)
}

/// What is refused on the way, and the words of the query, to say where.
struct Refuse<'a> {
    words: Words,
    faults: &'a mut Vec<Fault>,
}

impl Refuse<'_> {
    fn parse(&mut self, sql: &str) -> Result<Selection, Fault> {
        let statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|e| unparsed(&e.to_string()))?;
        let found = statements.len();
        let mut statements = statements.into_iter();
        let (Some(statement), None) = (statements.next(), statements.next()) else {
            return Err(Fault::from(Error::config(format!(
                "sql: expected one statement, found {found}; write one SELECT per step"
            ))));
        };
        let Statement::Query(query) = statement else {
            let text = statement.to_string();
            let verb = text.split_whitespace().next().unwrap_or_default();
            return Err(self.refused(
                verb,
                "a step only reads the rows that pass it",
                "write SELECT ... FROM input",
            ));
        };
        let select = self.select_of(*query)?;
        self.clauses(&select);
        let table = self.table_of(&select.from)?;
        if select.projection.is_empty() {
            return Err(Fault::from(Error::config(
                "sql: the SELECT names no column; write SELECT * FROM input, or the columns you want",
            )));
        }
        Ok(Selection {
            items: select.projection,
            filter: select.selection,
            table,
        })
    }

    /// A refusal where `what` stands.
    fn refused(&self, what: &str, why: &str, instead: &str) -> Fault {
        self.words.fault(what, refused(what, why, instead))
    }

    fn select_of(&mut self, query: Query) -> Result<Select, Fault> {
        self.query(&query);
        match *query.body {
            SetExpr::Select(select) => Ok(*select),
            SetExpr::Query(inner) => self.select_of(*inner),
            SetExpr::SetOperation { op, .. } => Err(self.refused(
                &op.to_string(),
                "there is one input and every row leaves at most once",
                "combine the conditions with OR, or run two pipelines",
            )),
            SetExpr::Values(_) => Err(self.refused(
                "VALUES",
                "the rows come from the source",
                "write SELECT ... FROM input",
            )),
            _ => Err(Error::config("sql: expected SELECT ... FROM input [WHERE ...]").into()),
        }
    }

    fn every(&mut self, clauses: &[(bool, &str, &str, &str)]) {
        let present = clauses.iter().filter(|(present, ..)| *present);
        let refused = present.map(|(_, what, why, instead)| self.refused(what, why, instead));
        let refused: Vec<Fault> = refused.collect();
        self.faults.extend(refused);
    }

    fn query(&mut self, query: &Query) {
        let limit = "filter with WHERE, or bound the reader with `max_rows`";
        let clauses = [
            (
                query.with.is_some(),
                "WITH",
                "there is one SELECT over one table",
                "use a step per stage: each `sql` step reads what the one before it gave",
            ),
            (
                query.order_by.is_some(),
                "ORDER BY",
                "rows keep the order of their records",
                "sort where the results are read",
            ),
            (
                query.limit_clause.is_some(),
                "LIMIT or OFFSET",
                "a stream has no first rows",
                limit,
            ),
            (
                query.fetch.is_some(),
                "FETCH",
                "a stream has no first rows",
                limit,
            ),
            (
                !query.locks.is_empty(),
                "FOR UPDATE or FOR SHARE",
                "there is nothing to lock",
                "leave it out",
            ),
            (
                query.for_clause.is_some(),
                "FOR",
                "the sink's format says how results are written",
                "leave it out",
            ),
            (
                query.settings.is_some(),
                "SETTINGS",
                "a query has no settings",
                "leave it out",
            ),
            (
                query.format_clause.is_some(),
                "FORMAT",
                "the sink's format says how results are written",
                "leave it out",
            ),
            (
                !query.pipe_operators.is_empty(),
                "|>",
                "there is one SELECT over one table",
                "use a step per stage",
            ),
        ];
        self.every(&clauses);
    }

    fn clauses(&mut self, select: &Select) {
        let grouped = match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(by, with) => !by.is_empty() || !with.is_empty(),
        };
        let aggregate = "aggregate the results behind the sink, or before the source";
        let filter = "filter with WHERE";
        let columns = "name the columns you want";
        let windows = "compute over several rows behind the sink, or before the source";
        let clauses = [
            (grouped, "GROUP BY", BATCHES, aggregate),
            (select.having.is_some(), "HAVING", BATCHES, filter),
            (
                select.distinct.is_some(),
                "DISTINCT",
                BATCHES,
                "drop duplicates behind the sink, where all rows are seen",
            ),
            (select.top.is_some(), "TOP", "a stream has no first rows", filter),
            (select.qualify.is_some(), "QUALIFY", BATCHES, filter),
            (!select.named_window.is_empty(), "WINDOW", BATCHES, windows),
            (
                !select.lateral_views.is_empty(),
                "LATERAL VIEW",
                "no step multiplies rows",
                "split events before the source",
            ),
            (
                select.into.is_some(),
                "INTO",
                "results go to the pipeline's sink",
                "name the topic in `sink`",
            ),
            (
                select.prewhere.is_some(),
                "PREWHERE",
                "there is one filter",
                filter,
            ),
            (!select.connect_by.is_empty(), "CONNECT BY", BATCHES, filter),
            (
                !select.cluster_by.is_empty(),
                "CLUSTER BY",
                "rows keep the order of their records",
                "leave it out",
            ),
            (
                !select.distribute_by.is_empty(),
                "DISTRIBUTE BY",
                "results are partitioned by their key",
                "set `key` in `sink`",
            ),
            (
                !select.sort_by.is_empty(),
                "SORT BY",
                "rows keep the order of their records",
                "leave it out",
            ),
            (
                select.exclude.is_some(),
                "EXCLUDE behind the columns",
                "it belongs to `*`",
                "write `* EXCLUDE (...)`",
            ),
            (
                select.value_table_mode.is_some(),
                "SELECT AS",
                "results are columns",
                columns,
            ),
        ];
        self.every(&clauses);
    }

    fn table_of(&mut self, from: &[TableWithJoins]) -> Result<String, Fault> {
        let enrich = "enrich rows with a `lookup` step";
        let [table] = from else {
            if from.is_empty() {
                let why = "sql: FROM is missing; the only table is `input`: write SELECT ... FROM input";
                return Err(Error::config(why).into());
            }
            let error = refused("more than one table", "the only table is `input`", enrich);
            return Err(match from.get(1) {
                Some(second) => place::fault(second, error),
                None => error.into(),
            });
        };
        if !table.joins.is_empty() {
            return Err(self.refused("JOIN", "the only table is `input`", enrich));
        }
        match &table.relation {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                self.named_input(name, alias.as_ref())
            }
            TableFactor::Table { args: None, .. } => Err(self.refused(
                "anything behind the table's name",
                "`input` is the rows that arrive",
                "write FROM input, and filter with WHERE",
            )),
            TableFactor::UNNEST { .. } => Err(self.refused(
                "UNNEST",
                "no step multiplies rows",
                "index the list: p[1], or split events before the source",
            )),
            TableFactor::Derived { subquery, .. } => {
                let instead = "use a step per stage: each `sql` step reads what the one before it gave";
                let error = refused("a subquery", "there is one SELECT over one table", instead);
                Err(place::fault(subquery.as_ref(), error))
            }
            _ => Err(self.refused(
                "a table function",
                "the only table is `input`",
                "write SELECT ... FROM input",
            )),
        }
    }

    /// The name under which the query knows `input`.
    fn named_input(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Result<String, Fault> {
        let written = name.to_string();
        let bare = written.trim_matches('"');
        if !bare.eq_ignore_ascii_case(TABLE) {
            let why = format!(
                "sql: unknown table {written}; the only table is `input`: write SELECT ... FROM input"
            );
            self.faults.push(place::fault(name, Error::config(why)));
        }
        match alias {
            None => Ok(bare.to_owned()),
            Some(alias) if alias.columns.is_empty() => Ok(alias.name.value.clone()),
            Some(alias) => {
                let error = refused(
                    "an alias with columns",
                    "columns have the names they arrive with",
                    "rename them in the SELECT with AS",
                );
                Err(place::at(alias.name.span.start, error))
            }
        }
    }
}

/// "sql: X is not supported: why; what to do instead".
pub(super) fn refused(what: &str, why: &str, instead: &str) -> Error {
    Error::config(format!("sql: {what} is not supported: {why}; {instead}"))
}

/// The parser's text holds a word of the query, never of the data.
fn unparsed(text: &str) -> Fault {
    let (said, spot) = place::split(text.strip_prefix("sql parser error: ").unwrap_or(text));
    let error = Error::config(format!("sql: cannot be parsed: {said}"));
    Fault::new(spot.unwrap_or_default(), error)
}
