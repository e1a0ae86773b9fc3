//! Google Cloud: an access token from the metadata server, in the three parts that its managed Kafka takes for a token. Must never
//! quote an answer: it holds the token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;

use crate::{AuthError, SoFar, Token, TokenProvider};

/// How long a connection may take: the server is on this machine. An answer may take as long as whoever asks waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Tokens of the machine's service account, or of another one that the machine may use.
#[derive(Clone, Debug)]
pub struct Google {
    account: String,
    server: String,
    client: Client,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

impl Google {
    /// `service_account` = its e-mail address; `None` = the machine's own. `GCE_METADATA_HOST` names another metadata server, as
    /// Google's own libraries read it.
    ///
    /// # Errors
    /// Where no HTTP client can be set up.
    pub fn new(service_account: Option<String>) -> Result<Self, AuthError> {
        let server = std::env::var("GCE_METADATA_HOST").unwrap_or_else(|_| "metadata.google.internal".into());
        Self::at(service_account, server)
    }

    fn at(service_account: Option<String>, server: String) -> Result<Self, AuthError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .no_proxy()
            .build();
        let client =
            client.map_err(|e| AuthError::refused("set up a client of the metadata server").caused_by(&e))?;
        Ok(Self {
            account: service_account.unwrap_or_else(|| "default".into()),
            server,
            client,
        })
    }

    async fn ask(&self, what: &str) -> Result<Vec<u8>, AuthError> {
        let (server, account) = (&self.server, &self.account);
        let url = format!("http://{server}/computeMetadata/v1/instance/service-accounts/{account}/{what}");
        let attempt = format!("ask the metadata server {server} for the {what} of `{account}`");
        let answer = self
            .client
            .get(&url)
            .header("Metadata-Flavor", "Google")
            .send()
            .await;
        let answer = answer.map_err(|e| {
            let message = format!(
                "{attempt}: no answer; it is there on Google Cloud alone (GCE_METADATA_HOST names another)"
            );
            AuthError::unavailable(message).caused_by(&e.without_url())
        })?;
        match answer.status().as_u16() {
            200 => {}
            404 => {
                let message = format!(
                    "{attempt}: it knows no such account; attach the service account to this machine or pod"
                );
                return Err(AuthError::refused(message));
            }
            status @ (400..=403) => {
                return Err(AuthError::refused(format!("{attempt}: it answered {status}")));
            }
            status => return Err(AuthError::unavailable(format!("{attempt}: it answered {status}"))),
        }
        let body = answer.bytes().await;
        body.map(|body| body.to_vec()).map_err(|e| {
            AuthError::unavailable(format!("{attempt}: the answer broke off")).caused_by(&e.without_url())
        })
    }
}

#[async_trait]
impl TokenProvider for Google {
    async fn fetch(&self) -> Result<Token, AuthError> {
        let email = self.ask("email").await?;
        let email = String::from_utf8_lossy(&email).trim().to_owned();
        let answer: Answer = serde_json::from_slice(&self.ask("token").await?).map_err(|_| {
            AuthError::refused(format!(
                "ask the metadata server {}: the answer is no token",
                self.server
            ))
        })?;
        let now = SystemTime::now();
        let expires_at = now + Duration::from_secs(answer.expires_in);
        Ok(Token {
            value: wrapped(&answer.access_token, &email, now, expires_at).into(),
            principal: email,
            source: format!("metadata server {}", self.server),
            expires_at,
            extensions: Vec::new(),
        })
    }

    fn so_far(&self) -> SoFar {
        SoFar {
            tried: Vec::new(),
            asked: Some(format!("metadata server {}", self.server)),
        }
    }
}

/// An access token as Google's managed Kafka takes it for OAUTHBEARER: a header, claims and the token itself, each base64url.
fn wrapped(token: &str, email: &str, now: SystemTime, expires_at: SystemTime) -> String {
    let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({ "typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN" }).to_string();
    let claims = json!({
        "exp": seconds(expires_at),
        "iat": seconds(now),
        "iss": "Google",
        "scope": "kafka",
        "sub": email,
    });
    [header, claims.to_string(), token.to_owned()]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;

    use super::*;
    use crate::jwt::Claims;

    async fn server(status: u16, token: &'static str) -> String {
        let flavour = |headers: &HeaderMap| headers.get("metadata-flavor").is_some_and(|f| f == "Google");
        let email = move |headers: HeaderMap| async move {
            if flavour(&headers) {
                (StatusCode::OK, "app@p.iam.gserviceaccount.com")
            } else {
                (StatusCode::FORBIDDEN, "")
            }
        };
        let answer = move || async move { (StatusCode::from_u16(status).expect("status"), token) };
        let path = "/computeMetadata/v1/instance/service-accounts/default";
        let router = Router::new()
            .route(&format!("{path}/email"), get(email))
            .route(&format!("{path}/token"), get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        address.to_string()
    }

    #[tokio::test]
    async fn a_token_has_three_parts_and_names_its_account() {
        let server = server(
            200,
            r#"{"access_token":"ya29.planted","expires_in":300,"token_type":"Bearer"}"#,
        )
        .await;
        let token = Google::at(None, server)
            .expect("client")
            .fetch()
            .await
            .expect("a token");
        assert_eq!(token.principal, "app@p.iam.gserviceaccount.com");
        assert!(token.left() > Duration::from_secs(290));
        let text = token.value.expose();
        assert_eq!(
            Claims::of(text).sub.as_deref(),
            Some("app@p.iam.gserviceaccount.com")
        );
        let last = text.split('.').nth(2).expect("three parts");
        assert_eq!(URL_SAFE_NO_PAD.decode(last).expect("base64"), b"ya29.planted");
    }

    #[tokio::test]
    async fn what_goes_wrong_is_named_and_nothing_quoted() {
        for (status, body, says) in [
            (404, "planted", "attach the service account"),
            (500, "planted", "answered 500"),
            (200, "<html>planted", "no token"),
        ] {
            let server = server(status, body).await;
            let error = Google::at(None, server)
                .expect("client")
                .fetch()
                .await
                .expect_err("an error");
            assert!(
                error.to_string().contains(says) && !format!("{error:?}").contains("planted"),
                "{error:?}"
            );
        }
        let error = Google::at(None, "127.0.0.1:1".into())
            .expect("client")
            .fetch()
            .await
            .expect_err("closed");
        assert!(error.to_string().contains("on Google Cloud alone"), "{error}");
    }
}
