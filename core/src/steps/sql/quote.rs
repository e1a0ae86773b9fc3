//! Names in queries that somebody else will read.

use std::borrow::Cow;

use datafusion_sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

/// A column's name as a query writes it: in quotes only where it would be read as something else.
pub fn quoted(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

fn is_plain(name: &str) -> bool {
    let simple = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let parsed = Parser::parse_sql(&GenericDialect {}, &format!("SELECT {name} FROM input"));
    let item = parsed.ok().and_then(|mut all| match all.pop() {
        Some(Statement::Query(query)) => match *query.body {
            SetExpr::Select(select) => select.projection.into_iter().next(),
            _ => None,
        },
        _ => None,
    });
    let same = matches!(item, Some(SelectItem::UnnamedExpr(Expr::Identifier(ident))) if ident.value == name);
    simple && same
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_what_is_read_as_something_else_is_quoted() {
        for name in ["amount", "Amount", "payment_id", "label", "score", "v1"] {
            assert_eq!(quoted(name), name);
        }
        for name in ["from", "current_date", "a b", "a.b", "1st", "true", ""] {
            assert_eq!(quoted(name), format!("\"{name}\""));
        }
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
