//! The brokers' settings that tests rely on, the same for a process and for a container.

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

#[cfg(test)]
mod tests {
    use super::*;

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
