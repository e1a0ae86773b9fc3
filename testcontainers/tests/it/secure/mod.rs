//! Secure listeners of one cluster: who has what a listener asks for reads and writes, who lacks it is refused. The
//! clients are librdkafka's own.

mod faults;
mod passwords;
mod rights;
mod tls;
mod tokens;

use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use forebay_testcontainers::{Authority, Issuer, Kafka, Listener, Mechanism, Operation, Proxy, Resource};
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

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
        .listener(Listener::oauth("OAUTH", issuer()))
        .listener(Listener::oauth_tls("OAUTHTLS", issuer()))
        .listener(
            Listener::oauth("SHORT", issuer())
                .reauthenticate(Duration::from_secs(1))
                .property("sasl.oauthbearer.clock.skew.seconds", "0"),
        )
        .listener(Listener::plaintext("ASTRAY").advertised("localhost:9"))
        .listener(Listener::plaintext("PROXIED").advertised(&proxy().address()))
        .start()
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

/// What a client was told about itself, and its token where it has one.
#[derive(Debug, Default)]
struct Seen {
    token: Option<(String, i64)>,
    errors: Mutex<Vec<String>>,
    delivered: OnceLock<Result<(), String>>,
}

impl Seen {
    fn note(&self, what: String) {
        self.errors.lock().expect("the errors").push(what);
    }

    fn errors(&self) -> Result<(), String> {
        let errors = self.errors.lock().expect("the errors");
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

impl ClientContext for Seen {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(format!("{error:?} {reason}"));
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let (token, lifetime_ms) = self.token.clone().ok_or("no token")?;
        Ok(OAuthToken {
            token,
            principal_name: "ignored".into(),
            lifetime_ms,
        })
    }
}

impl ProducerContext for Seen {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let result = result
            .as_ref()
            .map(|_| ())
            .map_err(|(error, _)| format!("{error:?}"));
        self.delivered.set(result).expect("one delivery");
    }
}

impl ConsumerContext for Seen {}

fn producer(config: &ClientConfig, token: Option<(String, i64)>) -> Result<BaseProducer<Seen>, String> {
    let seen = Seen {
        token,
        ..Seen::default()
    };
    config.create_with_context(seen).map_err(text)
}

/// Writes a record; fails with what librdkafka says first.
fn write(config: &ClientConfig, token: Option<(String, i64)>, topic: &str) -> Result<(), String> {
    let producer = producer(config, token)?;
    producer
        .send(BaseRecord::<(), str>::to(topic).payload("written"))
        .map_err(|(error, _)| text(error))?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        producer.poll(Duration::from_millis(10));
        let seen = producer.context();
        if let Some(result) = seen.delivered.get() {
            return result.clone();
        }
        seen.errors()?;
    }
    Err(format!("no answer within {WITHIN:?}"))
}

/// Reads the first record of partition 0; fails with what librdkafka says first.
fn read(config: &ClientConfig, token: Option<(String, i64)>, topic: &str) -> Result<String, String> {
    let seen = Seen {
        token,
        ..Seen::default()
    };
    let consumer: BaseConsumer<Seen> = config.create_with_context(seen).map_err(text)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)
        .map_err(text)?;
    consumer.assign(&list).map_err(text)?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        match consumer.poll(Duration::from_millis(10)) {
            Some(Ok(record)) => {
                return Ok(String::from_utf8_lossy(record.payload().unwrap_or_default()).into());
            }
            Some(Err(error)) => return Err(text(error)),
            None => consumer.context().errors()?,
        }
    }
    Err(format!("no record within {WITHIN:?}"))
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

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
