//! What to do about a finding, where the kind of connector knows better than the client does. Texts, and nothing else.

use crate::finding::Finding;

/// Where the connector's kind is `kafka`.
pub(crate) fn self_hosted(finding: &Finding) -> Option<&'static str> {
    let at = finding.subject.as_str();
    if at.contains(".amazonaws.com") && (at.contains(":9098") || at.contains(":9198")) {
        return Some("this is the IAM listener of Amazon MSK: use `kind: msk` with `auth: { iam: {} }`");
    }
    if at.contains(".servicebus.windows.net") {
        return Some("this is Azure Event Hubs: use `kind: event-hubs`, which sets what its brokers need");
    }
    if at.contains(".confluent.cloud") {
        return Some("this is Confluent Cloud: use `kind: confluent` with an API key or OAuth");
    }
    None
}
