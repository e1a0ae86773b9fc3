//! What the keys of `msk` come to, and what is wrong with them.

use std::path::Path;

use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-7";

fn resolve(config: Value) -> Result<Resolved, Vec<Wrong>> {
    let config: MskConfig = serde_json::from_value(config).expect("fits");
    config.resolve(Path::new("/nowhere"))
}

fn wrong(config: Value) -> Vec<(String, String)> {
    let wrong = resolve(config).expect_err("something is wrong");
    wrong.into_iter().map(|w| (w.key, w.message)).collect()
}

#[test]
fn an_arn_is_looked_up_and_brokers_are_taken_as_they_are() {
    let resolved = resolve(json!({ "cluster_arn": ARN, "auth": { "iam": {} } })).expect("fits");
    assert!(matches!(&resolved.bootstrap, Bootstrap::Lookup(lookup) if lookup.what().contains(ARN)));
    assert_eq!(resolved.login.mechanism(), Some("OAUTHBEARER"));
    assert!(resolved.tls.is_some());
    let back_off = resolved.preset.iter().find(|s| s.name == "reconnect.backoff.ms");
    assert_eq!(back_off.map(|s| s.value.as_ref()), Some("1000"));
    let named = json!({ "cluster_arn": ARN, "bootstrap": ["localhost:1"], "auth": { "iam": {} } });
    let resolved = resolve(named).expect("fits");
    assert!(matches!(&resolved.bootstrap, Bootstrap::Addresses(all) if all == &["localhost:1"]));
    let region = |r: &Resolved| match &r.grants {
        Grants::Iam { region, .. } => region.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(region(&resolved), "eu-west-1");
    let broker =
        json!({ "bootstrap": ["b-1.p.a.c7.kafka.us-east-2.amazonaws.com:9098"], "auth": { "iam": {} } });
    assert_eq!(region(&resolve(broker).expect("fits")), "us-east-2");
}

#[test]
fn who_is_asked_for_the_brokers_is_a_right() {
    let scram = json!({ "scram": { "username": "app", "password": "planted" } });
    let looked_up = |auth: &Value, more: Value| {
        let mut config = json!({ "cluster_arn": ARN, "auth": auth });
        config
            .as_object_mut()
            .expect("a map")
            .extend(more.as_object().expect("a map").clone());
        match resolve(config).expect("fits").grants {
            Grants::Acl { looked_up, .. } => looked_up.is_some_and(|arn| arn == ARN),
            Grants::Iam { looked_up, .. } => looked_up,
            other => panic!("{other:?}"),
        }
    };
    for auth in [json!({ "iam": {} }), scram, json!("none")] {
        assert!(looked_up(&auth, json!({})), "{auth}");
        assert!(
            !looked_up(&auth, json!({ "bootstrap": ["localhost:1"] })),
            "{auth}"
        );
    }
}

#[test]
fn every_way_in_has_its_login() {
    for (auth, mechanism) in [
        (
            json!({ "scram": { "username": "app", "password": "planted" } }),
            Some("SCRAM-SHA-512"),
        ),
        (json!("none"), None),
    ] {
        let resolved = resolve(json!({ "cluster_arn": ARN, "auth": auth })).expect("fits");
        assert_eq!(resolved.login.mechanism(), mechanism);
        assert!(!format!("{resolved:?}").contains("planted"));
    }
}

#[test]
fn mistakes_are_named_at_their_keys() {
    let rows = [
        (
            json!({ "auth": { "iam": {} } }),
            "",
            "`cluster_arn`, or `bootstrap`",
        ),
        (
            json!({ "cluster_arn": "prod", "auth": { "iam": {} } }),
            "cluster_arn",
            "not the ARN",
        ),
        (
            json!({ "bootstrap": ["k:9098"], "auth": { "iam": {} } }),
            "",
            "add `region`",
        ),
        (
            json!({ "cluster_arn": ARN, "region": "us-east-1", "auth": { "iam": {} } }),
            "region",
            "is in `eu-west-1`",
        ),
        (
            json!({ "bootstrap": ["b-1.p.a.c7.kafka.eu-west-1.amazonaws.com:9096"], "auth": { "iam": {} } }),
            "bootstrap/0",
            "port 9096 is MSK's SCRAM listener; with `auth: iam` the port is 9098",
        ),
        (
            json!({ "bootstrap": ["b-1.p.a.c7.kafka.eu-west-1.amazonaws.com:9098"], "auth": "none" }),
            "bootstrap/0",
            "port 9098 is MSK's IAM listener",
        ),
        (
            json!({ "cluster_arn": "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-s1",
                    "auth": { "scram": { "username": "a", "password": "b" } } }),
            "auth",
            "IAM only",
        ),
        (
            json!({ "cluster_arn": ARN, "auth": { "mtls": { "certificate": "absent.pem", "key": "absent.key" } } }),
            "auth/mtls/certificate",
            "`absent.pem`",
        ),
    ];
    for (config, key, says) in rows {
        let all = wrong(config);
        assert!(
            all.iter()
                .any(|(at, message)| at == key && message.contains(says)),
            "{key} {says}: {all:?}"
        );
    }
}
