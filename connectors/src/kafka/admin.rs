//! Creating topics. The one place where a client changes a cluster, and only because somebody asked for it by name.

use std::time::{Duration, Instant};

use forebay_core::{Error, Kind, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as Wanted, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::runtime::Builder;

use super::endpoint::Endpoint;
use super::login::subscribe;
use super::refused;
use crate::connector::NewTopic;

const WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at a topic that is being created.
const AGAIN: Duration = Duration::from_millis(50);

/// Creates those that do not exist; returns their names.
pub(super) fn create(endpoint: &Endpoint, topics: &[NewTopic]) -> Result<Vec<String>> {
    let admin: AdminClient<DefaultClientContext> = endpoint.probe().create().map_err(refused)?;
    let token = subscribe(&endpoint.credentials, admin.inner())?;
    let wanted: Vec<Wanted<'_>> = topics.iter().map(wanted).collect();
    let options = AdminOptions::new()
        .request_timeout(Some(WITHIN))
        .operation_timeout(Some(WITHIN));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::fatal("wait for topics to be created").caused_by(e))?;
    let answers = runtime.block_on(admin.create_topics(&wanted, &options));
    for created in answers.iter().flatten().filter_map(|answer| answer.as_ref().ok()) {
        await_leaders(&admin, created);
    }
    // Before the client: it holds its handle.
    drop(token);
    let answers = answers.map_err(|e| {
        let bootstrap = endpoint.bootstrap.join(",");
        Error::fatal("create topics; `forebay doctor` looks why the cluster does not answer")
            .with("bootstrap", bootstrap)
            .caused_by(e)
    })?;
    let mut created = Vec::new();
    for answer in answers {
        match answer {
            Ok(name) => created.push(name),
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(reason(code).with("topic", name).with("found", code)),
        }
    }
    Ok(created)
}

/// Waits until the broker that is asked knows the topic, with leaders: then it can be used. A cluster that takes longer is
/// none that refused.
fn await_leaders(admin: &AdminClient<DefaultClientContext>, topic: &str) {
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        let metadata = admin.inner().fetch_metadata(Some(topic), WITHIN);
        let led = metadata.is_ok_and(|metadata| {
            let mut partitions = metadata.topics().iter().flat_map(|t| t.partitions()).peekable();
            partitions.peek().is_some() && partitions.all(|p| p.leader() >= 0)
        });
        if led {
            return;
        }
        std::thread::sleep(AGAIN);
    }
}

fn wanted(topic: &NewTopic) -> Wanted<'_> {
    let replication = TopicReplication::Fixed(topic.replication.unwrap_or(-1));
    Wanted::new(&topic.name, topic.partitions.unwrap_or(-1), replication)
}

fn reason(code: Code) -> Error {
    match code {
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => Error::new(
            Kind::Auth,
            "this user may not create topics; have an access rule (ACL) added that allows `create`, or have it created",
        ),
        Code::InvalidReplicationFactor => Error::fatal(
            "the cluster has too few brokers for so many copies; name fewer with `--replication`",
        ),
        Code::InvalidPartitions => Error::fatal("the cluster does not take this number of partitions"),
        Code::InvalidTopic => {
            Error::fatal("this is no name of a topic: letters, digits, `.`, `_` and `-` only, at most 249")
        }
        Code::PolicyViolation => Error::fatal("a policy of the cluster forbids this topic"),
        _ => Error::fatal("the cluster did not create the topic"),
    }
}
