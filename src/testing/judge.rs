//! What came out beside what is expected: rows, keys, headers, rejects, a stop. Every difference becomes one text that names
//! the line of the file and the line of the input.

use super::compare::Rules;
use super::expected::{Expected, RejectLine, rejects_file};
use super::find::Case;
use super::found::Found;
use super::options::{CaseOptions, Stops};
use super::rows;
use super::through::{Rejected, Stopped};

/// What differs, and what fits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    pub(crate) failures: Vec<String>,
    /// For each result the expected one that it fits, wherever that stands.
    pub(crate) results: Vec<Option<usize>>,
    /// For each reject the expected one that it fits.
    pub(crate) rejects: Vec<Option<usize>>,
}

/// Compares what was found with what is expected.
pub(crate) fn judge(
    case: &Case,
    options: &CaseOptions,
    expected: &Expected,
    found: &Found,
    rules: &Rules,
) -> Judged {
    let mut judged = Judged::default();
    match (&options.stops, &found.stopped) {
        (None, Some(stop)) => judged.failures.push(format!(
            "{}; a case that expects this has `stops: {{ line, stage, reason }}` in {}",
            said(stop),
            case.file("yaml").display()
        )),
        (Some(_), None) => judged
            .failures
            .push("the pipeline was to stop, and did not".into()),
        (Some(stops), Some(stop)) => judged.failures.extend(stop_differs(stops, stop)),
        (None, None) => {
            rows::results(case, options.order, expected, found, rules, &mut judged);
            rejects(case, expected, found, &mut judged);
        }
    }
    judged
}

fn said(stop: &Stopped) -> String {
    let at = stop
        .line
        .map_or(String::new(), |line| format!(" at input line {line}"));
    format!("the pipeline stopped{at}: {}", stop.reason)
}

fn stop_differs(expected: &Stops, stop: &Stopped) -> Option<String> {
    let line = expected.line.filter(|line| Some(*line) != stop.line);
    let stage = expected
        .stage
        .as_ref()
        .filter(|s| !stop.reason.contains(&format!("in the {s} stage")));
    let reason = expected
        .reason
        .as_ref()
        .filter(|part| !stop.reason.contains(*part));
    let wanted = [
        line.map(|line| format!("at input line {line}")),
        stage.map(|stage| format!("in the {stage} stage")),
        reason.map(|part| format!("with `{part}` in the reason")),
    ];
    let wanted: Vec<String> = wanted.into_iter().flatten().collect();
    let (wanted, said) = (wanted.join(", "), said(stop));
    (!wanted.is_empty()).then(|| format!("the pipeline was to stop {wanted}; {said}"))
}

fn rejects(case: &Case, expected: &Expected, found: &Found, judged: &mut Judged) {
    let file = rejects_file(case);
    let mut used = vec![false; expected.rejects.len()];
    for reject in &found.rejects {
        let at = expected
            .rejects
            .iter()
            .enumerate()
            .position(|(i, e)| !used[i] && e.reject.line == reject.line);
        let Some(at) = at else {
            judged.rejects.push(None);
            judged.failures.push(format!(
                "input line {} was rejected, which {file} does not expect: {}: {}",
                reject.line, reject.stage, reject.reason
            ));
            continue;
        };
        used[at] = true;
        let differs = reject_differs(&expected.rejects[at].reject, reject);
        judged.rejects.push(differs.is_none().then_some(at));
        let line = expected.rejects[at].line;
        judged.failures.extend(
            differs.map(|differs| format!("{file} line {line}, input line {}: {differs}", reject.line)),
        );
    }
    for (row, _) in expected.rejects.iter().zip(used).filter(|(_, used)| !used) {
        let line = row.reject.line;
        let instead = match found.results.iter().position(|r| r.line == line) {
            Some(result) => format!("it came out as result {}", result + 1),
            None if found.rejects.iter().any(|r| r.line == line) => "it is expected twice".into(),
            None => "the input has no such line, or a filter took it".into(),
        };
        judged.failures.push(format!(
            "{file} line {}: input line {line} was not rejected: {instead}",
            row.line
        ));
    }
}

fn reject_differs(expected: &RejectLine, found: &Rejected) -> Option<String> {
    let mut differs = Vec::new();
    if let Some(stage) = expected.stage.as_ref().filter(|stage| **stage != found.stage) {
        differs.push(format!("expected the stage {stage}, found {}", found.stage));
    }
    if let Some(part) = expected
        .reason
        .as_ref()
        .filter(|part| !found.reason.contains(*part))
    {
        differs.push(format!(
            "expected a reason with `{part}`, found `{}`",
            found.reason
        ));
    }
    (!differs.is_empty()).then(|| differs.join("; "))
}
