use super::super::Part;
use super::super::baseline::{Baseline, LARGEST, Measure, ModelDigest, Reference, Spread};
use super::super::bins::Bins;

fn baseline() -> Baseline {
    let measure = Measure {
        mean: 0.01,
        sd: 0.002,
    };
    let spread = |new_categories| Spread {
        psi: measure,
        js: measure,
        missing: measure,
        new_categories,
    };
    Baseline {
        pipeline: "fraud".into(),
        models: vec![ModelDigest {
            path: "fraud.onnx".into(),
            sha256: "ab".repeat(32),
        }],
        rows: 12,
        window_rows: 4,
        windows: 3,
        columns: vec![
            Reference {
                part: Part::Input,
                name: "amount".into(),
                data_type: "float64".into(),
                bins: Bins::Numbers(vec![-0.1, 1e-7, 2.5]),
                counts: vec![0, 5, 4, 1, 0, 2],
                spread: spread(None),
            },
            Reference {
                part: Part::Input,
                name: "a \"strange\"\nname".into(),
                data_type: "string".into(),
                bins: Bins::Categories(vec!["EUR".into(), "\"\\\n".into()]),
                counts: vec![7, 3, 1, 1],
                spread: spread(Some(measure)),
            },
            Reference {
                part: Part::Prediction,
                name: "amount".into(),
                data_type: "bool".into(),
                bins: Bins::Categories(vec!["false".into(), "true".into()]),
                counts: vec![6, 6, 0, 0],
                spread: spread(Some(measure)),
            },
        ],
    }
}

#[test]
fn a_file_gives_back_what_was_written() {
    let text = baseline().to_text();
    assert_eq!(
        Baseline::parse(text.as_bytes()).expect("a baseline"),
        baseline(),
        "{text}"
    );
    assert!(text.contains("\n      \"edges\": [-0.1,1e-7,2.5],\n"), "{text}");
}

#[test]
fn a_part_of_a_name_is_not_the_name() {
    let baseline = baseline();
    assert_eq!(
        baseline.column(Part::Prediction, "amount").expect("it").data_type,
        "bool"
    );
    assert_eq!(baseline.column(Part::Prediction, "a"), None);
    assert!((baseline.columns[0].missing() - 2.0 / 12.0).abs() < 1e-12);
}

/// What is said of the file with `from` replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    let text = baseline().to_text();
    assert!(text.contains(from), "{from} is not in {text}");
    let error = Baseline::parse(text.replacen(from, to, 1).as_bytes()).expect_err(to);
    assert_eq!(error.kind(), crate::Kind::Config);
    error.to_string()
}

#[test]
fn hostile_files_are_refused_with_their_place() {
    for (from, to, said) in [
        (
            "\"format\": 1",
            "\"format\": 2",
            "format 2, and this program reads format 1",
        ),
        (
            "\"format\": 1",
            "\"format\": \"1\"",
            "format is not what it should be: expected a whole number",
        ),
        (
            "[-0.1,1e-7,2.5]",
            "[-0.1,2.5,1e-7]",
            "inputs.amount.edges[2] is not what it should be: expected a number above",
        ),
        ("[-0.1,1e-7,2.5]", "[1,1,1]", "edges[1]"),
        (
            "[-0.1,1e-7,2.5]",
            "[-0.1,null,2.5]",
            "inputs.amount.edges[1] is not what it should be: expected a number",
        ),
        ("[-0.1,1e-7,2.5]", "[\"NaN\",1,2]", "edges[0]"),
        ("[-0.1,1e-7,2.5]", "[NaN,1,2]", "it is not JSON (line="),
        ("[-0.1,1e-7,2.5]", "[1,2,1e999]", "it is not JSON (line="),
        (
            "[-0.1,1e-7,2.5]",
            "[]",
            "inputs.amount.edges is not what it should be: expected 1 to 100 numbers",
        ),
        (
            "[-0.1,1e-7,2.5]",
            "7",
            "edges is not what it should be: expected a list",
        ),
        (
            "\"counts\": [0,5,4,1]",
            "\"counts\": [0,5,4]",
            "expected 4 counts, one more than edges",
        ),
        (
            "\"counts\": [0,5,4,1]",
            "\"counts\": [0,5,4,-1]",
            "inputs.amount.counts[3]",
        ),
        (
            "\"counts\": [0,5,4,1]",
            "\"counts\": [0,5,4,1.5]",
            "inputs.amount.counts[3]",
        ),
        (
            "\"counts\": [0,5,4,1]",
            "\"counts\": [0,0,0,0]",
            "all counts are 0",
        ),
        (
            "\"counts\": [0,5,4,1]",
            "\"counts\": [0,5,4,18446744073709551615]",
            "not above 2^40",
        ),
        ("\"EUR\":7", "\"EUR\":\"7\"", "expected a whole number from 0"),
        ("\"other\": 1,", "", "has no `other`"),
        (
            "\"sd\":0.002",
            "\"sd\":-0.002",
            "inputs.amount.spread.psi.sd is not what it should be: expected a number from 0",
        ),
        (
            "\"window_rows\": 4",
            "\"window_rows\": 0",
            "window_rows is not what it should be",
        ),
        (
            "\"inputs\": {",
            "\"inputs\": [], \"x\": {",
            "inputs is not what it should be: expected a map",
        ),
        ("\"models\": [", "\"model\": [", "the file has no `models`"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(said), "{to}: {error}");
    }
    let many: String = (0..200).map(|i| format!("{i},")).collect();
    assert!(refused("[-0.1,", &format!("[-1000,{many}")).contains("expected"));
    let text = baseline().to_text();
    for end in 0..text.len() - 1 {
        assert!(Baseline::parse(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
    assert!(Baseline::parse(b"{}").is_err() && Baseline::parse(&[b'['; 100_000]).is_err());
}

#[test]
fn a_file_that_is_huge_or_not_there_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("huge.json");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(LARGEST + 1).expect("its length");
    let error = Baseline::load(&path).expect_err("huge").to_string();
    assert!(
        error.contains("larger than 16 MiB (file=") && error.contains("huge.json"),
        "{error}"
    );
    let error = Baseline::load(&folder.path().join("absent.json"))
        .expect_err("absent")
        .to_string();
    assert!(
        error.contains("open the baseline (file=") && error.contains("absent.json"),
        "{error}"
    );
    assert!(Baseline::load(folder.path()).is_err());
}

#[test]
fn the_spread_is_mean_and_deviation_over_windows() {
    let bins = Bins::Categories(vec!["a".into()]);
    let windows = [vec![8, 2, 0], vec![6, 4, 0], vec![7, 3, 0]];
    let spread = Spread::of(&bins, &[21, 9, 0], &windows);
    let new = spread.new_categories.expect("of categories");
    assert!(
        (new.mean - 0.3).abs() < 1e-12 && (new.sd - 0.1).abs() < 1e-12,
        "{new:?}"
    );
    assert!(
        spread.psi.mean > 0.0 && spread.missing == Measure::default(),
        "{spread:?}"
    );
}
