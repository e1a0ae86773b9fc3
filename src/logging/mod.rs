//! Log lines on stderr, as text or JSON. `FOREBAY_LOG` filters them (`info`, `forebay_core=debug`); stdout stays free
//! for what a command prints. One cause writes a handful of lines in ten seconds, and the number of those left out.

mod limit;

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use forebay_core::{Error, Result};
use tracing::subscriber::with_default;
use tracing::{error, info};
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::limit::Limit;

/// The variable that filters log lines.
pub const FILTER: &str = "FOREBAY_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// How lines look since logging was started.
static LINES: OnceLock<Format> = OnceLock::new();

/// Sends log lines to stderr from now on.
///
/// # Errors
/// `FOREBAY_LOG` is no filter, or logging was started before.
pub fn start(format: Format) -> Result<()> {
    let format = *LINES.get_or_init(|| format);
    let filter = filter(std::env::var(FILTER).ok().as_deref())?;
    let limited = lines(format).with_filter(filter.and(Limit::default()));
    let started = tracing_subscriber::registry().with(limited).try_init();
    started.map_err(|cause| Error::fatal("start logging").caused_by(cause))
}

fn lines(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match format {
        Format::Text => lines.with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// How lines look: as text where logging was not started.
pub fn format() -> Format {
    LINES.get().copied().unwrap_or_default()
}

/// Says why the program ends, whatever `FOREBAY_LOG` filters: a line of text, or an event where lines are JSON.
pub fn failed(why: impl Display) {
    match format() {
        Format::Json => unfiltered(|| error!("{why}")),
        Format::Text => eprintln!("error: {why}"),
    }
}

/// Says something beside the log, as [`failed`] does.
pub fn told(what: impl Display) {
    match format() {
        Format::Json => unfiltered(|| info!("{what}")),
        Format::Text => eprintln!("{what}"),
    }
}

fn unfiltered(event: impl FnOnce()) {
    with_default(tracing_subscriber::registry().with(lines(Format::Json)), event);
}

fn filter(variable: Option<&str>) -> Result<EnvFilter> {
    let text = variable.filter(|text| !text.trim().is_empty()).unwrap_or("info");
    EnvFilter::builder()
        .parse(text)
        .map_err(|cause| Error::config(format!("read the log filter in {FILTER}")).caused_by(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_or_empty_filter_is_info_and_a_wrong_one_is_a_configuration_error() {
        assert_eq!(filter(None).unwrap().to_string(), "info");
        assert_eq!(filter(Some(" ")).unwrap().to_string(), "info");
        assert_eq!(
            filter(Some("forebay_core=debug")).unwrap().to_string(),
            "forebay_core=debug"
        );
        let error = filter(Some("forebay=loudly")).unwrap_err();
        assert_eq!(error.kind(), forebay_core::error::Kind::Config);
        assert!(error.to_string().contains(FILTER), "{error}");
    }
}
