use super::super::baseline::{Measure, Spread};
use super::super::bins::Bins;
use super::super::judge::{FLOOR, Limits, Thresholds};
use super::super::scores::{Scores, jensen_shannon, psi};

fn close(a: Option<f64>, b: f64) {
    let a = a.expect("a score");
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

#[test]
fn scores_are_those_of_the_formulas() {
    // Computed by hand: shares 1/2, 1/2 and 1/4, 3/4.
    close(psi(&[2, 2], &[1, 3]), 0.25 * 3_f64.ln());
    let middle = [0.375_f64, 0.625];
    let of_p = 0.5 * (0.5 / middle[0]).log2() + 0.5 * (0.5 / middle[1]).log2();
    let of_q = 0.25 * (0.25 / middle[0]).log2() + 0.75 * (0.75 / middle[1]).log2();
    close(jensen_shannon(&[2, 2], &[1, 3]), ((of_p + of_q) / 2.0).sqrt());
    close(jensen_shannon(&[5, 0], &[0, 9]), 1.0);
}

#[test]
fn equal_shares_score_nothing_whatever_their_counts() {
    close(psi(&[3, 0, 6], &[1, 0, 2]), 0.0);
    close(jensen_shannon(&[3, 0, 7], &[3000, 0, 7000]), 0.0);
    assert_eq!((psi(&[0, 0], &[1, 0]), jensen_shannon(&[1], &[0])), (None, None));
}

#[test]
fn a_bin_that_one_side_never_saw_counts_finitely() {
    close(
        psi(&[10, 0], &[9, 1]),
        (0.9 - 1.0) * 0.9_f64.ln() + (0.1 - 0.0001) * (0.1_f64 / 0.0001).ln(),
    );
}

#[test]
fn what_is_missing_is_a_share_of_rows_and_what_is_new_one_of_values() {
    let numbers = Bins::Numbers(vec![0.0]);
    let scores = Scores::of(&numbers, &[5, 5, 0, 0], &[3, 3, 1, 3]).expect("scores");
    assert_eq!(
        (scores.missing, scores.new_categories, scores.psi),
        (0.4, None, 0.0)
    );
    let names = Bins::Categories(vec!["a".into()]);
    let scores = Scores::of(&names, &[9, 0, 1], &[6, 2, 2]).expect("scores");
    assert_eq!((scores.missing, scores.new_categories), (0.2, Some(0.25)));
    assert_eq!(Scores::of(&names, &[9, 0, 1], &[0, 0, 0]), None);
    let gone = Scores::of(&names, &[9, 0, 1], &[0, 0, 4]).expect("scores");
    assert_eq!((gone.missing, gone.psi), (1.0, 0.0));
}

#[test]
fn limits_are_learnt_unless_they_are_set_and_never_below_the_floor() {
    let spread = Spread {
        psi: Measure { mean: 0.1, sd: 0.02 },
        js: Measure {
            mean: 0.01,
            sd: 0.001,
        },
        missing: Measure { mean: 0.2, sd: 0.0 },
        new_categories: None,
    };
    let learnt = Limits::of(&spread, &Thresholds::default());
    assert!((learnt.psi - 0.16).abs() < 1e-12);
    assert_eq!(
        (learnt.js, learnt.missing, learnt.new_categories),
        (FLOOR.js, 0.2, None)
    );
    let set = Thresholds {
        psi: Some(0.001),
        new_categories: Some(0.5),
        ..Thresholds::default()
    };
    let limits = Limits::of(&spread, &set);
    assert_eq!(
        (limits.psi, limits.js, limits.new_categories),
        (0.001, FLOOR.js, None)
    );
    let scores = Scores {
        psi: 0.1,
        js: 0.05,
        missing: 0.3,
        new_categories: None,
    };
    assert_eq!(limits.passed(&scores), ["psi", "missing"]);
    assert_eq!(learnt.passed(&scores), ["missing"]);
}
