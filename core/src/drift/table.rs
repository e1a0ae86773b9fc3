//! The bin of a number by its bits, without a search. The upper 16 bits of `value - centre` as a `float32` (sign, exponent, and
//! seven bits of the fraction) are a cell, finest around the centre; cells are ordered as values are, so a table gives each its bin.
//! A cell that an edge goes through is marked, and its values are searched for: the bin is exact whatever the edges are.

use super::bins::Bins;

/// The bin of a cell that holds more than one bin, or numbers that are not finite.
pub(super) const MIXED: u8 = u8::MAX;

/// How many values are looked up at once: their cells are computed together.
const CHUNK: usize = 16;

/// Counts by bin, wide enough for every byte.
pub(super) type Local = [u32; 256];

pub(super) struct Table {
    bins: Box<[u8; 1 << 16]>,
    /// Minus the centre. A sum with it, not a difference: zero has one sign then.
    offset: f32,
    edges: Vec<f64>,
}

/// The centre of these edges: the middle one, which lies where most values are.
pub(super) fn centre(edges: &[f64]) -> f32 {
    let middle = edges.get(edges.len() / 2).copied().unwrap_or(0.0);
    let middle = middle.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
    // Minus zero would be another cell.
    if middle == 0.0 { 0.0 } else { middle }
}

fn offset(centre: f32) -> f32 {
    if centre == 0.0 { 0.0 } else { -centre }
}

fn cell(value: f64, offset: f32) -> u16 {
    ((((value + f64::from(offset)) as f32).to_bits()) >> 16) as u16
}

/// The place of a cell among all, as its values are ordered.
fn place(cell: u16) -> u16 {
    if cell & 0x8000 == 0 { cell | 0x8000 } else { !cell }
}

/// Whether two values lie in one cell around a centre.
pub(super) fn share_a_cell(one: f64, other: f64, centre: f32) -> bool {
    cell(one, offset(centre)) == cell(other, offset(centre))
}

/// The smallest value of the cell around a centre that `value` lies in: an edge there goes through no cell.
pub(super) fn start_of_cell(value: f64, centre: f32) -> f64 {
    let (mut below, mut step) = (value, f64::MIN_POSITIVE.max(value.abs() * f64::EPSILON));
    while below.is_finite() && share_a_cell(below, value, centre) {
        below -= step;
        step *= 2.0;
    }
    // Halves until the border of the cell is found.
    let mut within = value;
    loop {
        let half = below + (within - below) / 2.0;
        if !half.is_finite() || half <= below || half >= within {
            return within;
        }
        if share_a_cell(half, value, centre) {
            within = half;
        } else {
            below = half;
        }
    }
}

impl Table {
    pub(super) fn new(edges: &[f64]) -> Self {
        let offset = offset(centre(edges));
        let mut bins = vec![MIXED; 1 << 16];
        let places: Vec<u16> = edges.iter().map(|edge| place(cell(*edge, offset))).collect();
        for number in 0..=u16::MAX {
            // All bits of the exponent: infinite or no number.
            if number & 0x7f80 != 0x7f80 {
                let not_above = places.partition_point(|edge| *edge <= place(number));
                bins[usize::from(number)] = u8::try_from(not_above).unwrap_or(MIXED);
            }
        }
        for edge in edges {
            let own = cell(*edge, offset);
            if cell(edge.next_down(), offset) == own {
                bins[usize::from(own)] = MIXED;
            }
        }
        let bins = bins.into_boxed_slice().try_into();
        Self {
            bins: bins.unwrap_or_else(|_| Box::new([MIXED; 1 << 16])),
            offset,
            edges: edges.to_vec(),
        }
    }

    #[cfg(test)]
    pub(super) fn is_mixed(&self, value: f64) -> bool {
        self.bins[usize::from(cell(value, self.offset))] == MIXED
    }

    /// Counts `float32` values. For them the sum is exact to a rounding, and so is the one in `float64` that the cells are made by:
    /// rounding twice, from twice the digits, is rounding once.
    pub(super) fn count_f32(&self, values: &[f32], counts: &mut Local) {
        let mut chunks = values.chunks_exact(CHUNK);
        for chunk in &mut chunks {
            let mut cells = [0; CHUNK];
            for (cell, value) in cells.iter_mut().zip(chunk) {
                *cell = (value + self.offset).to_bits() >> 16;
            }
            self.count_cells(&cells, counts);
            self.settle(chunk.iter().map(|value| f64::from(*value)), counts);
        }
        self.count(chunks.remainder().iter().map(|value| f64::from(*value)), counts);
    }

    /// Counts values that `wide` makes `float64` values of.
    pub(super) fn count_wide<T: Copy>(
        &self,
        values: &[T],
        wide: impl Fn(T) -> f64 + Copy,
        counts: &mut Local,
    ) {
        let offset = f64::from(self.offset);
        let mut chunks = values.chunks_exact(CHUNK);
        for chunk in &mut chunks {
            let mut cells = [0; CHUNK];
            for (cell, value) in cells.iter_mut().zip(chunk) {
                *cell = ((wide(*value) + offset) as f32).to_bits() >> 16;
            }
            self.count_cells(&cells, counts);
            self.settle(chunk.iter().map(|value| wide(*value)), counts);
        }
        self.count(chunks.remainder().iter().map(|value| wide(*value)), counts);
    }

    fn count_cells(&self, cells: &[u32; CHUNK], counts: &mut Local) {
        for cell in cells {
            let bin = self.bins[(cell & 0xffff) as usize];
            counts[usize::from(bin)] += 1;
        }
    }

    /// Searches for what was counted as mixed.
    fn settle(&self, values: impl Iterator<Item = f64>, counts: &mut Local) {
        if counts[usize::from(MIXED)] == 0 {
            return;
        }
        counts[usize::from(MIXED)] = 0;
        for value in values {
            if self.bins[usize::from(cell(value, self.offset))] == MIXED {
                counts[Bins::of_number(&self.edges, value)] += 1;
            }
        }
    }

    /// Counts values one by one.
    pub(super) fn count(&self, values: impl Iterator<Item = f64>, counts: &mut Local) {
        values.for_each(|value| counts[self.bin(value)] += 1);
    }

    /// The bin of a value.
    pub(super) fn bin(&self, value: f64) -> usize {
        match self.bins[usize::from(cell(value, self.offset))] {
            MIXED => Bins::of_number(&self.edges, value),
            bin => usize::from(bin),
        }
    }
}
