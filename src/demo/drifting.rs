//! When drift was seen: `/drift` of the demo's own telemetry, asked a few times a second as anybody may ask it. Where the pipeline says
//! nothing of drift there is nothing to see.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_core::{Error, Result};
use serde::Deserialize;

const EVERY: Duration = Duration::from_millis(200);
/// The answer comes from this process.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is read of an answer.
#[derive(Deserialize)]
struct Answer {
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    column: String,
    verdict: String,
}

/// The columns that were seen to drift, each with the first time.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    columns: Vec<(String, Instant)>,
    /// Whether there was an answer at all.
    compared: bool,
}

impl Seen {
    fn take(&mut self, answer: &Answer, at: Instant) {
        self.compared = true;
        for column in answer.columns.iter().filter(|column| column.verdict == "drift") {
            if !self.columns.iter().any(|(name, _)| *name == column.column) {
                self.columns.push((column.column.clone(), at));
            }
        }
    }

    /// What came of a shift.
    pub fn since(&self, shifted: Instant) -> Caught<'_> {
        Caught { seen: self, shifted }
    }
}

/// What was caught, in words.
#[derive(Debug)]
pub struct Caught<'a> {
    seen: &'a Seen,
    shifted: Instant,
}

impl fmt::Display for Caught<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.seen.compared {
            return write!(
                f,
                "  drift is not compared: the pipeline file has no `drift` section"
            );
        }
        let all = self.seen.columns.iter();
        let (early, caught): (Vec<_>, Vec<_>) = all.partition(|(_, at)| *at < self.shifted);
        if caught.is_empty() {
            write!(f, "  the shift was not seen as drift within the demo")?;
        }
        for (nth, (column, at)) in caught.iter().enumerate() {
            let seconds = at.duration_since(self.shifted).as_secs_f64();
            let line = if nth == 0 { "" } else { "\n" };
            write!(
                f,
                "{line}  drift of column {column} caught {seconds:.1} s after the shift"
            )?;
        }
        for (column, _) in early {
            write!(f, "\n  a false alarm: column {column} before the shift")?;
        }
        Ok(())
    }
}

/// Looks until it is told to end.
#[derive(Debug)]
pub struct Looking {
    stop: SyncSender<()>,
    thread: JoinHandle<Seen>,
}

impl Looking {
    /// Asks the telemetry at `address`.
    ///
    /// # Errors
    /// `Fatal` where no thread can be had.
    pub fn start(address: SocketAddr) -> Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("demo-drift".into())
            .spawn(move || look(address, &stopped));
        let thread = thread.map_err(|e| Error::fatal("start the thread that looks at drift").caused_by(e))?;
        Ok(Self { stop, thread })
    }

    /// What was seen.
    pub fn end(self) -> Seen {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

fn look(address: SocketAddr, stopped: &Receiver<()>) -> Seen {
    let mut seen = Seen::default();
    while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        // What does not come is asked for again; what is not there will not come.
        match ask(address) {
            Ok(Some(answer)) => seen.take(&answer, Instant::now()),
            Ok(None) => return seen,
            Err(_) => {}
        }
    }
    seen
}

/// The answer; nothing where there is no such page.
fn ask(address: SocketAddr) -> io::Result<Option<Answer>> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(
        stream,
        "GET /drift HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 404") {
        return Ok(None);
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map(Some).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answer(columns: &[(&str, &str)]) -> String {
        let one = |(column, verdict): &(&str, &str)| serde_json::json!({ "column": column, "verdict": verdict, "part": "input" });
        serde_json::json!({ "columns": columns.iter().map(one).collect::<Vec<_>>() }).to_string()
    }

    fn take(seen: &mut Seen, columns: &[(&str, &str)], at: Instant) {
        let answer: Answer = serde_json::from_str(&answer(columns)).expect("an answer");
        seen.take(&answer, at);
    }

    #[test]
    fn what_was_caught_is_told_apart_from_what_was_wrong_before() {
        let began = Instant::now();
        let after = |millis| began + Duration::from_millis(millis);
        let mut seen = Seen::default();
        assert!(seen.since(began).to_string().contains("no `drift` section"));
        take(&mut seen, &[("f3", "ok")], began);
        assert_eq!(
            seen.since(began).to_string(),
            "  the shift was not seen as drift within the demo"
        );
        take(&mut seen, &[("f1", "drift"), ("f2", "ok")], began);
        take(&mut seen, &[("f1", "ok"), ("f3", "drift")], after(2500));
        take(&mut seen, &[("f1", "drift"), ("f3", "drift")], after(3000));
        assert_eq!(
            seen.since(after(500)).to_string(),
            "  drift of column f3 caught 2.0 s after the shift\n  a false alarm: column f1 before the shift"
        );
    }

    #[test]
    fn it_asks_until_it_is_told_to_end() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let looking = Looking::start(listener.local_addr().expect("an address")).expect("a thread");
        for verdict in ["ok", "drift"] {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a question");
                asked.extend(byte);
            }
            assert!(asked.starts_with(b"GET /drift "), "{asked:?}");
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n{}", answer(&[("f3", verdict)])).expect("an answer");
        }
        // The third question comes after the second answer was read.
        drop(listener.accept().expect("a question"));
        let seen = looking.end();
        assert_eq!((seen.compared, seen.columns.len()), (true, 1));
    }

    #[test]
    fn where_nothing_is_compared_it_ends_by_itself() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let looking = Looking::start(listener.local_addr().expect("an address")).expect("a thread");
        let (mut stream, _) = listener.accept().expect("a question");
        write!(stream, "HTTP/1.1 404 Not Found\r\n\r\nnone").expect("an answer");
        drop(stream);
        assert!(!looking.end().compared);
    }
}
