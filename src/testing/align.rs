//! Which found row belongs to which expected one. Equal rows find each other first; what lies between them is paired where
//! it is alike, so that one missing row does not make every row behind it differ. Knows indices and costs only.

/// Two rows that belong together, or one that is alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// In its place, equal or not.
    Both(usize, usize),
    /// Equal, but elsewhere.
    Moved(usize, usize),
    Missing(usize),
    Surplus(usize),
}

/// Above so many comparisons rows are paired by their place.
const COMPARISONS: usize = 1 << 20;
/// What a row alone costs; two rows that differ wholly cost 1, less than two alone.
const ALONE: f32 = 0.6;

/// Pairs `expected` with `found` rows; `unlike` is 0 for equal rows and at most 1.
pub(crate) fn pair(
    expected: usize,
    found: usize,
    order: bool,
    unlike: &dyn Fn(usize, usize) -> f32,
) -> Vec<Pair> {
    let same = |e: usize, f: usize| unlike(e, f) == 0.0;
    let (all_expected, all_found) = ((0..expected).collect::<Vec<_>>(), (0..found).collect::<Vec<_>>());
    if !order {
        return unordered(&all_expected, &all_found, &same, unlike);
    }
    let equal = |e: usize, f: usize| if same(e, f) { 0.0 } else { f32::INFINITY };
    let anchored = align(&all_expected, &all_found, &equal);
    let moved = moved(&anchored, &same);
    let mut pairs = Vec::new();
    let (mut gap_expected, mut gap_found) = (Vec::new(), Vec::new());
    for step in anchored {
        match step {
            Pair::Missing(e) if let Some((_, f)) = moved.iter().find(|m| m.0 == e) => {
                pairs.push(Pair::Moved(e, *f))
            }
            Pair::Surplus(f) if moved.iter().any(|m| m.1 == f) => {}
            Pair::Missing(e) => gap_expected.push(e),
            Pair::Surplus(f) => gap_found.push(f),
            Pair::Both(..) | Pair::Moved(..) => {
                pairs.extend(align(&gap_expected, &gap_found, unlike));
                gap_expected.clear();
                gap_found.clear();
                pairs.push(step);
            }
        }
    }
    pairs.extend(align(&gap_expected, &gap_found, unlike));
    pairs
}

fn unordered(
    expected: &[usize],
    found: &[usize],
    same: &dyn Fn(usize, usize) -> bool,
    unlike: &dyn Fn(usize, usize) -> f32,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (mut left, mut free) = (Vec::new(), found.to_vec());
    for e in expected {
        match free.iter().position(|f| same(*e, *f)) {
            Some(at) => pairs.push(Pair::Both(*e, free.remove(at))),
            None => left.push(*e),
        }
    }
    pairs.extend(align(&left, &free, unlike));
    pairs
}

/// Rows that are missing in one place and surplus in another.
fn moved(anchored: &[Pair], same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut free: Vec<usize> = anchored
        .iter()
        .filter_map(|p| if let Pair::Surplus(f) = p { Some(*f) } else { None })
        .collect();
    let missing = anchored.iter().filter(|p| matches!(p, Pair::Missing(_))).count();
    let mut moved = Vec::new();
    if missing.saturating_mul(free.len()) > COMPARISONS {
        return moved;
    }
    for pair in anchored {
        if let Pair::Missing(e) = pair
            && let Some(at) = free.iter().position(|f| same(*e, *f))
        {
            moved.push((*e, free.remove(at)));
        }
    }
    moved
}

/// The cheapest way to lay two rows of rows side by side without crossing.
fn align(expected: &[usize], found: &[usize], cost: &dyn Fn(usize, usize) -> f32) -> Vec<Pair> {
    let both = |(e, f): (&usize, &usize)| Pair::Both(*e, *f);
    let equal = |(e, f): &(&usize, &usize)| cost(**e, **f) == 0.0;
    let before = expected.iter().zip(found).take_while(equal).count();
    let (e, f) = (&expected[before..], &found[before..]);
    let behind = e.iter().rev().zip(f.iter().rev()).take_while(equal).count();
    let mut pairs: Vec<Pair> = expected.iter().zip(found).take(before).map(both).collect();
    pairs.extend(middle(&e[..e.len() - behind], &f[..f.len() - behind], cost));
    pairs.extend(e[e.len() - behind..].iter().zip(&f[f.len() - behind..]).map(both));
    pairs
}

fn middle(e: &[usize], f: &[usize], cost: &dyn Fn(usize, usize) -> f32) -> Vec<Pair> {
    if e.len().saturating_mul(f.len()) > COMPARISONS {
        return by_place(e, f, cost);
    }
    let width = f.len() + 1;
    let costs: Vec<f32> = e.iter().flat_map(|e| f.iter().map(|f| cost(*e, *f))).collect();
    let pair_cost = |i: usize, j: usize| costs[i * f.len() + j];
    // From the end: what the rows from here on cost at best.
    let mut best = vec![0.0_f32; (e.len() + 1) * width];
    let alone = |best: &[f32], i: usize, j: usize| {
        let down = if i < e.len() {
            best[(i + 1) * width + j]
        } else {
            f32::INFINITY
        };
        let right = if j < f.len() {
            best[i * width + j + 1]
        } else {
            f32::INFINITY
        };
        (down + ALONE, right + ALONE)
    };
    for i in (0..=e.len()).rev() {
        for j in (0..=f.len()).rev() {
            if i == e.len() && j == f.len() {
                continue;
            }
            let (down, right) = alone(&best, i, j);
            let mut cheapest = down.min(right);
            if i < e.len() && j < f.len() {
                cheapest = cheapest.min(best[(i + 1) * width + j + 1] + pair_cost(i, j));
            }
            best[i * width + j] = cheapest;
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::with_capacity(e.len().max(f.len()));
    while i < e.len() || j < f.len() {
        let (down, right) = alone(&best, i, j);
        if i < e.len() && j < f.len() && best[(i + 1) * width + j + 1] + pair_cost(i, j) <= down.min(right) {
            pairs.push(Pair::Both(e[i], f[j]));
            (i, j) = (i + 1, j + 1);
        } else if down <= right {
            pairs.push(Pair::Missing(e[i]));
            i += 1;
        } else {
            pairs.push(Pair::Surplus(f[j]));
            j += 1;
        }
    }
    pairs
}

fn by_place(e: &[usize], f: &[usize], cost: &dyn Fn(usize, usize) -> f32) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(e.len() + f.len());
    for at in 0..e.len().max(f.len()) {
        match (e.get(at), f.get(at)) {
            (Some(e), Some(f)) if cost(*e, *f).is_finite() => pairs.push(Pair::Both(*e, *f)),
            (e, f) => {
                pairs.extend(e.map(|e| Pair::Missing(*e)));
                pairs.extend(f.map(|f| Pair::Surplus(*f)));
            }
        }
    }
    pairs
}
