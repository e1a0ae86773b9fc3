//! `test`: the cases beside pipelines, one line each, then what failed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use forebay::core::Error;
use forebay::testing::{self, CaseReport, Runner, Suite, Verdict, junit};

use super::say::{plural, say_line};
use super::{Failure, variable};

/// Differences of one case on the terminal; the JUnit file holds all.
const SHOWN: usize = 20;

/// What `--help` says of the files; docs/testing.md says it at length.
const FILES: &str = "\
Cases of NAME.yaml lie in NAME.tests/:
  CASE.input.jsonl     an event a line (or CASE.input.records.jsonl: key, headers, ... as well)
  CASE.results.jsonl   the results expected (or CASE.results.records.jsonl); --update writes it
  CASE.rejects.jsonl   the rejects expected: {\"line\":3,\"stage\":\"decode\",\"reason\":\"a part of it\"}
  CASE.yaml            options: env, tolerance, fields, ignore, order, stops";

#[derive(Debug, Args)]
#[command(after_help = FILES)]
pub(super) struct Test {
    /// Pipeline files, or folders with some; the default is the folder we are in.
    pipelines: Vec<PathBuf>,
    /// Writes the expected files from what comes out.
    #[arg(long)]
    update: bool,
    /// Only cases and pipelines with this in their name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Writes the outcome as JUnit XML as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn run(command: &Test) -> Result<(), Failure> {
    let suites = testing::find(&command.pipelines, command.filter.as_deref())?;
    let mut runner = Runner::new(&variable, command.update);
    let width = suites
        .iter()
        .flat_map(|s| s.cases.iter().map(|c| c.name.len()))
        .max()
        .unwrap_or(0);
    let reports: Vec<(String, Vec<CaseReport>)> = suites
        .iter()
        .map(|suite| {
            (
                suite.pipeline.display().to_string(),
                run_suite(&mut runner, suite, width),
            )
        })
        .collect();
    failures(&reports);
    let written = command.junit.as_ref().map(|path| junit::write(path, &reports));
    let outcome = summary(&reports);
    written.transpose()?;
    outcome.map_err(Failure::from)
}

fn run_suite(runner: &mut Runner<'_>, suite: &Suite, width: usize) -> Vec<CaseReport> {
    say_line(suite.pipeline.display());
    let mut reports = Vec::new();
    for case in &suite.cases {
        let report = runner.run(suite, case);
        let word = match report.verdict {
            Verdict::Passed => "ok",
            Verdict::Failed(_) => "FAILED",
            Verdict::Broken(_) => "ERROR",
        };
        let events = plural(report.events, "event");
        say_line(format_args!(
            "  {word:<6}  {:width$}  {:>12}  {:>8}",
            report.name,
            events,
            time(report.took)
        ));
        report
            .written
            .iter()
            .for_each(|text| say_line(format_args!("          {text}")));
        reports.push(report);
    }
    reports
}

fn failures(reports: &[(String, Vec<CaseReport>)]) {
    let mut before: &[String] = &[];
    for (pipeline, case) in reports
        .iter()
        .flat_map(|(name, cases)| cases.iter().map(move |c| (name, c)))
    {
        let (Verdict::Failed(texts) | Verdict::Broken(texts)) = &case.verdict else {
            continue;
        };
        say_line(format_args!("\n{pipeline}: {}", case.name));
        if texts == before {
            say_line(format_args!("  the same as before"));
            continue;
        }
        before = texts;
        for text in texts.iter().take(SHOWN) {
            say_line(format_args!("  {}", text.replace('\n', "\n  ")));
        }
        if texts.len() > SHOWN {
            say_line(format_args!("  and {} more", texts.len() - SHOWN));
        }
    }
}

/// The last line, and what the exit code comes from.
fn summary(reports: &[(String, Vec<CaseReport>)]) -> Result<(), Error> {
    let cases = || reports.iter().flat_map(|(_, cases)| cases);
    let count = |is: fn(&Verdict) -> bool| cases().filter(|case| is(&case.verdict)).count();
    let failed = count(|v| matches!(v, Verdict::Failed(_)));
    let broken = count(|v| matches!(v, Verdict::Broken(_)));
    let all = cases().count();
    say_line(format_args!(
        "\n{} of {} passed",
        all - failed - broken,
        plural(all, "case")
    ));
    if broken > 0 {
        let also = match failed {
            0 => String::new(),
            _ => format!("; {} failed", plural(failed, "case")),
        };
        return Err(Error::config(format!(
            "{} could not be run: the pipeline or the test files do not fit{also}",
            plural(broken, "case")
        )));
    }
    if failed > 0 {
        return Err(Error::fatal(format!("{} failed", plural(failed, "case"))));
    }
    Ok(())
}

fn time(took: Duration) -> String {
    match took.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.0} ms", seconds * 1000.0),
    }
}
