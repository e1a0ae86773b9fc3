//! The cluster as a whole: whether it takes the credentials, and whether the brokers that it names can be reached.

use std::thread;
use std::time::Instant;

use forebay_auth::{Claims, Credentials};

use super::client::{Answer, Probe, Said};
use super::reach::reach;
use crate::finding::{Finding, Outcome};
use crate::kafka::endpoint::Endpoint;

/// The brokers' own addresses.
pub(super) struct Brokers(Vec<String>);

impl Brokers {
    pub(super) fn finding(&self, endpoint: &Endpoint) -> Finding {
        let who = match &endpoint.credentials {
            Credentials::None => String::new(),
            Credentials::Password { username, .. } => format!("authenticated as {username}; "),
            Credentials::Token(cell) => {
                let token = cell.token();
                format!(
                    "authenticated as {}, for {} s; ",
                    token.principal,
                    token.left().as_secs()
                )
            }
        };
        let found = format!("{who}brokers: {}", self.0.join(", "));
        Finding::ok(step(endpoint), endpoint.bootstrap.join(","), found)
    }
}

/// The step that first speaks to the cluster as a whole.
fn step(endpoint: &Endpoint) -> &'static str {
    if endpoint.mechanism().is_some() {
        "sasl"
    } else {
        "cluster"
    }
}

/// Authenticates, and learns the brokers.
pub(super) fn login(endpoint: &Endpoint, probe: &Probe, until: Instant) -> Result<Brokers, Finding> {
    let address = endpoint.bootstrap.join(",");
    match probe.metadata(None, until) {
        Answer::Cluster(metadata) => {
            let brokers = metadata.brokers().iter();
            Ok(Brokers(
                brokers.map(|b| format!("{}:{}", b.host(), b.port())).collect(),
            ))
        }
        Answer::Refused(reason) => Err(refused_credentials(endpoint, &address, &reason)),
        Answer::Silence(Some(Said {
            broker: Some(broker), ..
        })) if !endpoint.bootstrap.contains(&broker) => {
            let failure = reach(endpoint, &broker, &mut drop).err();
            let found = failure.map_or("it does not answer".to_owned(), |failure| failure.found);
            Err(unreachable(&broker, &found))
        }
        Answer::Silence(said) => {
            let said = said.map(|said| said.text);
            let said = said.map_or(String::new(), |said| format!(" ({said})"));
            let remedy =
                "look at the broker's log; it took the connection, and answered nothing a client can use";
            Err(Finding::failure(
                step(endpoint),
                address,
                format!("the cluster does not answer{said}"),
                remedy,
            ))
        }
    }
}

/// Whether the two did not even agree on how to authenticate, which the steps before tell better.
pub(super) fn is_about_mechanism(refused: &Finding) -> bool {
    refused.found.contains("mechanism handshake failed")
}

fn refused_credentials(endpoint: &Endpoint, address: &str, reason: &str) -> Finding {
    let remedy = match &endpoint.credentials {
        Credentials::Token(_) => {
            "compare the token's issuer, audience and scope with what the broker expects, and the clocks of both"
        }
        _ => {
            "check `sasl.username`, `sasl.password` and `sasl.mechanism`; the broker does not say which is wrong"
        }
    };
    let claims = match &endpoint.credentials {
        Credentials::Token(cell) => named(&Claims::of(cell.token().value.expose())),
        _ => String::new(),
    };
    let found = format!("the broker refused the credentials ({reason}){claims}");
    Finding::failure("sasl", address, found, remedy).by_credentials()
}

/// Issuer and audience of a token that is a JWT: what brokers compare first.
fn named(claims: &Claims) -> String {
    let shown = |text: String| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect::<String>()
    };
    let issuer = claims.iss.clone().map(|iss| format!("issuer {}", shown(iss)));
    let audience = claims.audience().map(|aud| format!("audience {}", shown(aud)));
    let all: Vec<String> = issuer.into_iter().chain(audience).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!("; the token names {}", all.join(" and ")),
    }
}

/// The brokers that the cluster names, beside those in `bootstrap`: clients go to those in the end.
///
/// # Errors
/// Where none of them can be used; where some can, a run works on those partitions.
pub(super) fn advertised(
    endpoint: &Endpoint,
    Brokers(brokers): &Brokers,
    tell: &mut dyn FnMut(Finding),
) -> Result<(), Finding> {
    let others: Vec<&String> = brokers
        .iter()
        .filter(|broker| !endpoint.bootstrap.contains(broker))
        .collect();
    let begin = Instant::now();
    let failures: Vec<Option<Finding>> = thread::scope(|scope| {
        let look = |address: &String| reach(endpoint, address, &mut drop).err();
        let handles: Vec<_> = others
            .iter()
            .map(|address| scope.spawn(move || look(address)))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_default())
            .collect()
    });
    let all_fail = !brokers.is_empty() && failures.iter().flatten().count() == brokers.len();
    for (address, failure) in others.iter().zip(failures) {
        let Some(failure) = failure else { continue };
        let found = format!(
            "the cluster names this broker, and it cannot be used from here: {}",
            failure.found
        );
        let remedy = "`advertised.listeners` of a broker must name an address that its clients can reach";
        let finding = Finding::failure("brokers", *address, found, remedy).after(begin.elapsed());
        if all_fail {
            return Err(finding);
        }
        tell(Finding {
            outcome: Outcome::Warning,
            ..finding
        });
    }
    Ok(())
}

fn unreachable(broker: &str, why: &str) -> Finding {
    let found = format!("the cluster names this broker, and it cannot be used from here: {why}");
    let remedy = "`advertised.listeners` of a broker must name an address that its clients can reach";
    Finding::failure("brokers", broker, found, remedy)
}
