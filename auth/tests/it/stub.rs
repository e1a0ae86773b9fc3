//! A service on loopback that answers as it is told, and keeps what it was asked; and a proxy that lets nobody through.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Such as `GET /path?query`.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of a form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.body.as_bytes());
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What came so far.
type Kept = Arc<Mutex<Vec<Asked>>>;

/// Ends with the process.
pub(crate) struct Stub {
    pub(crate) url: String,
    kept: Kept,
}

impl Stub {
    /// Answers with a status and a text.
    pub(crate) fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let kept = Kept::default();
        let (all, answer) = (Arc::clone(&kept), Arc::new(answer));
        let serve = async move |request: Request| {
            let asked = read(request).await;
            all.lock().expect("lock").push(asked.clone());
            let (status, text) = answer(&asked);
            // What sessions of an instance's metadata are told; others do not read it.
            let header = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
            (StatusCode::from_u16(status).expect("a status"), header, text).into_response()
        };
        let router = Router::new().fallback(move |request: Request| {
            let serve = serve.clone();
            async move { Response::from(serve(request).await) }
        });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await
            })
        });
        Self { url, kept }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.kept.lock().expect("lock").clone()
    }
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    Asked {
        line: format!("{} {}", parts.method, parts.uri),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// A proxy that answers 403, whatever is asked for; ends with the process.
pub(crate) struct Proxy {
    /// With a password in it, which is a secret.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                // To their end: an answer before it would look like a broken connection.
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let words = first.trim_end_matches(" HTTP/1.1").to_owned();
                kept.lock().expect("lock").push(words);
                // Whoever has gone does not need it.
                drop(
                    (&stream).write_all(
                        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                    ),
                );
            }
        });
        Self {
            url: format!("http://user:planted-proxy@{address}"),
            asked,
        }
    }

    /// The first words of each request, such as `CONNECT host:443`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("lock").clone()
    }
}
