//! The writing end: a producer that counts, per ticket, what is not confirmed yet. The producer's reports are served
//! in the lane's own thread; nothing here is shared.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::sink::{Confirmed, Outgoing, Refused, Sink, Ticket};
use forebay_core::{Error, Result};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer};
use tracing::debug;

use super::endpoint::Endpoint;
use super::ffi::{self, Produce, Report, Reports, TopicHandle};
use super::group::log;
use super::login::subscribe;
use super::refused;
use super::traffic::Meter;
use crate::connector::SinkSpec;

/// A producer of one lane.
pub(super) struct KafkaSink {
    // Before the producer: handles must be dropped first.
    reports: Reports,
    topics: Vec<TopicHandle>,
    _token: Option<Subscription>,
    producer: BaseProducer,
    outstanding: Outstanding,
    meter: Meter,
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSink({:?})", self.topics)
    }
}

/// What is queued and not confirmed.
#[derive(Debug, Default)]
struct Outstanding {
    /// Rows per ticket, oldest first; settled ones leave from the front.
    tickets: VecDeque<(Ticket, usize)>,
    last: Option<Ticket>,
    refused: Vec<Refused>,
    broken: Option<Error>,
}

/// A report carries its ticket and its row back in one number.
const ROW_BITS: u32 = 24;

impl Outstanding {
    fn queued(&mut self, ticket: Ticket) {
        self.last = self.last.max(Some(ticket));
        if let Some((_, rows)) = self.tickets.back_mut().filter(|(newest, _)| *newest == ticket) {
            *rows += 1;
            return;
        }
        match self.tickets.binary_search_by_key(&ticket, |(t, _)| *t) {
            Ok(at) => self.tickets[at].1 += 1,
            Err(at) => self.tickets.insert(at, (ticket, 1)),
        }
    }

    fn report(&mut self, report: Report<'_>, meter: &Meter) {
        match report {
            Report::Delivery { opaque, error } => self.delivered(opaque, error),
            Report::Error {
                code,
                fatal: true,
                text,
            } => {
                let error = Error::fatal("the producer cannot go on")
                    .with("code", code)
                    .with("reason", text);
                self.broken.get_or_insert(error);
            }
            Report::Error { code, text, .. } => debug!(%code, text, "kafka producer"),
            Report::Log { level, text } => log(level, text),
            Report::Statistics(statistics) => meter.take(statistics),
        }
    }

    fn delivered(&mut self, opaque: usize, error: Option<Code>) {
        let ticket = Ticket((opaque >> ROW_BITS) as u64);
        if let Ok(at) = self.tickets.binary_search_by_key(&ticket, |(t, _)| *t) {
            if let Some(code) = error.filter(|code| !self.refuse(ticket, opaque, *code)) {
                let broken = Error::fatal("a result could not be delivered").with("code", code);
                self.broken.get_or_insert(broken);
                // It stays outstanding, so that nothing is committed past it.
                return;
            }
            self.tickets[at].1 -= 1;
        }
        while self.tickets.front().is_some_and(|(_, rows)| *rows == 0) {
            self.tickets.pop_front();
        }
    }

    /// Whether the broker will never take this record, however often it is sent.
    fn refuse(&mut self, ticket: Ticket, opaque: usize, code: Code) -> bool {
        let for_good = matches!(
            code,
            Code::MessageSizeTooLarge
                | Code::InvalidMessageSize
                | Code::InvalidRecord
                | Code::InvalidTimestamp
        );
        if for_good {
            let record = (opaque & ((1 << ROW_BITS) - 1)) as u32;
            let error = Error::reject("the broker refused the record for good").with("code", code);
            self.refused.push(Refused {
                ticket,
                record,
                error,
            });
        }
        for_good
    }
}

impl KafkaSink {
    pub(super) fn open(endpoint: &Endpoint, spec: &SinkSpec) -> Result<Self> {
        let producer: BaseProducer = endpoint.producer(spec).create().map_err(refused)?;
        Ok(Self {
            reports: Reports::new(producer.client()),
            topics: Vec::new(),
            _token: subscribe(&endpoint.credentials, producer.client())?,
            producer,
            outstanding: Outstanding::default(),
            meter: endpoint.traffic.meter(),
        })
    }

    fn topic(&mut self, name: &Arc<str>) -> Result<usize> {
        if let Some(known) = self
            .topics
            .iter()
            .position(|t| Arc::ptr_eq(&t.name, name) || t.name == *name)
        {
            return Ok(known);
        }
        let handle = TopicHandle::new(self.producer.client(), name)
            .ok_or_else(|| Error::fatal("open a topic to write to").with("topic", name))?;
        self.topics.push(handle);
        Ok(self.topics.len() - 1)
    }

    fn serve(&mut self, wait: Duration) -> Result<()> {
        let outstanding = &mut self.outstanding;
        let meter = &self.meter;
        self.reports
            .serve(wait, |report| outstanding.report(report, meter));
        self.outstanding.broken.take().map_or(Ok(()), Err)
    }
}

impl Sink for KafkaSink {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        let topic = self.topic(&rows.topic)?;
        for row in from..rows.len() {
            let record = Produce {
                key: rows.key(row),
                payload: rows.payload(row),
                timestamp: rows.timestamp(row),
                opaque: (ticket.0 as usize) << ROW_BITS | rows.origin[row] as usize,
            };
            let sent = ffi::produce(
                self.producer.client(),
                &self.topics[topic],
                &record,
                rows.headers(row),
            );
            match sent {
                Ok(()) => self.outstanding.queued(ticket),
                Err(Code::QueueFull) => {
                    self.serve(Duration::ZERO)?;
                    return Ok(row - from);
                }
                Err(code) if self.outstanding.refuse(ticket, record.opaque, code) => {
                    self.outstanding.last = self.outstanding.last.max(Some(ticket));
                }
                Err(code) => {
                    return Err(Error::fatal("queue a result")
                        .with("topic", &rows.topic)
                        .with("code", code));
                }
            }
        }
        Ok(rows.len() - from)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        self.serve(Duration::ZERO)?;
        let before = |ticket: Ticket| ticket.0.checked_sub(1).map(Ticket);
        let up_to = match self.outstanding.tickets.front() {
            Some((ticket, _)) => before(*ticket),
            None => self.outstanding.last,
        };
        Ok(Confirmed {
            up_to,
            refused: std::mem::take(&mut self.outstanding.refused),
        })
    }

    fn flush(&mut self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        while !self.outstanding.tickets.is_empty() {
            if Instant::now() >= until {
                let rows: usize = self.outstanding.tickets.iter().map(|(_, rows)| rows).sum();
                return Err(Error::retry("wait for the confirmation of results")
                    .with("unconfirmed", rows)
                    .with("waited", format!("{within:?}")));
            }
            ffi::push_out(self.producer.client());
            self.serve(Duration::from_millis(1))?;
        }
        Ok(())
    }
}
