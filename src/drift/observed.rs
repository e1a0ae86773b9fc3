//! Which columns of a pipeline can be observed: those of its source as they are decoded, and those that its models give, right behind
//! them. A step behind may drop or change either; what was seen before stays seen.

use forebay_core::drift::{Observed, Part};
use forebay_core::steps::about::About;

use crate::plan::Plan;

/// Every column that can be observed.
pub fn observable(plan: &Plan) -> Vec<Observed> {
    let input = plan.input();
    let inputs = input.fields().iter().enumerate();
    let mut all: Vec<Observed> = inputs
        .flat_map(|(at, field)| Observed::of(Part::Input, field.name(), field.data_type(), 0, at))
        .collect();
    for (step, (_, planned)) in plan.steps.iter().enumerate() {
        let About::Model(model) = &planned.about else {
            continue;
        };
        for name in model.outputs.iter().filter_map(|given| given.column.as_deref()) {
            let Ok(at) = planned.output.index_of(name) else {
                continue;
            };
            // Two models may give columns of one name where a step between them drops the first.
            let again = all
                .iter()
                .any(|o| o.part == Part::Prediction && o.after <= step && is_of(name, &o.name));
            let shown = if again {
                format!("{name} (step {step})")
            } else {
                name.to_owned()
            };
            let data_type = planned.output.field(at).data_type();
            all.extend(Observed::of(Part::Prediction, &shown, data_type, step + 1, at));
        }
    }
    all
}

/// Whether `observed` is the column `name` or an item of it.
pub(crate) fn is_of(name: &str, observed: &str) -> bool {
    observed
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}
