//! What a process is told through its environment, by where it runs.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::account::role_arn;
use super::{IRSA_ROLE, Msk, container};
use crate::cloud::{random, variables};

type Variables = Vec<(String, String)>;

pub(super) const CONFIG: &str = "aws-config";
const CREDENTIALS: &str = "aws-credentials";
pub(super) const WEB_IDENTITY: &str = "web-identity-token";
pub(super) const POD_IDENTITY: &str = "pod-identity-token";

/// The files that variables name. A developer's own do not interfere: these are there, and empty.
pub(super) fn write_files(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(CONFIG), "")?;
    fs::write(folder.join(CREDENTIALS), "")?;
    fs::write(folder.join(POD_IDENTITY), random::base64(30)?)?;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"1"}"#);
    let claims = URL_SAFE_NO_PAD
        .encode(r#"{"aud":["sts.amazonaws.com"],"sub":"system:serviceaccount:forebay:forebay"}"#);
    let signature = URL_SAFE_NO_PAD.encode(random::base64(192)?);
    fs::write(
        folder.join(WEB_IDENTITY),
        format!("{header}.{claims}.{signature}"),
    )
}

/// Where the services are, and no credentials.
pub(super) fn common(msk: &Msk) -> Variables {
    let file = |name: &str| msk.authority.folder().join(name).display().to_string();
    variables([
        ("AWS_ENDPOINT_URL_KAFKA", msk.api.url().into()),
        ("AWS_ENDPOINT_URL_STS", msk.sts.url().into()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", msk.imds.url().into()),
        ("AWS_EC2_METADATA_DISABLED", "false".into()),
        ("AWS_CONFIG_FILE", file(CONFIG)),
        ("AWS_SHARED_CREDENTIALS_FILE", file(CREDENTIALS)),
    ])
}

pub(super) fn keys(msk: &Msk) -> Variables {
    let mut all = common(msk);
    let user = msk.account.user();
    all.extend(variables([
        ("AWS_ACCESS_KEY_ID", user.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", user.secret.show().into()),
    ]));
    all
}

pub(super) fn container(msk: &Msk) -> Variables {
    let mut all = common(msk);
    let token = msk.authority.folder().join(POD_IDENTITY);
    let url = format!("{}{}", msk.container.url(), container::PATH);
    all.extend(variables([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            token.display().to_string(),
        ),
    ]));
    all
}

pub(super) fn web_identity(msk: &Msk) -> Variables {
    let mut all = common(msk);
    let token = msk.web_identity_token_file();
    all.extend(variables([
        ("AWS_ROLE_ARN", role_arn(IRSA_ROLE)),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
    ]));
    all
}
