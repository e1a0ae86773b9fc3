//! A token in a file that something else renews, such as a projected volume of Kubernetes: read anew whenever a token is asked for.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::jwt::Claims;
use crate::{AuthError, Token, TokenProvider};

/// Where a file's token does not say when it expires, it is read again after this.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// A file that holds a token and nothing else.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    /// SASL extensions for the broker.
    extensions: Vec<(String, String)>,
}

impl TokenFile {
    /// The token in `path`.
    pub fn new(path: PathBuf, extensions: Vec<(String, String)>) -> Self {
        Self { path, extensions }
    }
}

#[async_trait]
impl TokenProvider for TokenFile {
    async fn fetch(&self) -> Result<Token, AuthError> {
        let path = self.path.display();
        let text = std::fs::read_to_string(&self.path).map_err(|e| {
            AuthError::unavailable(format!(
                "read the token in {path}: {}; is the volume mounted?",
                e.kind()
            ))
        })?;
        let text = text.trim();
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
            let message =
                format!("read the token in {path}: it holds no token, which is one word of printable ASCII");
            return Err(AuthError::unavailable(message));
        }
        let claims = Claims::of(text);
        let expires_at = claims
            .expires_at()
            .unwrap_or_else(|| SystemTime::now() + READ_AGAIN);
        if expires_at <= SystemTime::now() {
            let message = format!(
                "the token in {path} has expired: whatever renews the file has stopped, or a clock is off"
            );
            return Err(AuthError::unavailable(message));
        }
        Ok(Token {
            principal: claims.sub.unwrap_or_else(|| "the token's owner".into()),
            source: format!("token file {path}"),
            expires_at,
            extensions: self.extensions.clone(),
            value: text.to_owned().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_changes_gives_the_new_token() {
        let path = std::env::temp_dir().join(format!("forebay-token-{}", std::process::id()));
        let file = TokenFile::new(path.clone(), vec![("logicalCluster".into(), "lkc-1".into())]);
        assert!(
            file.fetch()
                .await
                .expect_err("absent")
                .message
                .contains("is the volume mounted?")
        );
        // {"sub":"robot","exp":4102444800}
        std::fs::write(&path, "h.eyJzdWIiOiJyb2JvdCIsImV4cCI6NDEwMjQ0NDgwMH0.planted\n").expect("write");
        let token = file.fetch().await.expect("a token");
        assert_eq!((token.principal.as_str(), token.extensions.len()), ("robot", 1));
        // {"sub":"robot","exp":1}
        std::fs::write(&path, "h.eyJzdWIiOiJyb2JvdCIsImV4cCI6MX0.planted").expect("write");
        let error = file.fetch().await.expect_err("expired").to_string();
        assert!(
            error.contains("has expired") && !error.contains("planted"),
            "{error}"
        );
        std::fs::write(&path, "planted planted").expect("write");
        let error = file.fetch().await.expect_err("no token").to_string();
        assert!(
            error.contains("no token") && !error.contains("planted"),
            "{error}"
        );
        std::fs::remove_file(&path).expect("remove");
    }
}
