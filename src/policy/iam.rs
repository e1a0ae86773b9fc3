//! An IAM policy for Amazon MSK. Actions and resources are those of AWS's service authorization reference for
//! `kafka-cluster` and `kafka`.

use serde_json::{Value, json};

use super::acl::quoted;
use super::{Policy, Topic, Uses};

/// What stands for the parts of an ARN that the file does not tell.
const UNKNOWN: &str = "ACCOUNT:cluster/NAME/UUID";

pub(super) fn write((cluster_arn, region): (Option<&str>, &str), looked_up: bool, uses: &Uses) -> Policy {
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
    if looked_up {
        statements.push(find_brokers(&cluster));
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
    let policy = document(&statements);
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

/// The right to ask AWS for the brokers, as a command that makes a policy of it.
pub(super) fn lookup(cluster_arn: &str) -> Policy {
    let policy = quoted(&document(&[find_brokers(cluster_arn)]).to_string());
    Policy {
        text: format!("aws iam create-policy --policy-name forebay-find-brokers --policy-document {policy}\n"),
        notes: vec![
            "AWS is asked for the brokers with the AWS credentials of the process: attach the policy to that identity; where `bootstrap` \
             names brokers, it is not asked"
                .into(),
        ],
    }
}

fn find_brokers(cluster_arn: &str) -> Value {
    statement(
        "FindBrokers",
        &["kafka:GetBootstrapBrokers"],
        vec![cluster_arn.to_owned()],
    )
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(id: &str, actions: &[&str], resources: Vec<String>) -> Value {
    json!({ "Sid": id, "Effect": "Allow", "Action": actions, "Resource": resources })
}
