//! `init`: a pipeline file and its first test, made of a model and some events; checked and run before it says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use forebay::core::Error;
use forebay::core::model::Model;
use forebay::core::model::onnx::OnnxModel;
use forebay::core::model::runtime;
use forebay::init::{About, Draft, Sample};
use forebay::testing::{self, Runner, Verdict};

use super::say::{plural, say_line};
use super::{Failure, load, variable};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The ONNX model.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Events as they come, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The pipeline file to write; the default is the model's name with `.yaml`, in this folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The topic that events come from.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A broker of the cluster.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
}

pub(super) fn run(command: &Init) -> Result<(), Failure> {
    let name = name(&command.model);
    let out = command
        .out
        .clone()
        .unwrap_or_else(|| format!("{name}.yaml").into());
    let stem = out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let tests = out.with_file_name(format!("{stem}.tests"));
    for path in [&out, &tests] {
        if path.exists() {
            let what = format!(
                "write {}: it is there already; name another file with `--out`",
                path.display()
            );
            return Err(Error::config(what).into());
        }
    }
    let library = runtime::locate(None)?;
    let model = OnnxModel::open(&command.model, &library)?;
    let sample = command.sample.as_deref().map(read).transpose()?;
    let about = About {
        name: self::name(&out),
        model: from(&out, &command.model)?,
        sample: command.sample.as_deref().map(shown),
        topic: command.topic.clone(),
        bootstrap: command.bootstrap.clone(),
    };
    let draft = Draft::new(about, model.signature(), sample.as_ref())?;
    drop(model);
    write(&out, &draft.text())?;
    let events = sample.map_or_else(|| vec![draft.made_up_event()], |sample| sample.first);
    fs::create_dir_all(&tests).map_err(|e| failed(&tests, &e))?;
    let input = tests.join("sample.input.jsonl");
    write(&input, &(events.join("\n") + "\n"))?;
    let guesses = match draft.guesses() {
        0 => String::new(),
        1 => "; 1 guess is marked in it".to_owned(),
        n => format!("; {n} guesses are marked in it"),
    };
    say_line(format_args!("wrote {}: the pipeline{guesses}", out.display()));
    say_line(format_args!(
        "wrote {}: {}",
        input.display(),
        plural(events.len(), "event")
    ));
    load(&out, None)?;
    first_results(&out)?;
    next(&out);
    Ok(())
}

/// Runs the first test, and keeps what comes out as what is expected.
fn first_results(out: &Path) -> Result<(), Failure> {
    let mut runner = Runner::new(&variable, true);
    for suite in testing::find(&[out.to_path_buf()], None)? {
        for case in &suite.cases {
            let report = runner.run(&suite, case);
            if let Verdict::Failed(texts) | Verdict::Broken(texts) = report.verdict {
                let what = format!("run the events through {}", out.display());
                return Err(Error::config(what).with("found", texts.join("\n")).into());
            }
            report.written.iter().for_each(say_line);
        }
    }
    Ok(())
}

fn next(out: &Path) {
    let file = shown(out);
    say_line("\nLook at the guesses, then:");
    for (command, what) in [
        ("check", "what the pipeline does, and what does not fit"),
        ("test", "the first test; `--update` after a change that you mean"),
        ("topics create", "the topics it needs"),
        ("run", "until it is stopped"),
    ] {
        let command = format!("forebay {command} {file}");
        say_line(format_args!("  {command:<40} {what}"));
    }
}

fn read(path: &Path) -> Result<Sample, Error> {
    if path == Path::new("-") {
        return Sample::read("standard input", io::stdin().lock());
    }
    let file = File::open(path).map_err(|e| Error::config(format!("read {}: {e}", path.display())))?;
    Sample::read(&path.display().to_string(), BufReader::new(file))
}

/// A name that topics, groups and metrics take, from that of a file.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = stem.chars().map(kept).collect();
    match name.trim_matches('-') {
        "" => "pipeline".to_owned(),
        name => name.to_owned(),
    }
}

/// How a file beside or below the pipeline file's folder is named in it; any other by its full path.
fn from(out: &Path, file: &Path) -> Result<String, Error> {
    let absolute = |path: &Path| fs::canonicalize(path).map_err(|e| failed(path, &e));
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (folder, file) = (absolute(folder)?, absolute(file)?);
    Ok(file.strip_prefix(&folder).unwrap_or(&file).display().to_string())
}

fn shown(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| failed(path, &e))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::config(format!("write {}: {error}", path.display()))
}
