//! The expected files written from what came out. A line that fits stays as it stands, whoever wrote it; others are written
//! in one form: members in the pipeline's order, floats with the digits they need and no more.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::compare::{Rules, member};
use super::expected::Expected;
use super::find::{Case, Form, REJECTS, RESULTS, RESULTS_RECORDS};
use super::found::{Found, FoundResult};
use super::judge::Judged;
use super::record::{self, Content};

/// Writes what differs from the files of `case`; returns what was done.
///
/// # Errors
/// A file that cannot be written, a result that has no JSON form.
pub(crate) fn write(
    case: &Case,
    expected: &Expected,
    found: &Found,
    judged: &Judged,
    rules: &Rules,
) -> Result<Vec<String>, String> {
    let ending = |form| {
        if form == Form::Values {
            RESULTS
        } else {
            RESULTS_RECORDS
        }
    };
    let (path, form) = case
        .results
        .clone()
        .unwrap_or_else(|| (case.file(ending(case.input.1)), case.input.1));
    let mut lines = Vec::new();
    for (result, fits) in found.results.iter().zip(&judged.results) {
        lines.push(match fits {
            Some(at) => expected.results[*at].text.clone(),
            None => line(result, form, rules)?,
        });
    }
    let mut done = Vec::new();
    done.extend(store(&path, &lines, "results")?);
    let path = case.file(REJECTS);
    let rejects: Vec<String> = found
        .rejects
        .iter()
        .zip(&judged.rejects)
        .map(|(reject, fits)| match fits {
            Some(at) => expected.rejects[*at].text.clone(),
            None => {
                json!({ "line": reject.line, "stage": reject.stage, "reason": reject.reason }).to_string()
            }
        })
        .collect();
    if !rejects.is_empty() {
        done.extend(store(&path, &rejects, "rejects")?);
    } else if case.rejects.is_some() {
        fs::remove_file(&path).map_err(|e| format!("remove {}: {}", path.display(), e.kind()))?;
        done.push(format!("removed {}: nothing is rejected", path.display()));
    }
    Ok(done)
}

/// Writes `lines` unless they stand there.
fn store(path: &Path, lines: &[String], what: &str) -> Result<Option<String>, String> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(None);
    }
    fs::write(path, text).map_err(|e| format!("write {}: {}", path.display(), e.kind()))?;
    let what = if lines.len() == 1 {
        what.trim_end_matches('s')
    } else {
        what
    };
    Ok(Some(format!("wrote {}: {} {what}", path.display(), lines.len())))
}

fn line(result: &FoundResult, form: Form, rules: &Rules) -> Result<String, String> {
    let mut content = result.content.clone();
    if let Content::Value(value) = &mut content {
        without_ignored(value, "", rules);
    }
    match (form, content) {
        (Form::Values, Content::Value(value)) => Ok(value.to_string()),
        (Form::Values, _) => Err(format!(
            "the result from input line {} is no JSON: expect it in a file of records (.{RESULTS_RECORDS})",
            result.line
        )),
        (Form::Records, content) => {
            let mut map = Map::new();
            map.insert("key".into(), record::text_json(result.key.as_ref()));
            map.insert("headers".into(), record::headers_json(&result.headers));
            map.retain(|name, _| !rules.ignores(&format!("_{name}")));
            if let Some(headers) = map.get_mut("headers") {
                without_ignored(headers, "_headers", rules);
            }
            map.extend(record::content_json(&content));
            Ok(Value::Object(map).to_string())
        }
    }
}

/// What is not compared is not written: it would change with every update.
fn without_ignored(value: &mut Value, field: &str, rules: &Rules) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !rules.ignores(&member(field, name)));
            for (name, value) in map.iter_mut() {
                without_ignored(value, &member(field, name), rules);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                without_ignored(item, &format!("{field}[{}]", i + 1), rules);
            }
        }
        _ => {}
    }
}
