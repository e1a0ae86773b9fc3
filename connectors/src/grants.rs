//! In which language a service grants rights, with what a grant has to name. Data only: `policy` writes the text.

/// How rights are granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Kafka's access control lists.
    Acl {
        /// `None` = the broker derives it from what this file does not hold.
        principal: Option<String>,
        /// The ARN under which AWS is asked for the brokers, where it is.
        looked_up: Option<String>,
    },
    /// IAM of AWS, for a cluster of Amazon MSK.
    Iam {
        /// `None` = the file names none.
        cluster_arn: Option<String>,
        region: String,
        /// Whether AWS is asked for the brokers.
        looked_up: bool,
    },
    /// Role assignments of Azure, for a namespace.
    Roles { namespace: String },
    /// Access rules of a connection string: they stand in the string's own policy.
    SharedAccess { namespace: String, policy: String },
    /// Confluent Cloud's access control lists, and role bindings at its schema registry.
    Confluent {
        kafka: ConfluentMember,
        registry: ConfluentMember,
    },
    /// IAM of Google Cloud.
    GoogleIam { service_account: Option<String> },
}

/// Who a client is in Confluent Cloud, and where; `None` = the file does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfluentMember {
    /// An identity pool.
    pub principal: Option<String>,
    /// The id of the cluster.
    pub cluster: Option<String>,
}
