//! What time it is at the issuer, by its answers.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::HeaderName;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};

use crate::clock::Clock;

/// Reads every answer's date.
#[derive(Debug)]
pub(super) struct Dated(pub(super) Clock);

#[async_trait]
impl Policy for Dated {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let [first, rest @ ..] = next else {
            let kind = azure_core::error::ErrorKind::Other;
            return Err(azure_core::Error::with_message(kind, "nothing sends the request"));
        };
        let answer = first.send(context, request, rest).await?;
        self.0.read(
            answer
                .headers()
                .get_optional_str(&HeaderName::from_static("date")),
        );
        Ok(answer)
    }
}
