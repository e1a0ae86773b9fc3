//! A client and the token it authenticates with: the client is told each new one until it is dropped.

use forebay_auth::{Credentials, Subscription};
use forebay_core::{Error, Kind, Result};
use rdkafka::ClientContext;
use rdkafka::client::Client;

use super::ffi::TokenPush;

/// Gives `client` the token of now and each later one. The subscription must be dropped before the client.
///
/// # Errors
/// `Auth` where librdkafka refuses the token of now.
pub(super) fn subscribe<C: ClientContext>(
    credentials: &Credentials,
    client: &Client<C>,
) -> Result<Option<Subscription>> {
    let Credentials::Token(cell) = credentials else {
        return Ok(None);
    };
    let push = TokenPush::new(client);
    let subscribed = cell.subscribe(move |token| push.push(token));
    subscribed
        .map(Some)
        .map_err(|reason| Error::new(Kind::Auth, "give a client its token").with("reason", reason))
}
