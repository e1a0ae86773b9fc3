//! Who the registry is told that asks.

use forebay_testcontainers::Issuer;

use super::*;

#[test]
fn passwords_keys_and_tokens_arrive() {
    let control = control();
    for (keys, other) in [
        (
            json!({ "api_key": "ABC", "api_secret": "pl:anted" }),
            json!({ "api_key": "ABC", "api_secret": "other" }),
        ),
        (
            json!({ "username": "app", "password": "p\u{e4}" }),
            json!({ "bearer": "other" }),
        ),
        (json!({ "bearer": "a.b.c" }), json!({})),
    ] {
        let stub = RegistryStub::start();
        stub.schema(7, &json!({ "schema": INT }));
        match keys["bearer"].as_str() {
            Some(token) => stub.bearer(token),
            None => {
                let of =
                    |one: &str, two: &str| keys[one].as_str().or(keys[two].as_str()).expect(one).to_owned();
                stub.basic(&of("api_key", "username"), &of("api_secret", "password"));
            }
        }
        let with = |keys: &Value| {
            let mut config = keys.clone();
            config["url"] = stub.url().into();
            config["allow_insecure"] = true.into();
            open(config, &control)
        };
        arrives(&with(&keys), SchemaKey::Id(7));
        let error = fails(&with(&other), SchemaKey::Id(7), "answered 401");
        assert_eq!(error.kind(), Kind::Retry, "an operator's mistake is no record's");
        let error = with(&other).subjects().expect_err("refused");
        assert_eq!(error.kind(), Kind::Auth);
    }
}

#[test]
fn an_identity_providers_token_comes_with_the_ids_that_confluent_wants_and_is_renewed_where_it_is_refused() {
    let (stub, issuer, control) = (RegistryStub::start(), Issuer::start(), control());
    issuer.client("forebay", "planted-secret");
    for id in [7, 8] {
        stub.schema(id, &json!({ "schema": INT }));
    }
    let oauth = json!({ "token_url": issuer.token_url(), "client_id": "forebay", "client_secret": "planted-secret",
        "logical_cluster": "lsrc-1", "identity_pool": "pool-1" });
    let registry = open(
        json!({ "url": stub.url(), "oauth": oauth, "allow_insecure": true }),
        &control,
    );
    assert_eq!(
        (issuer.issued(), registry.token().is_some()),
        (0, false),
        "nothing is asked before there is need"
    );
    arrives(&registry, SchemaKey::Id(7));
    let headers = stub.headers();
    let header = |name: &str| headers[0].get(name).map(String::as_str);
    assert!(header("authorization").is_some_and(|value| value.starts_with("Bearer ey")));
    assert_eq!(header("target-sr-cluster"), Some("lsrc-1"));
    assert_eq!(header("confluent-identity-pool-id"), Some("pool-1"));
    assert_eq!((issuer.issued(), registry.token().is_some()), (1, true));
    stub.service().fail(Some(Outage::Expired));
    let error = fails(&registry, SchemaKey::Id(8), "answered 401");
    assert!(error.to_string().contains("oauth.identity_pool"), "{error}");
    assert!(issuer.issued() > 1, "a new token was tried");
    stub.service().fail(None);
    arrives(&registry, SchemaKey::Id(8));
    assert!(!format!("{registry:?}").contains("planted"));
}

#[test]
fn an_issuer_that_refuses_is_named_and_no_record_is_rejected_for_it() {
    let (stub, issuer, control) = (RegistryStub::start(), Issuer::start(), control());
    stub.schema(7, &json!({ "schema": INT }));
    let oauth =
        json!({ "token_url": issuer.token_url(), "client_id": "forebay", "client_secret": "planted-secret" });
    let registry = open(
        json!({ "url": stub.url(), "oauth": oauth, "allow_insecure": true }),
        &control,
    );
    let error = fails(&registry, SchemaKey::Id(7), "no token for the registry");
    let said = error.to_string();
    assert!(
        error.kind() == Kind::Retry && said.contains("check `client_id`"),
        "{said}"
    );
    assert!(!said.contains("planted") && stub.service().asked() == 0, "{said}");
    issuer.client("forebay", "planted-secret");
    arrives(&registry, SchemaKey::Id(7));
}
