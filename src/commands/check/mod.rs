//! `check`: whether a pipeline fits, and what it does; as text or as JSON. Touches no broker.

mod against;
mod json;
pub(super) mod schemas;
mod text;

use std::path::PathBuf;

use clap::Args;
use forebay::config::{Config, Problem, Severity};
use forebay::core::Kind;
use forebay::core::codec::Part;
use forebay::describe::Description;
use forebay::plan::Plan;

use against::{Against, Named};
use schemas::{Asked, schemas};

use super::say::{say, say_line};
use super::{Failure, Pipeline, load, say_problems};

#[derive(Clone, Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pipeline: Pipeline,
    /// Prints the plan and the problems as JSON; docs/check.md describes it.
    #[arg(long)]
    json: bool,
    /// Judges this schema instead of those in the registry: may it be deployed?
    #[arg(long, value_name = "SCHEMA")]
    against: Option<PathBuf>,
    /// Judges every version of the subjects, not the latest alone.
    #[arg(long, conflicts_with_all = ["against", "offline"])]
    all_versions: bool,
    /// Judges it as the schema of keys, not of payloads.
    #[arg(long, requires = "against")]
    key: bool,
    /// What that schema refers to, under the name by which it does; may be given several times.
    #[arg(long, value_name = "NAME=FILE", requires = "against")]
    reference: Vec<Named>,
    /// Asks no schema registry.
    #[arg(long)]
    offline: bool,
}

pub(super) fn run(check: &Check) -> Result<(), Failure> {
    let loaded = load(&check.pipeline.pipeline, check.pipeline.connector.as_deref());
    let file = check.pipeline.pipeline.display().to_string();
    match loaded {
        Ok((config, plan)) => {
            let description = Description::of(&config, &plan);
            let against = check.against.as_deref().map(|file| Against {
                file,
                part: if check.key { Part::Key } else { Part::Value },
                references: &check.reference,
            });
            let asked = Asked {
                against,
                all_versions: check.all_versions,
                offline: check.offline,
            };
            let mut schemas = schemas(&asked, &config, &plan, &description);
            let mut warnings = warnings(&config, &plan, &description);
            warnings.append(&mut schemas.warnings);
            warnings.sort_by_key(|warning| (warning.line, warning.column));
            if !schemas.wrong.is_empty() {
                let kind = schemas.kind();
                let wrong: Vec<Problem> = schemas.wrong.into_iter().map(|(_, problem)| problem).collect();
                if check.json {
                    print(&json::problems(&file, &wrong))?;
                } else {
                    say_problems(&wrong);
                }
                return Err(Failure::Said(kind));
            }
            if check.json {
                print(&json::fits(&config, &description, &schemas, &file, &warnings))
            } else {
                say(config.shown(&text::text(&description, &schemas, &warnings)));
                Ok(())
            }
        }
        Err(problems) if check.json => {
            print(&json::problems(&file, &problems))?;
            Err(Failure::Said(Kind::Config))
        }
        Err(problems) => Err(problems.into()),
    }
}

fn print(json: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(json);
    let text = text.map_err(|e| forebay::core::Error::fatal("write the plan as JSON").caused_by(e))?;
    say_line(text);
    Ok(())
}

/// What runs, and may not be what is meant, in the order of the file.
fn warnings(config: &Config, plan: &Plan, description: &Description) -> Vec<Problem> {
    let unused = description.unused().map(|(declared, column)| {
        let at = format!("{declared}/{}", column.name.replace('~', "~0").replace('/', "~1"));
        let message = format!(
            "nothing reads the column `{}`, and a record in which it does not fit is a reject: remove it, or select it",
            column.name
        );
        Problem {
            severity: Severity::Warning,
            ..config.problem_at_key(&at, message)
        }
    });
    let mut all: Vec<Problem> = plan.warnings().cloned().chain(unused).collect();
    all.sort_by_key(|warning| (warning.line, warning.column));
    all
}
