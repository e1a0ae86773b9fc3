//! Which columns a filter proves to be non-null: those whose null would make it something other than true.
//! Knows expressions only.

use std::collections::BTreeSet;

use datafusion_expr::{Expr, Operator};

type Names<'a> = BTreeSet<&'a str>;

/// The columns that are non-null in every row for which `filter` is true.
pub(super) fn proven(filter: &Expr) -> Names<'_> {
    match filter {
        Expr::BinaryExpr(e) if e.op == Operator::And => &proven(&e.left) | &proven(&e.right),
        Expr::BinaryExpr(e) if e.op == Operator::Or => &proven(&e.left) & &proven(&e.right),
        Expr::IsTrue(e) | Expr::Alias(datafusion_expr::expr::Alias { expr: e, .. }) => proven(e),
        Expr::IsNotNull(e) | Expr::IsNotUnknown(e) | Expr::IsFalse(e) => strict(e),
        Expr::Not(e) => denied(e),
        other => strict(other),
    }
}

/// The columns that are non-null in every row for which `filter` is false.
fn denied(filter: &Expr) -> Names<'_> {
    match filter {
        Expr::IsNull(e) | Expr::IsUnknown(e) => strict(e),
        Expr::Not(e) => proven(e),
        other => strict(other),
    }
}

/// The columns of which one null makes `expr` null.
fn strict(expr: &Expr) -> Names<'_> {
    match expr {
        Expr::Column(column) => Names::from([column.name.as_str()]),
        Expr::Cast(e) => strict(&e.expr),
        Expr::TryCast(e) => strict(&e.expr),
        Expr::Negative(e) | Expr::Not(e) => strict(e),
        Expr::Alias(e) => strict(&e.expr),
        Expr::Like(e) | Expr::SimilarTo(e) => &strict(&e.expr) | &strict(&e.pattern),
        Expr::Between(e) => strict(&e.expr),
        Expr::InList(e) if !e.list.is_empty() => strict(&e.expr),
        Expr::BinaryExpr(e) if propagates(e.op) => &strict(&e.left) | &strict(&e.right),
        _ => Names::new(),
    }
}

fn propagates(op: Operator) -> bool {
    use Operator::{
        Divide, Eq, Gt, GtEq, LikeMatch, Lt, LtEq, Minus, Modulo, Multiply, NotEq, NotLikeMatch, Plus,
        RegexMatch, RegexNotMatch,
    };
    matches!(
        op,
        Eq | NotEq
            | Lt
            | LtEq
            | Gt
            | GtEq
            | Plus
            | Minus
            | Multiply
            | Divide
            | Modulo
            | LikeMatch
            | NotLikeMatch
            | RegexMatch
            | RegexNotMatch
    )
}
