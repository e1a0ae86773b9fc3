//! Who may do what, on a cluster with an authorizer. A call returns when every node knows.

use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::bindings::{
    rd_kafka_AclOperation_t as Code, rd_kafka_AclPermissionType_t as Permission,
    rd_kafka_ResourcePatternType_t as Pattern, rd_kafka_ResourceType_t as Kind,
};
use rdkafka::client::DefaultClientContext;

use crate::acl_ffi::{Acls, Binding};
use crate::{Kafka, client};

/// How long a node may take to learn of a change.
const WITHIN: Duration = Duration::from_secs(30);

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    All,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
}

/// With what; `*` is every name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    Topic(&'a str),
    /// Every topic whose name begins so.
    TopicPrefix(&'a str),
    Group(&'a str),
    TransactionalId(&'a str),
    Cluster,
}

impl Kafka {
    /// Lets `principal`, such as `User:app`, do something.
    ///
    /// # Panics
    /// Where the cluster has no authorizer.
    pub fn allow(&self, principal: &str, operation: Operation, resource: Resource<'_>) {
        let permission = Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
        self.grant(&binding(principal, operation, resource, permission));
    }

    /// Forbids `principal` something, whatever else allows it.
    ///
    /// # Panics
    /// Where the cluster has no authorizer.
    pub fn deny(&self, principal: &str, operation: Operation, resource: Resource<'_>) {
        let permission = Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY;
        self.grant(&binding(principal, operation, resource, permission));
    }

    /// Takes back what [`Kafka::allow`] and [`Kafka::deny`] said with the same words.
    ///
    /// # Panics
    /// Where the cluster has no authorizer.
    pub fn revoke(&self, principal: &str, operation: Operation, resource: Resource<'_>) {
        let permission = Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ANY;
        let binding = binding(principal, operation, resource, permission);
        let admin = self.acl_admin();
        let acls = Acls::of(admin.inner());
        acls.delete(&binding)
            .unwrap_or_else(|error| panic!("revoke {binding:?}: {error}"));
        self.await_acl(&acls, &binding, false);
    }

    fn grant(&self, binding: &Binding) {
        let admin = self.acl_admin();
        let acls = Acls::of(admin.inner());
        acls.create(binding)
            .unwrap_or_else(|error| panic!("create {binding:?}: {error}"));
        self.await_acl(&acls, binding, true);
    }

    fn acl_admin(&self) -> AdminClient<DefaultClientContext> {
        client::config(self.bootstrap())
            .create()
            .expect("an admin client")
    }

    /// The controller has answered; the nodes learn of it one by one.
    fn await_acl(&self, acls: &Acls<'_, DefaultClientContext>, binding: &Binding, there: bool) {
        let until = Instant::now() + WITHIN;
        for node in 1..=self.nodes as i32 {
            let mut found = acls.knows(node, binding);
            while found != Ok(there) {
                assert!(
                    Instant::now() < until,
                    "node {node} did not learn of {binding:?}: {found:?}"
                );
                std::thread::sleep(Duration::from_millis(10));
                found = acls.knows(node, binding);
            }
        }
    }
}

fn binding(principal: &str, operation: Operation, resource: Resource<'_>, permission: Permission) -> Binding {
    let literal = Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL;
    let (kind, name, pattern) = match resource {
        Resource::Topic(name) => (Kind::RD_KAFKA_RESOURCE_TOPIC, name, literal),
        Resource::TopicPrefix(name) => {
            let prefixed = Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED;
            (Kind::RD_KAFKA_RESOURCE_TOPIC, name, prefixed)
        }
        Resource::Group(name) => (Kind::RD_KAFKA_RESOURCE_GROUP, name, literal),
        Resource::TransactionalId(name) => (Kind::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, name, literal),
        // The protocol has one number for both.
        Resource::Cluster => (Kind::RD_KAFKA_RESOURCE_BROKER, "kafka-cluster", literal),
    };
    let operation = match operation {
        Operation::All => Code::RD_KAFKA_ACL_OPERATION_ALL,
        Operation::Read => Code::RD_KAFKA_ACL_OPERATION_READ,
        Operation::Write => Code::RD_KAFKA_ACL_OPERATION_WRITE,
        Operation::Create => Code::RD_KAFKA_ACL_OPERATION_CREATE,
        Operation::Delete => Code::RD_KAFKA_ACL_OPERATION_DELETE,
        Operation::Alter => Code::RD_KAFKA_ACL_OPERATION_ALTER,
        Operation::Describe => Code::RD_KAFKA_ACL_OPERATION_DESCRIBE,
        Operation::DescribeConfigs => Code::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        Operation::AlterConfigs => Code::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS,
        Operation::IdempotentWrite => Code::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE,
    };
    Binding {
        principal: principal.into(),
        kind,
        name: name.into(),
        pattern,
        operation,
        permission,
    }
}
