//! Rights on Azure Event Hubs, as commands of the Azure CLI: role assignments for identities, rules for connection strings.

use std::collections::BTreeMap;

use super::acl::quoted;
use super::{Policy, Topic, Uses};

/// The namespace's name: the first label of its host.
fn name_of(namespace: &str) -> &str {
    namespace.split('.').next().unwrap_or(namespace)
}

pub(super) fn roles(namespace: &str, uses: &Uses) -> Policy {
    let own = name_of(namespace);
    let base = format!(
        "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.EventHub/namespaces/{own}"
    );
    let assign = |role: &str, topic: &Topic| {
        let scope = match topic {
            Topic::Named(name) => format!("{base}/eventhubs/{name}"),
            // Roles know no prefixes.
            Topic::Prefix(_) => base.clone(),
        };
        format!(
            "az role assignment create --assignee PRINCIPAL --role 'Azure Event Hubs Data {role}' --scope {}\n",
            quoted(&scope)
        )
    };
    let mut text = String::new();
    text.extend(uses.read.iter().map(|one| assign("Receiver", one)));
    text.extend(uses.write.iter().map(|one| assign("Sender", one)));
    Policy {
        text,
        notes: vec![
            "put the identity's object id in place of PRINCIPAL, and your own SUBSCRIPTION and GROUP".into(),
            "an assignment takes some minutes; consumer groups need no right of their own".into(),
        ],
    }
}

pub(super) fn shared_access(namespace: &str, policy: &str, uses: &Uses) -> Policy {
    let mut rights: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for topic in &uses.read {
        rights.entry(topic.text()).or_default().push("Listen");
    }
    for topic in &uses.write {
        rights.entry(topic.text()).or_default().push("Send");
    }
    let own = quoted(name_of(namespace));
    let patterned = uses.read.iter().any(|topic| matches!(topic, Topic::Prefix(_)));
    let whole = patterned || rights.len() > 1;
    let text = if whole {
        let mut all: Vec<&str> = rights.into_values().flatten().collect();
        all.sort_unstable();
        all.dedup();
        format!(
            "az eventhubs namespace authorization-rule create --resource-group GROUP --namespace-name {own} --name {} --rights {}\n",
            quoted(policy),
            all.join(" ")
        )
    } else {
        let rule = |(hub, rights): (&str, Vec<&str>)| {
            format!(
                "az eventhubs eventhub authorization-rule create --resource-group GROUP --namespace-name {own} --eventhub-name {} \
                 --name {} --rights {}\n",
                quoted(hub),
                quoted(policy),
                rights.join(" ")
            )
        };
        rights.into_iter().map(rule).collect()
    };
    let mut notes = vec!["put your own resource group in place of GROUP".to_owned()];
    if whole {
        notes.push(
            "one connection string reaches several event hubs only as the namespace's own; an identity with roles can be given less"
                .into(),
        );
    }
    Policy { text, notes }
}
