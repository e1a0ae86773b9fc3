//! What the schema cannot say: which connector is used where, that a source names its topics once, that names exist.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use forebay_connectors::{KINDS, Resolved, Start, Topics, Wrong, owned};
use forebay_core::codec::{Column, ColumnKind};
use serde_json::Value;

use super::columns::{Columns, nanoseconds};
use super::interpolate::Masks;
use super::problem::{File, Problem};
use super::tree::{Tree, child};
use super::{Config, Document, Options};

/// What is longer is one bucket of the latency's histogram.
const LONGEST_LATENCY: Duration = Duration::from_secs(520);

/// The connectors that a run of this file opens.
pub(crate) fn used_connectors(root: &Value, replaced: Option<&str>) -> Vec<String> {
    let default = replaced.or_else(|| root["connector"].as_str());
    ["source", "sink", "dead_letters"]
        .iter()
        .filter(|end| root["pipeline"].get(**end).is_some())
        .filter_map(|end| root["pipeline"][*end]["connector"].as_str().or(default))
        .map(str::to_owned)
        .collect()
}

/// Raw settings that may not be set, in every connector.
pub(crate) fn owned_settings(file: &File, tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, connector) in tree.value["connectors"].as_object().into_iter().flatten() {
        let at = child(&child("/connectors", name), "client");
        for setting in connector["client"]
            .as_object()
            .into_iter()
            .flat_map(|client| client.keys())
        {
            if let Some(why) = owned(setting) {
                let at = child(&at, setting);
                let message = format!("the setting `{setting}` is Forebay's own: {why}");
                problems.push(tree.key_problem(file, &at, message));
            }
        }
    }
    problems
}

/// Turns the typed document into a config.
pub(crate) struct Resolver {
    pub(crate) file: File,
    pub(crate) tree: Tree,
    pub(crate) base: PathBuf,
    pub(crate) masks: Masks,
    pub(crate) files: Vec<PathBuf>,
}

impl Resolver {
    /// The config, and what is wrong in it. With `open` the connectors that a run uses are read as well.
    pub(crate) fn config(
        self,
        document: Document,
        options: &Options<'_>,
        open: bool,
    ) -> (Config, Vec<Problem>) {
        let mut problems = Vec::new();
        let default = options.connector.as_deref().or(document.connector.as_deref());
        let mut connectors = BTreeMap::new();
        let pipeline = &document.pipeline;
        let dead = pipeline
            .dead_letters
            .as_ref()
            .and_then(|d| d.connector.as_deref());
        let ends = [
            ("source", pipeline.source.connector.as_deref()),
            ("sink", pipeline.sink.connector.as_deref()),
            ("dead_letters", dead),
        ];
        if let Some(name) = &options.also {
            let connector = self.connector(name, "/connectors");
            let connector = connector.map_err(|mut wrong| problems.append(&mut wrong));
            connectors.extend(connector.ok().map(|connector| (name.clone(), connector)));
        }
        let [source, sink, dead_letters] = ends.map(|(end, own)| {
            let name = own.or(default).unwrap_or_default().to_owned();
            if !open || end == "dead_letters" && pipeline.dead_letters.is_none() {
                return name;
            }
            let at = own.map_or("/connector".to_owned(), |_| format!("/pipeline/{end}/connector"));
            match self.connector(&name, &at) {
                Ok(connector) => {
                    connectors.insert(name.clone(), connector);
                }
                Err(wrong) => problems.extend(wrong),
            }
            name
        });
        let topics = self.topics(&document, &mut problems);
        let start = self.start(&document, &mut problems);
        self.subjects(&document, &mut problems);
        self.two_schemas(&document, &mut problems);
        let listen = self.listen(&document, &mut problems);
        self.token(&document, &mut problems);
        self.alerts(&document, &mut problems);
        let columns = self.columns(
            &pipeline.source.columns,
            "/pipeline/source/columns",
            &mut problems,
        );
        let key_columns = self.key_columns(&document, &mut problems);
        self.event_time(&document, columns.iter().chain(&key_columns), &mut problems);
        let tables: BTreeMap<String, Vec<Column>> = document
            .tables
            .iter()
            .map(|(name, table)| {
                let at = child(&child("/tables", name), "columns");
                (name.clone(), self.columns(&table.columns, &at, &mut problems))
            })
            .collect();
        let Self {
            file,
            tree,
            base,
            masks,
            files,
        } = self;
        let config = Config {
            document,
            connectors,
            source_connector: source,
            sink_connector: sink,
            dead_letters_connector: dead_letters,
            topics,
            start,
            listen,
            columns,
            key_columns,
            tables,
            base,
            files,
            file,
            tree,
            masks,
        };
        problems.extend(super::limits::exceeded(&config));
        // Ends that share a connector share its problems.
        problems.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        problems.dedup();
        (config, problems)
    }

    fn at(&self, pointer: &str, message: impl Into<String>) -> Problem {
        self.tree.problem(&self.file, pointer, message)
    }

    /// The connector `name`, which is named at `at`.
    fn connector(&self, name: &str, at: &str) -> Result<Resolved, Vec<Problem>> {
        let all = self.tree.value["connectors"].as_object();
        let names: Vec<&str> = all
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str))
            .collect();
        if name.is_empty() {
            let names = names.join(", ");
            let message = format!("no connector is named: add `connector: NAME`; there are: {names}");
            return Err(vec![self.at(at, message)]);
        }
        let Some(entry) = all.and_then(|all| all.get(name)) else {
            let near = super::said::nearest(name, &names);
            return Err(vec![self.at(at, format!("there is no connector `{name}`{near}"))]);
        };
        let mut own = entry.clone();
        let kind = own.as_object_mut().and_then(|map| map.remove("kind"));
        let kind = KINDS
            .iter()
            .find(|k| kind.as_ref().is_some_and(|kind| kind == k.name));
        let here = child("/connectors", name);
        let Some(built) = kind.and_then(|kind| kind.built) else {
            return Err(vec![self.at(
                &here,
                format!("the connector `{name}` is of no kind that is built in"),
            )]);
        };
        (built.resolve)(own, &self.base).map_err(|wrong| {
            let one = |w: Wrong| match w.key.as_str() {
                "" => self.tree.key_problem(&self.file, &here, w.message),
                key => self.at(&format!("{here}/{key}"), w.message),
            };
            wrong.into_iter().map(one).collect::<Vec<_>>()
        })
    }

    fn topics(&self, document: &Document, problems: &mut Vec<Problem>) -> Topics {
        let source = &document.pipeline.source;
        match (&source.topic, &source.topics, &source.pattern) {
            (Some(topic), None, None) => Topics::Names(vec![topic.clone()]),
            (None, Some(topics), None) if !topics.is_empty() => Topics::Names(topics.clone()),
            (None, None, Some(pattern)) if !pattern.starts_with('^') => {
                let message = "a pattern begins with `^`, such as `^payments-.*`";
                problems.push(self.at("/pipeline/source/pattern", message));
                Topics::Names(Vec::new())
            }
            (None, None, Some(pattern)) => Topics::Pattern(pattern.clone()),
            _ => {
                let message = "a source names exactly one of `topic`, `topics` and `pattern`";
                problems.push(self.tree.key_problem(&self.file, self.last_topic(), message));
                Topics::Names(Vec::new())
            }
        }
    }

    /// Subjects are a registry's.
    fn subjects(&self, document: &Document, problems: &mut Vec<Problem>) {
        let source = &document.pipeline.source;
        let key = source
            .key
            .as_ref()
            .map(|key| (&key.format, "/pipeline/source/key/format"));
        for (format, at) in [(&source.format, "/pipeline/source/format")]
            .into_iter()
            .chain(key)
        {
            if !format.subjects().is_empty() && !format.is_registered() {
                let at = format!("{at}/{}/subjects", format.name());
                let message = "`subjects` are looked up in a registry, and `schema` takes its place: name one of the two";
                problems.push(self.tree.key_problem(&self.file, &at, message));
            }
        }
    }

    /// A schema is the latest of its subject, or is registered.
    fn two_schemas(&self, document: &Document, problems: &mut Vec<Problem>) {
        let format = &document.pipeline.sink.format;
        if format
            .registered()
            .is_some_and(|asked| asked.use_latest && asked.auto_register)
        {
            let at = format!("/pipeline/sink/format/{}/auto_register", format.name());
            let message = "`use_latest` writes with a schema that the registry has, and `auto_register` registers the results' own: keep one \
                           of the two";
            problems.push(self.tree.key_problem(&self.file, &at, message));
        }
    }

    /// The pointer of the last of the keys that name topics, or of the source where it has none.
    fn last_topic(&self) -> &'static str {
        const KEYS: [&str; 3] = [
            "/pipeline/source/topic",
            "/pipeline/source/topics",
            "/pipeline/source/pattern",
        ];
        let given = KEYS
            .into_iter()
            .filter(|at| self.tree.value.pointer(at).is_some());
        given
            .max_by_key(|at| self.tree.key_place(at))
            .unwrap_or("/pipeline/source")
    }

    fn start(&self, document: &Document, problems: &mut Vec<Problem>) -> Start {
        start(&document.pipeline.source.start).unwrap_or_else(|| {
            let message = "not a start: earliest, latest or a timestamp such as 2026-01-31T00:00:00Z";
            problems.push(self.at("/pipeline/source/start", message));
            Start::Earliest
        })
    }

    fn event_time<'c>(
        &self,
        document: &Document,
        columns: impl Iterator<Item = &'c Column>,
        problems: &mut Vec<Problem>,
    ) {
        let Some(name) = &document.pipeline.source.event_time else {
            return;
        };
        let is_time = |column: &Column| matches!(column.kind, ColumnKind::Timestamp(_));
        let columns: Vec<&Column> = columns.collect();
        let message = match columns.iter().find(|column| column.name == *name) {
            Some(column) if is_time(column) => return,
            Some(_) => format!("column `{name}` is no timestamp: declare it as `timestamp`"),
            None => {
                let times = columns.iter().filter(|column| is_time(column));
                let times: Vec<String> = times.map(|column| format!("`{}`", column.name)).collect();
                let times = if times.is_empty() {
                    "none".to_owned()
                } else {
                    times.join(", ")
                };
                format!("there is no column `{name}`; columns of type timestamp: {times}")
            }
        };
        problems.push(self.at("/pipeline/source/event_time", message));
    }

    fn listen(&self, document: &Document, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
        let text = document.telemetry.listen.as_ref()?;
        let address = text.parse().ok();
        if address.is_none() {
            problems.push(self.at("/telemetry/listen", "not an address such as 127.0.0.1:9464"));
        }
        address
    }

    /// What no request could bring in a header, or every one could.
    fn token(&self, document: &Document, problems: &mut Vec<Problem>) {
        let token = document
            .telemetry
            .token
            .as_ref()
            .map(forebay_auth::Secret::expose);
        let message = match token {
            Some("") => {
                "telemetry.token is empty: give what it is filled from a value, or leave `token` out to ask for none"
            }
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                "telemetry.token holds what a header cannot carry: use visible ASCII characters alone, without blanks"
            }
            _ => return,
        };
        problems.push(self.at("/telemetry/token", message));
    }

    /// What no rule could be made of.
    fn alerts(&self, document: &Document, problems: &mut Vec<Problem>) {
        let alerts = &document.alerts;
        if alerts.window.0 < Duration::from_secs(10) {
            problems.push(self.at(
                "/alerts/window",
                "rates are taken over at least 10s, and over four scrapes of Prometheus",
            ));
        }
        if alerts.latency.is_some_and(|target| target.0 > LONGEST_LATENCY) {
            let message = format!("latencies are told apart up to {LONGEST_LATENCY:?}");
            problems.push(self.at("/alerts/latency", message));
        }
        if alerts.input_stopped.is_some_and(|rests| rests.0.is_zero()) {
            problems.push(self.at("/alerts/input_stopped", "an input rests for at least 1s"));
        }
    }

    fn key_columns(&self, document: &Document, problems: &mut Vec<Problem>) -> Vec<Column> {
        let source = &document.pipeline.source;
        let Some(key) = &source.key else {
            return Vec::new();
        };
        let at = "/pipeline/source/key/columns";
        let columns = self.columns(&key.columns, at, problems);
        for (name, _) in &key.columns.0 {
            if source.columns.0.iter().any(|(other, _)| other == name) {
                let message = format!(
                    "the payload has a column `{name}`, too: choose another name, and give the key's field as `path`"
                );
                problems.push(self.tree.key_problem(&self.file, &child(at, name), message));
            }
        }
        columns
    }

    fn columns(&self, columns: &Columns, at: &str, problems: &mut Vec<Problem>) -> Vec<Column> {
        let (columns, wrong) = columns.resolve();
        for super::columns::Wrong { column, key, why } in wrong {
            let at = child(at, &column);
            let message = format!("column `{column}`: {why}");
            problems.push(match key {
                Some(key) => self.at(&child(&at, key), message),
                None => self.tree.key_problem(&self.file, &at, message),
            });
        }
        columns
    }
}

/// `earliest`, `latest` or an RFC 3339 time.
pub fn start(text: &str) -> Option<Start> {
    match text {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        text => nanoseconds(text).map(|nanos| Start::Timestamp(nanos / 1_000_000)),
    }
}
