//! Rights on Google's managed Kafka: a role of IAM opens the cluster; it knows no single topics.

use super::Policy;
use super::acl::quoted;

pub(super) fn write(service_account: Option<&str>) -> Policy {
    let member = format!("serviceAccount:{}", service_account.unwrap_or("SERVICE_ACCOUNT"));
    Policy {
        text: format!(
            "gcloud projects add-iam-policy-binding PROJECT --member {} --role roles/managedkafka.client\n",
            quoted(&member)
        ),
        notes: vec![
            "put the cluster's project in place of PROJECT".into(),
            "the role opens every topic and group of the project's clusters; Kafka's own access rules can narrow that".into(),
        ],
    }
}
