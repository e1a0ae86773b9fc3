//! OIDC client credentials (RFC 6749 section 4.4): a token from an issuer's token endpoint for a client id and a secret.
//! Must never quote an answer: it holds the token.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use reqwest::header::DATE;
use reqwest::{Certificate, Client, StatusCode};
use serde::Deserialize;

use crate::clock::Clock;
use crate::jwt::Claims;
use crate::{AuthError, Secret, Skew, SoFar, Token, TokenProvider};

/// Where and as whom to ask.
#[derive(Clone, Debug)]
pub struct Oidc {
    pub token_url: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: Option<String>,
    /// SASL extensions for the broker.
    pub extensions: Vec<(String, String)>,
    client: Client,
    clock: Clock,
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: Option<u64>,
}

/// RFC 6749 section 5.2; the description is the issuer's text, and may hold anything.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// How long a connection may take. An answer may take as long as whoever asks waits for it: some issuers are slow.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where an issuer does not say how long its token is good for.
const USUAL_LIFE: Duration = Duration::from_secs(300);

impl Oidc {
    /// An issuer that is asked with HTTP basic authentication, as RFC 6749 section 2.3.1 wants every server to know.
    /// `ca` = PEM text of the authorities that may vouch for it, instead of the system's own.
    ///
    /// # Errors
    /// Where TLS cannot be set up with these authorities.
    pub fn new(
        token_url: String,
        ca: Option<&str>,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
        extensions: Vec<(String, String)>,
    ) -> Result<Self, AuthError> {
        let failed = |e: &reqwest::Error| AuthError::refused("set up TLS for the token issuer").caused_by(e);
        let mut client = Client::builder().connect_timeout(CONNECT_WITHIN);
        if let Some(ca) = ca {
            let authorities = Certificate::from_pem_bundle(ca.as_bytes()).map_err(|e| failed(&e))?;
            client = client.tls_certs_only(authorities);
        }
        let client = client.build().map_err(|e| failed(&e))?;
        Ok(Self {
            token_url,
            client_id,
            client_secret,
            scope,
            extensions,
            client,
            clock: Clock::default(),
        })
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> AuthError {
        let code = serde_json::from_slice(body)
            .ok()
            .map(|refusal: Refusal| refusal.error);
        // Error codes are fixed words; anything else could be an echo of what was sent.
        let code = code.filter(|c| c.len() < 64 && c.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        let said = code.map_or(String::new(), |code| format!(" `{code}`"));
        let asked = format!(
            "fetch a token for `{}` from {}: the issuer answered {}{said}",
            self.client_id,
            self.token_url,
            status.as_u16()
        );
        match status.as_u16() {
            400 | 401 | 403 => {
                AuthError::refused(format!("{asked}; check `client_id`, `client_secret` and `scope`"))
            }
            404 | 405 => AuthError::refused(format!("{asked}; check `token_url`")),
            _ => AuthError::unavailable(asked),
        }
    }
}

impl AuthError {
    /// Says where an issuer's authority is named, where its certificate is not trusted.
    fn about_certificates(mut self) -> Self {
        if self
            .source
            .as_ref()
            .is_some_and(|source| source.contains("certificate"))
        {
            self.message +=
                "; is its certificate good, and signed by an authority that `token_ca` or this system names?";
        }
        self
    }
}

#[async_trait]
impl TokenProvider for Oidc {
    async fn fetch(&self) -> Result<Token, AuthError> {
        let failed = |e: &reqwest::Error, what: &str| {
            AuthError::silent(format!("fetch a token from {}: {what}", self.token_url)).caused_by(e)
        };
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let asked = SystemTime::now();
        let answer = self
            .client
            .post(&self.token_url)
            .basic_auth(
                encoded(&self.client_id),
                Some(encoded(self.client_secret.expose())),
            )
            .form(&form)
            .send()
            .await
            .map_err(|e| failed(&e.without_url(), "no answer").about_certificates())?;
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        self.clock.read(date);
        let status = answer.status();
        let body = answer.bytes().await;
        let body = body.map_err(|e| failed(&e.without_url(), "the answer broke off"))?;
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| {
            AuthError::refused(format!(
                "fetch a token from {}: the answer is no token response; check `token_url`",
                self.token_url
            ))
        })?;
        let claims = Claims::of(&answer.access_token);
        let stated = answer
            .expires_in
            .map(|seconds| asked + Duration::from_secs(seconds));
        let claimed = claims.expires_at();
        Ok(Token {
            principal: claims.sub.unwrap_or_else(|| self.client_id.clone()),
            source: format!("client credentials at {}", self.token_url),
            // The earlier of the two: the broker reads the token, not the answer around it.
            expires_at: stated
                .into_iter()
                .chain(claimed)
                .min()
                .unwrap_or(asked + USUAL_LIFE),
            value: answer.access_token.into(),
            extensions: self.extensions.clone(),
        })
    }

    fn so_far(&self) -> SoFar {
        SoFar {
            tried: Vec::new(),
            asked: Some(self.token_url.clone()),
        }
    }

    fn skew(&self) -> Option<Skew> {
        self.clock.skew()
    }
}

/// As RFC 6749 section 2.3.1 wants both parts: a `+` or a `%` of a secret would not arrive otherwise.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::post;

    use super::*;
    use crate::AuthKind;

    /// An issuer that always answers the same, and keeps what it was asked.
    async fn issuer(status: u16, body: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let answer = move |headers: HeaderMap, form: String| async move {
            let who = headers.get("authorization").and_then(|h| h.to_str().ok());
            kept.lock()
                .expect("lock")
                .push(format!("{} {form}", who.unwrap_or_default()));
            (axum::http::StatusCode::from_u16(status).expect("status"), body)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("address");
        let router = Router::new().route("/token", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (format!("http://{address}/token"), asked)
    }

    fn client(url: String) -> Oidc {
        let extensions = vec![("logicalCluster".into(), "lkc-1".into())];
        let scope = Some("kafka".into());
        Oidc::new(
            url,
            None,
            "app".into(),
            "planted-secret".into(),
            scope,
            extensions,
        )
        .expect("client")
    }

    #[tokio::test]
    async fn a_token_is_asked_for_as_the_rfc_says_and_read() {
        // {"sub":"robot","exp":4102444800}
        let (url, asked) = issuer(
            200,
            r#"{"access_token":"h.eyJzdWIiOiJyb2JvdCIsImV4cCI6NDEwMjQ0NDgwMH0.s","expires_in":60,"token_type":"Bearer"}"#,
        )
        .await;
        let token = client(url).fetch().await.expect("token");
        assert_eq!(token.principal, "robot");
        assert!(token.left() <= Duration::from_secs(60) && token.left() > Duration::from_secs(50));
        assert_eq!(
            token.extensions,
            [("logicalCluster".to_owned(), "lkc-1".to_owned())]
        );
        let asked = asked.lock().expect("lock").join("");
        assert_eq!(
            asked,
            "Basic YXBwOnBsYW50ZWQtc2VjcmV0 grant_type=client_credentials&scope=kafka"
        );
    }

    #[tokio::test]
    async fn a_secret_of_any_characters_arrives() {
        let (url, asked) = issuer(200, r#"{"access_token":"opaque"}"#).await;
        let mut client = client(url);
        client.client_secret = "a+b/c%==:".into();
        client.fetch().await.expect("token");
        let asked = asked.lock().expect("lock").join("");
        let basic = asked.split(' ').nth(1).expect("basic");
        let sent = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, basic).expect("base64");
        assert_eq!(sent, b"app:a%2Bb%2Fc%25%3D%3D%3A");
    }

    #[tokio::test]
    async fn what_no_jwt_says_the_answer_says() {
        let (url, _) = issuer(200, r#"{"access_token":"opaque"}"#).await;
        let token = client(url).fetch().await.expect("token");
        assert_eq!(token.principal, "app");
        assert!(token.left() > USUAL_LIFE / 2);
    }

    #[tokio::test]
    async fn refusals_are_told_from_troubles_and_show_no_secret() {
        for (status, body, kind, says) in [
            (
                401,
                r#"{"error":"invalid_client"}"#,
                AuthKind::Refused,
                "`invalid_client`",
            ),
            (
                400,
                r#"{"error":"echo planted-secret"}"#,
                AuthKind::Refused,
                "answered 400",
            ),
            (404, "planted-secret", AuthKind::Refused, "token_url"),
            (503, "planted-secret", AuthKind::Unavailable, "answered 503"),
            (
                200,
                "<html>planted-secret",
                AuthKind::Refused,
                "no token response",
            ),
        ] {
            let (url, _) = issuer(status, body).await;
            let error = client(url).fetch().await.expect_err("an error");
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
        }
        let error = client("http://127.0.0.1:1/token".into())
            .fetch()
            .await
            .expect_err("closed");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
