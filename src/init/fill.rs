//! Which fields fill which tensor, by name, type and width, and which one may be the key.

use std::collections::HashSet;

use forebay_core::model::{Element, Tensor};
use forebay_core::{Error, Result};

use super::Input;
use super::columns::{Column, ColumnType, MadeUp};
use super::names::{folded, is_identity, is_no_feature, plain, unique};
use super::sample::{Field, Kind, Sample};

/// So many columns are made up beside those of the sample, at most; more are one list.
const MADE_UP: usize = 64;
/// Names nearer than this mean the same, most likely.
const NEAR: f64 = 0.9;

/// Columns, and why they are a guess where they are.
type Found = (Vec<String>, Option<String>);

/// The fields there are, and what became of them.
pub(super) struct Fields {
    all: Vec<Candidate>,
    taken: HashSet<String>,
    /// Columns without a field.
    made_up: Vec<Column>,
    events: Option<usize>,
}

struct Candidate {
    field: Field,
    /// What its column is called.
    column: String,
    path: Option<String>,
    /// What it is used as.
    used: Option<ColumnType>,
}

impl Candidate {
    /// The field's own name.
    fn name(&self) -> &str {
        self.field.path.last().map_or("", String::as_str)
    }

    fn fits(&self, element: Element) -> Option<ColumnType> {
        let free = self.used.is_none();
        ColumnType::for_tensor(element, self.field.kind).filter(|_| free)
    }

    fn is_list(&self) -> bool {
        matches!(self.field.kind, Kind::Numbers(_))
    }
}

impl Fields {
    pub(super) fn new(sample: Option<&Sample>) -> Self {
        let mut taken = HashSet::new();
        let fields = sample.into_iter().flat_map(|sample| &sample.fields);
        // A dot in a path parts two levels, and a name below the first cannot hold one.
        let reachable = fields.filter(|f| f.path.len() == 1 || f.path.iter().all(|name| !name.contains('.')));
        let all = reachable.map(|field| candidate(field, &mut taken)).collect();
        Self {
            all,
            taken,
            made_up: Vec::new(),
            events: sample.map(|sample| sample.events),
        }
    }

    /// What fills `tensor`; with `alone` it is the model's only input.
    pub(super) fn fill(&mut self, tensor: &Tensor, alone: bool) -> Result<Input> {
        let sizes = tensor.shape.get(1..).unwrap_or_default();
        let width = sizes.iter().copied().product::<Option<usize>>();
        let found = match width {
            Some(1) => self.one(tensor, alone),
            _ => self.list(tensor, width),
        };
        let (columns, guess) = match (found, width) {
            (Some(found), _) => found,
            (None, Some(1)) => (self.placeholders(tensor, 1), None),
            (None, _) => self.side_by_side(tensor, width)?,
        };
        Ok(Input {
            tensor: tensor.clone(),
            columns,
            guess,
        })
    }

    /// The field for a tensor of one value a row: the one of its name.
    fn one(&mut self, tensor: &Tensor, alone: bool) -> Option<Found> {
        let free: Vec<usize> = self.free(tensor.element, |c| !c.is_list());
        let wanted = folded(&tensor.name);
        let same = free.iter().find(|i| folded(self.all[**i].name()) == wanted);
        if let Some(i) = same {
            return Some((vec![self.take(*i, tensor.element)], None));
        }
        let score = |i: &usize| strsim::jaro_winkler(&wanted, &folded(self.all[*i].name()));
        let near = free.iter().copied().filter(|i| score(i) >= NEAR);
        let near = near.max_by(|a, b| score(a).total_cmp(&score(b)));
        let unfit = self.all.iter().any(|c| folded(c.name()) == wanted);
        let may = |i: &usize| alone && !unfit && !is_no_feature(self.all[*i].name());
        let only = free.iter().copied().find(may);
        let (i, why) = match (near, only) {
            (Some(i), _) => (i, "the nearest name"),
            (None, Some(i)) => (i, "the first field of its type"),
            (None, None) => return None,
        };
        Some((vec![self.take(i, tensor.element)], Some(why.to_owned())))
    }

    /// A list of as many numbers as the tensor takes.
    fn list(&mut self, tensor: &Tensor, width: Option<usize>) -> Option<Found> {
        let fits = |c: &Candidate| match c.field.kind {
            Kind::Numbers(numbers) => width.is_none_or(|width| width == numbers),
            _ => false,
        };
        let free = self.free(tensor.element, fits);
        let wanted = folded(&tensor.name);
        let same = free.iter().find(|i| folded(self.all[**i].name()) == wanted);
        let i = *same.or(free.first())?;
        let guess = match (same, free.len()) {
            (Some(_), _) => None,
            (None, 1) => Some("the only list of its length".to_owned()),
            (None, _) => Some("the first list of its length".to_owned()),
        };
        Some((vec![self.take(i, tensor.element)], guess))
    }

    /// Numbers side by side, in the order of the events.
    fn side_by_side(&mut self, tensor: &Tensor, width: Option<usize>) -> Result<Found> {
        let free = self.free(tensor.element, |c| !c.is_list());
        let unlikely = |i: &usize| is_no_feature(self.all[*i].name());
        let (beside, likely): (Vec<usize>, Vec<usize>) = free.into_iter().partition(unlikely);
        let wanted = width.unwrap_or(likely.len().max(1));
        let mut chosen: Vec<usize> = likely.iter().chain(&beside).copied().take(wanted).collect();
        chosen.sort_unstable();
        let lacking = wanted - chosen.len();
        if self.events.is_some() && lacking > MADE_UP {
            return Err(Error::config(format!(
                "find what fills the model's input `{}` ({tensor}): it takes {wanted} values a row, and the events have no \
                 list of {wanted} numbers and only {} fields that fit; give events that hold what the model was trained with",
                tensor.name,
                chosen.len()
            )));
        }
        let guess = match (self.events, lacking, width) {
            (None, ..) => "the model was trained with these values in an order of its own".to_owned(),
            (_, 1.., _) => format!("the events have {} of {wanted} values that fit", chosen.len()),
            (.., None) => "the model does not say how many; these are all that fit".to_owned(),
            _ if likely.len() > wanted => {
                format!(
                    "the first {wanted} of {} fields that fit, in the order of the events",
                    likely.len()
                )
            }
            _ => "in the order of the events; the model wants the order it was trained with".to_owned(),
        };
        let mut columns: Vec<String> = chosen.iter().map(|i| self.take(*i, tensor.element)).collect();
        columns.extend(self.placeholders(tensor, lacking));
        Ok((columns, Some(guess)))
    }

    /// Columns for values that no field fills.
    fn placeholders(&mut self, tensor: &Tensor, lacking: usize) -> Vec<String> {
        let made_up = match self.events {
            None => MadeUp::NoSample,
            Some(_) => MadeUp::NoField,
        };
        let (base, one) = (plain(&tensor.name), ColumnType::of(tensor.element));
        let list = ColumnType::for_tensor(tensor.element, Kind::Numbers(lacking));
        let columns: Vec<(String, ColumnType)> = match list {
            Some(list) if lacking > MADE_UP => vec![(base, list)],
            _ if lacking == 1 => vec![(base, one)],
            _ => (1..=lacking).map(|n| (format!("{base}_{n}"), one)).collect(),
        };
        let made = columns.into_iter().map(|(name, kind)| Column {
            name: unique(&name, &mut self.taken),
            kind,
            path: None,
            made_up,
            missing: 0,
        });
        let made: Vec<Column> = made.collect();
        let names = made.iter().map(|column| column.name.clone()).collect();
        self.made_up.extend(made);
        names
    }

    /// The column that may be the key: what tells events apart, by its name and its values.
    pub(super) fn key(&mut self) -> Option<String> {
        let Some(events) = self.events else {
            return Some(self.made_up_key());
        };
        let may = |c: &&mut Candidate| {
            let whole = c.field.filled == events && matches!(c.field.kind, Kind::Text | Kind::Integer);
            let free = matches!(c.used, None | Some(ColumnType::Int64 | ColumnType::String));
            whole && free && is_identity(c.name())
        };
        let best = self.all.iter_mut().filter(may).min_by_key(|c| {
            // Of several the outermost, and the first of them.
            (!c.field.distinct, folded(c.name()) != "id", c.field.path.len())
        })?;
        best.used.get_or_insert(match best.field.kind {
            Kind::Integer => ColumnType::Int64,
            _ => ColumnType::String,
        });
        Some(best.column.clone())
    }

    fn made_up_key(&mut self) -> String {
        let name = unique("id", &mut self.taken);
        self.made_up.insert(
            0,
            Column {
                name: name.clone(),
                kind: ColumnType::String,
                path: None,
                made_up: MadeUp::NoSample,
                missing: 0,
            },
        );
        name
    }

    /// The columns that are used, in the order of the events, and the fields that are not.
    pub(super) fn declared(self) -> (Vec<Column>, Vec<String>) {
        let (mut columns, mut unused) = (Vec::new(), Vec::new());
        for one in self.all {
            match one.used {
                Some(kind) => columns.push(Column {
                    name: one.column,
                    kind,
                    path: one.path,
                    made_up: MadeUp::No,
                    missing: self.events.unwrap_or_default() - one.field.filled,
                }),
                None => unused.push(one.field.path.join(".")),
            }
        }
        columns.extend(self.made_up);
        (columns, unused)
    }

    /// Fields that nothing uses yet and that fit, in the order of the events.
    fn free(&self, element: Element, which: impl Fn(&Candidate) -> bool) -> Vec<usize> {
        let all = self.all.iter().enumerate();
        let free = all.filter(|(_, c)| c.fits(element).is_some() && which(c));
        free.map(|(i, _)| i).collect()
    }

    fn take(&mut self, i: usize, element: Element) -> String {
        let fits = self.all[i].fits(element);
        self.all[i].used = fits;
        self.all[i].column.clone()
    }
}

fn candidate(field: &Field, taken: &mut HashSet<String>) -> Candidate {
    let own = field.path.last().map_or("", String::as_str);
    let outer = plain(&field.path.join("_"));
    let name = plain(own);
    let column = match taken.contains(&name) {
        true => unique(&outer, taken),
        false => unique(&name, taken),
    };
    let path = field.path.join(".");
    // A dot would part two levels: such a name stands as it is.
    let dotted = field.path.len() == 1 && own.contains('.') && !own.starts_with('_');
    let column = if dotted { own.to_owned() } else { column };
    Candidate {
        path: (path != column && !dotted).then_some(path),
        column,
        field: field.clone(),
        used: None,
    }
}
