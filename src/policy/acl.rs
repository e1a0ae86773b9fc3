//! Kafka's own access control lists, as commands of `kafka-acls.sh`.

use super::{Policy, Topic, Uses};

pub(super) fn write(principal: Option<&str>, uses: &Uses, bootstrap: &str) -> Policy {
    let who = principal.unwrap_or("User:NAME");
    let begin = format!(
        "kafka-acls.sh --bootstrap-server {bootstrap} --command-config admin.properties --add --allow-principal {}",
        quoted(who)
    );
    let topic = |operation: &str, topic: &Topic| {
        let prefixed = match topic {
            Topic::Prefix(_) => " --resource-pattern-type prefixed",
            Topic::Named(_) => "",
        };
        format!(
            "{begin} --operation {operation} --operation Describe --topic {}{prefixed}\n",
            quoted(topic.text())
        )
    };
    let mut text = String::new();
    text.extend(uses.read.iter().map(|one| topic("Read", one)));
    text.extend(uses.write.iter().map(|one| topic("Write", one)));
    if let Some(group) = &uses.group {
        text += &format!(
            "{begin} --operation Read --operation Describe --group {}\n",
            quoted(group)
        );
    }
    let mut notes =
        vec!["admin.properties holds the credentials of someone who may alter access rules".to_owned()];
    if principal.is_none() {
        notes.push("put the principal in place of User:NAME: the brokers derive it from the client's certificate or token".into());
    }
    Policy { text, notes }
}

/// As a shell takes it for one word.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/' | '@');
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
