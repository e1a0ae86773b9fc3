//! Secure listeners of one cluster: who has what a listener asks for reads and writes, who lacks it is refused. The
//! clients are librdkafka's own.

pub(crate) mod attempt;
mod faults;
mod passwords;
mod rights;
mod tls;
mod tokens;

use std::sync::OnceLock;
use std::time::Duration;

use forebay_testcontainers::{
    Authority, Fault, Issuer, Kafka, Listener, Mechanism, Operation, Proxy, Resource,
};
use rdkafka::ClientConfig;

use attempt::{read, write};

const WITHIN: Duration = Duration::from_secs(30);
/// The user with a password that every kind of quoting has an opinion on.
const USER: (&str, &str) = ("app", r#"a"b\c'd$e;=,é]"#);
/// A user without rights of its own.
const OTHER_USER: (&str, &str) = ("other", "secret");
const ALL: &[Mechanism] = &[Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];

/// One node with every kind of listener.
fn cluster() -> &'static Kafka {
    static CLUSTER: OnceLock<Kafka> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let kafka = start();
        for principal in ["User:app", "User:CN=app"] {
            kafka.allow(principal, Operation::All, Resource::Topic("*"));
            kafka.allow(principal, Operation::Read, Resource::Group("app"));
        }
        kafka
    })
}

fn start() -> Kafka {
    let authority = Authority::new();
    let expired = authority.server("expired").expired().issue();
    let early = authority.server("early").not_yet_valid().issue();
    let elsewhere = authority
        .server("elsewhere")
        .names(&["elsewhere.example"])
        .issue();
    let other = Authority::new().server("other").issue();
    Kafka::builder()
        .authority(&authority)
        .user(USER.0, USER.1)
        .user(OTHER_USER.0, OTHER_USER.1)
        .authorizer()
        .listener(Listener::tls("TLS"))
        .listener(Listener::mtls("MTLS"))
        .listener(Listener::tls("EXPIRED").certificate(&expired))
        .listener(Listener::tls("EARLY").certificate(&early))
        .listener(Listener::tls("ELSEWHERE").certificate(&elsewhere))
        .listener(Listener::tls("OTHER").certificate(&other))
        .listener(Listener::sasl_tls("SECURE", ALL))
        .listener(Listener::sasl_plaintext("OPEN", ALL))
        .listener(Listener::sasl_plaintext("COUNTED", ALL))
        .count_connections()
        .listener(Listener::oauth("OAUTH", issuer()))
        .listener(Listener::oauth_tls("OAUTHTLS", issuer()))
        .listener(
            Listener::oauth("SHORT", issuer())
                .reauthenticate(Duration::from_secs(1))
                .property("sasl.oauthbearer.clock.skew.seconds", "0"),
        )
        .listener(Listener::plaintext("ASTRAY").advertised(astray()))
        .listener(Listener::plaintext("PROXIED").advertised(&proxy().address()))
        .start()
}

/// Where nobody listens.
fn astray() -> &'static str {
    static ASTRAY: OnceLock<String> = OnceLock::new();
    ASTRAY.get_or_init(Fault::closed_port)
}

/// In front of one of the cluster's listeners.
fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(Proxy::start)
}

/// Whose tokens the cluster takes.
fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(Issuer::start)
}

/// A client of a listener of the cluster that trusts the cluster's authority.
fn client(listener: &str, protocol: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", cluster().address(listener))
        .set("broker.address.family", "v4")
        .set("security.protocol", protocol)
        .set("group.id", "app")
        .set("log_level", "0");
    if protocol.ends_with("ssl") {
        set_path(&mut config, "ssl.ca.location", &cluster().authority().ca());
    }
    config
}

fn set_path(config: &mut ClientConfig, name: &str, path: &std::path::Path) {
    config.set(name, path.display().to_string());
}

/// Writes and reads a record of a topic of its own.
fn round_trip(config: &ClientConfig, token: Option<(String, i64)>, topic: &str) {
    let topic = cluster().create_topic(topic, 1);
    write(config, token.clone(), &topic).unwrap_or_else(|error| panic!("{topic}: {error}"));
    let read = read(config, token, &topic);
    assert_eq!(read.as_deref(), Ok("written"), "{topic}");
}

/// Asserts that a client is refused, and that librdkafka's reason has the words.
fn refused(config: &ClientConfig, token: Option<(String, i64)>, words: &[&str]) {
    let error = write(config, token, "nothing").expect_err("refused");
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}
