//! Why an expression failed on data, in words of our own: the engine's text may hold the value. Knows expressions, no rows.

use arrow::error::ArrowError;
use datafusion_common::DataFusionError;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::CastExpr;

use crate::error::Error;

/// The reject of rows on which `expr` failed; `what` is `column "n"` or `the filter`.
pub(super) fn reject(what: &str, expr: &dyn PhysicalExpr, error: &DataFusionError) -> Error {
    Error::reject(format!("{what}: {}", reason(expr, error)))
}

fn reason(expr: &dyn PhysicalExpr, error: &DataFusionError) -> String {
    match root(error) {
        DataFusionError::ArrowError(error, _) => arrow_reason(expr, error),
        _ => failed_cast(expr).unwrap_or_else(|| "the expression failed".to_owned()),
    }
}

/// The error without the engine's contexts around it.
pub(super) fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        other => other,
    }
}

fn arrow_reason(expr: &dyn PhysicalExpr, error: &ArrowError) -> String {
    match error {
        ArrowError::DivideByZero => "division by zero".to_owned(),
        ArrowError::ArithmeticOverflow(_) => "the result is out of its type's range".to_owned(),
        _ => failed_cast(expr).unwrap_or_else(|| "the expression failed".to_owned()),
    }
}

/// `cast to Int32 failed`, if `expr` casts at all.
fn failed_cast(expr: &dyn PhysicalExpr) -> Option<String> {
    let mut types = Vec::new();
    casts(expr, &mut types);
    types.sort();
    types.dedup();
    (!types.is_empty()).then(|| format!("cast to {} failed", types.join(" or ")))
}

fn casts(expr: &dyn PhysicalExpr, types: &mut Vec<String>) {
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        types.push(cast.cast_type().to_string());
    }
    for child in expr.children() {
        casts(child.as_ref(), types);
    }
}
