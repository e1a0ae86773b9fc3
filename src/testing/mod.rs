//! Pipelines under test: recorded events go through the whole pipeline in memory, model included, and what comes out is
//! compared with what the files beside the pipeline expect. Opens no connector and no socket.

mod align;
mod compare;
mod expected;
pub(crate) mod find;
mod found;
pub(crate) mod input;
mod judge;
pub mod junit;
mod lines;
mod numbers;
mod options;
pub(crate) mod record;
mod rows;
mod shown;
#[cfg(test)]
mod tests;
mod through;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::{self, Config, Problem};
use crate::plan::Plan;

pub use find::{Case, Suite, find};

use compare::Rules;
use expected::Expected;
use found::Found;
use options::CaseOptions;
use shown::Shown;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// What differs, one text each.
    Failed(Vec<String>),
    /// Why it could not be run: the pipeline or the test's files do not fit.
    Broken(Vec<String>),
}

/// One case that was run.
#[derive(Clone, Debug)]
pub struct CaseReport {
    pub name: String,
    /// Lines of its input.
    pub events: usize,
    pub took: Duration,
    pub verdict: Verdict,
    /// Files that were written anew, or removed.
    pub written: Vec<String>,
}

/// A pipeline as it was planned for the cases before.
struct Loaded {
    pipeline: PathBuf,
    env: BTreeMap<String, String>,
    config: Config,
    plan: Plan,
}

/// Runs cases one after another.
pub struct Runner<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    update: bool,
    loaded: Option<Loaded>,
}

impl fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("update", &self.update)
            .finish_non_exhaustive()
    }
}

impl<'a> Runner<'a> {
    /// Variables that a case does not set come from `env`; with `update` the expected files are written anew.
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>, update: bool) -> Self {
        Self {
            env,
            update,
            loaded: None,
        }
    }

    /// Runs one case to its end.
    pub fn run(&mut self, suite: &Suite, case: &Case) -> CaseReport {
        let started = Instant::now();
        let mut report = CaseReport {
            name: case.name.clone(),
            events: 0,
            took: Duration::ZERO,
            verdict: Verdict::Passed,
            written: Vec::new(),
        };
        report.verdict = match self.attempt(suite, case, &mut report) {
            Ok(failures) if failures.is_empty() => Verdict::Passed,
            Ok(failures) => Verdict::Failed(failures),
            Err(reasons) => Verdict::Broken(reasons),
        };
        report.took = started.elapsed();
        report
    }

    fn attempt(
        &mut self,
        suite: &Suite,
        case: &Case,
        report: &mut CaseReport,
    ) -> Result<Vec<String>, Vec<String>> {
        let options: CaseOptions = match &case.options {
            Some(path) => config::beside::read(path).map_err(|problems| texts(&problems))?,
            None => CaseOptions::default(),
        };
        let update = self.update;
        let loaded = self.load(&suite.pipeline, &options.env, case)?;
        let shown = Shown::new(&loaded.config, &options.env);
        let all = |texts: Vec<String>| texts.iter().map(|text| shown.text(text)).collect::<Vec<_>>();
        let rules = Rules::new(&options, &loaded.config, &loaded.plan).map_err(|why| {
            let at = case.options.as_deref().unwrap_or(&suite.pipeline);
            all(vec![format!("{}: {why}", at.display())])
        })?;
        let input = input::read(case, &loaded.config).map_err(all)?;
        report.events = input.len();
        let expected = Expected::read(case, &options, update, &shown).map_err(all)?;
        let through = through::carry(&loaded.config, &loaded.plan, input)
            .map_err(|error| all(vec![error.to_string()]))?;
        let found = Found::new(through, &loaded.config, &loaded.plan, &shown);
        let judged = judge::judge(case, &options, &expected, &found, &rules);
        if update && options.stops.is_none() && found.stopped.is_none() {
            let written = update::write(case, &expected, &found, &judged, &rules);
            report.written = written.map_err(|why| all(vec![why]))?;
            return Ok(Vec::new());
        }
        Ok(all(judged.failures))
    }

    /// The pipeline with these variables, planned once for cases that agree on them.
    fn load(
        &mut self,
        pipeline: &Path,
        own: &BTreeMap<String, String>,
        case: &Case,
    ) -> Result<&Loaded, Vec<String>> {
        let fits = |l: &Loaded| l.pipeline == pipeline && l.env == *own;
        let loaded = match self.loaded.take().filter(fits) {
            Some(loaded) => loaded,
            None => {
                let env = |name: &str| own.get(name).cloned().or_else(|| (self.env)(name));
                let options = config::Options {
                    connector: None,
                    also: None,
                    env: &env,
                };
                let said = |problems: Vec<Problem>| with_hint(texts(&problems), case);
                let config = Config::load_without_connectors(pipeline, &options).map_err(said)?;
                let plan = Plan::new(&config).map_err(said)?;
                Loaded {
                    pipeline: pipeline.to_owned(),
                    env: own.clone(),
                    config,
                    plan,
                }
            }
        };
        Ok(self.loaded.insert(loaded))
    }
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Where a variable is missing, a case can set it.
fn with_hint(mut texts: Vec<String>, case: &Case) -> Vec<String> {
    if texts.iter().any(|text| text.contains("` is not set: set it")) {
        texts.push(format!(
            "a case sets variables for itself: `env: {{ NAME: value }}` in {}",
            case.file("yaml").display()
        ));
    }
    texts
}
