//! The brokers' settings that tests rely on, the same for a process and for a container, and the file they stand in.

use std::path::Path;

/// A name and its value.
pub(crate) type Property = (String, String);

/// The text of a properties file. Java reads it as Latin-1, with backslashes as escapes.
pub(crate) fn text(properties: &[Property]) -> String {
    let mut text = String::new();
    for (name, value) in properties {
        text.push_str(name);
        text.push('=');
        for (i, c) in value.chars().enumerate() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                ' ' if i == 0 => text.push_str("\\ "),
                ' '..='~' => text.push(c),
                _ => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
            }
        }
        text.push('\n');
    }
    text
}

/// Everything but names, addresses and folders, for a cluster of `count` nodes.
pub(crate) fn common(count: usize) -> Vec<(&'static str, String)> {
    let replicas = count.min(3);
    let in_sync = replicas.min(2);
    let fixed = [
        ("process.roles", "broker,controller"),
        ("controller.listener.names", "CONTROLLER"),
        ("auto.create.topics.enable", "false"),
        // Few internal partitions: a first consumer waits for their creation.
        ("offsets.topic.num.partitions", "4"),
        ("transaction.state.log.num.partitions", "4"),
        ("group.initial.rebalance.delay.ms", "0"),
        // Short sessions: the client asks for them in the classic protocol, the broker sets them in KIP-848's.
        ("group.min.session.timeout.ms", "1000"),
        ("group.coordinator.rebalance.protocols", "classic,consumer"),
        ("group.consumer.min.session.timeout.ms", "1000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "500"),
        ("group.consumer.heartbeat.interval.ms", "1000"),
        // Retention acts within a second or two, and only in topics that ask for it: records keep their timestamps in
        // tests, and those may be years old.
        ("log.retention.ms", "-1"),
        ("log.initial.task.delay.ms", "0"),
        ("log.retention.check.interval.ms", "500"),
        ("log.segment.delete.delay.ms", "100"),
    ];
    let mut all: Vec<_> = fixed
        .into_iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    for name in [
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
    ] {
        all.push((name, replicas.to_string()));
    }
    for name in ["min.insync.replicas", "transaction.state.log.min.isr"] {
        all.push((name, in_sync.to_string()));
    }
    all
}

/// Everything of one of `count` native nodes but its listeners.
pub(crate) fn node(id: usize, count: usize, voters: &str, folder: &Path) -> Vec<Property> {
    let own = [
        ("node.id", id.to_string()),
        ("controller.quorum.voters", voters.to_string()),
        ("log.dirs", folder.join("data").display().to_string()),
    ];
    let all = common(count).into_iter().chain(own);
    all.map(|(name, value)| (name.to_string(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_properties_file() {
        let line = text(&[("a.b".into(), " x\\y \"$é😀".into())]);
        assert_eq!(line, "a.b=\\ x\\\\y \"$\\u00e9\\ud83d\\ude00\n");
    }

    #[test]
    fn two_of_three_nodes_suffice_to_write() {
        let of = |count, wanted| {
            common(count)
                .into_iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, v)| v)
        };
        assert_eq!(of(3, "offsets.topic.replication.factor").as_deref(), Some("3"));
        assert_eq!(of(3, "min.insync.replicas").as_deref(), Some("2"));
        assert_eq!(of(1, "min.insync.replicas").as_deref(), Some("1"));
    }
}
