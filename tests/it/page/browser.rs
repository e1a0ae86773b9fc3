//! A headless Chromium with one page, driven by the DevTools protocol over a pair of pipes: messages are JSON with a zero behind.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_testcontainers::process;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser that does not answer within this is broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// Every address that the page asked for.
    pub(super) asked: Vec<String>,
    /// What `/drift` answers, where not the process does.
    pub(super) drift: Option<Value>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Browser {
    pub(super) fn start() -> Self {
        let profile = TempDir::new().expect("a folder");
        let program = std::env::var("FOREBAY_CHROMIUM").unwrap_or_else(|_| "chromium".into());
        // Its end of the pipes are the descriptors 3 and 4. Without the sandbox it starts as root and in containers, too; it opens
        // nothing but a page of ours.
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#,
                &program,
            ])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = process::spawn(command).expect("start a shell");
        let (to, answers) = (
            child.stdin.take().expect("a pipe"),
            child.stdout.take().expect("a pipe"),
        );
        let (send, from) = sync_channel(4096);
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON of the browser");
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            session: None,
            last: 0,
            asked: Vec::new(),
            drift: None,
            _profile: profile,
        };
        browser.open();
        browser
    }

    fn open(&mut self) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = self.call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
        self.call(
            "Fetch.enable",
            json!({ "patterns": [{ "urlPattern": "*/drift" }] }),
        );
        self.looks(1400, "light");
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to
            .write_all(&bytes)
            .unwrap_or_else(|e| panic!("the browser is gone ({e}); `make chromium` installs it"));
        self.last
    }

    pub(super) fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, &parameters);
        loop {
            let message = self.from.recv_timeout(ANSWER_WITHIN).unwrap_or_else(|e| {
                panic!("{method}: the browser does not answer ({e}); `make chromium` installs it")
            });
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.happened(&message);
        }
    }

    fn happened(&mut self, event: &Value) {
        let about = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.asked
                    .push(about["request"]["url"].as_str().unwrap_or("?").to_owned());
            }
            Some("Runtime.exceptionThrown") => panic!("the page failed: {}", about["exceptionDetails"]),
            Some("Fetch.requestPaused") => {
                let id = &about["requestId"];
                match self.drift.clone() {
                    Some(drift) => self.send(
                        "Fetch.fulfillRequest",
                        &json!({ "requestId": id, "responseCode": 200, "body": STANDARD.encode(drift.to_string()) }),
                    ),
                    None => self.send("Fetch.continueRequest", &json!({ "requestId": id })),
                };
            }
            _ => {}
        }
    }

    pub(super) fn go(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address }));
    }

    /// So wide, in dark or light.
    pub(super) fn looks(&mut self, width: u32, scheme: &str) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false }),
        );
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The value of an expression, promises awaited.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let result = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true }),
        );
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {}",
            result["exceptionDetails"]
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(super) fn until(&mut self, expression: &str) {
        let until = Instant::now() + ANSWER_WITHIN;
        while self.value(expression) != true {
            if Instant::now() > until {
                let text = self.value("document.body.innerText");
                panic!("{expression} does not come; the page says:\n{text}");
            }
            // Between two looks at the awaited state.
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The whole page as a picture, among the test's files.
    pub(super) fn picture(&mut self, name: &str) {
        let shot = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": true }),
        );
        let bytes = STANDARD.decode(shot["data"].as_str().unwrap_or_default());
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}.png"));
        std::fs::write(path, bytes.expect("a picture")).expect("write a picture");
    }
}
