//! What each column comes from, step by step, and what a step reads on the way. Knows names, no types.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::codec::Column;
use forebay_core::steps::about::{About, Computed, LookupAbout, ModelAbout, SqlAbout};

use super::Reached;

/// The columns at one point of the pipeline.
#[derive(Debug)]
pub(super) struct Lineage {
    from: BTreeMap<String, BTreeSet<String>>,
    /// Those that are a source column as it arrived.
    same: BTreeSet<String>,
    /// What a filter, a lookup or a tensor read.
    read: BTreeSet<String>,
    /// By source column, the tensors it reaches.
    tensors: BTreeMap<String, Vec<Reached>>,
}

impl Lineage {
    pub(super) fn of(columns: &[Column]) -> Self {
        let own = |column: &Column| (column.name.clone(), BTreeSet::from([column.name.clone()]));
        Self {
            from: columns.iter().map(own).collect(),
            same: columns.iter().map(|column| column.name.clone()).collect(),
            read: BTreeSet::new(),
            tensors: BTreeMap::new(),
        }
    }

    /// What `column` comes from. Metadata comes from the record itself.
    pub(super) fn from(&self, column: &str) -> Vec<String> {
        self.origins(column).into_iter().collect()
    }

    fn origins(&self, column: &str) -> BTreeSet<String> {
        let known = self.from.get(column).cloned();
        known.unwrap_or_else(|| BTreeSet::from([column.to_owned()]))
    }

    /// Goes through step number `step`.
    pub(super) fn pass(&mut self, step: usize, about: &About) {
        match about {
            About::Sql(sql) => self.sql(sql),
            About::Lookup(lookup) => self.lookup(lookup),
            About::Model(model) => self.model(step, model),
        }
    }

    fn sql(&mut self, about: &SqlAbout) {
        let filtered = about.filter.iter().flat_map(|filter| &filter.reads);
        let filtered: BTreeSet<String> = filtered.flat_map(|name| self.origins(name)).collect();
        self.read.extend(filtered);
        let column = |c: &Computed| {
            let from = c.reads.iter().flat_map(|name| self.origins(name));
            (c.name.clone(), from.collect())
        };
        let passes = |c: &&Computed| matches!(c.reads.as_slice(), [read] if *read == c.text && self.same.contains(read));
        let same = about
            .columns
            .iter()
            .filter(passes)
            .map(|c| c.name.clone())
            .collect();
        self.from = about.columns.iter().map(column).collect();
        self.same = same;
    }

    fn lookup(&mut self, about: &LookupAbout) {
        let on = self.origins(&about.on);
        self.read.extend(on);
        for (column, _) in &about.columns {
            let from = format!("{}.{column}", about.table);
            self.from.insert(column.clone(), BTreeSet::from([from]));
            self.same.remove(column);
        }
    }

    fn model(&mut self, step: usize, about: &ModelAbout) {
        for input in &about.inputs {
            for filling in &input.columns {
                for origin in self.origins(&filling.column) {
                    let reached = Reached {
                        step,
                        tensor: input.tensor.name.clone(),
                        column: filling.column.clone(),
                        cast: filling.cast.map(|element| element.to_string()),
                        nullable: filling.nullable && self.same.contains(&filling.column),
                    };
                    self.tensors.entry(origin.clone()).or_default().push(reached);
                    self.read.insert(origin);
                }
            }
        }
        let file = about.path.file_name().unwrap_or_default().to_string_lossy();
        for given in &about.outputs {
            if let Some(column) = &given.column {
                let from = format!("{file}:{}", given.tensor.name);
                self.from.insert(column.clone(), BTreeSet::from([from]));
                self.same.remove(column);
            }
        }
    }

    /// Whether the source column `name` is read on the way, or is among what comes out.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.read.contains(name) || self.from.values().any(|from| from.contains(name))
    }

    /// The tensors that the source column `name` reaches.
    pub(super) fn tensors(&self, name: &str) -> Vec<Reached> {
        self.tensors.get(name).cloned().unwrap_or_default()
    }
}
