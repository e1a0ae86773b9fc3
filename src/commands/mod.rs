//! One file per command. A command prints what it has to say; what went wrong comes back and is printed here, once.

mod baseline;
mod check;
mod connectors;
mod dashboard;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod init;
mod policy;
mod rules;
mod run;
mod say;
mod schema;
mod test;
mod topics;
mod version;
mod waiting;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use forebay::config::{Config, Options, Problem};
use forebay::core::{Error, Kind};
use forebay::logging::{self, Format};
use forebay::plan::Plan;

/// Runs ONNX models on Kafka event streams: one binary, one pipeline file, every cloud.
#[derive(Debug, Parser)]
#[command(name = "forebay", disable_version_flag = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Forebay's version, librdkafka's with its features, ONNX Runtime's where it is found.
    #[arg(long, short = 'V')]
    version: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads, scores and delivers until it is stopped.
    Run(run::Run),
    /// Prints the plan of a pipeline, or what does not fit; touches no broker.
    Check(check::Check),
    /// Captures how the columns and the predictions of a pipeline are distributed: the reference that drift is measured against.
    Baseline(baseline::Baseline),
    /// Looks whether a pipeline can run from here, step by step, and says what to do where it cannot.
    Doctor(doctor::Doctor),
    /// Writes lines of a file or a pipe to the topic that a pipeline reads.
    Produce(topics::ProduceLines),
    /// Writes the topic that a pipeline fills as lines.
    Consume(topics::ConsumeLines),
    /// Creates the topics that a pipeline needs.
    #[command(subcommand)]
    Topics(topics::Topics),
    /// Writes a first pipeline and its first test for a model and some events.
    Init(init::Init),
    /// Runs recorded events through pipelines in memory and compares; needs no broker.
    Test(test::Test),
    /// Scores the example's telemetry on an embedded cluster.
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Lists the kinds of connectors, or shows what one of a pipeline file's connectors comes to.
    Connectors(connectors::Connectors),
    /// Writes the least rights that a pipeline needs, in the words of its connector's service.
    Policy(policy::Policy),
    /// Writes recording rules and alerts for Prometheus, with the thresholds of the pipeline file, and their tests for promtool.
    Rules(rules::Rules),
    /// Writes a dashboard for Grafana.
    Dashboard(dashboard::Dashboard),
    /// Prints the JSON Schema of the pipeline file, for editors; or the schema of a pipeline's results.
    Schema(schema::Schema),
}

/// The pipeline file and what replaces parts of it.
#[derive(Clone, Debug, Args)]
struct Pipeline {
    /// The pipeline file.
    pipeline: PathBuf,
    /// Replaces the file's default connector.
    #[arg(long)]
    connector: Option<String>,
}

/// What a command failed with.
#[derive(Debug)]
enum Failure {
    /// The pipeline file, with the places.
    Problems(Vec<Problem>),
    Error(Error),
    /// It is said already; what is left is the exit code.
    Said(Kind),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command {
        None if cli.version => {
            say::say(version::text());
            Ok(())
        }
        None => Err(Error::config("name a command; `forebay --help` lists them").into()),
        Some(Command::Run(command)) => run::run(&command),
        Some(Command::Check(command)) => check::run(&command),
        Some(Command::Baseline(command)) => baseline::run(&command),
        Some(Command::Doctor(command)) => doctor::run(&command),
        Some(Command::Init(command)) => init::run(&command),
        Some(Command::Test(command)) => test::run(&command),
        Some(Command::Produce(command)) => topics::produce(&command),
        Some(Command::Consume(command)) => topics::consume(&command),
        Some(Command::Topics(command)) => topics::topics(&command),
        #[cfg(feature = "demo")]
        Some(Command::Demo(command)) => demo::run(&command),
        Some(Command::Connectors(command)) => connectors::run(&command),
        Some(Command::Policy(command)) => policy::run(&command),
        Some(Command::Rules(command)) => rules::run(&command),
        Some(Command::Dashboard(command)) => dashboard::run(&command),
        Some(Command::Schema(schema)) => schema::run(&schema),
    };
    match outcome.and_then(|()| say::said().map_err(Failure::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Problems(problems) => {
            say_problems(problems);
            exit_code(Kind::Config)
        }
        Failure::Error(error) => {
            logging::failed(error);
            exit_code(error.kind())
        }
        Failure::Said(kind) => exit_code(*kind),
    }
}

/// Each, and for people how many there are.
fn say_problems(problems: &[Problem]) {
    for problem in problems {
        logging::failed(problem);
    }
    if logging::format() == Format::Json {
        return;
    }
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    eprintln!("{count} found");
}

fn exit_code(kind: Kind) -> ExitCode {
    ExitCode::from(match kind {
        Kind::Config => 2,
        Kind::Auth => 3,
        Kind::Retry | Kind::Reject | Kind::Fatal => 1,
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the pipeline file's variables are the process's environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How long a cluster may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);

fn options(connector: Option<&str>) -> Options<'static> {
    Options {
        connector: connector.map(str::to_owned),
        also: None,
        env: &variable,
    }
}

/// The file alone: no model and no table is opened.
fn load_file(pipeline: &Pipeline) -> Result<Config, Vec<Problem>> {
    Config::load(&pipeline.pipeline, &options(pipeline.connector.as_deref()))
}

/// The file and its plan, or every problem of both.
fn load(path: &Path, connector: Option<&str>) -> Result<(Config, Plan), Vec<Problem>> {
    let (config, mut problems) = Config::examine(path, &options(connector))?;
    match Plan::new(&config) {
        Ok(plan) if problems.is_empty() => return Ok((config, plan)),
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    problems.sort_by_key(|p| (p.line, p.column));
    Err(problems)
}
