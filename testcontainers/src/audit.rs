//! Load with numbered records, and the audit of what came out: lost, duplicated, out of order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::client::{Message, config};

/// The header that carries a record's number.
const NUMBER: &str = "n";

/// Waits for a state.
///
/// # Panics
/// Where it does not come within `within`.
pub fn await_until(within: Duration, what: &str, mut state: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !state() {
        assert!(Instant::now() < until, "waited {within:?} in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A thread that writes numbered records at a fixed rate until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<u64>,
}

/// Makes a record's key and payload of its number.
pub type Make = fn(u64) -> (Vec<u8>, Vec<u8>);

impl Load {
    /// Writes `rate` records a second; the number travels in the header `n`.
    pub fn start(bootstrap: &str, topic: &str, rate: u64, make: Make) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (topic, producer) = (topic.to_string(), producer(bootstrap));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            let begin = Instant::now();
            let mut next = 0;
            while !stopped.load(Ordering::Acquire) {
                // Open loop: what is due by now is sent, however long the last send took.
                let due = begin.elapsed().as_millis() as u64 * rate / 1000;
                while next < due {
                    send(&producer, &topic, next, make);
                    next += 1;
                    count.store(next, Ordering::Release);
                }
                thread::sleep(Duration::from_millis(5));
            }
            producer
                .flush(Duration::from_secs(120))
                .expect("deliver the load");
            next
        });
        Self { stop, sent, thread }
    }

    /// Writes `count` records as fast as it goes.
    pub fn all(bootstrap: &str, topic: &str, count: u64, make: impl Fn(u64) -> (Vec<u8>, Vec<u8>)) {
        let producer = producer(bootstrap);
        (0..count).for_each(|n| send(&producer, topic, n, &make));
        producer
            .flush(Duration::from_secs(120))
            .expect("deliver the load");
    }

    /// Records written so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// Stops, waits until everything is delivered, and returns how many records were written.
    ///
    /// # Panics
    /// Where the load could not be delivered.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the load")
    }
}

fn producer(bootstrap: &str) -> ThreadedProducer<DefaultProducerContext> {
    let mut config = config(bootstrap);
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("message.timeout.ms", "0");
    config.set("partitioner", "murmur2_random");
    config.create().expect("a producer")
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    number: u64,
    make: impl Fn(u64) -> (Vec<u8>, Vec<u8>),
) {
    let (key, payload) = make(number);
    let text = number.to_string();
    loop {
        let headers = OwnedHeaders::new().insert(Header {
            key: NUMBER,
            value: Some(&text),
        });
        let record = BaseRecord::to(topic).key(&key).payload(&payload).headers(headers);
        match producer.send(record) {
            Ok(()) => return,
            Err(_full) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// What became of numbered records on their way from one topic to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    pub produced: u64,
    pub lost: u64,
    /// Messages beyond the first of each number.
    pub duplicated: u64,
    /// Messages whose number is lower than one that came before it from the same input partition; repeated ones
    /// do not count.
    pub out_of_order: u64,
    /// Messages without a number, or with one that was never written.
    pub strange: u64,
}

impl Audit {
    /// Compares what came in with what came out.
    pub fn of(input: &[Message], output: &[Message]) -> Self {
        let number = |m: &Message| m.header(NUMBER).and_then(|n| n.parse::<u64>().ok());
        let origin: HashMap<u64, i32> = input
            .iter()
            .filter_map(|m| Some((number(m)?, m.partition)))
            .collect();
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut last: BTreeMap<(i32, i32), u64> = BTreeMap::new();
        let mut audit = Self {
            produced: origin.len() as u64,
            lost: 0,
            duplicated: 0,
            out_of_order: 0,
            strange: 0,
        };
        let mut sorted: Vec<&Message> = output.iter().collect();
        sorted.sort_by_key(|m| (m.partition, m.offset));
        for message in sorted {
            let Some((n, from)) = number(message).and_then(|n| Some((n, *origin.get(&n)?))) else {
                audit.strange += 1;
                continue;
            };
            let times = seen.entry(n).or_default();
            *times += 1;
            if *times > 1 {
                audit.duplicated += 1;
                continue;
            }
            let before = last.entry((from, message.partition)).or_insert(n);
            audit.out_of_order += u64::from(n < *before);
            *before = (*before).max(n);
        }
        audit.lost = audit.produced - seen.len() as u64;
        audit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(partition: i32, offset: i64, n: u64) -> Message {
        let headers = vec![(NUMBER.to_string(), Some(n.to_string().into_bytes()))];
        Message {
            partition,
            offset,
            timestamp: 0,
            key: None,
            payload: None,
            headers,
        }
    }

    #[test]
    fn an_audit_sees_what_is_lost_duplicated_and_out_of_order() {
        let input: Vec<Message> = (0..6).map(|n| message((n % 2) as i32, n as i64, n)).collect();
        let fine: Vec<Message> = (0..6).map(|n| message(0, n as i64, n)).collect();
        let clean = Audit {
            produced: 6,
            lost: 0,
            duplicated: 0,
            out_of_order: 0,
            strange: 0,
        };
        assert_eq!(Audit::of(&input, &fine), clean);
        let bad = [0, 4, 2, 2, 1, 99]
            .iter()
            .enumerate()
            .map(|(i, n)| message(0, i as i64, *n));
        let audit = Audit::of(&input, &bad.collect::<Vec<_>>());
        assert_eq!(
            audit,
            Audit {
                produced: 6,
                lost: 2,
                duplicated: 1,
                out_of_order: 1,
                strange: 1
            }
        );
    }
}
