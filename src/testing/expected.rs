//! What a case expects: results line by line, and rejects by the line of the input they come from.

use serde::Deserialize;

use super::find::{Case, Form, REJECTS, RESULTS, RESULTS_RECORDS};
use super::lines;
use super::options::CaseOptions;
use super::record::{self, Line};
use super::shown::Shown;

/// A line of the results.
#[derive(Clone, Debug)]
pub(crate) struct ResultLine {
    /// The line of the file.
    pub(crate) line: usize,
    /// As it stands there.
    pub(crate) text: String,
    pub(crate) record: Line,
}

/// A line of the rejects.
#[derive(Clone, Debug)]
pub(crate) struct Reject {
    /// The line of the file.
    pub(crate) line: usize,
    /// As it stands there.
    pub(crate) text: String,
    pub(crate) reject: RejectLine,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectLine {
    /// The line of the input.
    pub(crate) line: usize,
    pub(crate) stage: Option<String>,
    /// A part of the reason.
    pub(crate) reason: Option<String>,
}

/// Everything a case expects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) results: Vec<ResultLine>,
    pub(crate) rejects: Vec<Reject>,
}

/// The stages a record can be rejected in.
const STAGES: [&str; 6] = ["decode", "sql", "lookup", "model", "encode", "sink"];

/// Whether a stage is one, with the reason.
pub(crate) fn stage(name: Option<&str>) -> Result<(), String> {
    match name {
        Some(name) if !STAGES.contains(&name) => Err(format!(
            "there is no stage `{name}`; there are: {}",
            STAGES.join(", ")
        )),
        _ => Ok(()),
    }
}

impl Expected {
    /// Reads what `case` expects. Only an update may find nothing there.
    ///
    /// # Errors
    /// Every line that is wrong, each with its place; files that contradict the options.
    pub(crate) fn read(
        case: &Case,
        options: &CaseOptions,
        update: bool,
        shown: &Shown<'_>,
    ) -> Result<Self, Vec<String>> {
        if let Some(stops) = &options.stops {
            return Self::none_beside(case, stops.stage.as_deref()).map_err(|why| vec![why]);
        }
        if case.results.is_none() && !update {
            return Err(vec![format!(
                "the case expects nothing: write {} (or {}), which may be empty, or let `--update` write it",
                case.file(RESULTS).display(),
                case.file(RESULTS_RECORDS).display(),
            )]);
        }
        let results = case.results.as_ref().map(|(path, form)| {
            lines::read(path, |line, text| {
                let mut record = match form {
                    Form::Values => record::value(text)?,
                    Form::Records => record::record(text)?,
                };
                if record.topic.is_some() || record.partition.is_some() {
                    return Err(
                        "a result has no `topic` and no `partition` of its own: remove them"
                            .to_owned()
                            .into(),
                    );
                }
                shown.content(&mut record.content);
                record.key.iter_mut().for_each(|key| shown.key(key));
                record
                    .headers
                    .iter_mut()
                    .for_each(|headers| shown.headers(headers));
                Ok(ResultLine {
                    line,
                    text: text.to_owned(),
                    record,
                })
            })
        });
        let rejects = case.rejects.as_ref().map(|path| {
            lines::read(path, |line, text| {
                let reject: RejectLine = serde_json::from_str(text)?;
                stage(reject.stage.as_deref())?;
                Ok(Reject {
                    line,
                    text: text.to_owned(),
                    reject,
                })
            })
        });
        Ok(Self {
            results: results.transpose()?.unwrap_or_default(),
            rejects: rejects.transpose()?.unwrap_or_default(),
        })
    }

    /// How much of a batch was delivered before a stop depends on how records arrive: nothing can be expected of it.
    fn none_beside(case: &Case, named: Option<&str>) -> Result<Self, String> {
        let options = case.options.as_deref().unwrap_or(&case.folder);
        stage(named).map_err(|why| format!("{}: stops: {why}", options.display()))?;
        let beside = case
            .results
            .as_ref()
            .map(|(path, _)| path)
            .or(case.rejects.as_ref());
        match beside {
            Some(path) => Err(format!(
                "{} expects a stop, which leaves no results and no rejects to compare: remove {}, or `stops`",
                options.display(),
                path.display()
            )),
            None => Ok(Self::default()),
        }
    }
}

/// The name of the file of rejects, for messages.
pub(crate) fn rejects_file(case: &Case) -> String {
    format!("{}.{REJECTS}", case.name)
}
