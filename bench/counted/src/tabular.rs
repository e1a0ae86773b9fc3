//! The events of T, and of A, their twins in Avro: the same devices and features, written in two ways. Knows no model.

use forebay::core::codec::schemas::{RegisteredSchema, SchemaType};
use serde_json::json;

const FEATURES: usize = 30;
/// The id of the schema in front of every event of A.
pub const SCHEMA_ID: u32 = 7;

/// What an event says behind its id.
#[derive(Debug)]
pub struct Row {
    device: String,
    /// Of five digits behind the point.
    texts: Vec<String>,
}

/// So many of them.
pub fn rows(random: &mut fastrand::Rng, count: usize) -> Vec<Row> {
    let mut row = || {
        let mut texts = Vec::with_capacity(FEATURES);
        for _ in 0..FEATURES {
            texts.push(format!("{:.5}", random.f32() * 20.0 - 10.0));
        }
        Row {
            device: format!("device-{:04}", random.u32(0..10_000)),
            texts,
        }
    };
    (0..count).map(|_| row()).collect()
}

impl Row {
    pub fn features(&self) -> Vec<f32> {
        self.texts
            .iter()
            .map(|text| text.parse().expect("a number"))
            .collect()
    }

    /// What follows the id in T.
    pub fn json(&self) -> Vec<u8> {
        let fields = self.texts.iter().enumerate();
        let fields: String = fields
            .map(|(nth, text)| format!(",\"f{nth:02}\":{text}"))
            .collect();
        format!(",\"device\":\"{}\"{fields}}}", self.device).into_bytes()
    }

    /// What follows the id in A.
    pub fn avro(&self) -> Vec<u8> {
        let mut out = Vec::new();
        long(self.device.len() as u64, &mut out);
        out.extend_from_slice(self.device.as_bytes());
        let features = self.features();
        out.extend(features.iter().flat_map(|feature| feature.to_le_bytes()));
        out
    }
}

/// What comes before it: the schema's id, as Confluent's clients write it, and the event's own.
pub fn begin_avro(id: u64, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&SCHEMA_ID.to_be_bytes());
    long(id, out);
}

/// A `long` of Avro that is not negative.
fn long(number: u64, out: &mut Vec<u8>) {
    let mut left = number << 1;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// The schema of A.
pub fn schema() -> RegisteredSchema {
    let mut fields = vec![
        json!({ "name": "id", "type": "long" }),
        json!({ "name": "device", "type": "string" }),
    ];
    fields.extend((0..FEATURES).map(|nth| json!({ "name": format!("f{nth:02}"), "type": "float" })));
    RegisteredSchema {
        schema_type: SchemaType::Avro,
        text: json!({ "type": "record", "name": "event", "fields": fields }).to_string(),
        references: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn twins_say_the_same() {
        for row in rows(&mut fastrand::Rng::with_seed(1), 20) {
            let text = String::from_utf8([b"{\"id\":1", &row.json()[..]].concat()).expect("text");
            let event: Value = serde_json::from_str(&text).expect("JSON");
            let twin = row.avro();
            // A length is written doubled.
            let (length, rest) = twin.split_first().expect("a length");
            let (device, features) = rest.split_at(usize::from(*length) / 2);
            assert_eq!(event["device"].as_str().map(str::as_bytes), Some(device));
            let (features, behind) = features.as_chunks::<4>();
            assert_eq!((features.len(), behind.len()), (FEATURES, 0));
            for (nth, feature) in features.iter().enumerate() {
                let in_text = event[format!("f{nth:02}")].as_f64().map(|number| number as f32);
                assert_eq!(in_text, Some(f32::from_le_bytes(*feature)), "f{nth:02}");
            }
        }
    }

    #[test]
    fn ids_are_written_as_the_specification_says() {
        for (id, written) in [
            (0, &[0][..]),
            (1, &[2]),
            (63, &[0x7e]),
            (64, &[0x80, 0x01]),
            (1_048_576, &[0x80, 0x80, 0x80, 0x01]),
        ] {
            let mut out = Vec::new();
            begin_avro(id, &mut out);
            assert_eq!(out, [&[0, 0, 0, 0, 7], written].concat(), "{id}");
        }
    }
}
