//! In which language a service grants rights, with what a grant has to name. Data only: `policy` writes the text.

/// How rights are granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Kafka's access control lists; `None` = the broker derives the principal from what this file does not hold.
    Acl { principal: Option<String> },
    /// IAM of AWS, for a cluster of Amazon MSK; `None` = the file names no ARN.
    Iam {
        cluster_arn: Option<String>,
        region: String,
    },
    /// Role assignments of Azure, for a namespace.
    Roles { namespace: String },
    /// Access rules of a connection string: they stand in the string's own policy.
    SharedAccess { namespace: String, policy: String },
    /// Confluent Cloud's access control lists, for a service account or an identity pool.
    Confluent {
        principal: Option<String>,
        cluster: Option<String>,
    },
    /// IAM of Google Cloud.
    GoogleIam { service_account: Option<String> },
}
