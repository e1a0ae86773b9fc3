//! The outcome as JUnit XML, which build servers show.

use std::fs;
use std::path::Path;
use std::time::Duration;

use forebay_core::{Error, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, Verdict};

/// Writes one suite for each pipeline.
///
/// # Errors
/// `Config` where the file cannot be written.
pub fn write(path: &Path, suites: &[(String, Vec<CaseReport>)]) -> Result<()> {
    let mut report = Report::new("forebay");
    let mut total = Duration::ZERO;
    for (pipeline, cases) in suites {
        let mut suite = TestSuite::new(pipeline.as_str());
        let took = cases.iter().map(|case| case.took).sum();
        suite.set_time(took);
        total += took;
        suite.add_test_cases(cases.iter().map(|case| test_case(pipeline, case)));
        report.add_test_suite(suite);
    }
    report.set_time(total);
    let failed = |e: &dyn std::fmt::Display| Error::config(format!("write {}: {e}", path.display()));
    let text = report.to_string().map_err(|e| failed(&e))?;
    fs::write(path, text).map_err(|e| failed(&e.kind()))
}

fn test_case(pipeline: &str, case: &CaseReport) -> TestCase {
    let status = match &case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed(texts) => not(NonSuccessKind::Failure, "not as expected", texts),
        Verdict::Broken(texts) => not(NonSuccessKind::Error, "could not be run", texts),
    };
    let mut one = TestCase::new(case.name.as_str(), status);
    one.set_classname(pipeline).set_time(case.took);
    one
}

fn not(kind: NonSuccessKind, what: &str, texts: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let first = texts.first().map_or("", String::as_str);
    status.set_message(format!("{what}: {first}"));
    status.set_description(texts.join("\n"));
    status
}
