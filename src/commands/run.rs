//! `run`: lanes until SIGTERM or Ctrl-C. The first signal drains, commits and leaves; a second one leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use forebay::assemble::{self, Running};
use forebay::config::Config;
use forebay::connectors::Connector;
use forebay::core::Error;
use forebay::core::lane::Stop;
use forebay::describe::Description;
use forebay::digest;
use forebay::live::Live;
use forebay::logging::{self, Format};
use forebay::plan::Plan;
use forebay::telemetry::{Beside, Now, Picture, Serving, Telemetry};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::info;

use super::waiting::Waiting;
use super::{Failure, Pipeline, load};

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pipeline: Pipeline,
    /// How log lines are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log: Format,
}

pub(super) fn run(command: &Run) -> Result<(), Failure> {
    logging::start(command.log)?;
    let (config, plan) = load(&command.pipeline.pipeline, command.pipeline.connector.as_deref())?;
    for warning in plan.warnings() {
        tracing::warn!(
            line = warning.line,
            column = warning.column,
            "{}",
            warning.message
        );
    }
    let waiting = Waiting::start("from the connectors' credentials and brokers");
    let running = assemble::start(&config, &plan, &mut |wait| waiting.same(wait))?;
    drop(waiting);
    stop_on_signals(running.stop())?;
    let name = &config.document.pipeline.name;
    info!(pipeline = name, lanes = running.metrics.len(), "running");
    let beside = beside(&running, &config, &plan)?;
    let serving = Serving {
        listen: config.listen,
        token: config.document.telemetry.token.clone(),
    };
    let telemetry = Telemetry::start(serving, name, running.metrics.clone(), beside);
    let outcome = watched(running);
    drop(telemetry);
    outcome.map_err(Failure::from)
}

/// What telemetry tells beside what lanes count.
pub(super) fn beside(running: &Running, config: &Config, plan: &Plan) -> Result<Beside, Error> {
    fn of<S>(
        (name, connector): (&String, &Arc<dyn Connector>),
        now: fn(&dyn Connector) -> Option<S>,
    ) -> (String, Now<S>)
    where
        S: 'static,
    {
        let connector = Arc::clone(connector);
        (name.clone(), Arc::new(move || now(connector.as_ref())))
    }
    let registry =
        |(name, connector): (&String, &Arc<dyn Connector>)| Some((name.clone(), connector.registry()?));
    let bounds = match running.connectors.get(&config.source_connector) {
        Some(connector) => connector.bounds()?,
        None => None,
    };
    Ok(Beside {
        tokens: running
            .connectors
            .iter()
            .map(|one| of(one, |c| c.token()))
            .collect(),
        clients: running
            .connectors
            .iter()
            .map(|one| of(one, |c| c.clients()))
            .collect(),
        registries: running.connectors.iter().filter_map(registry).collect(),
        drift: plan.drift.as_ref().map(Arc::clone),
        models: digest::running(config, plan)?,
        bounds,
        picture: Some(Picture::of(&Description::of(config, plan))),
    })
}

/// Waits for the lanes with the live line on.
pub(super) fn watched(running: Running) -> Result<(), Error> {
    let live = Live::start(running.metrics.clone());
    let outcome = running.join();
    drop(live);
    outcome
}

/// The first signal asks the lanes to leave, a second one ends the process.
pub(super) fn stop_on_signals(stop: Stop) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::fatal("listen for signals").caused_by(e);
    for signal in [SIGTERM, SIGINT] {
        let second = Arc::new(AtomicBool::new(false));
        // In this order: the flag is looked at before it is set, so that the first signal only sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&second)).map_err(failed)?;
        signal_hook::flag::register(signal, second).map_err(failed)?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    let asked = AtomicBool::new(false);
    let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            if !asked.swap(true, Ordering::AcqRel) {
                info!("stopping: what is in flight is delivered and committed first");
            }
            stop.request();
        }
    });
    thread
        .map(drop)
        .map_err(|e| Error::fatal("start the signal thread").caused_by(e))
}
