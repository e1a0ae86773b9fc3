//! Proxies: services of a cloud are asked through the one that the environment names, unless NO_PROXY names the service; those on
//! this machine never are. An error names the variable, and not the proxy, whose address may hold a password.

use serde_json::json;

use super::child::Environment;
use super::stub::{Proxy, Stub};

const ROLE: &str = "arn:aws:iam::111122223333:role/scorer";

fn user() -> Environment {
    Environment::new()
        .with("AWS_ACCESS_KEY_ID", "AKIAUSER")
        .with("AWS_SECRET_ACCESS_KEY", "planted-user-key")
}

#[test]
fn aws_s_own_services_are_asked_through_the_proxy() {
    let proxy = Proxy::start();
    let answer = user()
        .with("HTTPS_PROXY", &proxy.url)
        .aws(json!({ "role_arn": ROLE }));
    assert!(answer.refusal().contains("HTTPS_PROXY is set"), "{answer:?}");
    assert!(
        proxy
            .asked()
            .contains(&"CONNECT sts.eu-west-1.amazonaws.com:443".to_owned()),
        "{:?}",
        proxy.asked()
    );
}

#[test]
fn what_no_proxy_names_is_asked_directly() {
    let (proxy, sts) = (Proxy::start(), Stub::start(|_| (403, "planted".into())));
    let proxied = user()
        .with("HTTP_PROXY", &proxy.url)
        .with("AWS_ENDPOINT_URL_STS", &sts.url);
    proxied.aws(json!({ "role_arn": ROLE })).refusal();
    assert!(
        !proxy.asked().is_empty() && sts.asked().is_empty(),
        "{:?}",
        proxy.asked()
    );
    let before = proxy.asked().len();
    proxied
        .with("NO_PROXY", "127.0.0.1")
        .aws(json!({ "role_arn": ROLE }))
        .refusal();
    assert_eq!((proxy.asked().len(), sts.asked().is_empty()), (before, false));
}

#[test]
fn services_on_this_machine_are_never_asked_through_a_proxy() {
    let proxy = Proxy::start();
    let silent = Stub::start(|_| (404, String::new()));
    let every = |environment: Environment| {
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"]
            .iter()
            .fold(environment, |environment, name| {
                environment.with(name, &proxy.url)
            })
    };
    let aws = every(Environment::new());
    aws.clone()
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &silent.url)
        .aws(json!({}))
        .refusal();
    let instance = silent.asked().len();
    aws.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/c", silent.url))
        .aws(json!({}))
        .refusal();
    let container = silent.asked().len();
    let answer = every(Environment::new())
        .with("IDENTITY_ENDPOINT", format!("{}/msi/token", silent.url))
        .with("IDENTITY_HEADER", "planted-header")
        .azure("managed_identity", "contoso.servicebus.windows.net");
    assert!(!answer.refusal().contains("PROXY"), "{answer:?}");
    assert!(instance > 0 && container > instance && silent.asked().len() > container);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}
