//! Azure Event Hubs on loopback: a namespace with connection strings at one endpoint and Entra's tokens at another, and
//! everybody who hands out such tokens.

mod assertion;
mod cli;
mod directory;
mod entra;
mod managed_identity;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{CloudBuilder, Plan, random, variables};
use crate::handlers::Handler;
use crate::hidden::Hidden;
use crate::issuer::Https;
use crate::{Authority, Issuer, Kafka, KafkaBuilder, Listener, Mechanism, Service};
use directory::Directory;
use entra::Entra;

const NAMESPACE: &str = "forebay-test.servicebus.windows.net";
const KEY_NAME: &str = "RootManageSharedAccessKey";
const TOOLS: &str = "bin";

/// A namespace of Event Hubs, and Entra; ends on drop.
///
/// The broker knows who comes with a connection string as `User:$ConnectionString`, and the application as
/// `User:OBJECT_ID`. It takes no larger requests than Event Hubs, and only classic consumer groups. It does not hold a
/// client to the `EntityPath` of its connection string, and it knows transactions.
#[derive(Debug)]
pub struct EventHubs {
    kafka: Kafka,
    authority: Authority,
    key: Hidden,
    directory: Arc<Directory>,
    header: Hidden,
    // Before the service behind it.
    https: Https,
    entra: Service,
    managed_identity: Service,
    cli: Service,
}

impl EventHubs {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A namespace to be described.
    pub fn builder() -> CloudBuilder<Self> {
        CloudBuilder::new(|plan| {
            Self::try_start(plan).unwrap_or_else(|error| panic!("start a stand-in for Event Hubs: {error}"))
        })
    }

    fn try_start(plan: Plan) -> io::Result<Self> {
        let authority = Authority::new();
        let directory = Arc::new(Directory::new(NAMESPACE, authority.folder())?);
        let key = Hidden::from(random::base64(32)?);
        let strings = Handler::new("forebay.ConnectionStrings")
            .option("namespace", NAMESPACE)
            .option(&format!("key_{KEY_NAME}"), key.show());
        let tokens = Listener::jwt_tls(
            "ENTRA",
            &directory.keys(),
            &directory.issuer(),
            &directory.audience,
        );
        let tokens = plan.tokens(tokens);
        let kafka = limited(plan.kafka)
            .authority(&authority)
            .listener(Listener::sasl_tls("SAS", &[Mechanism::Plain]).handler(strings))
            .listener(tokens)
            .start();
        let state = Arc::new(Entra {
            directory: Arc::clone(&directory),
            url: OnceLock::new(),
        });
        let entra = Service::start(entra::routes(&state), entra::refusal)?;
        let behind = entra.url().trim_start_matches("http://").to_string();
        let https = Https::start(behind, &authority.server("entra").issue())?;
        state.url.get_or_init(|| https.url().into());
        let header = Hidden::from(random::uuid()?);
        let managed_identity = Service::start(
            managed_identity::routes(&directory, &header),
            managed_identity::refusal,
        )?;
        let cli = Service::start(cli::routes(&directory), cli::refusal)?;
        cli::write(&authority.folder().join(TOOLS), cli.url())?;
        Ok(Self {
            kafka,
            authority,
            key,
            directory,
            header,
            https,
            entra,
            managed_identity,
            cli,
        })
    }

    /// The cluster itself; its own plain listener asks for nothing.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Who issued the certificates of the brokers and of Entra.
    pub fn ca(&self) -> PathBuf {
        self.authority.ca()
    }

    /// The namespace's host: tokens and connection strings are for it, and nobody listens there.
    pub fn namespace(&self) -> &str {
        NAMESPACE
    }

    /// Where connection strings are taken: the mechanism is PLAIN, the user `$ConnectionString`.
    pub fn bootstrap(&self) -> String {
        self.kafka.address("SAS")
    }

    /// Where tokens are taken: the mechanism is OAUTHBEARER.
    pub fn bootstrap_entra(&self) -> String {
        self.kafka.address("ENTRA")
    }

    /// The namespace's connection string.
    pub fn connection_string(&self) -> String {
        format!(
            "Endpoint=sb://{NAMESPACE}/;SharedAccessKeyName={KEY_NAME};SharedAccessKey={}",
            self.key.show()
        )
    }

    /// A connection string for one hub.
    pub fn connection_string_for(&self, entity: &str) -> String {
        format!("{};EntityPath={entity}", self.connection_string())
    }

    pub fn tenant(&self) -> &str {
        &self.directory.tenant
    }

    /// The application; a user-assigned identity has this id, too.
    pub fn client_id(&self) -> &str {
        &self.directory.client
    }

    pub fn client_secret(&self) -> &str {
        self.directory.secret.show()
    }

    /// The application's object id, which is its name at the broker.
    pub fn object_id(&self) -> &str {
        self.directory.object()
    }

    /// The application's certificate and its RSA key: PKCS#12, without a password.
    pub fn client_certificate(&self) -> PathBuf {
        self.directory.bundle()
    }

    /// The file that a pod's Kubernetes token is in; Entra takes what it holds.
    pub fn federated_token_file(&self) -> PathBuf {
        self.directory.federated_token()
    }

    /// How long tokens last that are handed out from now on.
    pub fn lifetime(&self, lifetime: Duration) {
        self.directory.set_lifetime(lifetime);
    }

    /// Signs tokens with the key that the broker knows, for tests that want other claims than Entra gives.
    pub fn signer(&self) -> &Issuer {
        self.directory.signer()
    }

    /// `https://localhost:port`: the authority that clients are sent to.
    pub fn authority_url(&self) -> &str {
        self.https.url()
    }

    /// Entra.
    pub fn entra(&self) -> &Service {
        &self.entra
    }

    /// The endpoint of managed identities. [`Outage::Denied`](crate::Outage::Denied): there is none.
    pub fn managed_identity(&self) -> &Service {
        &self.managed_identity
    }

    /// What the fake `az` asks. [`Outage::Denied`](crate::Outage::Denied): nobody is logged in.
    pub fn cli(&self) -> &Service {
        &self.cli
    }

    /// For a process that has the application's secret.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut all = self.entra_environment();
        all.extend(variables([(
            "AZURE_CLIENT_SECRET",
            self.client_secret().to_string(),
        )]));
        all
    }

    /// For a process in App Service, with a managed identity.
    pub fn managed_identity_environment(&self) -> Vec<(String, String)> {
        let url = format!("{}{}", self.managed_identity.url(), managed_identity::PATH);
        variables([
            ("IDENTITY_ENDPOINT", url),
            ("IDENTITY_HEADER", self.header.show().into()),
        ])
    }

    /// For a process in a pod of Kubernetes, with workload identity.
    pub fn workload_identity_environment(&self) -> Vec<(String, String)> {
        let mut all = self.entra_environment();
        let file = self.federated_token_file().display().to_string();
        all.extend(variables([("AZURE_FEDERATED_TOKEN_FILE", file)]));
        all
    }

    /// For a process whose user has logged in with `az`: `PATH` begins with the folder of a fake one.
    pub fn cli_environment(&self) -> Vec<(String, String)> {
        let tools = self.authority.folder().join(TOOLS).display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        variables([("PATH", format!("{tools}:{path}"))])
    }

    /// Where Entra is, whom to trust there, and who is asking.
    fn entra_environment(&self) -> Vec<(String, String)> {
        variables([
            ("AZURE_TENANT_ID", self.tenant().into()),
            ("AZURE_CLIENT_ID", self.client_id().into()),
            ("AZURE_AUTHORITY_HOST", self.authority_url().into()),
            ("SSL_CERT_FILE", self.ca().display().to_string()),
        ])
    }
}

/// What Event Hubs does not do, so far as a broker can be told.
fn limited(kafka: KafkaBuilder) -> KafkaBuilder {
    kafka
        .property("message.max.bytes", "1046528")
        .property("socket.request.max.bytes", "1046528")
        .property("connections.max.idle.ms", "240000")
        .property("group.coordinator.rebalance.protocols", "classic")
        .property("group.min.session.timeout.ms", "6000")
        .property("group.max.session.timeout.ms", "300000")
}
