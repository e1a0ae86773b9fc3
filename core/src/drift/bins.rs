//! Where a value is counted. Numbers lie between edges, with a bin below the first and one above the last; categories are values
//! by name, with one bin for all others. Behind them stand the bins that no distribution is made of: what is missing, and numbers
//! that are none.

/// The most edges of numbers and the most categories: a bin's number fits a byte, and series stay few.
pub const MOST: usize = 100;

/// The bins of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// Rising edges. A value lies in the bin whose number is that of the edges that are not above it.
    Numbers(Vec<f64>),
    /// Values as text.
    Categories(Vec<String>),
}

/// The labels of the bins behind the values' own.
const MISSING: &str = "(missing)";
const NOT_FINITE: &str = "(not finite)";
const OTHER: &str = "(other)";

/// Characters of a category that a label shows.
const LABEL: usize = 60;

impl Bins {
    /// How many bins a distribution is made of: those of values. They come first.
    pub fn values(&self) -> usize {
        match self {
            Self::Numbers(edges) => edges.len() + 1,
            Self::Categories(names) => names.len() + 1,
        }
    }

    /// How many bins there are.
    pub fn len(&self) -> usize {
        self.values()
            + match self {
                Self::Numbers(_) => 2,
                Self::Categories(_) => 1,
            }
    }

    /// Whether there are none; there always are.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bin of nulls, which is the last.
    pub fn missing(&self) -> usize {
        self.len() - 1
    }

    /// The bin of the categories that the reference does not name.
    pub fn other(&self) -> Option<usize> {
        match self {
            Self::Numbers(_) => None,
            Self::Categories(names) => Some(names.len()),
        }
    }

    /// The bin of a number; of one that is not finite as well.
    pub fn of_number(edges: &[f64], value: f64) -> usize {
        if value.is_finite() {
            edges.partition_point(|edge| *edge <= value)
        } else {
            edges.len() + 1
        }
    }

    /// What each bin is called on a metric: short, and no two alike.
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = match self {
            Self::Numbers(edges) => {
                let between = edges.windows(2).map(|pair| format!("{}..{}", pair[0], pair[1]));
                let below = edges.first().map(|edge| format!("<{edge}"));
                let above = edges.last().map(|edge| format!(">={edge}"));
                let ends = [NOT_FINITE, MISSING].map(str::to_owned);
                below
                    .into_iter()
                    .chain(between)
                    .chain(above)
                    .chain(ends)
                    .collect()
            }
            Self::Categories(names) => {
                let short = |name: &String| name.chars().take(LABEL).collect::<String>();
                let ends = [OTHER, MISSING].map(str::to_owned);
                names.iter().map(short).chain(ends).collect()
            }
        };
        // From behind: our own names stay as they are.
        for at in (0..labels.len()).rev() {
            let mut number = 2;
            let plain = labels[at].clone();
            while labels[at + 1..].contains(&labels[at]) {
                labels[at] = format!("{plain}~{number}");
                number += 1;
            }
        }
        labels
    }
}

/// The bins of a score while there is no reference: tenths from 0 to 1.
pub fn tenths() -> Bins {
    Bins::Numbers((0..=10).map(|tenth| f64::from(tenth) / 10.0).collect())
}

/// How many classes are told apart while there is no reference.
pub const CLASSES: i64 = 50;

/// The bins of a label while there is no reference: the whole numbers from 0 on.
pub fn classes() -> Bins {
    Bins::Categories((0..CLASSES).map(|class| class.to_string()).collect())
}

/// The bins of a switch.
pub fn switches() -> Bins {
    Bins::Categories(vec!["false".to_owned(), "true".to_owned()])
}
