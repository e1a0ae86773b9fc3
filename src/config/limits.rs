//! What a pipeline asks for, against what the services behind its connectors do: said before any data moves.

use forebay_connectors::{Limits, Only, Topics};
use serde::Serialize;

use super::Config;
use super::problem::Problem;
use super::values::Span;

/// Everything that a connector's service does not do.
pub(super) fn exceeded(config: &Config) -> Vec<Problem> {
    let pipeline = &config.document.pipeline;
    let of = |name: &str| config.connectors.get(name).map(|connector| &connector.limits);
    let mut problems = Vec::new();
    if let Some(limits) = of(&config.source_connector) {
        let at = "/pipeline/source/group_protocol";
        problems.extend(other_word(
            config,
            at,
            &pipeline.source.group_protocol,
            limits.group_protocols,
        ));
        problems.extend(too_often(config, limits));
        if let Topics::Names(names) = &config.topics {
            let at = if pipeline.source.topic.is_some() {
                "topic"
            } else {
                "topics"
            };
            let at = format!("/pipeline/source/{at}");
            problems.extend(
                names
                    .iter()
                    .filter_map(|name| other_topic(config, &at, name, limits)),
            );
        }
    }
    let mut written = vec![("sink", &config.sink_connector, &pipeline.sink.topic)];
    if let Some(dead) = &pipeline.dead_letters {
        written.push(("dead_letters", &config.dead_letters_connector, &dead.topic));
    }
    for (end, connector, topic) in written {
        let Some(limits) = of(connector) else { continue };
        problems.extend(other_topic(
            config,
            &format!("/pipeline/{end}/topic"),
            topic,
            limits,
        ));
        // Dead letters are compressed as results are.
        let at = "/pipeline/sink/compression";
        problems.extend(other_word(
            config,
            at,
            &pipeline.sink.compression,
            limits.compressions,
        ));
    }
    problems
}

fn other_word(config: &Config, at: &str, word: &impl Serialize, only: Option<Only>) -> Option<Problem> {
    let only = only?;
    let word = serde_json::to_value(word).ok()?;
    let word = word.as_str()?;
    (!only.words.contains(&word)).then(|| {
        let message = format!(
            "`{word}` does not work here: {}; allowed: {}",
            only.why,
            only.words.join(", ")
        );
        config.problem_at(at, message)
    })
}

fn too_often(config: &Config, limits: &Limits) -> Option<Problem> {
    let limit = limits.commit_every?;
    let every = config.document.pipeline.commit.every.0;
    (every < limit.interval).then(|| {
        let shortest = serde_json::to_value(Span(limit.interval)).unwrap_or_default();
        let shortest = shortest.as_str().unwrap_or_default();
        let message = format!("commits would come too often: {}; at least {shortest}", limit.why);
        config.problem_at("/pipeline/commit/every", message)
    })
}

fn other_topic(config: &Config, at: &str, topic: &str, limits: &Limits) -> Option<Problem> {
    let (only, why) = limits.topic.as_ref()?;
    (only != topic).then(|| config.problem_at(at, format!("`{topic}` is not `{only}`: {why}")))
}
