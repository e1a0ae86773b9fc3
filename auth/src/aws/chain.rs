//! Where credentials come from: the sources of AWS's own tools, in their order, each by its name, so that it can be said which one
//! answered, and where none did, why each of them did not.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::DisplayErrorContext;
use aws_types::region::Region;

use super::cached::Found;
use super::{Iam, SESSION, http, profiles, refusal};
use crate::so_far::Search;
use crate::{AuthError, AuthKind};

/// An instance's answer may take as long as whoever asks waits for it.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

const CONTAINER: &str = "EKS Pod Identity or container endpoint";
const INSTANCE: &str = "instance metadata (IMDS)";
/// In what the SDK says where a token of SSO is not there, not good, or not taken.
const NO_LOGIN: [&str; 3] = ["SSO token", "/sso/cache/", "UnauthorizedException"];
/// Sources that no proxy stands before.
const ON_THIS_MACHINE: &[&str] = &[CONTAINER, INSTANCE];

/// Finds the credentials that `iam` asks for; `search` tells how far it is.
pub(super) async fn find(iam: &Iam, region: &Region, search: &Search) -> Result<Found, AuthError> {
    search.begin();
    let base = match &iam.profile {
        Some(name) => {
            search.ask(format!("profile {name}"));
            of_profile(name, region).await?
        }
        None => first(region, search).await?,
    };
    match &iam.role_arn {
        Some(role) => {
            search.ask(format!("the role {role}"));
            assumed(iam, role, base, region).await
        }
        None => Ok(base),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn found(credentials: Credentials, source: &str, principal: Option<String>) -> Found {
    let principal = principal.unwrap_or_else(|| match credentials.access_key_id() {
        // Long-term keys name a user for good; others change while the identity stays.
        key if key.starts_with("AKIA") => format!("access key {key}"),
        _ => format!("the identity of {source}"),
    });
    Found {
        credentials,
        source: source.to_owned(),
        principal,
        stale: None,
    }
}

/// What an attempt came to: credentials, nothing set up there, or a fault.
enum Tried {
    Found(Found),
    Absent(String),
    Failed(AuthError),
}

fn tried(
    answer: Result<Credentials, CredentialsError>,
    source: &str,
    principal: Option<String>,
    absent: &str,
) -> Tried {
    match answer {
        Ok(credentials) => Tried::Found(found(credentials, source, principal)),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Tried::Absent(absent.to_owned()),
        Err(error) => Tried::Failed(failed(source, &error)),
    }
}

/// A source that is set up and gives nothing. The SDK's text may hold what a service sent, so it is looked at and not shown.
fn failed(source: &str, error: &CredentialsError) -> AuthError {
    let said = DisplayErrorContext(error).to_string();
    let attempt = format!("get credentials from {source}");
    if said.contains("could not find source profile") || said.contains("ProfileDidNotContainCredentials") {
        return AuthError::refused(format!("{attempt}: the profile leads to no credentials"));
    }
    if said.contains("external process") {
        return AuthError::refused(format!(
            "{attempt}: its `credential_process` failed; run it by hand"
        ));
    }
    if NO_LOGIN.iter().any(|words| said.contains(words)) {
        return AuthError::refused(format!(
            "{attempt}: there is no SSO login, or it has expired; run `aws sso login`"
        ));
    }
    match ON_THIS_MACHINE.contains(&source) {
        true => AuthError::unavailable(format!("{attempt}: {}", on_this_machine(&said))),
        false => refusal(&attempt, None, &said, AuthError::silent),
    }
}

/// What a service on this machine did instead; asked again, for an agent may not know of a role yet.
fn on_this_machine(said: &str) -> String {
    let status = ["HTTP credential provider: ", "response from IMDS (code: "]
        .iter()
        .find_map(|before| said.split_once(before))
        .map(|(_, rest)| rest.trim_start_matches(|c: char| !c.is_ascii_digit()))
        .and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    match status {
        Some(status @ 400..=499) => {
            format!("it answered {status}: is a role assigned to this pod, task or instance?")
        }
        Some(status) => format!("it answered {status}"),
        None if said.contains("timed out") || said.contains("dispatch failure") => {
            "it does not answer".into()
        }
        None => "its answer holds no credentials".into(),
    }
}

/// The first source that is set up. One that is set up and fails ends the search: the next one would be another identity, which
/// nobody asked for.
async fn first(region: &Region, search: &Search) -> Result<Found, AuthError> {
    for source in [
        "environment variables",
        "profile",
        "web identity",
        "container",
        "instance",
    ] {
        search.ask(source);
        let outcome = match source {
            "environment variables" => environment().await,
            "profile" => default_profile(region).await,
            "web identity" => web_identity(region).await,
            "container" => container(&local(region)).await,
            _ => instance(&local(region)).await,
        };
        match outcome {
            Tried::Found(found) => return Ok(found),
            Tried::Absent(reason) => search.tried(source, reason),
            Tried::Failed(error) => {
                search.tried(source, &error);
                let message = format!("find AWS credentials: {}", search.reasons());
                return Err(match error.kind {
                    AuthKind::Refused => AuthError::refused(message),
                    AuthKind::Unavailable => AuthError::unavailable(message),
                });
            }
        }
    }
    let message = format!("find AWS credentials: no source has any: {}", search.reasons());
    Err(AuthError::refused(message))
}

/// For services on this machine: no proxy leads there.
fn local(region: &Region) -> ProviderConfig {
    config(region).with_http_client(http::local())
}

/// For AWS's own services.
fn remote(region: &Region) -> ProviderConfig {
    config(region).with_http_client(http::remote())
}

fn config(region: &Region) -> ProviderConfig {
    ProviderConfig::without_region().with_region(Some(region.clone()))
}

async fn environment() -> Tried {
    let answer = EnvironmentVariableCredentialsProvider::new()
        .provide_credentials()
        .await;
    tried(
        answer,
        "environment variables",
        None,
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set",
    )
}

async fn web_identity(region: &Region) -> Tried {
    let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN")) else {
        return Tried::Absent("AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set".into());
    };
    let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.into());
    let principal = format!("{role} as {session}");
    let provider = WebIdentityTokenCredentialsProvider::builder()
        .configure(&remote(region))
        .static_configuration(StaticConfiguration {
            web_identity_token_file: file.into(),
            role_arn: role,
            session_name: session,
        })
        .build();
    let answer = provider.provide_credentials().await;
    tried(answer, "IRSA (web identity)", Some(principal), "not set up")
}

async fn container(config: &ProviderConfig) -> Tried {
    let provider = EcsCredentialsProvider::builder().configure(config).build();
    let answer = provider.provide_credentials().await;
    let absent = "AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI are not set";
    tried(answer, CONTAINER, None, absent)
}

async fn instance(config: &ProviderConfig) -> Tried {
    let client = imds::Client::builder()
        .configure(config)
        .operation_attempt_timeout(ANSWER_WITHIN)
        .operation_timeout(ANSWER_WITHIN)
        .build();
    let provider = ImdsCredentialsProvider::builder()
        .configure(config)
        .imds_client(client)
        .build();
    let answer = provider.provide_credentials().await;
    tried(
        answer,
        INSTANCE,
        None,
        "turned off, or this is no EC2 instance with a role",
    )
}

/// `AWS_PROFILE` or `default`.
async fn default_profile(region: &Region) -> Tried {
    let named = variable("AWS_PROFILE");
    let name = named.clone().unwrap_or_else(|| "default".into());
    match profiles::names().await {
        Ok(all) if all.contains(&name) => match of_profile(&name, region).await {
            Ok(found) => Tried::Found(found),
            Err(error) => Tried::Failed(error),
        },
        Ok(all) if named.is_some() => Tried::Failed(unknown_profile(&name, &all)),
        Ok(_) => Tried::Absent("there is no profile `default`".into()),
        Err(error) => Tried::Failed(AuthError::refused("read AWS's configuration files").caused_by(&error)),
    }
}

fn unknown_profile(name: &str, all: &[String]) -> AuthError {
    let there = if all.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are: {}", all.join(", "))
    };
    AuthError::refused(format!(
        "find the AWS profile `{name}`: it is not in AWS's configuration files; {there}"
    ))
}

async fn of_profile(name: &str, region: &Region) -> Result<Found, AuthError> {
    let all = profiles::names().await;
    let all = all.map_err(|e| AuthError::refused("read AWS's configuration files").caused_by(&e))?;
    if !all.iter().any(|one| one == name) {
        return Err(unknown_profile(name, &all));
    }
    let config = remote(region);
    let provider = ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_files(profiles::with_session_names(&all))
        .profile_name(name)
        .build();
    let source = format!("profile {name}");
    match tried(
        provider.provide_credentials().await,
        &source,
        None,
        "it holds no credentials",
    ) {
        Tried::Found(found) => Ok(found),
        Tried::Absent(reason) => Err(AuthError::refused(format!(
            "get credentials from {source}: {reason}"
        ))),
        Tried::Failed(error) => Err(error),
    }
}

/// The role, assumed with what was found.
async fn assumed(iam: &Iam, role: &str, base: Found, region: &Region) -> Result<Found, AuthError> {
    let session = iam.session_name.as_deref().unwrap_or(SESSION);
    let sdk: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http::remote())
        .load()
        .await;
    let mut builder = AssumeRoleProvider::builder(role)
        .configure(&sdk)
        .region(region.clone())
        .session_name(session);
    if let Some(id) = &iam.external_id {
        builder = builder.external_id(id);
    }
    let provider = builder.build_from_provider(base.credentials).await;
    let source = format!("role {role} by {}", base.source);
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|e| {
        let said = DisplayErrorContext(&e).to_string();
        let attempt = format!("assume the role {role} with credentials from {}", base.source);
        refusal(&attempt, None, &said, AuthError::silent)
    })?;
    Ok(found(credentials, &source, Some(format!("{role} as {session}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_is_told_by_what_the_sdk_says_and_in_our_words() {
        let process = "`credential_process` failed";
        for (said, kind, words) in [
            (
                "could not find source profile planted",
                AuthKind::Refused,
                "leads to no credentials",
            ),
            (
                "external process exited with code 3. Stderr: planted",
                AuthKind::Refused,
                process,
            ),
            (
                "external process, could not parse response: planted",
                AuthKind::Refused,
                process,
            ),
            (
                "the SSO token has expired and cannot be refreshed",
                AuthKind::Refused,
                "run `aws sso login`",
            ),
            (
                "failed to read `/home/planted/.aws/sso/cache/a9.json`",
                AuthKind::Refused,
                "run `aws sso login`",
            ),
            (
                "UnauthorizedException: planted",
                AuthKind::Refused,
                "run `aws sso login`",
            ),
            (
                "AccessDenied: planted",
                AuthKind::Refused,
                "AccessDenied: the trust policy",
            ),
            (
                "associated with an expired token: planted",
                AuthKind::Unavailable,
                "get credentials from profile p",
            ),
        ] {
            let error = failed("profile p", &CredentialsError::provider_error(said));
            let told = error.to_string();
            assert_eq!(error.kind, kind, "{said}: {told}");
            assert!(
                told.contains(words) && !told.contains("planted"),
                "{said}: {told}"
            );
        }
        let local = failed(
            INSTANCE,
            &CredentialsError::provider_error("response from IMDS (code: 404)"),
        );
        assert!(
            local.to_string().contains("it answered 404: is a role assigned"),
            "{local}"
        );
    }
}
