//! Access control lists of Confluent Cloud, and role bindings at its schema registry, as commands of its CLI.

use forebay_connectors::ConfluentMember;

use super::acl::quoted;
use super::{Policy, Subjects, Topic, Uses};

pub(super) fn write(kafka: &ConfluentMember, registry: &ConfluentMember, uses: &Uses) -> Policy {
    let mut policy = lists(kafka, uses);
    if let Some(subjects) = &uses.subjects {
        let bindings = bindings(registry, subjects);
        policy.text += &bindings.text;
        policy.notes.extend(bindings.notes);
    }
    policy
}

fn lists(ConfluentMember { principal, cluster }: &ConfluentMember, uses: &Uses) -> Policy {
    let who = match principal {
        Some(pool) => format!("--principal {}", quoted(&format!("User:{pool}"))),
        None => "--service-account SERVICE_ACCOUNT".to_owned(),
    };
    let begin = format!(
        "confluent kafka acl create --allow {who} --cluster {}",
        quoted(cluster.as_deref().unwrap_or("CLUSTER"))
    );
    let topic = |operations: &str, topic: &Topic| {
        let prefixed = match topic {
            Topic::Prefix(_) => " --prefix",
            Topic::Named(_) => "",
        };
        format!(
            "{begin} --operations {operations} --topic {}{prefixed}\n",
            quoted(topic.text())
        )
    };
    let mut text = String::new();
    text.extend(uses.read.iter().map(|one| topic("read,describe", one)));
    text.extend(uses.write.iter().map(|one| topic("write,describe", one)));
    if let Some(group) = &uses.group {
        text += &format!(
            "{begin} --operations read,describe --consumer-group {}\n",
            quoted(group)
        );
    }
    let mut notes = Vec::new();
    if principal.is_none() {
        notes.push("put the owner of the API key in place of SERVICE_ACCOUNT (sa-...)".to_owned());
    }
    if cluster.is_none() {
        notes.push("put the cluster's id in place of CLUSTER (lkc-...)".to_owned());
    }
    Policy { text, notes }
}

/// At the schema registry: it has roles, and no access control lists.
fn bindings(ConfluentMember { principal, cluster }: &ConfluentMember, subjects: &Subjects) -> Policy {
    let who = principal.as_deref().unwrap_or("REGISTRY_ACCOUNT");
    let begin = format!(
        "confluent iam rbac role-binding create --principal {} --environment ENVIRONMENT --schema-registry-cluster {}",
        quoted(&format!("User:{who}")),
        quoted(cluster.as_deref().unwrap_or("REGISTRY"))
    );
    let binding = |role: &str, subject: &Topic| {
        let prefixed = match subject {
            Topic::Prefix(_) => " --prefix",
            Topic::Named(_) => "",
        };
        let resource = quoted(&format!("Subject:{}", subject.text()));
        format!("{begin} --role {role} --resource {resource}{prefixed}\n")
    };
    let mut text = String::new();
    text.extend(subjects.read.iter().map(|one| binding("DeveloperRead", one)));
    text.extend(subjects.register.iter().map(|one| binding("DeveloperWrite", one)));
    let mut notes = vec!["put the environment's id in place of ENVIRONMENT (env-...)".to_owned()];
    if principal.is_none() {
        notes
            .push("put the owner of the registry's API key in place of REGISTRY_ACCOUNT (sa-...)".to_owned());
    }
    if cluster.is_none() {
        notes.push("put the registry's id in place of REGISTRY (lsrc-...)".to_owned());
    }
    Policy { text, notes }
}
