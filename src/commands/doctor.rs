//! `doctor`: whether a pipeline could run from here, step by step, and if not, why and what to do. It changes nothing on
//! the cluster.

use std::time::{Duration, Instant};

use clap::Args;
use forebay::assemble::needs;
use forebay::config::{Config, Problem};
use forebay::connectors::kafka::Patience;
use forebay::connectors::{Connector, Finding, Outcome};
use forebay::control::Control;
use forebay::core::model::runtime;
use forebay::core::{Error, Kind};
use forebay::describe::Description;
use forebay::plan::Plan;
use serde_json::{Value, json};

use super::check::schemas::{Asked, schemas};
use super::say::{say, say_line};
use super::waiting::Waiting;
use super::{Failure, Pipeline, load_file};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pipeline: Pipeline,
    /// One JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Doctor) -> Result<(), Failure> {
    let config = load_file(&command.pipeline)?;
    let mut report = Report {
        config: &config,
        json: command.json.then(Vec::new),
        worst: None,
    };
    let file = command.pipeline.pipeline.display().to_string();
    report.tell("", Finding::ok("file", file, "fits the schema"));
    onnxruntime(&config, &mut report);
    let plan = plan(&config, &mut report);
    connectors(&config, &mut report)?;
    if let Some(plan) = plan {
        schemas_of(&config, &plan, &mut report);
    }
    report.end()
}

fn onnxruntime(config: &Config, report: &mut Report<'_>) {
    let begin = Instant::now();
    let named = config
        .document
        .onnxruntime
        .path
        .as_ref()
        .map(|path| config.base.join(path));
    let found = runtime::locate(named.as_deref()).and_then(|path| {
        let build = runtime::build_info(&path)?;
        Ok(Finding::ok("onnxruntime", path.display().to_string(), build))
    });
    let finding = found.unwrap_or_else(|error| failed("onnxruntime", "the shared library", &error));
    report.tell("", finding.after(begin.elapsed()));
}

/// Models, tables and SQL: what `check` looks at.
fn plan(config: &Config, report: &mut Report<'_>) -> Option<Plan> {
    let begin = Instant::now();
    match Plan::new(config) {
        Ok(plan) => {
            let text = format!("{} steps fit together; models and tables open", plan.steps.len());
            report.tell(
                "",
                Finding::ok("plan", &config.document.pipeline.name, text).after(begin.elapsed()),
            );
            for warning in plan.warnings() {
                let remedy = "`forebay check` shows the line";
                report.tell(
                    "",
                    Finding::warning("plan", place(warning), &warning.message, remedy),
                );
            }
            Some(plan)
        }
        Err(problems) => {
            for problem in problems {
                let remedy = "`forebay check` shows the line";
                let mut finding = Finding::failure("plan", place(&problem), problem.message, remedy);
                finding.outcome = Outcome::Failure(Kind::Config);
                report.tell("", finding.after(begin.elapsed()));
            }
            None
        }
    }
}

/// What `check` says of the registry's schemas.
fn schemas_of(config: &Config, plan: &Plan, report: &mut Report<'_>) {
    let begin = Instant::now();
    let found = schemas(&Asked::default(), config, plan, &Description::of(config, plan));
    let remedy = "`forebay check` shows the line";
    for warning in &found.warnings {
        report.tell(
            "",
            Finding::warning("schema", place(warning), &warning.message, remedy),
        );
    }
    for (kind, problem) in &found.wrong {
        let mut finding = Finding::failure("schema", place(problem), &problem.message, remedy);
        finding.outcome = Outcome::Failure(*kind);
        report.tell("", finding.after(begin.elapsed()));
    }
    if !found.wrong.is_empty() {
        return;
    }
    for contract in &found.contracts {
        let text = format!("events written with it fill the columns of {}", contract.of);
        report.tell(
            "",
            Finding::ok("schema", &contract.schema, text).after(begin.elapsed()),
        );
    }
    if let Some(results) = found.results {
        let finding = Finding::ok("schema", results, "results are written with it");
        report.tell("", finding.after(begin.elapsed()));
    }
}

/// Whether a run can begin all the same: it does not ask this registry, or has its schemas on disk.
fn can_begin_without(config: &Config, name: &str, opened: &dyn Connector, kind: Kind) -> bool {
    let pipeline = &config.document.pipeline;
    let reads = pipeline.source.asks_registry() && name == config.source_connector;
    let writes = pipeline.sink.format.is_registered() && name == config.sink_connector;
    let warm = || opened.registry().is_some_and(|registry| registry.is_warm());
    !(reads || writes) || (kind != Kind::Auth && warm())
}

fn place(problem: &Problem) -> String {
    format!("{}:{}:{}", problem.file, problem.line, problem.column)
}

fn connectors(config: &Config, report: &mut Report<'_>) -> Result<(), Error> {
    let control = Control::start()?;
    let needs = needs(config);
    for (name, connector) in &config.connectors {
        let begin = Instant::now();
        let waiting = Waiting::start(format!("to connector {name}'s credentials"));
        let mut tell = |wait| waiting.same(Some(wait));
        match control.connect(connector, Patience::OneAttempt, &mut tell) {
            Ok(opened) => {
                let needs = needs.get(name.as_str()).cloned().unwrap_or_default();
                opened.diagnose(&needs, &mut |mut finding| {
                    match finding.outcome {
                        Outcome::Failure(kind)
                            if finding.step == "registry"
                                && can_begin_without(config, name, &*opened, kind) =>
                        {
                            finding.outcome = Outcome::Warning;
                        }
                        _ => {}
                    }
                    waiting.now(config.shown(&format!("behind {} {}", finding.step, finding.subject)));
                    report.tell(name, finding);
                });
            }
            Err(error) => report.tell(name, failed("credentials", name, &error).after(begin.elapsed())),
        }
    }
    Ok(())
}

fn failed(step: &'static str, subject: &str, error: &Error) -> Finding {
    let mut finding = Finding::failure(step, subject, error.to_string(), "");
    finding.outcome = Outcome::Failure(error.kind());
    finding.remedy = None;
    finding
}

/// What was found, printed as it comes or kept for the end.
struct Report<'a> {
    config: &'a Config,
    json: Option<Vec<Value>>,
    worst: Option<Kind>,
}

impl Report<'_> {
    fn tell(&mut self, connector: &str, finding: Finding) {
        if let Outcome::Failure(kind) = finding.outcome {
            self.worst.get_or_insert(kind);
        }
        match &mut self.json {
            Some(all) => all.push(as_json(self.config, connector, &finding)),
            None => say(self.config.shown(&as_text(&finding))),
        }
    }

    fn end(self) -> Result<(), Failure> {
        if let Some(findings) = self.json {
            say_line(json!({ "format": 1, "ok": self.worst.is_none(), "findings": findings }));
        } else {
            let text = if self.worst.is_none() {
                "ok: this pipeline can run from here"
            } else {
                "a run would fail"
            };
            say_line(text);
        }
        self.worst.map_or(Ok(()), |kind| Err(Failure::Said(kind)))
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Warning => "warning",
        Outcome::Failure(_) => "failure",
    }
}

fn as_text(finding: &Finding) -> String {
    let mut out = format!(
        "{:<8} {:<11} {}: {} ({})\n",
        word(finding.outcome),
        finding.step,
        finding.subject,
        finding.found,
        short(finding.took)
    );
    if let Some(remedy) = &finding.remedy {
        out += &format!("{:20} {remedy}\n", "");
    }
    out
}

fn short(took: Duration) -> String {
    match took.as_millis() {
        ms @ 0..10_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

fn as_json(config: &Config, connector: &str, finding: &Finding) -> Value {
    json!({
        "connector": connector,
        "step": finding.step,
        "subject": config.shown(&finding.subject),
        "outcome": word(finding.outcome),
        "found": config.shown(&finding.found),
        "remedy": finding.remedy.as_deref().map(|remedy| config.shown(remedy)),
        "took_ms": finding.took.as_secs_f64() * 1000.0,
    })
}
