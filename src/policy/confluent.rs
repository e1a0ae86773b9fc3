//! Access control lists of Confluent Cloud, as commands of its CLI.

use super::acl::quoted;
use super::{Policy, Topic, Uses};

pub(super) fn write(principal: Option<&str>, cluster: Option<&str>, uses: &Uses) -> Policy {
    let who = match principal {
        Some(pool) => format!("--principal {}", quoted(&format!("User:{pool}"))),
        None => "--service-account SERVICE_ACCOUNT".to_owned(),
    };
    let begin = format!(
        "confluent kafka acl create --allow {who} --cluster {}",
        quoted(cluster.unwrap_or("CLUSTER"))
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
