//! Amazon MSK on loopback: brokers that take IAM's tokens, SCRAM passwords and client certificates, each at an endpoint
//! of its own, and the services that a client asks on its way there.

mod account;
mod brokers;
mod container;
mod environment;
mod imds;
mod sigv4;
mod sts;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::response::Response;

use super::{CloudBuilder, Plan, random, time};
use crate::handlers::Handler;
use crate::hidden::Hidden;
use crate::{Authority, Certificate, Kafka, Listener, Mechanism, Service};

pub use account::{Account, StsCall};
use brokers::Brokers;
use sts::Sts;

/// Where the cluster is.
const REGION: &str = "eu-west-1";
const SCRAM_USER: &str = "forebay";
/// The role of a Kubernetes service account.
const IRSA_ROLE: &str = "forebay-irsa";

/// An MSK cluster, and AWS around it; ends on drop.
///
/// There are four endpoints: plain, TLS with client certificates, SCRAM-SHA-512, and IAM. The broker knows who has a
/// key as `User:ARN`, such as `User:arn:aws:sts::111122223333:assumed-role/ROLE/SESSION`.
#[derive(Debug)]
pub struct Msk {
    kafka: Kafka,
    authority: Authority,
    client: Certificate,
    account: Arc<Account>,
    brokers: Arc<Brokers>,
    scram_password: Hidden,
    api: Service,
    sts: Service,
    imds: Service,
    container: Service,
}

impl Msk {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster to be described.
    pub fn builder() -> CloudBuilder<Self> {
        CloudBuilder::new(|plan| {
            Self::try_start(plan).unwrap_or_else(|error| panic!("start a stand-in for MSK: {error}"))
        })
    }

    fn try_start(plan: Plan) -> io::Result<Self> {
        let authority = Authority::new();
        let account = Arc::new(Account::new(authority.folder())?);
        let scram_password = Hidden::from(random::base64(18)?);
        let tokens = Handler::new("forebay.MskTokens")
            .option("region", REGION)
            .option("identities", account.identities().display());
        let iam = plan.tokens(Listener::bearer_tls("IAM", tokens));
        let kafka = plan
            .kafka
            .authority(&authority)
            .user(SCRAM_USER, scram_password.show())
            .listener(Listener::mtls("TLS"))
            .listener(Listener::sasl_tls("SCRAM", &[Mechanism::ScramSha512]))
            .listener(iam)
            .start();
        let arn = format!(
            "arn:aws:kafka:{REGION}:{}:cluster/forebay/{}-1",
            account::NUMBER,
            random::uuid()?
        );
        let brokers = Arc::new(Brokers {
            account: Arc::clone(&account),
            arn,
            endpoints: Mutex::new(endpoints(&kafka)),
        });
        environment::write_files(authority.folder())?;
        let sts = Arc::new(Sts {
            account: Arc::clone(&account),
            web_identity: authority.folder().join(environment::WEB_IDENTITY),
        });
        account.role(IRSA_ROLE);
        let pod = authority.folder().join(environment::POD_IDENTITY);
        Ok(Self {
            client: authority.client("client").issue(),
            api: Service::start(brokers::routes(&brokers), brokers::refusal)?,
            sts: Service::start(sts::routes(&sts), sts::refusal)?,
            imds: Service::start(imds::routes(&account), imds::refusal)?,
            container: Service::start(container::routes(&account, pod), container::refusal)?,
            kafka,
            authority,
            account,
            brokers,
            scram_password,
        })
    }

    /// The cluster itself; its own plain listener asks for nothing.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Who issued the brokers' certificates, and takes clients'.
    pub fn ca(&self) -> PathBuf {
        self.authority.ca()
    }

    /// `arn:aws:kafka:eu-west-1:111122223333:cluster/forebay/UUID-1`.
    pub fn cluster_arn(&self) -> &str {
        &self.brokers.arn
    }

    /// `eu-west-1`.
    pub fn region(&self) -> &str {
        REGION
    }

    /// Where tokens of IAM are taken.
    pub fn bootstrap_iam(&self) -> String {
        self.kafka.address("IAM")
    }

    /// Where SCRAM-SHA-512 passwords are taken.
    pub fn bootstrap_scram(&self) -> String {
        self.kafka.address("SCRAM")
    }

    /// Where client certificates are taken.
    pub fn bootstrap_tls(&self) -> String {
        self.kafka.address("TLS")
    }

    /// A user of the SCRAM endpoint.
    pub fn scram_user(&self) -> &str {
        SCRAM_USER
    }

    /// That user's password.
    pub fn scram_password(&self) -> &str {
        self.scram_password.show()
    }

    /// A client's certificate; the broker knows who has it as `User:CN=client`.
    pub fn client_certificate(&self) -> &Certificate {
        &self.client
    }

    /// Whose keys there are, which roles, and what time it is at AWS.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The API that says where brokers are.
    pub fn api(&self) -> &Service {
        &self.api
    }

    /// The token service. [`Account::calls`] says what it was asked.
    pub fn sts(&self) -> &Service {
        &self.sts
    }

    /// The instance's metadata service. [`Outage::Denied`](crate::Outage::Denied): the instance has no role.
    pub fn imds(&self) -> &Service {
        &self.imds
    }

    /// The endpoint with the credentials of a container.
    pub fn container(&self) -> &Service {
        &self.container
    }

    /// What the API says from now on for a field of its answer, such as `bootstrapBrokerStringSaslIam`; `None`: that
    /// endpoint is off.
    pub fn endpoint(&self, field: &str, address: Option<&str>) {
        let mut endpoints = self
            .brokers
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match address {
            Some(address) => endpoints.insert(field.into(), address.into()),
            None => endpoints.remove(field),
        };
    }

    /// For a process that has the user's own key.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment::keys(self)
    }

    /// For a process on an instance: its credentials come from the metadata service, as the role `forebay-instance`.
    pub fn imds_environment(&self) -> Vec<(String, String)> {
        environment::common(self)
    }

    /// For a process in a pod with EKS Pod Identity: its role is `forebay-pod`.
    pub fn container_environment(&self) -> Vec<(String, String)> {
        environment::container(self)
    }

    /// For a process in a pod whose service account has the role `forebay-irsa`; the session's name is its own choice.
    pub fn web_identity_environment(&self) -> Vec<(String, String)> {
        environment::web_identity(self)
    }

    /// The file that a pod's Kubernetes token is in; the token service takes what it holds.
    pub fn web_identity_token_file(&self) -> PathBuf {
        self.authority.folder().join(environment::WEB_IDENTITY)
    }

    /// A process without credentials, in a file that may be given some: `AWS_CONFIG_FILE` of every environment here.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write_config(&self, text: &str) {
        let file = self.authority.folder().join(environment::CONFIG);
        fs::write(file, text).expect("write a config file");
    }
}

/// All networks lead to the same brokers.
fn endpoints(kafka: &Kafka) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("bootstrapBrokerString".to_string(), kafka.bootstrap().to_string())]);
    for (listener, name) in [("TLS", "Tls"), ("SCRAM", "SaslScram"), ("IAM", "SaslIam")] {
        for network in ["", "Public", "VpcConnectivity"] {
            let field = format!("bootstrapBrokerString{network}{name}");
            all.insert(field, kafka.address(listener));
        }
    }
    all
}

/// Answers carry AWS's time.
fn dated(mut response: Response, account: &Account) -> Response {
    if let Ok(date) = HeaderValue::from_str(&time::http(account.now())) {
        response.headers_mut().insert(DATE, date);
    }
    response
}
