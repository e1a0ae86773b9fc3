//! The page at `/` in a real browser, against a server with made-up lanes.

mod browser;
mod lag;
mod looks;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay::core::metrics::{AllMetrics, Closed, Lag, LaneMetrics, Progress, State, StepMetrics};
use forebay::core::records::TopicPartition;
use forebay::core::reject::{Reject, Stage};
use forebay::telemetry::{Beside, Drawn, End, Picture, Rejects, Serving, Telemetry};
use serde_json::{Value, json};

use browser::Browser;
use lag::lag;

const HOSTILE: &str = "<img src=x onerror=\"window.hit = 1\">";

fn end(topic: &str, format: &str) -> End {
    End {
        kind: "kafka".into(),
        connector: "local".into(),
        topics: vec![topic.into()],
        pattern: None,
        format: format.into(),
    }
}

fn picture(source: &str) -> Picture {
    let drawn = |kind, name: Option<&str>| Drawn {
        kind,
        name: name.map(str::to_owned),
    };
    Picture {
        source: end(source, "json"),
        steps: vec![
            drawn("lookup", Some("merchants")),
            drawn("model", Some("model.onnx")),
            drawn("sql", None),
        ],
        sink: end("scores", "avro"),
        rejects: Rejects {
            go: "dead_letters",
            topic: Some("telemetry.dead".into()),
        },
    }
}

fn serve(name: &str, lanes: &AllMetrics, source: &str, serving: Serving) -> (Telemetry, String) {
    let beside = Beside {
        picture: Some(picture(source)),
        ..Beside::default()
    };
    let telemetry = Telemetry::start(serving, name, lanes.clone(), beside);
    let address = telemetry.address().expect("an address");
    (telemetry, format!("http://{address}/"))
}

fn anywhere() -> Serving {
    Serving {
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        token: None,
    }
}

fn made_up() -> AllMetrics {
    let lanes: AllMetrics = vec![Arc::default(), Arc::default()];
    for (nth, lane) in (0..).zip(&lanes) {
        let steps = [Stage::Lookup, Stage::Model, Stage::Sql].map(|stage| Arc::new(StepMetrics::new(stage)));
        lane.steps.set(steps.into()).expect("steps once");
        lane.joined.set(1);
        lane.partitions.set(3);
        lane.progress.store(Arc::new(vec![Progress {
            partition: TopicPartition::new("events", nth),
            position: 0,
            settled_at: None,
            behind: Some(1_234),
        }]));
        beat(lane);
    }
    lanes
}

fn beat(lane: &LaneMetrics) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time");
    lane.heartbeat
        .set(u64::try_from(now.as_millis()).expect("a time"));
}

fn reject(lane: &LaneMetrics, stage: Stage, cause: &'static str) {
    lane.rejects.count(
        &Reject {
            record: 0,
            stage,
            cause,
            reason: "of one record".into(),
        },
        0,
    );
}

/// A batch of 256 rows, of which one is a dead letter.
fn batch(lane: &LaneMetrics) {
    beat(lane);
    lane.consumed.add(256);
    lane.in_flight.add(256);
    lane.batch(256, 256 * 90, Closed::Drained);
    for (count, time) in [
        (&lane.polling, 40),
        (&lane.decoding, 10),
        (&lane.encoding, 8),
        (&lane.writing, 4),
    ] {
        count.add_nanos(Duration::from_micros(time * 100));
    }
    for (step, time) in lane.steps.get().into_iter().flatten().zip([3, 25, 5]) {
        step.rows.add(255);
        step.runs.add(1);
        step.busy.add_nanos(Duration::from_micros(time * 100));
    }
    lane.latency.observe_all((0..255).map(|row| 3 + row / 32));
    reject(lane, Stage::Decode, "not JSON: the value ends early");
    lane.delivered.add(255);
    lane.dead_lettered.add(1);
    lane.bytes_written.add(255 * 60);
    lane.in_flight.set(0);
}

/// Lanes that work until it is dropped.
struct Working(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Working {
    fn start(lanes: &AllMetrics) -> Self {
        let (ended, lanes) = (Arc::new(AtomicBool::new(false)), lanes.clone());
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                lanes.iter().for_each(|lane| batch(lane));
                // The pace of the work that is made up; nothing waits for it.
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self(ended, Some(thread))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            thread.join().expect("lanes that work");
        }
    }
}

/// As `/drift` answers: a column that drifts, one with too few rows, and a prediction.
fn drift() -> Value {
    let column = |part: &str, name: &str, verdict: &str, rows: [u64; 4]| {
        let judged = verdict != "too_few_rows";
        let psi = if verdict == "drift" { 0.82 } else { 0.01 };
        let bins = ["<26", "26..31.5", ">=31.5", "(missing)"]
            .iter()
            .zip(rows)
            .zip([0.25, 0.5, 0.25, 0.0]);
        json!({
            "part": part, "column": name, "type": "float32", "verdict": verdict,
            "above": if verdict == "drift" { vec!["psi"] } else { Vec::new() },
            "rows": rows.iter().sum::<u64>(), "least_rows": 1000,
            "scores": judged.then(|| json!({ "psi": psi, "js": 0.02, "missing": 0.0, "new_categories": null })),
            "limits": { "psi": 0.05, "js": 0.1, "missing": 0.01, "new_categories": null },
            "bins": bins.map(|((bin, rows), share)| json!({ "bin": bin, "rows": rows, "reference": share })).collect::<Vec<_>>(),
        })
    };
    json!({
        "pipeline": "p", "baseline": "sensors.baseline.json", "window_seconds": 300.0, "covers_seconds": 42.3,
        "columns": [
            column("input", "f1", "ok", [260, 500, 240, 0]),
            column("input", HOSTILE, "drift", [10, 190, 800, 0]),
            column("input", "f4", "too_few_rows", [3, 5, 4, 0]),
            column("prediction", "score", "ok", [255, 500, 245, 0]),
        ],
    })
}

#[test]
fn it_shows_what_lanes_do_at_any_width_in_dark_and_in_light() {
    let lanes = made_up();
    let (_telemetry, address) = serve("sensors", &lanes, "telemetry", anywhere());
    let mut page = Browser::start();
    page.drift = Some(drift());
    page.go(&address);
    page.until("document.querySelector('#name')?.textContent === 'sensors'");
    page.until("document.querySelector('#ready').textContent === 'ready'");
    let figure = |name: &str, text: &str| {
        format!("document.querySelector('[data-figure={name}]')?.textContent === '{text}'")
    };
    (0..50).for_each(|_| batch(&lanes[0]));
    // Fifty batches, to the record.
    page.until(&figure("consumed", "12,800"));
    page.until(&figure("dead_lettered", "50"));
    page.until("document.querySelector('#lag')?.innerText.includes('2,468')");
    page.until("document.querySelector('#rejects').innerText.includes('not JSON: the value ends early')");
    page.until(
        "document.querySelector('#flow svg')?.getAttribute('aria-label').includes('model model.onnx')",
    );
    page.until("/f1/.test(document.querySelector('#columns').innerText)");
    for (nth, lane) in (0..).zip(&lanes) {
        let behind = Lag {
            records: 1_234,
            seconds: Some(93.4 * f64::from(nth)),
            drain_seconds: Some([12.0, f64::INFINITY][nth as usize]),
            state: [State::Ok, State::Stalled][nth as usize],
        };
        lag(lane, nth, behind);
    }
    let working = Working::start(&lanes);
    page.until("/^[1-9][0-9,.]*\\/s$/.test(document.querySelector('#tiles dd').firstChild.textContent)");
    page.until("/[1-9].* ms/.test(document.querySelector('#tiles').innerText)");
    page.until("document.querySelector('#drifting').innerText.startsWith('drift: ')");
    // Some seconds of lines in the charts.
    page.until("document.querySelectorAll('#rate path')[0]?.getAttribute('d').split('L').length > 5");
    for (width, scheme) in [(1400, "light"), (1400, "dark"), (400, "dark"), (400, "light")] {
        page.looks(width, scheme);
        page.until(&format!(
            "innerWidth === {width} && document.querySelector('#flow svg').clientWidth < {width}"
        ));
        // What the page draws after the width has changed.
        page.value("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 50)))");
        looks::check(&mut page, &format!("{width} {scheme}"));
        page.picture(&format!("{width}-{scheme}"));
    }
    drop(working);
}

#[test]
fn what_others_write_stays_text_and_nobody_else_is_asked() {
    let lanes = made_up();
    reject(&lanes[0], Stage::Model, HOSTILE);
    let (_telemetry, address) = serve(HOSTILE, &lanes, HOSTILE, anywhere());
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    elsewhere.set_nonblocking(true).expect("a listener");
    let other = format!("http://{}/", elsewhere.local_addr().expect("an address"));
    let mut page = Browser::start();
    page.drift = Some(drift());
    page.go(&address);
    let shown = |id: &str| {
        let text = serde_json::to_string(HOSTILE).expect("a text");
        format!("document.querySelector('#{id}')?.textContent.includes({text}) === true")
    };
    for id in ["name", "rejects", "flow", "columns", "drifting"] {
        page.until(&shown(id));
    }
    assert_eq!(page.value("document.images.length"), 0);
    // The policy holds against what gets in all the same.
    page.value(
        "const script = document.createElement('script'); script.textContent = 'window.hit = 2'; document.body.append(script);
         document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit = 3\">'); 0",
    );
    let refused = page.value(&format!(
        "fetch('{other}').then(() => 'reached', () => 'refused')"
    ));
    assert_eq!(refused, "refused");
    assert_eq!(page.value("typeof window.hit"), "undefined");
    assert!(elsewhere.accept().is_err(), "somebody else was asked");
    // An address that the policy refuses is noted, and not asked.
    let outside = page
        .asked
        .iter()
        .filter(|asked| !asked.starts_with(&address) && **asked != other);
    let outside: Vec<&String> = outside.filter(|asked| !asked.starts_with("data:")).collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(page.asked.iter().any(|asked| asked.ends_with("/status")));
}

#[test]
fn it_says_when_the_process_is_gone_and_goes_on_with_the_next() {
    let lanes = made_up();
    let (telemetry, address) = serve("p", &lanes, "telemetry", anywhere());
    let listen = telemetry.address();
    let mut page = Browser::start();
    page.go(&address);
    page.until("document.querySelector('#ready')?.textContent === 'ready'");
    lanes[1].heartbeat.set(0);
    page.until("document.querySelector('#ready').textContent === 'not ready: lane 1 is starting'");
    assert_eq!(page.value("document.querySelector('#drift').hidden"), true);
    drop(telemetry);
    page.until("/^No answer since \\d\\d:\\d\\d:\\d\\d /.test(document.querySelector('#gone').textContent)");
    assert_eq!(page.value("document.querySelector('#gone').hidden"), false);
    page.picture("gone");
    let serving = Serving { listen, token: None };
    beat(&lanes[1]);
    let (_next, _) = serve("next", &lanes, "telemetry", serving);
    page.until(
        "document.querySelector('#gone').hidden && document.querySelector('#name').textContent === 'next'",
    );
    // A page that is held says nothing new.
    page.value("document.querySelector('#pause').click()");
    assert_eq!(
        page.value("document.querySelector('#pause').getAttribute('aria-pressed')"),
        "true"
    );
}

#[test]
fn it_asks_for_the_token_once_and_keeps_it_in_memory() {
    let lanes = made_up();
    let serving = Serving {
        token: Some("planted-töken".into()),
        ..anywhere()
    };
    let (_telemetry, address) = serve("guarded", &lanes, "telemetry", serving);
    let mut page = Browser::start();
    page.go(&address);
    page.until("document.querySelector('#ask')?.hidden === false");
    assert!(
        page.value("document.body.innerText.includes('guarded')") == false,
        "nothing is shown without it"
    );
    let say = |token: &str| {
        format!(
            "document.querySelector('#token').value = '{token}'; document.querySelector('#ask').requestSubmit(); 0"
        )
    };
    page.value(&say("guessed"));
    page.until("document.querySelector('#wrong').hidden === false");
    page.picture("token");
    page.value(&say("planted-töken"));
    page.until("document.querySelector('#name').textContent === 'guarded'");
    page.until("document.querySelector('#ask').hidden && !document.querySelector('#all').hidden");
    let kept = "JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href.includes('planted')])";
    assert_eq!(page.value(kept), r#"[0,0,"",false]"#);
}
