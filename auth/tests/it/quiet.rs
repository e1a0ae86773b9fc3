//! The clouds' libraries log what services answered them: none of it comes out, whatever the answer is. Every other test here looks
//! for secrets, too; these have services answer with them.

use serde_json::json;

use super::child::Environment;
use super::stub::Stub;

/// Answers that a library cannot make sense of, and may quote.
const ANSWERS: &[(u16, &str)] = &[
    (200, "planted"),
    (
        200,
        "{\"AccessKeyId\": \"planted\", \"access_token\": \"planted\"",
    ),
    (200, "{\"AccessKeyId\": \"planted\", \"access_token\": 7}"),
    (
        400,
        "{\"code\": \"planted\", \"message\": \"planted\", \"error\": \"planted\"}",
    ),
    (
        403,
        "<ErrorResponse><Error><Code>Denied</Code><Message>planted</Message></Error></ErrorResponse>",
    ),
];

#[test]
fn what_services_answer_is_in_no_log_and_no_error() {
    for (status, text) in ANSWERS {
        let stub = Stub::start(|_| (*status, (*text).to_owned()));
        let uri = format!("{}/c", stub.url);
        let container = Environment::new().with("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
        container.aws(json!({})).refusal();
        let user = Environment::new()
            .with("AWS_ACCESS_KEY_ID", "AKIAUSER")
            .with("AWS_SECRET_ACCESS_KEY", "planted-user-key")
            .with("AWS_ENDPOINT_URL_STS", &stub.url);
        user.aws(json!({ "role_arn": "arn:aws:iam::111122223333:role/scorer" }))
            .refusal();
        let app = Environment::new()
            .with("IDENTITY_ENDPOINT", format!("{}/msi/token", stub.url))
            .with("IDENTITY_HEADER", "planted-header");
        app.azure("managed_identity", "contoso.servicebus.windows.net")
            .refusal();
        assert!(stub.asked().len() >= 3, "{text}");
    }
}
