//! AWS's token service: roles in exchange for keys, or for a Kubernetes token; who a caller is.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::post;

use super::account::{Account, Identity, NUMBER, StsCall};
use super::dated;
use super::sigv4::{self, Request, Wrong};
use crate::cloud::time::iso;
use crate::form;
use crate::service::{self, Outage};

/// What the service knows.
#[derive(Debug)]
pub(super) struct Sts {
    pub(super) account: Arc<Account>,
    /// The file with the token that a pod shows; another content is another pod's.
    pub(super) web_identity: PathBuf,
}

type Form = BTreeMap<String, String>;

/// An error's status, code and message.
struct Refusal(u16, &'static str, String);

pub(super) fn routes(sts: &Arc<Sts>) -> Router {
    Router::new().route("/", post(answer)).with_state(Arc::clone(sts))
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    let refusal = match outage {
        Outage::Denied => denied("the caller", "the role"),
        Outage::Expired => Refusal(403, "ExpiredToken", EXPIRED.into()),
        Outage::Throttled => Refusal(400, "Throttling", "Rate exceeded".into()),
        Outage::ServerError => Refusal(500, "InternalFailure", "An internal error has occurred.".into()),
        _ => return None,
    };
    Some(error(&refusal))
}

const EXPIRED: &str = "The security token included in the request is expired";

async fn answer(
    State(sts): State<Arc<Sts>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: &method,
        uri: &uri,
        headers: &headers,
        body: &body,
    };
    let form = form::parse(&String::from_utf8_lossy(&body));
    let field = |name: &str| form.get(name).cloned();
    let action = field("Action").unwrap_or_default();
    let done = match action.as_str() {
        "AssumeRole" => sts.assume_role(&request, &form),
        "AssumeRoleWithWebIdentity" => sts.assume_role_with_web_identity(&form),
        "GetCallerIdentity" => sts.caller(&request).map(|caller| identity(&caller)),
        _ => Err(Refusal(
            400,
            "InvalidAction",
            format!("Could not find operation {action} for version 2011-06-15"),
        )),
    };
    let response = match &done {
        Ok(result) => service::typed(StatusCode::OK, "text/xml", wrapped(&action, result)),
        Err(refusal) => error(refusal),
    };
    sts.account.note(StsCall {
        action,
        role_arn: field("RoleArn"),
        session_name: field("RoleSessionName"),
        external_id: field("ExternalId"),
        status: response.status().as_u16(),
    });
    dated(response, &sts.account)
}

impl Sts {
    fn caller(&self, request: &Request<'_>) -> Result<Identity, Refusal> {
        sigv4::caller(request, &self.account, "sts", None).map_err(|why| match why {
            Wrong::Missing => Refusal(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".into(),
            ),
            Wrong::UnknownKey => Refusal(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.".into(),
            ),
            Wrong::Expired => Refusal(403, "ExpiredToken", EXPIRED.into()),
            Wrong::Skewed => Refusal(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: the request's date is more than five minutes from the service's".into(),
            ),
            Wrong::Scope | Wrong::Signature => Refusal(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.".into(),
            ),
        })
    }

    fn assume_role(&self, request: &Request<'_>, form: &Form) -> Result<String, Refusal> {
        let caller = self.caller(request)?;
        let role = required(form, "RoleArn")?;
        if !self
            .account
            .may_assume(role, form.get("ExternalId").map(String::as_str))
        {
            return Err(denied(&caller.arn, role));
        }
        self.session(role, form)
    }

    fn assume_role_with_web_identity(&self, form: &Form) -> Result<String, Refusal> {
        let role = required(form, "RoleArn")?;
        let token = required(form, "WebIdentityToken")?;
        let known = std::fs::read_to_string(&self.web_identity).unwrap_or_default();
        if token != known.trim_end() {
            let message = "No OpenIDConnect provider found in your account for the token".into();
            return Err(Refusal(400, "InvalidIdentityToken", message));
        }
        if !self.account.may_assume(role, None) {
            let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity".into();
            return Err(Refusal(403, "AccessDenied", message));
        }
        self.session(role, form)
    }

    fn session(&self, role: &str, form: &Form) -> Result<String, Refusal> {
        let name = required(form, "RoleSessionName")?;
        let seconds = form
            .get("DurationSeconds")
            .and_then(|seconds| seconds.parse().ok());
        let role = role.rsplit('/').next().unwrap_or_default();
        let issued = self
            .account
            .issue(role, name, seconds.map(Duration::from_secs), false)
            .map_err(internal)?;
        Ok(credentials(&issued))
    }
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, Refusal> {
    let value = form.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| {
        let message = format!("1 validation error detected: Value at '{name}' failed to satisfy constraint");
        Refusal(400, "ValidationError", message)
    })
}

fn internal(error: io::Error) -> Refusal {
    Refusal(500, "InternalFailure", error.to_string())
}

fn denied(caller: &str, role: &str) -> Refusal {
    let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}");
    Refusal(403, "AccessDenied", message)
}

fn credentials(issued: &Identity) -> String {
    let Some(session) = &issued.session else {
        return String::new();
    };
    let role = format!("AROA{}", &issued.access_key[4..]);
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
         <Expiration>{}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>{role}</AssumedRoleId><Arn>{}</Arn>\
         </AssumedRoleUser>",
        issued.access_key,
        issued.secret.show(),
        session.token.show(),
        iso(session.expires),
        escaped(&issued.arn),
    )
}

fn identity(caller: &Identity) -> String {
    format!(
        "<UserId>AIDA{}</UserId><Account>{NUMBER}</Account><Arn>{}</Arn>",
        &caller.access_key[4..],
        escaped(&caller.arn)
    )
}

/// A result in the form of this API.
fn wrapped(action: &str, result: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>\
         </{action}Response>"
    )
}

fn error(Refusal(status, code, message): &Refusal) -> Response {
    let kind = if *status < 500 { "Sender" } else { "Receiver" };
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{kind}</Type><Code>{code}</Code>\
         <Message>{}</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
        escaped(message)
    );
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    service::typed(status, "text/xml", text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
