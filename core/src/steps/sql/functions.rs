//! The functions a query may call, for DataFusion's planner. Knows no query and no step.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, ScalarValue, TableReference, plan_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::{
    AggregateUDF, ColumnarValue, HigherOrderUDF, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableSource, Volatility, WindowUDF,
};

use super::element::ElementPlanner;

/// Names that the planner itself turns into functions.
const BUILT_IN: [&str; 2] = ["map", "make_map"];

/// Replaced or refused: DataFusion's own read the clock once, when the query is planned.
const PLAN_TIME_CLOCK: [&str; 5] = [
    "now",
    "current_timestamp",
    "current_date",
    "today",
    "current_time",
];

/// Every function by each of its names, planned once per process.
pub(super) static FUNCTIONS: LazyLock<Functions> = LazyLock::new(Functions::new);

#[derive(Debug)]
pub(super) struct Functions {
    by_name: HashMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

impl Functions {
    fn new() -> Self {
        let all = datafusion_functions::all_default_functions().into_iter();
        let nested = datafusion_functions_nested::all_default_nested_functions();
        let mut by_name = HashMap::new();
        for function in all.chain(nested) {
            for alias in function.aliases() {
                by_name.insert(alias.clone(), Arc::clone(&function));
            }
            by_name.insert(function.name().to_owned(), function);
        }
        by_name.retain(|name, _| !PLAN_TIME_CLOCK.contains(&name.as_str()));
        for clock in [Clock::now(), Clock::today()] {
            let clock = Arc::new(ScalarUDF::from(clock));
            for alias in clock.aliases() {
                by_name.insert(alias.clone(), Arc::clone(&clock));
            }
            by_name.insert(clock.name().to_owned(), clock);
        }
        Self {
            by_name,
            planners: planners(),
            options: ConfigOptions::default(),
        }
    }

    /// Whether a query may call `name` (in lower case).
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || BUILT_IN.contains(&name)
    }

    /// Every name that a query may call.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![
        Arc::new(ElementPlanner),
        Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
        Arc::new(datafusion_functions_nested::planner::NestedFunctionPlanner),
        Arc::new(datafusion_functions_nested::planner::FieldAccessPlanner),
        Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
        Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
    ]
}

impl ContextProvider for Functions {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table {name} here")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.by_name.get(&name.to_lowercase()).map(Arc::clone)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The clock, read once per batch.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Clock {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    data_type: DataType,
}

impl Clock {
    fn now() -> Self {
        let data_type = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        Self::new("now", "current_timestamp", data_type)
    }

    fn today() -> Self {
        Self::new("current_date", "today", DataType::Date32)
    }

    fn new(name: &'static str, alias: &str, data_type: DataType) -> Self {
        Self {
            name,
            aliases: vec![alias.to_owned()],
            // Volatile: never folded into a constant when the query is planned.
            signature: Signature::nullary(Volatility::Volatile),
            data_type,
        }
    }
}

impl ScalarUDFImpl for Clock {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let now = ScalarValue::TimestampNanosecond(Utc::now().timestamp_nanos_opt(), Some("UTC".into()));
        Ok(ColumnarValue::Scalar(now.cast_to(&self.data_type)?))
    }
}
