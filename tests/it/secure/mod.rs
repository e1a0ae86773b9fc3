//! Secure listeners of a real broker: with the right keys the sensors come out as on a plaintext one; with a wrong one the
//! cause is named.

mod faults;
mod quiet;
mod rights;
mod sensors;
mod strangers;
mod tokens;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use forebay_testcontainers::process;
use forebay_testcontainers::{
    Authority, Certificate, Issuer, Kafka, Listener, Mechanism, Operation, Resource,
};

use crate::sensors::pipeline;
pub(crate) use tokens::KEYS as TOKENS;

pub(crate) const PASSWORD: &str = r#"a"b\c'd$e;=,planted"#;
const CLIENT_SECRET: &str = "s&cret=planted";
const ALL: &[Mechanism] = &[Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];

/// One node with every kind of listener, and what clients need for them.
pub(crate) struct Cluster {
    pub(crate) kafka: Kafka,
    pub(crate) authority: Authority,
    client: Certificate,
    stranger: Certificate,
    issuer: Issuer,
    /// For tests that have it fail.
    pub(crate) moody: Issuer,
}

pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let authority = Authority::new();
        let other = Authority::new();
        let expired = authority.server("expired").expired().issue();
        let early = authority.server("early").not_yet_valid().issue();
        let elsewhere = authority
            .server("elsewhere")
            .names(&["elsewhere.example"])
            .issue();
        let issuer = Issuer::start();
        let moody = Issuer::start();
        issuer.client("app", CLIENT_SECRET);
        moody.client("app", CLIENT_SECRET);
        let kafka = Kafka::builder()
            .authorizer()
            .user("weak", "weak")
            .listener(Listener::oauth_tls("OAUTH", &issuer))
            .listener(Listener::oauth_tls("MOODY", &moody).reauthenticate(Duration::from_secs(3)))
            .authority(&authority)
            .user("app", PASSWORD)
            .listener(Listener::tls("TLS"))
            .listener(Listener::mtls("MTLS"))
            .listener(Listener::tls("EXPIRED").certificate(&expired))
            .listener(Listener::tls("EARLY").certificate(&early))
            .listener(Listener::tls("ELSEWHERE").certificate(&elsewhere))
            .listener(Listener::tls("OTHER").certificate(&other.server("other").issue()))
            .listener(Listener::sasl_tls("SECURE", ALL))
            .listener(Listener::sasl_tls("SCRAM", &[Mechanism::ScramSha512]))
            .listener(Listener::sasl_plaintext("OPEN", ALL))
            .listener(Listener::plaintext("FAR").advertised("localhost:1"))
            .start();
        for principal in ["User:app", "User:CN=app"] {
            kafka.allow(principal, Operation::All, Resource::Topic("*"));
            kafka.allow(principal, Operation::All, Resource::Group("*"));
        }
        Cluster {
            issuer,
            moody,
            kafka,
            client: authority.client("app").issue(),
            stranger: other.client("stranger").issue(),
            authority,
        }
    })
}

impl Cluster {
    /// A connector at `listener` with `keys` behind its address; `<ca>` in them is the authority's file, and so on.
    pub(crate) fn connector(&self, listener: &str, keys: &str) -> String {
        let issuer = if listener == "MOODY" {
            &self.moody
        } else {
            &self.issuer
        };
        let path = |path: PathBuf| format!("{:?}", path.display().to_string());
        let keys = keys
            .replace("<ca>", &path(self.authority.ca()))
            .replace("<certificate>", &path(self.client.chain()))
            .replace("<locked key>", &path(self.client.encrypted_key()))
            .replace("<token url>", &format!("{:?}", issuer.token_url()))
            .replace("<key>", &path(self.client.key()))
            .replace("<strange certificate>", &path(self.stranger.chain()))
            .replace("<strange key>", &path(self.stranger.key()));
        let address = match listener {
            "PLAINTEXT" => self.kafka.bootstrap().to_owned(),
            _ => self.kafka.address(listener),
        };
        format!("local: {{ kind: kafka, bootstrap: [\"{address}\"]{keys} }}")
    }
}

/// The connector of the example's pipeline file, as it stands there.
const OWN: &str = r#"local: { kind: kafka, bootstrap: ["localhost:9092"] }"#;

/// A command of the binary with every secret in its environment.
pub(crate) fn with_secrets(mut command: Command) -> Command {
    command
        .env("FOREBAY_LOG", "warn")
        .env("PASSWORD", PASSWORD)
        .env("CLIENT_SECRET", CLIENT_SECRET)
        .env("KEY_PASSWORD", Certificate::PASSPHRASE);
    command
}

/// `forebay run`, which dies with this process.
pub(crate) fn run(pipeline: &std::path::Path) -> Child {
    let mut command = with_secrets(crate::forebay(&["run", &pipeline.display().to_string()]));
    command.stdin(Stdio::null());
    process::spawn(command).expect("start forebay")
}
