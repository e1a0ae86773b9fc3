//! Why a cluster does not answer, step by step: name, connection, TLS, protocol, credentials, the brokers it names, topics,
//! group. Each step is bounded; what comes behind a failure is not tried. A diagnosis sends secrets to no address that has
//! not passed the steps before.

mod access;
mod brokers;
mod client;
mod network;
mod reach;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use forebay_auth::{Credentials, TokenCell};
use forebay_core::{Kind, Result};

use super::endpoint::Endpoint;
use crate::finding::{Finding, Needs, Outcome};
use access::look;
use brokers::{advertised, is_about_mechanism, login};
pub(super) use client::Listener;
use client::Probe;
use reach::reach;

/// How long credentials, topics and the group may take together.
const CLIENT_WITHIN: Duration = Duration::from_secs(6);
/// How long a service may take to say who this is.
const IDENTITY_WITHIN: Duration = Duration::from_secs(4);
/// How long a client is left alone before the cause of its silence is looked for.
const ALONE_WITHIN: Duration = Duration::from_secs(4);

/// Tells every finding as it comes; returns the number of partitions of each topic that can be used.
pub(super) fn diagnose(
    endpoint: &Endpoint,
    needs: &Needs,
    tell: &mut dyn FnMut(Finding),
) -> BTreeMap<String, usize> {
    let tell = &mut |finding| tell(advised(endpoint, finding));
    if let Credentials::Token(cell) = &endpoint.credentials {
        tell(credentials(cell));
        if let Some(skew) = cell.skew() {
            let remedy = "set it by a time service (NTP): tokens are good for a short time around the issuer's and the broker's own";
            tell(Finding::warning(
                "clock",
                cell.status().source,
                skew.to_string(),
                remedy,
            ));
        }
    }
    find_cause(endpoint, needs, tell)
}

/// Which credential source answered, as whom, and for how long.
fn credentials(cell: &TokenCell) -> Finding {
    let begin = Instant::now();
    let token = cell.status();
    let left = token
        .expires_at
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let found = format!("a token for {}, good for {} s", token.principal, left.as_secs());
    let finding = match cell.identity(IDENTITY_WITHIN) {
        Ok(None) => Finding::ok("credentials", &token.source, found),
        Ok(Some(who)) => Finding::ok("credentials", &token.source, format!("{found}; this is {who}")),
        Err(error) => {
            let remedy =
                "a run does not need that answer; but brokers judge the same credentials by the same clock";
            Finding::warning("credentials", &token.source, format!("{found}; {error}"), remedy)
        }
    };
    finding.after(begin.elapsed())
}

/// With what the connector's kind knows of it.
fn advised(endpoint: &Endpoint, mut finding: Finding) -> Finding {
    if finding.outcome != Outcome::Ok
        && let Some(more) = (endpoint.advice)(&finding)
    {
        finding.remedy = Some(match finding.remedy {
            Some(remedy) if !remedy.is_empty() => format!("{remedy}; {more}"),
            _ => more.to_owned(),
        });
    }
    finding
}

/// The steps of a diagnosis behind the credentials.
fn find_cause(endpoint: &Endpoint, needs: &Needs, tell: &mut dyn FnMut(Finding)) -> BTreeMap<String, usize> {
    if !every(endpoint, &endpoint.bootstrap, tell) {
        return BTreeMap::new();
    }
    let looked = Probe::open(endpoint).map_err(|error| {
        let remedy = "check the connector's keys";
        Finding::failure("client", endpoint.bootstrap.join(","), error.to_string(), remedy)
    });
    let looked = looked.and_then(|probe| {
        let begin = Instant::now();
        let brokers = login(endpoint, &probe, begin + CLIENT_WITHIN).map_err(|f| f.after(begin.elapsed()))?;
        tell(brokers.finding(endpoint).after(begin.elapsed()));
        advertised(endpoint, &brokers, tell)?;
        Ok(look(&probe, needs, Instant::now() + CLIENT_WITHIN, tell))
    });
    looked.unwrap_or_else(|failure| {
        tell(failure);
        BTreeMap::new()
    })
}

/// What a run does before its lanes start: the same, but straight to the client; only where it gets no answer, the steps
/// before are looked into.
///
/// # Errors
/// The first failure, with its cause and what to do.
pub(super) fn verify(
    endpoint: &Endpoint,
    needs: &Needs,
    within: Duration,
) -> Result<BTreeMap<String, usize>> {
    let until = Instant::now() + within;
    let probe = Probe::open(endpoint)?;
    let mut failure = None;
    let mut tell = |finding: Finding| {
        let finding = advised(endpoint, finding);
        if let Some(remedy) = finding.remedy.as_ref().filter(|_| !finding.is_failure()) {
            tracing::warn!(subject = finding.subject, "{}; {remedy}", finding.found);
        }
        failure = failure.take().or_else(|| finding.error());
    };
    let found = match login(endpoint, &probe, Instant::now() + ALONE_WITHIN) {
        Ok(brokers) => match advertised(endpoint, &brokers, &mut tell) {
            Ok(()) => look(&probe, needs, until, &mut tell),
            Err(failure) => {
                tell(failure);
                BTreeMap::new()
            }
        },
        // The broker has seen the credentials, or names an address of its own: there is nothing to look for.
        Err(known)
            if known.step == "brokers"
                || (known.outcome == Outcome::Failure(Kind::Auth) && !is_about_mechanism(&known)) =>
        {
            tell(known);
            BTreeMap::new()
        }
        Err(silent) => {
            tracing::warn!(
                address = silent.subject,
                "{}; looking for the cause",
                silent.found
            );
            find_cause(endpoint, needs, &mut tell)
        }
    };
    failure.map_or(Ok(found), Err)
}

/// Every address by itself, all at once; true where one of them can be used. What goes well is told as it comes, what
/// fails at the end: where another address works, a run works, for the client tries them all.
fn every(endpoint: &Endpoint, addresses: &[String], tell: &mut dyn FnMut(Finding)) -> bool {
    let (found, finding) = sync_channel(1);
    let failures: Vec<Finding> = thread::scope(|scope| {
        let look = |address, found: SyncSender<Finding>| {
            // The receiver is there until every sender is gone.
            let mut tell = move |finding| drop(found.send(finding));
            reach(endpoint, address, &mut tell).err()
        };
        let threads: Vec<_> = addresses
            .iter()
            .map(|address| {
                let found = found.clone();
                scope.spawn(move || look(address, found))
            })
            .collect();
        drop(found);
        finding.into_iter().for_each(&mut *tell);
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap_or_default())
            .collect()
    });
    let some = failures.len() < addresses.len();
    for mut failure in failures {
        if some {
            failure.outcome = Outcome::Warning;
        }
        tell(failure);
    }
    some
}
