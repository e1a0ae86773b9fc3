use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Field};

use super::super::bins::{Bins, MOST, classes, tenths};
use super::super::fit::fit;
use super::super::table::{Local, Table};
use super::super::*;

fn column(values: ArrayRef) -> (Observed, RecordBatch) {
    let observed = Observed::of(Part::Input, "c", values.data_type(), 0, 0);
    let batch = RecordBatch::try_from_iter_with_nullable([("c", values, true)]).unwrap();
    (observed.into_iter().next().unwrap(), batch)
}

/// The counts of these values in these bins, as a lane counts them.
fn counted(values: ArrayRef, bins: &Bins) -> Vec<u64> {
    let (observed, batch) = column(values);
    counted_as(observed, &batch, bins)
}

fn counted_as(observed: Observed, batch: &RecordBatch, bins: &Bins) -> Vec<u64> {
    let plan = counting::Plan::new(vec![(observed, bins.clone())]).unwrap();
    let (mut watches, counts) = plan.open().unwrap();
    watches[0].what.observe(batch);
    let mut sums = vec![0; bins.len()];
    counts[0].add_to(&mut sums);
    sums
}

/// Numbers of all sizes, and those around `edges`.
fn awkward(edges: &[f64]) -> Vec<f64> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut all = vec![
        0.0,
        -0.0,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        1e300,
        -1e300,
        1e-310,
    ];
    all.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    for edge in edges {
        let mut near = *edge;
        for _ in 0..3 {
            all.extend([
                near,
                -near,
                near.next_up(),
                near.next_down(),
                f64::from(near as f32),
            ]);
            all.extend([
                f64::from((near as f32).next_up()),
                f64::from((near as f32).next_down()),
            ]);
            near = near.next_down();
        }
    }
    for _ in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let unit = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let size = [1e-3, 1.0, 30.0, 1e5, 1e20][(random >> 3) as usize % 5];
        all.push((unit - 0.5) * size);
        all.push(f64::from_bits(random));
    }
    all
}

#[test]
fn every_number_is_counted_in_the_bin_that_a_search_gives() {
    for edges in [
        vec![0.0],
        vec![-1.5, 0.1, 0.2, 0.30000000000000004, 7.0],
        vec![1e6, 1e6 + 1e-4, 1e6 + 1e-3, 1e6 + 1.0],
        vec![-1e300, -1.0, 1e-300, 1e300],
        vec![-0.0, 5e-324, 1e-40],
        (0..MOST).map(|i| (i as f64).powi(3) - 1000.0).collect(),
    ] {
        let values = awkward(&edges);
        let table = Table::new(&edges);
        let (mut of_f64, mut of_f32): (Local, Local) = ([0; 256], [0; 256]);
        table.count_wide(&values, |value| value, &mut of_f64);
        let narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        table.count_f32(&narrow, &mut of_f32);
        let (mut wanted_64, mut wanted_32): (Local, Local) = ([0; 256], [0; 256]);
        for (wide, narrow) in values.iter().zip(&narrow) {
            wanted_64[Bins::of_number(&edges, *wide)] += 1;
            wanted_32[Bins::of_number(&edges, f64::from(*narrow))] += 1;
        }
        assert_eq!(of_f64, wanted_64, "{edges:?}");
        assert_eq!(of_f32, wanted_32, "{edges:?}");
    }
}

#[test]
fn fitted_edges_hold_as_many_values_each_and_no_value_has_to_be_searched_for() {
    let values: Vec<f32> = (0..1000)
        .map(|i| ((i * 7919) % 1000) as f32 * 0.37 + 250.0)
        .collect();
    let (observed, batch) = column(Arc::new(Float32Array::from(values.clone())));
    let bins = fit(&observed, &[batch], 10).unwrap();
    let Bins::Numbers(edges) = &bins else {
        panic!("{bins:?}")
    };
    assert_eq!(edges.len(), 11);
    let counts = counted(Arc::new(Float32Array::from(values.clone())), &bins);
    assert_eq!(
        counts,
        [0, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0, 0, 0]
    );
    let table = Table::new(edges);
    let mixed = values.iter().filter(|v| table.is_mixed(f64::from(**v))).count();
    assert_eq!(mixed, 0, "values that have to be searched for");
}

#[test]
fn edges_of_values_without_gaps_hold_about_as_many_each() {
    let mut random = 11_u64;
    let mut unit = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    };
    let flat: Vec<f64> = (0..20_000).map(|_| unit() * 20.0 - 10.0).collect();
    let long_tail: Vec<f64> = (0..20_000).map(|_| (unit().ln() * -3.0).exp()).collect();
    let far: Vec<f64> = (0..20_000).map(|_| 1.7e9 + unit() * 86_400.0).collect();
    for values in [flat, long_tail, far] {
        let (observed, batch) = column(Arc::new(Float64Array::from(values.clone())));
        let bins = fit(&observed, &[batch], 10).unwrap();
        let Bins::Numbers(edges) = &bins else {
            panic!("{bins:?}")
        };
        let counts = counted(Arc::new(Float64Array::from(values.clone())), &bins);
        assert_eq!((edges.len(), counts[0], counts[11]), (11, 0, 0), "{edges:?}");
        assert!(
            counts[1..11].iter().all(|count| (1400..2600).contains(count)),
            "{counts:?}"
        );
        let table = Table::new(edges);
        let mixed = values.iter().filter(|value| table.is_mixed(**value)).count();
        assert_eq!(mixed, 0, "{edges:?}");
    }
}

#[test]
fn numbers_that_repeat_or_never_change_have_bins_too() {
    let (observed, batch) = column(Arc::new(Float64Array::from(vec![0.0; 50])));
    let constant = fit(&observed, &[batch], 10).unwrap();
    assert_eq!(constant, Bins::Numbers(vec![-0.01, 0.01]));
    assert_eq!(
        counted(
            Arc::new(Float64Array::from(vec![0.0, -0.0, 1.0, -1.0])),
            &constant
        ),
        [1, 2, 1, 0, 0]
    );
    let mostly: Vec<f64> = (0..100)
        .map(|i| if i < 90 { 0.0 } else { f64::from(i) })
        .collect();
    let (observed, batch) = column(Arc::new(Float64Array::from(mostly)));
    let bins = fit(&observed, &[batch], 10).unwrap();
    let Bins::Numbers(edges) = &bins else {
        panic!("{bins:?}")
    };
    assert!(edges.is_sorted_by(|a, b| a < b) && edges.len() >= 3, "{edges:?}");
}

#[test]
fn nulls_and_numbers_that_are_none_are_counted_apart() {
    let bins = Bins::Numbers(vec![0.0, 1.0]);
    let values = vec![
        Some(f32::NAN),
        None,
        Some(0.5),
        Some(f32::INFINITY),
        Some(-1.0),
        Some(1.0),
        None,
    ];
    assert_eq!(
        counted(Arc::new(Float32Array::from(values)), &bins),
        [1, 1, 1, 2, 2]
    );
    let whole = Int64Array::from(vec![Some(i64::MIN), Some(0), None, Some(i64::MAX)]);
    assert_eq!(counted(Arc::new(whole), &bins), [1, 1, 1, 0, 1]);
}

#[test]
fn what_stands_behind_a_null_is_not_counted() {
    let bins = Bins::Numbers((0..20).map(f64::from).collect());
    let values: Vec<Option<i64>> = (0..500).map(|i| (i % 3 > 0).then_some(i % 25)).collect();
    let mut wanted = vec![0; bins.len()];
    for value in &values {
        wanted[value.map_or(bins.missing(), |value| (value as usize + 1).min(20))] += 1;
    }
    assert_eq!(counted(Arc::new(Int64Array::from(values.clone())), &bins), wanted);
    let (observed, batch) = column(Arc::new(Float64Array::from_iter(
        values.iter().map(|v| v.map(|v| v as f64)),
    )));
    assert_eq!(counted_as(observed.clone(), &batch, &bins), wanted);
    let narrow = arrow::compute::cast(batch.column(0), &DataType::Float32).unwrap();
    assert_eq!(counted(narrow, &bins), wanted);
    let head: u64 = counted_as(observed, &batch.slice(7, 20), &bins).iter().sum();
    assert_eq!(head, 20);
}

#[test]
fn categories_are_counted_by_name_and_new_ones_together() {
    let texts = StringArray::from(vec![Some("a"), Some("b"), None, Some("z"), Some("a")]);
    let bins = Bins::Categories(vec!["a".into(), "b".into()]);
    assert_eq!(counted(Arc::new(texts), &bins), [2, 1, 1, 1]);
    let switches = BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]);
    assert_eq!(counted(Arc::new(switches), &bins::switches()), [1, 2, 0, 1]);
    for names in [["3", "-2"], ["3", "9000000000"]] {
        let labels = Int64Array::from(vec![3, 3, 4, i64::MIN, i64::MAX, names[1].parse().unwrap()]);
        let bins = Bins::Categories(names.map(str::to_owned).to_vec());
        assert_eq!(counted(Arc::new(labels), &bins), [2, 1, 3, 0], "{names:?}");
    }
    let labels = Int64Array::from(vec![0, 49, 50, -1]);
    let counts = counted(Arc::new(labels), &classes());
    assert_eq!((counts[0], counts[49], counts[50]), (1, 1, 2));
}

#[test]
fn the_most_frequent_categories_are_kept() {
    let values: Vec<String> = (0..60).flat_map(|i| vec![format!("c{i:02}"); 100 - i]).collect();
    let (observed, batch) = column(Arc::new(StringArray::from(values.clone())));
    let bins = fit(&observed, &[batch], 10).unwrap();
    let Bins::Categories(names) = &bins else {
        panic!("{bins:?}")
    };
    assert_eq!(
        (names.len(), names[0].as_str(), names[49].as_str()),
        (50, "c00", "c49")
    );
    let counts = counted(Arc::new(StringArray::from(values)), &bins);
    assert_eq!(counts[50], (50..60).map(|i| 100 - i).sum::<u64>());
}

#[test]
fn an_item_of_a_list_is_a_column() {
    let field = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from(vec![
        9.0, 9.0, 0.1, 0.95, 0.2, 0.85, 0.3, 0.75,
    ]));
    let lists = FixedSizeListArray::new(field, 2, values, None);
    let batch = RecordBatch::try_from_iter([("p", Arc::new(lists) as ArrayRef)]).unwrap();
    let observed = Observed::of(Part::Prediction, "p", batch.column(0).data_type(), 1, 0);
    let names: Vec<&str> = observed.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["p[1]", "p[2]"]);
    // A slice does not begin at the array's first value.
    let counts = counted_as(observed[1].clone(), &batch.slice(1, 3), &tenths());
    assert_eq!(
        (counts[8], counts[9], counts[10], counts.iter().sum::<u64>()),
        (1, 1, 1, 3)
    );
}

#[test]
fn lanes_add_up_and_an_empty_batch_counts_nothing() {
    let (observed, batch) = column(Arc::new(Float64Array::from(vec![0.5, 2.0, -3.0])));
    let bins = Bins::Numbers(vec![0.0, 1.0]);
    let plan = counting::Plan::new(vec![(observed, bins)]).unwrap();
    let mut sums = vec![0; 5];
    for _ in 0..2 {
        let (mut watches, counts) = plan.open().unwrap();
        watches[0].what.observe(&batch);
        watches[0].what.observe(&batch.slice(0, 0));
        watches[0].what.observe(&batch.slice(1, 1));
        counts[0].add_to(&mut sums);
    }
    assert_eq!(sums, [2, 2, 4, 0, 0]);
}

#[test]
fn labels_are_never_alike() {
    let long = "x".repeat(100);
    let names = ["(missing)", "a\n\"b\\", "(other)", &long, &format!("{long}y")];
    let labels = Bins::Categories(names.map(str::to_owned).to_vec()).labels();
    let mut unlike = labels.clone();
    unlike.sort();
    unlike.dedup();
    assert_eq!((labels.len(), unlike.len()), (7, 7), "{labels:?}");
    assert_eq!(labels[5..], ["(other)", "(missing)"]);
    assert!(
        labels.iter().all(|label| label.chars().count() < 64),
        "{labels:?}"
    );
    assert_eq!(
        Bins::Numbers(vec![0.0, 0.5]).labels(),
        ["<0", "0..0.5", ">=0.5", "(not finite)", "(missing)"]
    );
}
