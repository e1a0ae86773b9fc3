//! The floor: what a record costs with librdkafka's C API, a parser that knows the bytes, and a bare call of ONNX
//! Runtime. No framework, no configuration, no rejects: an unexpected byte ends it. At least once, as everything here:
//! results are flushed before the positions behind them are committed.
#![allow(unsafe_code)]

mod parse;

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, slice};

use ort::session::Session;
use ort::value::TensorRef;
use rdkafka::bindings::*;

use parse::{Workload, Writer};

/// `RD_KAFKA_PARTITION_UA`: the partitioner decides.
const ANY_PARTITION: i32 = -1;

static STOPPED: AtomicBool = AtomicBool::new(false);
static UNDELIVERED: AtomicBool = AtomicBool::new(false);

extern "C" fn stop(_: i32) {
    STOPPED.store(true, Ordering::Relaxed);
}

/// Only failures are reported.
unsafe extern "C" fn undelivered(_: *mut rd_kafka_t, message: *const rd_kafka_message_t, _: *mut c_void) {
    // SAFETY: librdkafka hands a valid message to its callback.
    let failed = unsafe { (*message).err } as i32 != 0;
    UNDELIVERED.fetch_or(failed, Ordering::Relaxed);
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("set {name}"))
}

fn c(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

fn main() {
    // SAFETY: one thread owns every handle; each comes from librdkafka, and lives until the process ends.
    unsafe { run() }
}

unsafe fn conf(settings: &[(&str, &str)]) -> *mut rd_kafka_conf_t {
    unsafe {
        let conf = rd_kafka_conf_new();
        let mut why = [0 as c_char; 512];
        for (name, value) in settings {
            let set = rd_kafka_conf_set(
                conf,
                c(name).as_ptr(),
                c(value).as_ptr(),
                why.as_mut_ptr(),
                why.len(),
            );
            assert!(set as i32 == 0, "{:?}", CStr::from_ptr(why.as_ptr()));
        }
        conf
    }
}

unsafe fn client(kind: rd_kafka_type_t, conf: *mut rd_kafka_conf_t) -> *mut rd_kafka_t {
    unsafe {
        let mut why = [0 as c_char; 512];
        let client = rd_kafka_new(kind, conf, why.as_mut_ptr(), why.len());
        assert!(!client.is_null(), "{:?}", CStr::from_ptr(why.as_ptr()));
        client
    }
}

unsafe fn run() {
    unsafe {
        libc::signal(libc::SIGTERM, stop as *const () as libc::sighandler_t);
        let batch: usize = var("BENCH_BATCH").parse().expect("a number");
        let commit_every = Duration::from_millis(var("BENCH_COMMIT_MS").parse().expect("a number"));
        let workload = Workload::named(&var("BENCH_WORKLOAD"));
        let mut session = session();
        let bootstrap = var("BENCH_BOOTSTRAP");

        let producer_conf = conf(&[
            ("bootstrap.servers", &bootstrap),
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("linger.ms", &var("BENCH_LINGER_MS")),
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.messages", "1000000"),
            ("delivery.report.only.error", "true"),
        ]);
        rd_kafka_conf_set_dr_msg_cb(producer_conf, Some(undelivered));
        let producer = client(rd_kafka_type_t::RD_KAFKA_PRODUCER, producer_conf);
        let topic = rd_kafka_topic_new(producer, c(&var("BENCH_OUTPUT")).as_ptr(), null_mut());

        let consumer = client(
            rd_kafka_type_t::RD_KAFKA_CONSUMER,
            conf(&[
                ("bootstrap.servers", &bootstrap),
                ("group.id", &var("BENCH_GROUP")),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("fetch.queue.backoff.ms", "5"),
            ]),
        );
        rd_kafka_poll_set_consumer(consumer);
        let queue = rd_kafka_queue_get_consumer(consumer);
        let topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, c(&var("BENCH_INPUT")).as_ptr(), -1);
        assert!(rd_kafka_subscribe(consumer, topics) as i32 == 0, "subscribe");

        let mut messages: Vec<*mut rd_kafka_message_t> = vec![null_mut(); batch];
        let mut features: Vec<f32> = Vec::new();
        let mut writer = Writer::default();
        let mut out: Vec<rd_kafka_message_t> = Vec::new();
        // The topic's handle of each partition seen, and the next position to read there.
        let mut next: Vec<(*mut rd_kafka_topic_t, i64)> = Vec::new();
        let mut commit_at = Instant::now() + commit_every;
        while !STOPPED.load(Ordering::Relaxed) {
            // A wait would wait for a full batch: take what is there, or wait for one.
            let mut read = rd_kafka_consume_batch_queue(queue, 0, messages.as_mut_ptr(), batch);
            if read == 0 {
                read = rd_kafka_consume_batch_queue(queue, 10, messages.as_mut_ptr(), 1);
            }
            let read = &messages[..usize::try_from(read).expect("the queue is readable")];
            if !read.is_empty() {
                features.clear();
                writer.clear();
                for message in read {
                    let message = &**message;
                    assert!(message.err as i32 == 0, "kafka: {:?}", message.err);
                    let payload = slice::from_raw_parts(message.payload as *const u8, message.len);
                    workload.parse(payload, &mut features, &mut writer);
                }
                score(&mut session, workload, &features, read.len(), &mut writer);
                send(topic, producer, read, &mut writer, &mut out);
                for message in read {
                    let at = (**message).partition as usize;
                    if next.len() <= at {
                        next.resize(at + 1, (null_mut(), -1));
                    }
                    next[at] = ((**message).rkt, (**message).offset + 1);
                }
                for message in read {
                    rd_kafka_message_destroy(*message);
                }
                rd_kafka_poll(producer, 0);
            }
            if Instant::now() >= commit_at {
                commit_at = Instant::now() + commit_every;
                commit(consumer, producer, &mut next, true);
            }
        }
        commit(consumer, producer, &mut next, false);
        rd_kafka_consumer_close(consumer);
    }
}

fn session() -> Session {
    let library = var("ORT_DYLIB_PATH");
    let environment = ort::init_from(library)
        .expect("ONNX Runtime")
        .build()
        .expect("ONNX Runtime");
    Session::builder(&environment)
        .and_then(|b| Ok(b.with_intra_threads(1)?))
        .and_then(|b| Ok(b.with_config_entry("session.intra_op.allow_spinning", "0")?))
        .and_then(|mut b| b.commit_from_file(var("BENCH_MODEL")))
        .expect("the model")
}

fn score(session: &mut Session, workload: Workload, features: &[f32], rows: usize, writer: &mut Writer) {
    let input = TensorRef::from_array_view(([rows, features.len() / rows], features)).expect("a tensor");
    let outputs = session.run(ort::inputs![input]).expect("the model runs");
    match workload {
        Workload::Shuttle => {
            let (_, labels) = outputs[0].try_extract_tensor::<i64>().expect("labels");
            let (_, scores) = outputs[1].try_extract_tensor::<f32>().expect("scores");
            writer.shuttle(labels, scores);
        }
        _ => {
            let (_, scores) = outputs[0].try_extract_tensor::<f32>().expect("scores");
            match workload {
                Workload::Tabular | Workload::Avro => writer.tabular(scores),
                Workload::Raw => writer.raw(scores, rows),
                _ => writer.image(scores, rows),
            }
        }
    }
}

/// Hands every result over, with the key of its event.
unsafe fn send(
    topic: *mut rd_kafka_topic_t,
    producer: *mut rd_kafka_t,
    read: &[*mut rd_kafka_message_t],
    writer: &mut Writer,
    out: &mut Vec<rd_kafka_message_t>,
) {
    unsafe {
        out.clear();
        for (message, (start, end)) in read.iter().zip(&writer.spans) {
            let mut one: rd_kafka_message_t = std::mem::zeroed();
            one.payload = writer.bytes[*start..].as_mut_ptr() as *mut c_void;
            one.len = end - start;
            one.key = (**message).key;
            one.key_len = (**message).key_len;
            out.push(one);
        }
        let mut left = &mut out[..];
        loop {
            let count = i32::try_from(left.len()).expect("a batch");
            let taken = rd_kafka_produce_batch(
                topic,
                ANY_PARTITION,
                RD_KAFKA_MSG_F_COPY,
                left.as_mut_ptr(),
                count,
            );
            if taken == count {
                return;
            }
            // Those that found the queue full say so; nothing behind them was taken either.
            let full = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL;
            let first = left
                .iter()
                .position(|m| m.err as i32 != 0)
                .expect("one was refused");
            assert!(
                left[first..].iter().all(|m| m.err == full),
                "a result was refused"
            );
            left = &mut left[first..];
            left.iter_mut()
                .for_each(|m| m.err = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
            rd_kafka_poll(producer, 10);
        }
    }
}

unsafe fn commit(
    consumer: *mut rd_kafka_t,
    producer: *mut rd_kafka_t,
    next: &mut [(*mut rd_kafka_topic_t, i64)],
    asynchronous: bool,
) {
    unsafe {
        let flushed = rd_kafka_flush(producer, 30_000);
        assert!(flushed as i32 == 0, "results were not confirmed within 30 s");
        assert!(!UNDELIVERED.load(Ordering::Relaxed), "a result was not delivered");
        let list = rd_kafka_topic_partition_list_new(next.len() as i32);
        for (partition, (topic, next)) in next.iter_mut().enumerate().filter(|(_, (_, next))| *next >= 0) {
            let entry =
                rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(*topic), partition as i32);
            (*entry).offset = *next;
            *next = -1;
        }
        if (*list).cnt > 0 {
            rd_kafka_commit(consumer, list, i32::from(asynchronous));
        }
        rd_kafka_topic_partition_list_destroy(list);
    }
}
