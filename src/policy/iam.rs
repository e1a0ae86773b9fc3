//! An IAM policy for Amazon MSK. Actions and resources are those of AWS's service authorization reference for
//! `kafka-cluster` and `kafka`.

use serde_json::{Value, json};

use super::{Policy, Topic, Uses};

/// What stands for the parts of an ARN that the file does not tell.
const UNKNOWN: &str = "ACCOUNT:cluster/NAME/UUID";

pub(super) fn write(cluster_arn: Option<&str>, region: &str, uses: &Uses) -> Policy {
    let cluster = cluster_arn.map_or_else(|| format!("arn:aws:kafka:{region}:{UNKNOWN}"), str::to_owned);
    let under = |kind: &str, name: &str| {
        format!(
            "{}/{name}",
            cluster.replacen(":cluster/", &format!(":{kind}/"), 1)
        )
    };
    let topic = |topic: &Topic| match topic {
        Topic::Named(name) => under("topic", name),
        Topic::Prefix(prefix) => under("topic", &format!("{prefix}*")),
    };
    let topics = |all: &[Topic]| all.iter().map(topic).collect::<Vec<_>>();
    let mut connect = vec!["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"];
    if !uses.write.is_empty() {
        connect.push("kafka-cluster:WriteDataIdempotently");
    }
    let mut statements = vec![statement("Connect", &connect, vec![cluster.clone()])];
    if cluster_arn.is_some() {
        statements.push(statement(
            "FindBrokers",
            &["kafka:GetBootstrapBrokers"],
            vec![cluster.clone()],
        ));
    }
    if !uses.read.is_empty() {
        let actions = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"];
        statements.push(statement("Read", &actions, topics(&uses.read)));
    }
    if !uses.write.is_empty() {
        let actions = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"];
        statements.push(statement("Write", &actions, topics(&uses.write)));
    }
    if let Some(group) = &uses.group {
        let actions = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"];
        statements.push(statement("Group", &actions, vec![under("group", group)]));
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let mut notes = Vec::new();
    if cluster_arn.is_none() {
        notes.push("the file names no `cluster_arn`: put the cluster's account, name and id in place of ACCOUNT, NAME and UUID".into());
    }
    notes.push("attach it to the identity that this pipeline runs as; a change takes about a minute".into());
    Policy {
        text: format!("{policy:#}\n"),
        notes,
    }
}

fn statement(id: &str, actions: &[&str], resources: Vec<String>) -> Value {
    json!({ "Sid": id, "Effect": "Allow", "Action": actions, "Resource": resources })
}
