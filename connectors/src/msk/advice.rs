//! What to do about a finding on Amazon MSK. Texts, and nothing else.

use crate::finding::Finding;

pub(super) fn of(finding: &Finding) -> Option<&'static str> {
    let found = finding.found.as_str();
    match finding.step {
        "dns" => Some(
            "private endpoints of MSK have names that resolve inside the cluster's network only: run there, or use \
             `network: public` or `network: vpc` where the cluster has it turned on",
        ),
        "tcp" => Some(
            "the cluster's security group must let this machine in on the port of the listener (IAM 9098, SCRAM 9096, TLS \
             9094; public 9198, 9196, 9194)",
        ),
        "sasl" if found.contains("change principals") => Some(
            "the identity changed while the connection was open: give the role a fixed `session_name` (or AWS_ROLE_SESSION_NAME)",
        ),
        "sasl" if found.contains("session too short") || found.contains("too short") => {
            Some("the credentials end soon: renew them, or use a source that renews them by itself")
        }
        "sasl" => Some(
            "the identity needs `kafka-cluster:Connect` on this cluster (`forebay policy` writes the whole policy); compare \
             region and clock as well: a signature is good for five minutes around the broker's time",
        ),
        "kafka" if found.contains("does not offer") => {
            Some("use the listener of your `auth`: IAM 9098, SCRAM 9096, TLS 9094; public 9198, 9196, 9194")
        }
        "topic" | "group" => {
            Some("`forebay policy` writes the rights that this pipeline needs; a change takes about a minute")
        }
        _ => None,
    }
}
