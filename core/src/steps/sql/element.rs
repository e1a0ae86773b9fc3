//! `p[2]` on a list of fixed length: one `take`, and no null where the place exists in every row.
//! DataFusion's own would first copy the list into one of variable length, and may always give null.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion_common::{DFSchema, Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, GetFieldAccess, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

static ELEMENT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Element::new())));

/// Plans an index into a list of fixed length.
#[derive(Debug)]
pub(super) struct ElementPlanner;

impl ExprPlanner for ElementPlanner {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let fixed = matches!(access.expr.get_type(schema)?, DataType::FixedSizeList(..));
        match access.field_access {
            GetFieldAccess::ListIndex { key } if fixed => {
                let args = vec![access.expr, *key];
                let call = ScalarFunction::new_udf(Arc::clone(&ELEMENT), args);
                Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
            }
            field_access => Ok(PlannerResult::Original(RawFieldAccessExpr {
                field_access,
                expr: access.expr,
            })),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Element {
    signature: Signature,
}

impl Element {
    fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Element {
    fn name(&self) -> &'static str {
        "list_element"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [list @ DataType::FixedSizeList(..), index] if index.is_integer() || index.is_null() => {
                Ok(vec![list.clone(), DataType::Int64])
            }
            [_, index] => plan_err!("a list is indexed by an integer, not by {index}"),
            _ => plan_err!("a list is indexed by one integer"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        internal_err!("the type depends on the fields")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let list = &args.arg_fields[0];
        let DataType::FixedSizeList(item, width) = list.data_type() else {
            return plan_err!("{} is no list of fixed length", list.name());
        };
        let exists = match args.scalar_arguments[1] {
            Some(ScalarValue::Int64(Some(index))) => place(*index, i64::from(*width)).is_some(),
            _ => false,
        };
        let nullable = list.is_nullable() || item.is_nullable() || !exists;
        Ok(Arc::new(Field::new(
            self.name(),
            item.data_type().clone(),
            nullable,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let list = args.args[0].to_array(args.number_rows)?;
        let list = list.as_fixed_size_list();
        let elements = match &args.args[1] {
            ColumnarValue::Scalar(ScalarValue::Int64(index)) => elements(list, |_| *index)?,
            index => {
                let index = index.to_array(args.number_rows)?;
                let index = index.as_primitive::<Int64Type>();
                elements(list, |row| index.is_valid(row).then(|| index.value(row)))?
            }
        };
        Ok(ColumnarValue::Array(elements))
    }
}

/// The place from 0 that `index` names: from 1, or from the end where it is negative.
fn place(index: i64, width: i64) -> Option<i64> {
    let place = if index < 0 {
        width.checked_add(index)?
    } else {
        index - 1
    };
    (0..width).contains(&place).then_some(place)
}

fn elements(list: &FixedSizeListArray, index: impl Fn(usize) -> Option<i64>) -> Result<ArrayRef> {
    let width = i64::from(list.value_length());
    let of = |row: usize| {
        let place = place(index(row)?, width)?;
        list.is_valid(row).then(|| (row as i64 * width + place) as u64)
    };
    let places: UInt64Array = (0..list.len()).map(of).collect();
    Ok(take(list.values(), &places, None)?)
}
