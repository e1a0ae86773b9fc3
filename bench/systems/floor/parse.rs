//! Parsers and writers that know the bytes of each workload: every field at its place, every name of its length.

/// What is scored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Workload {
    Tabular,
    Avro,
    Raw,
    Image,
    Shuttle,
}

/// A place in an event.
struct At<'a>(&'a [u8]);

impl At<'_> {
    fn skip(&mut self, text: &str) {
        debug_assert!(self.0.starts_with(text.as_bytes()));
        self.0 = &self.0[text.len()..];
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    #[inline]
    fn digits(&mut self, mut number: u64) -> u64 {
        while self.byte().is_ascii_digit() {
            number = number * 10 + u64::from(self.0[0] - b'0');
            self.0 = &self.0[1..];
        }
        number
    }

    #[inline]
    fn integer(&mut self) -> i64 {
        let minus = self.byte() == b'-';
        self.0 = &self.0[usize::from(minus)..];
        let number = self.digits(0) as i64;
        if minus { -number } else { number }
    }

    /// A `long` of Avro that is not negative.
    #[inline]
    fn long(&mut self) -> i64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            self.0 = &self.0[1..];
            number |= i64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number >> 1;
            }
            shift += 7;
        }
    }

    /// A decimal of at most 15 digits: exact in an f64, rounded once.
    #[inline]
    fn decimal(&mut self) -> f32 {
        let minus = self.byte() == b'-';
        self.0 = &self.0[usize::from(minus)..];
        let mut number = self.digits(0);
        let mut scale = 0;
        if self.byte() == b'.' {
            self.0 = &self.0[1..];
            let before = self.0.len();
            number = self.digits(number);
            scale = before - self.0.len();
        }
        let value = (number as f64 / POWERS[scale]) as f32;
        if minus { -value } else { value }
    }
}

const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// What stands before a body of Avro: the id of the one schema that is known here.
const FRAME: [u8; 5] = [0, 0, 0, 0, 7];

impl Workload {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "t" => Self::Tabular,
            "a" => Self::Avro,
            "r" => Self::Raw,
            "c" => Self::Image,
            "s" => Self::Shuttle,
            other => panic!("no workload {other}"),
        }
    }

    #[inline]
    pub(crate) fn parse(self, payload: &[u8], features: &mut Vec<f32>, writer: &mut Writer) {
        let mut at = At(payload);
        match self {
            Self::Raw => {
                let values = payload.as_chunks::<4>().0;
                features.extend(values.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            Self::Tabular => {
                at.skip("{\"id\":");
                writer.ids.push(at.integer());
                at.0 = &at.0[",\"device\":\"device-0000\"".len()..];
                for _ in 0..30 {
                    at.0 = &at.0[",\"f00\":".len()..];
                    features.push(at.decimal());
                }
            }
            Self::Avro => {
                let (frame, body) = payload.split_at(FRAME.len());
                assert!(frame == FRAME, "the schema of an event is another one");
                at.0 = body;
                writer.ids.push(at.long());
                at.0 = &at.0["_device-0000".len()..];
                let values = at.0[..30 * 4].as_chunks::<4>().0;
                features.extend(values.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            Self::Image => {
                at.skip("{\"id\":");
                writer.ids.push(at.integer());
                at.skip(",\"pixels\":");
                for _ in 0..784 {
                    at.0 = &at.0[1..];
                    features.push(at.decimal());
                }
            }
            Self::Shuttle => {
                at.skip("{\"id\":");
                writer.ids.push(at.integer());
                for _ in 1..=9 {
                    at.0 = &at.0[",\"f1\":".len()..];
                    features.push(at.integer() as f32);
                }
                at.skip(",\"anomaly\":");
                writer.labels.push(at.integer());
            }
        }
    }
}

/// Results of one batch, one behind another.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<(usize, usize)>,
    ids: Vec<i64>,
    labels: Vec<i64>,
}

impl Writer {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.ids.clear();
        self.labels.clear();
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn integer(&mut self, number: i64) {
        self.text(itoa::Buffer::new().format(number));
    }

    fn float(&mut self, number: f32) {
        self.text(zmij::Buffer::new().format(number));
    }

    pub(crate) fn tabular(&mut self, scores: &[f32]) {
        for (row, score) in scores.iter().enumerate() {
            let start = self.bytes.len();
            self.text("{\"id\":");
            self.integer(self.ids[row]);
            self.text(",\"score\":");
            self.float(*score);
            self.text("}");
            self.spans.push((start, self.bytes.len()));
        }
    }

    pub(crate) fn raw(&mut self, scores: &[f32], rows: usize) {
        let width = scores.len() / rows;
        for scores in scores.chunks_exact(width) {
            let start = self.bytes.len();
            self.bytes.extend(scores.iter().flat_map(|s| s.to_le_bytes()));
            self.spans.push((start, self.bytes.len()));
        }
    }

    pub(crate) fn image(&mut self, scores: &[f32], rows: usize) {
        let width = scores.len() / rows;
        for (row, scores) in scores.chunks_exact(width).enumerate() {
            let start = self.bytes.len();
            self.text("{\"id\":");
            self.integer(self.ids[row]);
            self.text(",\"scores\":");
            for (nth, score) in scores.iter().enumerate() {
                self.text(if nth == 0 { "[" } else { "," });
                self.float(*score);
            }
            self.text("]}");
            self.spans.push((start, self.bytes.len()));
        }
    }

    pub(crate) fn shuttle(&mut self, labels: &[i64], scores: &[f32]) {
        for (row, label) in labels.iter().enumerate() {
            let start = self.bytes.len();
            self.text("{\"id\":");
            self.integer(self.ids[row]);
            self.text(",\"anomaly\":");
            self.integer(self.labels[row]);
            self.text(",\"predicted\":");
            self.integer(*label);
            self.text(",\"score\":");
            self.float(scores[2 * row + 1]);
            self.text("}");
            self.spans.push((start, self.bytes.len()));
        }
    }
}
