//! Results beside the expected ones: which belongs to which, and what differs in payload, key, headers and timestamp.

use serde_json::Value;

use super::align::{Pair, pair};
use super::compare::{Difference, Rules, short};
use super::expected::Expected;
use super::find::{Case, RESULTS};
use super::found::{Found, FoundResult};
use super::judge::Judged;
use super::record::{self, Content, Line};

/// Compares every result.
pub(super) fn results(
    case: &Case,
    order: bool,
    expected: &Expected,
    found: &Found,
    rules: &Rules,
    judged: &mut Judged,
) {
    let unlike = |e: usize, f: usize| unlike(&expected.results[e].record, &found.results[f], rules);
    let pairs = pair(expected.results.len(), found.results.len(), order, &unlike);
    let file = case
        .results
        .as_ref()
        .and_then(|(path, _)| path.file_name())
        .map_or_else(
            || format!("{}.{RESULTS}", case.name),
            |name| name.to_string_lossy().into_owned(),
        );
    judged.results = vec![None; found.results.len()];
    for one in pairs {
        match one {
            Pair::Both(e, f) => {
                let (row, other) = (&expected.results[e], &found.results[f]);
                let differences = differences(&row.record, other, rules);
                if differences.is_empty() {
                    judged.results[f] = Some(e);
                }
                judged.failures.extend(differences.iter().map(|difference| {
                    format!(
                        "{file} line {}, from input line {}: {difference}",
                        row.line, other.line
                    )
                }));
            }
            Pair::Moved(e, f) => {
                judged.results[f] = Some(e);
                judged.failures.push(format!(
                    "{file} line {} is out of order: it came as result {}, from input line {}",
                    expected.results[e].line,
                    f + 1,
                    found.results[f].line
                ));
            }
            Pair::Missing(e) => {
                let row = &expected.results[e];
                judged
                    .failures
                    .push(format!("{file} line {} is missing: {}", row.line, cut(&row.text)));
            }
            Pair::Surplus(f) => {
                let row = &found.results[f];
                let text = row.short();
                judged
                    .failures
                    .push(format!("a result too many, from input line {}: {text}", row.line));
            }
        }
    }
}

fn cut(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |value: Value| short(&value))
}

/// 0 where nothing differs, else by how many of the members, at most 1.
fn unlike(expected: &Line, found: &FoundResult, rules: &Rules) -> f32 {
    let differences = differences(expected, found, rules);
    let members = match &expected.content {
        Content::Value(Value::Object(map)) => map.len().max(1),
        _ => 1,
    };
    let mut fields: Vec<&str> = differences
        .iter()
        .map(|d| d.field.split(['.', '[']).next().unwrap_or_default())
        .collect();
    fields.dedup();
    (fields.len() as f32 / members as f32).min(1.0)
}

fn differences(expected: &Line, found: &FoundResult, rules: &Rules) -> Vec<Difference> {
    let mut out = Vec::new();
    content(&expected.content, found, rules, &mut out);
    if let Some(key) = &expected.key {
        let (key, other) = (
            record::text_json(key.as_ref()),
            record::text_json(found.key.as_ref()),
        );
        rules.differences("_key", &key, &other, &mut out);
    }
    if let Some(headers) = &expected.headers {
        let (headers, other) = (
            record::headers_json(headers),
            record::headers_json(&found.headers),
        );
        rules.differences("_headers", &headers, &other, &mut out);
    }
    if let Some(timestamp) = expected.timestamp {
        rules.differences("_timestamp", &timestamp.into(), &found.timestamp.into(), &mut out);
    }
    out
}

fn content(expected: &Content, found: &FoundResult, rules: &Rules, out: &mut Vec<Difference>) {
    let whole = |expected: &Content, found: &Content| Difference {
        field: String::new(),
        expected: short(&Value::Object(record::content_json(expected))),
        found: short(&Value::Object(record::content_json(found))),
        off: None,
    };
    match (expected, &found.content) {
        (Content::Value(a), Content::Value(b)) => rules.differences("", a, b, out),
        (Content::Bytes(a), _) if found.payload.as_ref() == Some(a) => {}
        (Content::Bytes(_), Content::Value(_)) => {
            let bytes = Content::Bytes(found.payload.clone().unwrap_or_default());
            out.push(whole(expected, &bytes));
        }
        (a, b) if a == b => {}
        (a, b) => out.push(whole(a, b)),
    }
}
