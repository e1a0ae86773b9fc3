//! Where a null can be: which columns a filter proves to be non-null, and which expressions never give one.
//! Knows expressions and fields, no data.

use std::collections::BTreeSet;

use datafusion_common::DFSchema;
use datafusion_expr::{Expr, ExprSchemable, Operator};

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
        RegexMatch, RegexNotMatch, StringConcat,
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
            | StringConcat
    )
}

/// Functions that give null only for a null. The engine says "may be null" of them all.
const STRICT: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "ascii",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_length",
    "btrim",
    "cbrt",
    "ceil",
    "character_length",
    "contains",
    "cos",
    "cosh",
    "cot",
    "current_date",
    "date_part",
    "date_trunc",
    "degrees",
    "encode",
    "ends_with",
    "exp",
    "floor",
    "initcap",
    "isnan",
    "iszero",
    "left",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "now",
    "octet_length",
    "pi",
    "power",
    "radians",
    "random",
    "regexp_like",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "tan",
    "tanh",
    "trunc",
    "upper",
    "uuid",
];

/// Functions that give null only where every argument is one.
const LENIENT: &[&str] = &["coalesce", "greatest", "least", "nvl"];

/// Whether `expr` is non-null in every row of columns like `schema`. `false` means that it is not known.
pub(super) fn never_null(expr: &Expr, schema: &DFSchema) -> bool {
    let never = |expr: &Expr| never_null(expr, schema);
    match expr {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Cast(e) => never(&e.expr),
        Expr::Alias(e) => never(&e.expr),
        Expr::Negative(e) | Expr::Not(e) => never(e),
        Expr::BinaryExpr(e) if propagates(e.op) || matches!(e.op, Operator::And | Operator::Or) => {
            never(&e.left) && never(&e.right)
        }
        Expr::Like(e) | Expr::SimilarTo(e) => never(&e.expr) && never(&e.pattern),
        Expr::Between(e) => never(&e.expr) && never(&e.low) && never(&e.high),
        Expr::InList(e) => never(&e.expr) && e.list.iter().all(never),
        Expr::Case(e) => {
            let otherwise = e.else_expr.as_ref().is_some_and(|e| never(e));
            otherwise && e.when_then_expr.iter().all(|(_, then)| never(then))
        }
        Expr::ScalarFunction(e) if STRICT.contains(&e.name()) => e.args.iter().all(never),
        Expr::ScalarFunction(e) if LENIENT.contains(&e.name()) => e.args.iter().any(never),
        // The engine knows columns, and what a function says of itself.
        other => other.nullable(schema).is_ok_and(|nullable| !nullable),
    }
}
