//! The least rights that a pipeline needs at a connector, in the words of the service behind it. Pure: it asks nobody, and knows
//! no terminal. One service per file.

mod acl;
mod azure;
mod confluent;
mod google;
mod iam;

use forebay_connectors::{Grants, Topics};

use crate::config::{Config, SourceFormat};
use crate::results;

/// What a pipeline does at one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    pub read: Vec<Topic>,
    pub write: Vec<Topic>,
    pub group: Option<String>,
    /// What it does at the schema registry beside the connector, where it asks one.
    pub subjects: Option<Subjects>,
}

/// Subjects of a schema registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    pub read: Vec<Topic>,
    pub register: Vec<Topic>,
}

/// Topics, or subjects, that rights are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Named(String),
    /// All whose names begin so.
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
        uses.subjects = Subjects::of(config, name);
        uses
    }
}

impl Subjects {
    /// What a run asks the registry beside the connector `name`.
    fn of(config: &Config, name: &str) -> Option<Self> {
        let (source, sink) = (&config.document.pipeline.source, &config.document.pipeline.sink);
        let mut subjects = Self::default();
        if config.source_connector == name {
            let value = Some((&source.format, "value"));
            let key = source.key.as_ref().map(|key| (&key.format, "key"));
            let asking = value
                .into_iter()
                .chain(key)
                .filter(|(format, _)| format.asks_registry());
            subjects.read = asking
                .flat_map(|(format, part)| of_events(config, format, part))
                .collect();
        }
        if config.sink_connector == name
            && let Some(results) = sink.format.registered()
        {
            let subject = Topic::Named(results::subject_of(config, &results));
            subjects.read.push(subject.clone());
            if results.auto_register {
                subjects.register.push(subject);
            }
        }
        subjects.read.sort();
        subjects.read.dedup();
        (!subjects.read.is_empty()).then_some(subjects)
    }

    /// What a person has to grant where no command is known.
    fn note(&self) -> String {
        let list = |all: &[Topic]| {
            let each = all.iter().map(|one| match one {
                Topic::Named(name) => format!("`{name}`"),
                Topic::Prefix(prefix) => format!("`{prefix}...`"),
            });
            each.collect::<Vec<_>>().join(", ")
        };
        let mut note = format!(
            "at the schema registry it reads the subjects {}",
            list(&self.read)
        );
        if !self.register.is_empty() {
            note += &format!(", and registers schemas under {}", list(&self.register));
        }
        note + ": give its login there that right, where the registry has access rules"
    }
}

/// The subjects of a part of the events: those that the format names, or those that are named after the topics.
fn of_events(config: &Config, format: &SourceFormat, part: &str) -> Vec<Topic> {
    let named = |names: &[String]| names.iter().cloned().map(Topic::Named).collect();
    match (format.subjects(), &config.topics) {
        ([], Topics::Names(topics)) => topics
            .iter()
            .map(|topic| Topic::Named(format!("{topic}-{part}")))
            .collect(),
        ([], Topics::Pattern(pattern)) => vec![Topic::Prefix(literal_prefix(pattern))],
        (names, _) => named(names),
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
    let mut policy = match grants {
        Grants::Acl { principal, looked_up } => {
            let mut policy = acl::write(principal.as_deref(), uses, bootstrap);
            if let Some(lookup) = looked_up.as_deref().map(iam::lookup) {
                policy.text += &lookup.text;
                policy.notes.extend(lookup.notes);
            }
            policy
        }
        Grants::Iam {
            cluster_arn,
            region,
            looked_up,
        } => iam::write((cluster_arn.as_deref(), region), *looked_up, uses),
        Grants::Roles { namespace } => azure::roles(namespace, uses),
        Grants::SharedAccess { namespace, policy } => azure::shared_access(namespace, policy, uses),
        Grants::Confluent { kafka, registry } => return confluent::write(kafka, registry, uses),
        Grants::GoogleIam { service_account } => google::write(service_account.as_deref()),
    };
    policy.notes.extend(uses.subjects.as_ref().map(Subjects::note));
    policy
}

#[cfg(test)]
mod tests;
