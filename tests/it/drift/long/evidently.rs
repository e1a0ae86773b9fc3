//! Against Evidently, whose packages fill a gigabyte.

use serde_json::json;

use super::super::scores::{asked, compare, pairs};

#[test]
fn scores_are_those_of_evidently() {
    // Where a share is smaller than what stands for zero, Evidently takes another one for zero.
    let fits = |counts: &Vec<u64>| {
        let total: u64 = counts.iter().sum();
        counts
            .iter()
            .all(|count| *count == 0 || *count as f64 / total as f64 > 1e-4)
    };
    let pairs: Vec<_> = pairs().into_iter().filter(|pair| pair.iter().all(fits)).collect();
    assert!(pairs.len() > 20, "{}", pairs.len());
    let question = json!({ "pairs": pairs });
    let answer = asked(
        "tests/drift/requirements-evidently.txt",
        "tests/drift/by_evidently.py",
        &question,
    );
    let worst = compare(&pairs, &answer);
    println!("{} pairs, the largest difference is {worst:e}", pairs.len());
    assert!(worst < 1e-9, "{worst}");
}
