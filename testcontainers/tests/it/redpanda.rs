//! Redpanda, where a container can be had.

use forebay_testcontainers::{Kafka, Redpanda};
use rdkafka::ClientConfig;

use crate::secure::attempt::{read, write};

#[test]
fn it_takes_records_and_gives_them_back() {
    let redpanda = match Redpanda::start() {
        Ok(redpanda) => redpanda,
        Err(why) => {
            let text = why.to_string();
            assert!(text.starts_with("there is no Redpanda: "), "{text}");
            eprintln!("skipped: {text}");
            return;
        }
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", redpanda.bootstrap())
        .set("group.id", "app")
        .set("allow.auto.create.topics", "true");
    write(&config, None, "records").expect("write");
    assert_eq!(read(&config, None, "records").as_deref(), Ok("written"));
    assert_ne!(redpanda.bootstrap(), Kafka::shared().bootstrap());
}
