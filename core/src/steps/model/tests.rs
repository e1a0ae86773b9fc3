use std::path::Path;

use arrow::array::{
    Array, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray, UInt8Array,
};
use arrow::datatypes::{Float32Type, Int64Type};

use super::*;
use crate::error::Kind;
use crate::model::{Element, runtime};
use crate::records::Records;

fn step(model: &str, inputs: &[(&str, &[&str])], outputs: &[(&str, &str)]) -> ModelStep {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let inputs = inputs.iter().map(|(name, columns)| {
        let columns = columns.iter().map(|c| (*c).to_string()).collect();
        ((*name).to_string(), columns)
    });
    let outputs = outputs.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string()));
    ModelStep {
        path: models.join(format!("{model}.onnx")),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
    }
}

fn env() -> Env {
    let library = runtime::locate(None).expect("`make onnxruntime` fetches ONNX Runtime");
    Env {
        onnxruntime: Some(library),
        ..Env::default()
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Batch {
    let rows = columns[0].1.len() as u32;
    let fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let origin = (0..rows).map(|row| row * 10).collect();
    Batch::new(schema, arrays, origin, Arc::new(Records::default())).expect("a batch")
}

fn apply(step: &ModelStep, batch: &Batch) -> Result<Applied> {
    let plan = step.plan(&batch.rows.schema(), &env())?;
    (plan.open)()?.apply(batch)
}

fn refused(step: &ModelStep, batch: &Batch) -> String {
    let unfit = step
        .plan(&batch.rows.schema(), &env())
        .expect_err("the plan is refused");
    let error = Error::from(unfit);
    assert_eq!(error.kind(), Kind::Config);
    error.to_string()
}

fn floats(values: &[f32]) -> ArrayRef {
    Arc::new(Float32Array::from(values.to_vec()))
}

fn list(values: ArrayRef, width: i32) -> ArrayRef {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    Arc::new(FixedSizeListArray::new(item, width, values, None))
}

fn f32s(batch: &Batch, column: &str) -> Vec<f32> {
    let column = batch.rows.column_by_name(column).expect("the column");
    column.as_primitive::<Float32Type>().values().to_vec()
}

const ABC: &[(&str, &[&str])] = &[("features", &["a", "b", "c"])];

fn abc() -> Batch {
    batch(vec![
        ("a", floats(&[1.0, 2.0])),
        ("b", Arc::new(Int64Array::from(vec![10, 20]))),
        ("c", Arc::new(Float64Array::from(vec![100.0, 200.0]))),
    ])
}

#[test]
fn columns_are_cast_and_interleaved_in_the_order_named() {
    let step = step("sum", ABC, &[("score", "sum")]);
    let plan = step.plan(&abc().rows.schema(), &env()).expect("a plan");
    let About::Model(about) = plan.about else {
        panic!("a model")
    };
    let casts = about.inputs[0].columns.iter().map(|filling| filling.cast);
    let cast = Some(Element::F32);
    assert_eq!(casts.collect::<Vec<_>>(), [None, cast, cast]);
    assert_eq!(about.outputs[0].column.as_deref(), Some("sum"));
    let applied = apply(&step, &abc()).expect("it runs");
    assert_eq!(f32s(&applied.batch, "sum"), [111.0, 222.0]);
    assert_eq!(applied.batch.origin, [0, 10]);
    assert_eq!(applied.batch.rows.num_columns(), 4);
}

#[test]
fn a_list_column_fills_a_tensor_also_behind_a_slice() {
    let values = floats(&[9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let all = batch(vec![("pixels", list(values, 3))]);
    let step = step("sum", &[("features", &["pixels"])], &[("score", "sum")]);
    let applied = apply(&step, &all.slice(1, 2)).expect("it runs");
    assert_eq!(f32s(&applied.batch, "sum"), [6.0, 15.0]);
}

#[test]
fn lists_and_plain_columns_share_a_tensor() {
    let pair = list(floats(&[1.0, 2.0, 3.0, 4.0]), 2);
    let all = batch(vec![("pair", pair), ("one", floats(&[10.0, 20.0]))]);
    let step = step("sum", &[("features", &["one", "pair"])], &[("score", "sum")]);
    assert_eq!(
        f32s(&apply(&step, &all).expect("it runs").batch, "sum"),
        [13.0, 27.0]
    );
}

#[test]
fn every_element_type_goes_in_and_out_in_every_shape() {
    let one: Vec<(&str, ArrayRef)> = vec![
        ("f32", floats(&[1.5, -2.5])),
        ("f64", Arc::new(Float64Array::from(vec![0.1, -0.2]))),
        ("i32", Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX]))),
        ("i64", Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX]))),
        ("u8", Arc::new(UInt8Array::from(vec![0, 255]))),
        ("bool", Arc::new(BooleanArray::from(vec![true, false]))),
        ("string", Arc::new(StringArray::from(vec!["", "größer"]))),
    ];
    let names: Vec<&str> = one.iter().map(|(name, _)| *name).collect();
    let mut inputs = Vec::new();
    for name in &names {
        inputs.push(((*name).to_string(), vec![(*name).to_string()]));
        inputs.push((format!("{name}_1"), vec![(*name).to_string()]));
        inputs.push((
            format!("{name}_2"),
            vec![(*name).to_string(), (*name).to_string()],
        ));
    }
    let step = ModelStep {
        inputs,
        ..step("kinds", &[], &[])
    };
    let input = batch(one.clone());
    let output = apply(&step, &input).expect("it runs").batch;
    for (name, column) in &one {
        for suffix in ["", "_1"] {
            let given = output.rows.column_by_name(&format!("out_{name}{suffix}"));
            assert_eq!(given, Some(column), "{name}{suffix}");
        }
        let pair = output
            .rows
            .column_by_name(&format!("out_{name}_2"))
            .expect("a pair");
        let pair = pair.as_fixed_size_list();
        for row in 0..2 {
            let items = pair.value(row);
            assert_eq!(
                (items.slice(0, 1), items.slice(1, 1)),
                (column.slice(row, 1), column.slice(row, 1))
            );
        }
    }
}

#[test]
fn outputs_that_are_not_named_are_not_fetched() {
    let input = batch(vec![("i64", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let all: Vec<_> = ["f32", "f64", "i32", "i64", "u8"].to_vec();
    let mut inputs: Vec<_> = Vec::new();
    for name in &all {
        inputs.push(((*name).to_string(), vec!["i64".to_string()]));
        inputs.push((format!("{name}_1"), vec!["i64".to_string()]));
        inputs.push((format!("{name}_2"), vec!["i64".to_string(); 2]));
    }
    let one = ModelStep {
        inputs,
        ..step("kinds", &[], &[("out_i64", "same")])
    };
    // Strings and bools have no columns: that is said before anything runs.
    assert!(refused(&one, &input).contains("`bool`"));
    let only = step("sum", ABC, &[("score", "sum")]);
    assert_eq!(apply(&only, &abc()).expect("it runs").batch.rows.num_columns(), 4);
}

#[test]
fn what_does_not_fit_is_said_with_the_closest_name() {
    let cases = [
        (step("sum", &[("feature", &["a"])], &[]), "no input `feature`"),
        (
            step("sum", &[("features", &["a", "b", "d"])], &[]),
            "no column `d`",
        ),
        (
            step("sum", &[("features", &["a", "b"])], &[]),
            "takes 3 values a row, its columns give 2",
        ),
        (step("sum", ABC, &[("scores", "x")]), "no output `scores`"),
        (step("sum", ABC, &[("score", "a")]), "which there is already"),
        (step("sum", &[], &[]), "no column `features`"),
        (step("four_rows", ABC, &[]), "takes exactly 4 rows"),
        (step("picky", &[("index", &["a"])], &[]), "cut fractions off"),
        (step("sequence", &[("x", &["a"])], &[]), "zipmap"),
        (step("no_such_file", ABC, &[]), "no_such_file.onnx"),
    ];
    for (step, words) in cases {
        let text = refused(&step, &abc());
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(refused(&step("sum", &[("feature", &["a"])], &[]), &abc()).contains("features"));
    let text = batch(vec![("a", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]);
    assert!(refused(&step("any_width", &[("features", &["a"])], &[]), &text).contains("CAST"));
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "not a model").expect("write");
    let step = ModelStep {
        path: file.path().to_path_buf(),
        ..step("sum", ABC, &[])
    };
    let text = refused(&step, &abc());
    assert!(text.contains("must be an ONNX model") && text.contains(&file.path().display().to_string()));
}

#[test]
fn rows_with_a_null_at_a_tensor_are_rejects_and_the_others_are_scored() {
    let mut input = abc();
    let holes = Int64Array::from(vec![None, Some(20)]);
    input.rows = batch(vec![
        ("a", floats(&[1.0, 2.0])),
        ("b", Arc::new(holes)),
        ("c", floats(&[1.0, 2.0])),
    ])
    .rows;
    let step = step("sum", ABC, &[("score", "sum")]);
    let applied = apply(&step, &input).expect("it runs");
    assert_eq!(applied.batch.origin, [10]);
    assert_eq!(f32s(&applied.batch, "sum"), [24.0]);
    assert_eq!((applied.rejects.len(), applied.rejects[0].record), (1, 0));
    let advice =
        "; fill it with coalesce(b, 0) in a sql step before the model, or filter with WHERE b IS NOT NULL";
    let reason = &applied.rejects[0].reason;
    assert!(reason.contains("\"b\"") && reason.ends_with(advice), "{reason}");
}

#[test]
fn a_batch_of_nulls_alone_gives_no_row_and_the_same_columns() {
    let nothing = Arc::new(Float32Array::from(vec![None, None])) as ArrayRef;
    let input = batch(vec![
        ("a", Arc::clone(&nothing)),
        ("b", Arc::clone(&nothing)),
        ("c", nothing),
    ]);
    let applied = apply(&step("sum", ABC, &[("score", "sum")]), &input).expect("it runs");
    assert!(applied.batch.is_empty());
    assert_eq!((applied.batch.rows.num_columns(), applied.rejects.len()), (4, 2));
}

#[test]
fn a_number_that_does_not_fit_is_a_reject_without_the_number() {
    let input = batch(vec![(
        "size",
        Arc::new(Int64Array::from(vec![7, 4711])) as ArrayRef,
    )]);
    let kinds = step("kinds", &[], &[]);
    let all = ["f32", "f64", "i32", "i64", "u8", "bool", "string"];
    let flag = Arc::new(BooleanArray::from(vec![true, true])) as ArrayRef;
    let text = Arc::new(StringArray::from(vec!["", ""])) as ArrayRef;
    let columns = vec![
        ("size", Arc::clone(input.rows.column(0))),
        ("flag", flag),
        ("text", text),
    ];
    let inputs = all.iter().flat_map(|name| {
        let column = match *name {
            "bool" => "flag",
            "string" => "text",
            _ => "size",
        };
        let width = |n| vec![column.to_string(); n];
        [
            ((*name).to_string(), width(1)),
            (format!("{name}_1"), width(1)),
            (format!("{name}_2"), width(2)),
        ]
    });
    let step = ModelStep {
        inputs: inputs.collect(),
        ..kinds
    };
    let error = apply(&step, &batch(columns)).expect_err("4711 is no uint8");
    assert_eq!(error.kind(), Kind::Reject);
    assert!(error.to_string().contains("\"size\"") && !error.to_string().contains("4711"));
}

#[test]
fn a_failing_model_is_a_reject_that_quotes_no_value() {
    let input = batch(vec![(
        "index",
        Arc::new(Int64Array::from(vec![1, 4711])) as ArrayRef,
    )]);
    let step = step("picky", &[("index", &["index"])], &[]);
    let error = apply(&step, &input).expect_err("4711 is out of the table");
    assert_eq!(error.kind(), Kind::Reject);
    let text = error.to_string();
    assert!(text.contains("picky.onnx") && text.contains("Gather"), "{text}");
    assert!(!format!("{error:?} {text}").contains("4711"), "{error:?}");
    assert_eq!(
        f32s(&apply(&step, &input.slice(0, 1)).expect("it runs").batch, "score"),
        [20.0]
    );
}

#[test]
fn more_rows_out_than_in_is_fatal() {
    let input = batch(vec![("x", floats(&[1.0, 2.0]))]);
    let error = apply(&step("doubling", &[("x", &["x"])], &[]), &input).expect_err("four rows for two");
    assert_eq!(error.kind(), Kind::Fatal);
    assert!(error.to_string().contains("another number of rows"));
}

#[test]
fn a_model_of_one_row_runs_row_by_row_and_check_warns_of_it() {
    let step = step("one_row", ABC, &[("score", "sum")]);
    let plan = step.plan(&abc().rows.schema(), &env()).expect("a plan");
    assert!(plan.warnings[0].text.contains("one row at a time"));
    assert_eq!(
        f32s(&apply(&step, &abc()).expect("it runs").batch, "sum"),
        [111.0, 222.0]
    );
}

#[test]
fn a_width_that_the_model_leaves_open_is_found_out() {
    let step = step("told_by_a_run", &[("x", &["a", "b"])], &[("y", "twice")]);
    let input = batch(vec![
        ("a", Arc::new(Int64Array::from(vec![1, 3])) as ArrayRef),
        ("b", floats(&[2.0, 4.0])),
    ]);
    let applied = apply(&step, &input).expect("it runs");
    let twice = applied
        .batch
        .rows
        .column_by_name("twice")
        .expect("the column")
        .as_fixed_size_list();
    assert_eq!(twice.value_length(), 4);
    assert_eq!(
        twice.value(1).as_primitive::<Float32Type>().values(),
        &[3.0, 4.0, 3.0, 4.0]
    );
    assert_eq!(input.rows.column(0).as_primitive::<Int64Type>().values(), &[1, 3]);
}

#[test]
fn columns_that_may_be_null_are_warned_of() {
    let plan = step("sum", ABC, &[])
        .plan(&abc().rows.schema(), &env())
        .expect("a plan");
    assert_eq!(plan.warnings.len(), 3);
    let advice =
        "fill it with coalesce(a, 0) in a sql step before the model, or filter with WHERE a IS NOT NULL";
    let said = &plan.warnings[0].text;
    assert!(said.ends_with(advice), "{said}");

    let env = Env {
        fillings: [("b".to_owned(), "9.5".to_owned())].into(),
        ..env()
    };
    let plan = step("sum", ABC, &[])
        .plan(&abc().rows.schema(), &env)
        .expect("a plan");
    let said = &plan.warnings[1].text;
    assert!(
        said.contains("fill it with coalesce(b, 9.5) in a sql step"),
        "{said}"
    );
}

#[test]
fn a_model_tells_the_version_that_its_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut step = step("sum", &[("features", &["a", "b", "c"])], &[]);
    let input = Schema::new(
        ["a", "b", "c"]
            .map(|name| Field::new(name, DataType::Float32, false))
            .to_vec(),
    );
    let version = |step: &ModelStep| match step.plan(&input, &env()).unwrap().about {
        About::Model(about) => about.version,
        other => panic!("{other:?}"),
    };
    assert_eq!(version(&step), None);
    // The field `model_version` of the file, 0 and 300.
    for (field, expected) in [(&[0x28, 0][..], 0), (&[0x28, 0xac, 0x02], 300)] {
        let mut model = std::fs::read(&step.path).unwrap();
        model.extend(field);
        let path = folder.path().join("versioned.onnx");
        std::fs::write(&path, model).unwrap();
        let original = std::mem::replace(&mut step.path, path);
        assert_eq!(version(&step), Some(expected));
        step.path = original;
    }
}
