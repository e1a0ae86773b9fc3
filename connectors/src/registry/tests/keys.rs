//! Mistakes in `schema_registry`, each at its key.

use super::*;

#[test]
fn every_mistake_is_named_at_its_key() {
    let oauth = json!({ "token_url": "http://x/t", "client_id": "a", "client_secret": "planted", "logical_cluster": "a b" });
    for (config, key, says) in [
        (json!({}), "", "add `url`"),
        (
            json!({ "url": "http://a:1", "urls": ["http://b:1"] }),
            "/urls",
            "says it twice",
        ),
        (json!({ "url": "a:1" }), "/url", "http:// or https://"),
        (
            json!({ "url": "http://app:planted@a:1" }),
            "/url",
            "holds credentials",
        ),
        (json!({ "url": "http://a:1/?k=planted" }), "/url", "holds a query"),
        (
            json!({ "urls": ["http://a:1", "http://b:1,http://c:1"] }),
            "/urls/1",
            "a list item for each",
        ),
        (json!({ "url": "http://" }), "/url", "is no address"),
        (
            json!({ "url": "https://a", "api_key": "A" }),
            "/api_key",
            "`api_secret` is missing",
        ),
        (
            json!({ "url": "https://a", "api_secret": "planted" }),
            "/api_secret",
            "`api_key` is missing",
        ),
        (
            json!({ "url": "https://a", "username": "A" }),
            "/username",
            "`password` is missing",
        ),
        (
            json!({ "url": "https://a", "password": "planted" }),
            "/password",
            "`username` is missing",
        ),
        (
            json!({ "url": "https://a", "username": "a:b", "password": "planted" }),
            "/username",
            "a colon",
        ),
        (
            json!({ "url": "https://a", "bearer": "planted planted" }),
            "/bearer",
            "is no token",
        ),
        (
            json!({ "url": "https://a", "bearer": "planted", "api_key": "A", "api_secret": "planted" }),
            "",
            "in several ways",
        ),
        (
            json!({ "url": "http://a", "api_key": "A", "api_secret": "planted" }),
            "/url",
            "clear text",
        ),
        (
            json!({ "url": "https://a", "oauth": oauth }),
            "/oauth/token_url",
            "clear text",
        ),
        (
            json!({ "url": "https://a", "tls": { "ca": "absent.pem" } }),
            "/tls/ca",
            "`absent.pem`",
        ),
        (
            json!({ "url": "https://a", "tls": { "key": "-----BEGIN PRIVATE KEY-----\nplanted" } }),
            "/tls/key",
            "without its client certificate",
        ),
        (
            json!({ "url": "https://a", "tls": { "ca": "-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----\n" } }),
            "/tls/ca",
            "cannot be used",
        ),
        (
            json!({ "url": "https://a", "timeout": "0s" }),
            "/timeout",
            "takes no time",
        ),
    ] {
        let all = settings(config).expect_err(says);
        let place = format!("schema_registry{key}");
        assert!(
            all.iter()
                .any(|one| one.key == place && one.message.contains(says)),
            "{says}: {all:?}"
        );
        assert!(!format!("{all:?}").contains("planted"), "{all:?}");
    }
}

#[test]
fn what_fits_is_shown_without_its_secret() {
    let config = json!({ "url": "https://a/api/", "api_key": "ABC", "api_secret": "planted", "cache": "schemas", "timeout": "3s" });
    let fits = settings(config).expect("fits");
    let shown = fits.shown();
    let of = |name: &str| {
        shown
            .iter()
            .find(|(known, _)| *known == name)
            .expect(name)
            .1
            .as_str()
    };
    assert_eq!((of("url"), of("timeout")), ("https://a/api", "3s"));
    assert_eq!((of("login"), of("cache")), ("basic, as ABC", "/nowhere/schemas"));
    assert!(!format!("{fits:?} {shown:?}").contains("planted"));
}
