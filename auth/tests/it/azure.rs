//! Azure: managed identity, the chain of sources, and the clouds that are not the public one.

use serde_json::json;

use super::child::Environment;
use super::stub::{Proxy, Stub};

const PUBLIC: &str = "contoso.servicebus.windows.net";
const US: &str = "contoso.servicebus.usgovcloudapi.net";
const CHINA: &str = "contoso.servicebus.chinacloudapi.cn";

fn identity() -> Stub {
    Stub::start(|_| {
        let text = json!({
            "access_token": "planted.token.value",
            "expires_on": "4102444800",
            "resource": "planted",
            "token_type": "Bearer",
        });
        (200, text.to_string())
    })
}

fn app_service(stub: &Stub) -> Environment {
    Environment::new()
        .with("IDENTITY_ENDPOINT", format!("{}/msi/token", stub.url))
        .with("IDENTITY_HEADER", "planted-header")
}

#[test]
fn a_managed_identity_is_asked_for_the_namespace_s_own_host_in_every_cloud() {
    let stub = identity();
    let here = app_service(&stub);
    for host in [PUBLIC, US, CHINA] {
        let answer = here.azure("managed_identity", host);
        assert_eq!(answer.token().source, "managed identity");
    }
    for (asked, host) in stub.asked().iter().zip([PUBLIC, US, CHINA]) {
        let resource: String =
            form_urlencoded::byte_serialize(format!("https://{host}").as_bytes()).collect();
        assert!(
            asked.line.contains(&format!("resource={resource}")),
            "{host}: {}",
            asked.line
        );
        assert_eq!(asked.header("x-identity-header"), "planted-header");
    }
}

#[test]
fn the_chain_says_which_source_answered() {
    let stub = identity();
    let answer = app_service(&stub).azure("default", PUBLIC);
    assert_eq!(answer.token().source, "managed identity");
}

#[test]
fn where_no_source_answers_each_is_named_with_its_reason() {
    let stub = Stub::start(|_| (400, r#"{"statusCode":400,"message":"planted"}"#.into()));
    let answer = app_service(&stub).azure("default", PUBLIC);
    let text = answer.refusal();
    let mut rest = text;
    for part in [
        "client secret: AZURE_TENANT_ID",
        "workload identity: AZURE_TENANT_ID",
        "managed identity: the endpoint answered 400",
        "Azure CLI: `az` is not installed",
    ] {
        rest = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("{part}: {text}"))
            .1;
    }
}

#[test]
fn an_app_is_sent_to_the_authority_of_the_namespace_s_cloud_unless_another_is_named() {
    for (host, named, authority) in [
        (PUBLIC, None, "login.microsoftonline.com"),
        (US, None, "login.microsoftonline.us"),
        (CHINA, None, "login.chinacloudapi.cn"),
        (US, Some("https://login.example"), "login.example"),
    ] {
        // Nothing leaves this machine: the proxy only listens to where it should lead.
        let proxy = Proxy::start();
        let mut app = Environment::new().with("HTTPS_PROXY", &proxy.url);
        if let Some(named) = named {
            app = app.with("AZURE_AUTHORITY_HOST", named);
        }
        let answer = app.azure("client_secret", host);
        assert!(answer.refusal().contains("HTTPS_PROXY is set"), "{answer:?}");
        assert_eq!(proxy.asked(), [format!("CONNECT {authority}:443")], "{host}");
    }
}
