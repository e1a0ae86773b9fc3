//! Which cases there are: the files in `NAME.tests/` beside `NAME.yaml`. Looks at names only, opens no file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use forebay_core::{Error, Result};

/// What a line of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The payload alone.
    Values,
    /// A record: payload, key, headers and so on.
    Records,
}

/// The cases of one pipeline.
#[derive(Clone, Debug)]
pub struct Suite {
    pub pipeline: PathBuf,
    pub cases: Vec<Case>,
}

/// One case: the files that share its name.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub(crate) folder: PathBuf,
    pub(crate) input: (PathBuf, Form),
    pub(crate) results: Option<(PathBuf, Form)>,
    pub(crate) rejects: Option<PathBuf>,
    pub(crate) options: Option<PathBuf>,
}

impl Case {
    /// The path of its file with this ending.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }
}

/// The endings of a case's files.
pub(crate) const INPUT: &str = "input.jsonl";
pub(crate) const INPUT_RECORDS: &str = "input.records.jsonl";
pub(crate) const RESULTS: &str = "results.jsonl";
pub(crate) const RESULTS_RECORDS: &str = "results.records.jsonl";
pub(crate) const REJECTS: &str = "rejects.jsonl";
pub(crate) const OPTIONS: &str = "yaml";

/// Longer ones first: `a.input.records.jsonl` is no `records.jsonl` of a case `a.input`.
const ENDINGS: [&str; 6] = [INPUT_RECORDS, RESULTS_RECORDS, INPUT, RESULTS, REJECTS, OPTIONS];

/// The cases beside these pipelines, or beside every pipeline in these folders; without any, in the folder we are in.
///
/// # Errors
/// `Config` where there are none, or a file belongs to no case.
pub fn find(places: &[PathBuf], filter: Option<&str>) -> Result<Vec<Suite>> {
    let here = [PathBuf::new()];
    let places = if places.is_empty() { &here[..] } else { places };
    let mut suites = Vec::new();
    let mut looked = Vec::new();
    for place in places {
        if place.as_os_str().is_empty() || place.is_dir() {
            in_folder(place, &mut suites)?;
            looked.push(format!(
                "{} (each NAME.yaml with a folder NAME.tests beside)",
                named(place)
            ));
        } else {
            // A pipeline that is not there is said before that it has no tests.
            fs::metadata(place).map_err(|e| failed("read the pipeline file", place, &e))?;
            let folder = place.with_extension("tests");
            looked.push(format!("{}/", folder.display()));
            if folder.is_dir() {
                suites.push(suite(place.clone(), &folder)?);
            }
        }
    }
    suites.retain(|suite| !suite.cases.is_empty());
    if suites.is_empty() {
        return Err(none(&looked));
    }
    match filter {
        Some(text) => filtered(suites, text),
        None => Ok(suites),
    }
}

fn none(looked: &[String]) -> Error {
    Error::config(format!(
        "no tests found; looked in {}\n\
         To write one for pipeline.yaml: put events, one JSON object a line, into pipeline.tests/first.input.jsonl, run \
         `forebay test pipeline.yaml --update`, which writes the expected results beside it, and read them",
        looked.join(", ")
    ))
}

fn filtered(mut suites: Vec<Suite>, text: &str) -> Result<Vec<Suite>> {
    let all: Vec<String> = suites
        .iter()
        .flat_map(|s| s.cases.iter().map(|c| c.name.clone()))
        .collect();
    for suite in &mut suites {
        let within = suite.pipeline.display().to_string().contains(text);
        suite.cases.retain(|case| within || case.name.contains(text));
    }
    suites.retain(|suite| !suite.cases.is_empty());
    if suites.is_empty() {
        return Err(Error::config(format!(
            "no case and no pipeline has `{text}` in its name; there are the cases: {}",
            all.join(", ")
        )));
    }
    Ok(suites)
}

fn named(folder: &Path) -> String {
    if folder.as_os_str().is_empty() {
        "this folder".into()
    } else {
        folder.display().to_string()
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::config(format!("{what} {}: {}", path.display(), error.kind()))
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let real = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(real)? {
            all.push(folder.join(entry?.file_name()));
        }
        all.sort();
        Ok(all)
    };
    read().map_err(|e| failed("read the folder", real, &e))
}

fn in_folder(folder: &Path, suites: &mut Vec<Suite>) -> Result<()> {
    for tests in entries(folder)? {
        if tests.extension().is_none_or(|e| e != "tests") || !tests.is_dir() {
            continue;
        }
        let pipeline = ["yaml", "yml"].map(|e| tests.with_extension(e));
        match pipeline.into_iter().find(|p| p.is_file()) {
            Some(pipeline) => suites.push(suite(pipeline, &tests)?),
            None => {
                return Err(Error::config(format!(
                    "the folder {} has no pipeline {} beside it",
                    tests.display(),
                    tests.with_extension("yaml").display()
                )));
            }
        }
    }
    Ok(())
}

fn suite(pipeline: PathBuf, folder: &Path) -> Result<Suite> {
    let mut files: BTreeMap<String, BTreeMap<&str, PathBuf>> = BTreeMap::new();
    for path in entries(folder)? {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let split = |ending: &&'static str| {
            let case = name.strip_suffix(*ending)?.strip_suffix('.')?;
            (!case.is_empty()).then(|| (case.to_owned(), *ending))
        };
        match ENDINGS.iter().find_map(split) {
            Some((case, ending)) => drop(files.entry(case).or_default().insert(ending, path)),
            None if name.ends_with(".jsonl") || name.ends_with(".yml") => {
                return Err(Error::config(format!(
                    "{} belongs to no case: the files of a case end in .{}",
                    path.display(),
                    ENDINGS.join(", .")
                )));
            }
            // Tables, notes and the like may lie there, too.
            None => {}
        }
    }
    let cases = files.into_iter().map(|(name, files)| case(name, folder, files));
    Ok(Suite {
        pipeline,
        cases: cases.collect::<Result<_>>()?,
    })
}

fn case(name: String, folder: &Path, mut files: BTreeMap<&str, PathBuf>) -> Result<Case> {
    let mut one_of = |values: &str, records: &str| match (files.remove(values), files.remove(records)) {
        (Some(_), Some(_)) => Err(Error::config(format!(
            "the case `{name}` has both {name}.{values} and {name}.{records} in {}: remove one of the two",
            folder.display()
        ))),
        (Some(path), None) => Ok(Some((path, Form::Values))),
        (None, Some(path)) => Ok(Some((path, Form::Records))),
        (None, None) => Ok(None),
    };
    let input = one_of(INPUT, INPUT_RECORDS)?;
    let results = one_of(RESULTS, RESULTS_RECORDS)?;
    let Some(input) = input else {
        let there = files.into_values().chain(results.map(|(path, _)| path)).next();
        return Err(Error::config(format!(
            "{} has no input: the case `{name}` needs {name}.{INPUT} or {name}.{INPUT_RECORDS} beside it",
            there.unwrap_or_default().display()
        )));
    };
    Ok(Case {
        folder: folder.to_owned(),
        input,
        results,
        rejects: files.remove(REJECTS),
        options: files.remove(OPTIONS),
        name,
    })
}
