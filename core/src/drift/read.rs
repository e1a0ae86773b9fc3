//! From the text of a baseline to its types. Trusts nothing: a file that was edited, cut or made for something else is refused with
//! the place in it that is wrong. Values are not shown: categories may be data.

use serde_json::{Map, Value};

use super::Part;
use super::baseline::{Baseline, FORMAT, MOST_COLUMNS, Measure, ModelDigest, Reference, Spread};
use super::bins::{Bins, MOST};
use crate::error::{Error, Result};

pub(super) fn parse(bytes: &[u8]) -> Result<Baseline> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| {
        Error::config("the file is no baseline: it is not JSON")
            .with("line", e.line())
            .with("column", e.column())
    })?;
    let root = Node {
        value: &value,
        at: String::new(),
    };
    let format = root.whole("format")?;
    if format != FORMAT {
        return Err(Error::config(format!(
            "the baseline has format {format}, and this program reads format {FORMAT}: capture it anew with `forebay baseline`"
        )));
    }
    let mut columns = Vec::new();
    for (key, part) in [("inputs", Part::Input), ("predictions", Part::Prediction)] {
        let all = root.get(key)?;
        for name in all.map()?.keys() {
            columns.push(column(part, name, &all.get(name)?)?);
        }
    }
    if columns.is_empty() || columns.len() > MOST_COLUMNS {
        return Err(root.wrong(&format!("1 to {MOST_COLUMNS} columns")));
    }
    let models = root.get("models")?;
    let models = models.list()?.into_iter().map(|model| {
        Ok(ModelDigest {
            path: model.text("path")?,
            sha256: model.text("sha256")?,
        })
    });
    let baseline = Baseline {
        pipeline: root.text("pipeline")?,
        models: models.collect::<Result<_>>()?,
        rows: root.whole("rows")?,
        window_rows: root.whole("window_rows")?,
        windows: root.whole("windows")?,
        columns,
    };
    if baseline.window_rows == 0 {
        return Err(root.get("window_rows")?.wrong("a whole number from 1"));
    }
    Ok(baseline)
}

fn column(part: Part, name: &str, node: &Node<'_>) -> Result<Reference> {
    let (bins, counts) = match node.map()?.contains_key("edges") {
        true => numbers(node)?,
        false => categories(node)?,
    };
    // What windows may sum up to without an overflow, with room for a million of them.
    if counts.iter().any(|count| *count > 1 << 40) {
        return Err(node.wrong("counts that are not above 2^40"));
    }
    if counts.iter().take(bins.values()).all(|count| *count == 0) {
        return Err(node.wrong("a column with at least one value: all counts are 0"));
    }
    let spread = node.get("spread")?;
    let new_categories = bins.other().map(|_| measure(&spread, "new_categories"));
    Ok(Reference {
        part,
        name: name.to_owned(),
        data_type: node.text("type")?,
        spread: Spread {
            psi: measure(&spread, "psi")?,
            js: measure(&spread, "js")?,
            missing: measure(&spread, "missing")?,
            new_categories: new_categories.transpose()?,
        },
        bins,
        counts,
    })
}

fn numbers(node: &Node<'_>) -> Result<(Bins, Vec<u64>)> {
    let edges = node.get("edges")?;
    let list = edges.list()?;
    let values = list.iter().map(Node::number).collect::<Result<Vec<f64>>>()?;
    if values.is_empty() || values.len() > MOST {
        return Err(edges.wrong(&format!("1 to {MOST} numbers")));
    }
    if let Some(at) = values.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(list[at + 1].wrong("a number above the one before"));
    }
    let counts = node.get("counts")?;
    let mut all = counts
        .list()?
        .iter()
        .map(Node::count)
        .collect::<Result<Vec<u64>>>()?;
    if all.len() != values.len() + 1 {
        let wanted = format!("{} counts, one more than edges", values.len() + 1);
        return Err(counts.wrong(&wanted));
    }
    all.extend([node.whole("not_finite")?, node.whole("missing")?]);
    Ok((Bins::Numbers(values), all))
}

fn categories(node: &Node<'_>) -> Result<(Bins, Vec<u64>)> {
    let named = node.get("categories")?;
    let map = named.map()?;
    if map.len() > MOST {
        return Err(named.wrong(&format!("at most {MOST} categories")));
    }
    let counts = map.values().map(|value| named.beneath("*", value).count());
    let mut counts = counts.collect::<Result<Vec<u64>>>()?;
    counts.extend([node.whole("other")?, node.whole("missing")?]);
    Ok((Bins::Categories(map.keys().cloned().collect()), counts))
}

fn measure(node: &Node<'_>, name: &str) -> Result<Measure> {
    let own = node.get(name)?;
    let part = |name: &str| {
        let part = own.get(name)?;
        let number = part.number()?;
        if number < 0.0 {
            return Err(part.wrong("a number from 0"));
        }
        Ok(number)
    };
    Ok(Measure {
        mean: part("mean")?,
        sd: part("sd")?,
    })
}

/// A value and where it stands.
struct Node<'a> {
    value: &'a Value,
    at: String,
}

impl<'a> Node<'a> {
    fn beneath(&self, name: &str, value: &'a Value) -> Self {
        let short: String = name.chars().take(100).collect();
        let at = match self.at.is_empty() {
            true => short,
            false => format!("{}.{short}", self.at),
        };
        Self { value, at }
    }

    fn get(&self, name: &str) -> Result<Self> {
        let value = self.map()?.get(name);
        let value = value.ok_or_else(|| {
            let at = if self.at.is_empty() { "the file" } else { &self.at };
            Error::config(format!("the file is no baseline: {at} has no `{name}`"))
        })?;
        Ok(self.beneath(name, value))
    }

    fn wrong(&self, expected: &str) -> Error {
        let at = if self.at.is_empty() { "the file" } else { &self.at };
        Error::config(format!(
            "the file is no baseline: {at} is not what it should be: expected {expected}"
        ))
    }

    fn map(&self) -> Result<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.wrong("a map"))
    }

    fn list(&self) -> Result<Vec<Self>> {
        let all = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        let one = |(i, value): (usize, &'a Value)| Self {
            value,
            at: format!("{}[{i}]", self.at),
        };
        Ok(all.iter().enumerate().map(one).collect())
    }

    fn number(&self) -> Result<f64> {
        let number = self.value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong("a number"))
    }

    fn count(&self) -> Result<u64> {
        self.value
            .as_u64()
            .ok_or_else(|| self.wrong("a whole number from 0"))
    }

    fn whole(&self, name: &str) -> Result<u64> {
        self.get(name)?.count()
    }

    fn text(&self, name: &str) -> Result<String> {
        let node = self.get(name)?;
        let text = node.value.as_str().ok_or_else(|| node.wrong("a text"))?;
        Ok(text.to_owned())
    }
}
