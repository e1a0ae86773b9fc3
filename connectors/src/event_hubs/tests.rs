//! What the keys of `event-hubs` come to, and what is wrong with them.

use serde_json::{Value, json};

use super::*;

const STRING: &str =
    "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey=cGxhbnRlZA==";

fn resolve(config: Value) -> Result<Resolved, Vec<Wrong>> {
    let config: EventHubsConfig = serde_json::from_value(config).expect("fits");
    config.resolve(Path::new("/nowhere"))
}

fn addresses(resolved: &Resolved) -> Vec<String> {
    match &resolved.bootstrap {
        Bootstrap::Addresses(all) => all.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_string_is_the_password_and_names_the_namespace() {
    let string = format!("{STRING};EntityPath=payments");
    let resolved = resolve(json!({ "auth": { "connection_string": string } })).expect("fits");
    assert_eq!(addresses(&resolved), ["contoso.servicebus.windows.net:9093"]);
    let Login::Password {
        username, password, ..
    } = &resolved.login
    else {
        panic!("{:?}", resolved.login);
    };
    assert_eq!(
        (username.as_str(), password.expose()),
        ("$ConnectionString", string.as_str())
    );
    assert_eq!(
        resolved.limits.topic.as_ref().map(|(topic, _)| topic.as_str()),
        Some("payments")
    );
    assert!(!format!("{resolved:?}").contains("cGxhbnRlZA"));
}

#[test]
fn an_identity_gets_tokens_for_the_namespace_whatever_the_address() {
    let secret = json!({ "client_secret": { "tenant": "t", "client_id": "c", "secret": "planted" } });
    let config = json!({ "namespace": "contoso", "bootstrap": ["localhost:1"], "auth": secret });
    let resolved = resolve(config).expect("fits");
    assert_eq!(addresses(&resolved), ["localhost:1"]);
    assert_eq!(resolved.login.mechanism(), Some("OAUTHBEARER"));
    assert_eq!(
        resolved.grants,
        Grants::Roles {
            namespace: "contoso.servicebus.windows.net".into()
        }
    );
    assert!(!format!("{resolved:?}").contains("planted"));
    let us =
        json!({ "namespace": "contoso.servicebus.usgovcloudapi.net", "auth": { "managed_identity": {} } });
    assert_eq!(
        addresses(&resolve(us).expect("fits")),
        ["contoso.servicebus.usgovcloudapi.net:9093"]
    );
}

#[test]
fn tiers_do_what_they_do() {
    let of = |tier: &str| {
        let config = json!({ "namespace": "contoso", "tier": tier, "auth": { "managed_identity": {} } });
        resolve(config).map(|resolved| resolved.limits.compressions.map(|only| only.words))
    };
    assert_eq!(of("standard").expect("fits"), Some(&["none"][..]));
    assert_eq!(of("premium").expect("fits"), Some(&["none", "gzip"][..]));
    let wrong = of("basic").expect_err("no Kafka");
    assert!(
        wrong[0].key == "tier" && wrong[0].message.contains("no Kafka endpoint"),
        "{wrong:?}"
    );
}

#[test]
fn mistakes_are_named_at_their_keys() {
    for (config, key, says) in [
        (
            json!({ "auth": { "managed_identity": {} } }),
            "",
            "`namespace` is missing",
        ),
        (
            json!({ "namespace": "other", "auth": { "connection_string": STRING } }),
            "namespace",
            "is for `contoso.servicebus.windows.net`",
        ),
        (
            json!({ "auth": { "connection_string": "planted" } }),
            "auth/connection_string",
            "NAME=VALUE",
        ),
        (
            json!({ "namespace": "contoso:9093", "auth": { "azure_cli": {} } }),
            "namespace",
            "without a port",
        ),
    ] {
        let wrong = resolve(config).expect_err("something is wrong");
        let found = wrong.iter().any(|w| w.key == key && w.message.contains(says));
        assert!(
            found && !format!("{wrong:?}").contains("planted"),
            "{key} {says}: {wrong:?}"
        );
    }
}
