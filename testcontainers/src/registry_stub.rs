//! A schema registry that is no registry: fixed answers, in this process. For what a real one cannot be made to do: GUIDs, credentials
//! of every kind, references that go wrong, and faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::hidden::Hidden;
use crate::service::{self, Outage, Service};
use crate::{Certificate, Https};

/// A stand-in for a schema registry; ends on drop.
///
/// How it fails is told to its [`service`](Self::service): [`Outage::Expired`] is 401, [`Outage::Denied`] 403, [`Outage::Missing`] 404
/// of another server, [`Outage::Throttled`] 429 with `Retry-After: 2`; the others are as they are called.
#[derive(Debug)]
pub struct RegistryStub {
    service: Service,
    shared: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    /// By `GET /path`.
    answers: BTreeMap<String, (StatusCode, String)>,
    /// What the `Authorization` header must be.
    expected: Option<Hidden>,
    /// Of each request that the stub saw itself, by small names.
    headers: Vec<BTreeMap<String, String>>,
}

impl RegistryStub {
    /// One that knows nothing and lets everybody in.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn start() -> Self {
        let shared = Arc::<Mutex<Content>>::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let service = Service::start(routes, refusal);
        let service = service.unwrap_or_else(|error| panic!("start a stand-in for a registry: {error}"));
        Self { service, shared }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        self.service.url()
    }

    /// The same under `https`, with this certificate.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn https(&self, certificate: &Certificate) -> Https {
        let behind = self.url().trim_start_matches("http://").to_owned();
        Https::start(behind, certificate).unwrap_or_else(|error| panic!("start TLS for a registry: {error}"))
    }

    /// What it was asked, and how it fails.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// How often a path was asked for, whatever was answered: `GET /schemas/ids/7`.
    pub fn count(&self, request: &str) -> usize {
        let all = self.service.requests();
        all.iter().filter(|one| *one == request).count()
    }

    /// Answers `GET /path` so from now on; the path is as a client writes it, without a query.
    ///
    /// # Panics
    /// Where there is no such status.
    pub fn answer(&self, request: &str, status: u16, body: impl ToString) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = (status, body.to_string());
        self.content().answers.insert(request.to_owned(), answer);
    }

    /// Knows a schema by its id from now on: `{ "schema": "..", "schemaType": "..", "references": [..] }`.
    pub fn schema(&self, id: u32, schema: &Value) {
        self.answer(&format!("GET /schemas/ids/{id}"), 200, schema);
    }

    /// Knows a schema by its GUID, as `01234567-89ab-cdef-0123-456789abcdef`, from now on.
    pub fn guid(&self, guid: &str, schema: &Value) {
        self.answer(&format!("GET /schemas/guids/{guid}"), 200, schema);
    }

    /// Knows a version of a subject from now on; `schema` as with [`Self::schema`].
    pub fn version(&self, subject: &str, version: u32, id: u32, schema: &Value) {
        let mut whole = json!({ "subject": subject, "version": version, "id": id });
        if let (Some(whole), Some(schema)) = (whole.as_object_mut(), schema.as_object()) {
            whole.extend(schema.clone());
        }
        self.answer(&format!("GET /subjects/{subject}/versions/{version}"), 200, whole);
    }

    /// Lets in only who comes with this name and password from now on.
    pub fn basic(&self, username: &str, password: &str) {
        let both = STANDARD.encode(format!("{username}:{password}"));
        self.content().expected = Some(format!("Basic {both}").into());
    }

    /// Lets in only who comes with this token from now on.
    pub fn bearer(&self, token: &str) {
        self.content().expected = Some(format!("Bearer {token}").into());
    }

    /// The headers of each request that no outage answered, by names in small letters.
    pub fn headers(&self) -> Vec<BTreeMap<String, String>> {
        self.content().headers.clone()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(shared): State<Arc<Mutex<Content>>>, request: Request) -> Response {
    let mut content = shared.lock().unwrap_or_else(PoisonError::into_inner);
    content.headers.push(seen(request.headers()));
    if let Some(expected) = &content.expected {
        let shown = request.headers().get(AUTHORIZATION);
        if shown.is_none_or(|shown| shown.as_bytes() != expected.show().as_bytes()) {
            return complaint(StatusCode::UNAUTHORIZED, 401, "Unauthorized");
        }
    }
    let line = format!("{} {}", request.method(), request.uri().path());
    match content.answers.get(&line) {
        Some((status, body)) => service::json(*status, body),
        None => unknown(&line),
    }
}

/// As Confluent's registry says that there is no such thing.
fn unknown(line: &str) -> Response {
    let (code, message) = match line {
        _ if line.contains(" /schemas/") => (40403, "Schema not found"),
        _ if line.contains("/versions/") => (40402, "Version not found."),
        _ => (40401, "Subject not found."),
    };
    complaint(StatusCode::NOT_FOUND, code, message)
}

fn refusal(outage: Outage) -> Option<Response> {
    Some(match outage {
        Outage::Expired => complaint(StatusCode::UNAUTHORIZED, 401, "Unauthorized"),
        Outage::Denied => complaint(
            StatusCode::FORBIDDEN,
            40301,
            "User is denied operation Read on Subject",
        ),
        Outage::Throttled => {
            let mut response = complaint(StatusCode::TOO_MANY_REQUESTS, 429, "Too many requests");
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("2"));
            response
        }
        Outage::ServerError => complaint(StatusCode::INTERNAL_SERVER_ERROR, 50001, "Error in the backend"),
        _ => return None,
    })
}

fn complaint(status: StatusCode, code: u32, message: &str) -> Response {
    let mut response = service::json(status, json!({ "error_code": code, "message": message }));
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    }
    response
}

fn seen(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
