//! The least rights that a pipeline needs at a connector, in the words of the service behind it. Pure: it asks nobody, and knows
//! no terminal. One service per file.

mod acl;
mod azure;
mod confluent;
mod google;
mod iam;

use forebay_connectors::{Grants, Topics};

use crate::config::Config;

/// What a pipeline does at one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    pub read: Vec<Topic>,
    pub write: Vec<Topic>,
    pub group: Option<String>,
}

/// Topics that rights are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Named(String),
    /// Every topic whose name begins so.
    Prefix(String),
}

impl Topic {
    fn text(&self) -> &str {
        match self {
            Self::Named(name) | Self::Prefix(name) => name,
        }
    }
}

/// What was written, and what a person has to know or fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub text: String,
    pub notes: Vec<String>,
}

impl Uses {
    /// What the pipeline does at the connector `name`.
    pub fn of(config: &Config, name: &str) -> Self {
        let pipeline = &config.document.pipeline;
        let mut uses = Self::default();
        if config.source_connector == name {
            uses.group = Some(pipeline.source.group.clone());
            uses.read = match &config.topics {
                Topics::Names(names) => names.iter().cloned().map(Topic::Named).collect(),
                Topics::Pattern(pattern) => vec![Topic::Prefix(literal_prefix(pattern))],
            };
        }
        if config.sink_connector == name {
            uses.write.push(Topic::Named(pipeline.sink.topic.clone()));
        }
        if let Some(dead) = &pipeline.dead_letters
            && config.dead_letters_connector == name
        {
            uses.write.push(Topic::Named(dead.topic.clone()));
        }
        uses.write.sort();
        uses.write.dedup();
        uses
    }
}

/// What every name that a pattern matches begins with.
fn literal_prefix(pattern: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let text = pattern.trim_start_matches('^');
    let prefix: String = text.chars().take_while(plain).collect();
    // What a quantifier follows may be absent.
    let quantified = text[prefix.len()..].starts_with(['*', '?', '{']) || text.contains('|');
    match quantified {
        true if text.contains('|') => String::new(),
        true => prefix[..prefix.len().saturating_sub(1)].to_owned(),
        false => prefix,
    }
}

/// Writes the rights for `uses` in the words of `grants`; `bootstrap` is named where a command needs it.
pub fn write(grants: &Grants, uses: &Uses, bootstrap: &str) -> Policy {
    match grants {
        Grants::Acl { principal } => acl::write(principal.as_deref(), uses, bootstrap),
        Grants::Iam { cluster_arn, region } => iam::write(cluster_arn.as_deref(), region, uses),
        Grants::Roles { namespace } => azure::roles(namespace, uses),
        Grants::SharedAccess { namespace, policy } => azure::shared_access(namespace, policy, uses),
        Grants::Confluent { principal, cluster } => {
            confluent::write(principal.as_deref(), cluster.as_deref(), uses)
        }
        Grants::GoogleIam { service_account } => google::write(service_account.as_deref()),
    }
}

#[cfg(test)]
mod tests;
