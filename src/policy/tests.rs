//! Rights by service: what stands there, and what does not.

use serde_json::Value;

use super::*;

fn uses() -> Uses {
    Uses {
        read: vec![Topic::Named("payments".into())],
        write: vec![
            Topic::Named("payments.dead".into()),
            Topic::Named("scores".into()),
        ],
        group: Some("fraud".into()),
    }
}

#[test]
fn iam_names_every_resource_and_nothing_else() {
    let arn = "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-7";
    let grants = Grants::Iam {
        cluster_arn: Some(arn.into()),
        region: "eu-west-1".into(),
    };
    let policy = write(&grants, &uses(), "");
    let json: Value = serde_json::from_str(&policy.text).expect("JSON");
    let statements = json["Statement"].as_array().expect("statements");
    let of = |id: &str| statements.iter().find(|s| s["Sid"] == id).expect("a statement");
    assert_eq!(
        of("Read")["Resource"][0],
        "arn:aws:kafka:eu-west-1:111122223333:topic/prod/aa-bb-7/payments"
    );
    assert_eq!(of("Write")["Resource"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        of("Group")["Resource"][0],
        "arn:aws:kafka:eu-west-1:111122223333:group/prod/aa-bb-7/fraud"
    );
    assert_eq!(of("Connect")["Resource"][0], arn);
    assert!(
        !policy.text.contains("CreateTopic") && !policy.text.contains("\"*\""),
        "{}",
        policy.text
    );
    let reads_only = Uses {
        write: Vec::new(),
        ..uses()
    };
    assert!(!write(&grants, &reads_only, "").text.contains("Write"));
}

#[test]
fn a_pattern_is_a_prefix() {
    for (pattern, prefix) in [
        ("^payments-.*", "payments-"),
        ("^pay(ments)?", "pay"),
        ("^payments?", "payment"),
        ("^a|b", ""),
        ("^.*", ""),
    ] {
        assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
    }
    let uses = Uses {
        read: vec![Topic::Prefix("payments-".into())],
        ..Uses::default()
    };
    let grants = Grants::Acl {
        principal: Some("User:a b".into()),
    };
    let text = write(&grants, &uses, "k:1").text;
    assert!(text.contains("--allow-principal 'User:a b'"), "{text}");
    assert!(
        text.contains("--topic payments- --resource-pattern-type prefixed"),
        "{text}"
    );
}

#[test]
fn azure_has_roles_for_identities_and_a_rule_for_connection_strings() {
    let namespace = "contoso.servicebus.windows.net".to_owned();
    let text = write(
        &Grants::Roles {
            namespace: namespace.clone(),
        },
        &uses(),
        "",
    )
    .text;
    assert_eq!(text.matches("Data Receiver").count(), 1, "{text}");
    assert_eq!(text.matches("Data Sender").count(), 2, "{text}");
    assert!(
        text.contains("/namespaces/contoso/eventhubs/payments\n"),
        "{text}"
    );
    let policy = "app".to_owned();
    let rule = write(&Grants::SharedAccess { namespace, policy }, &uses(), "");
    assert!(rule.text.contains("--rights Listen Send"), "{}", rule.text);
}

#[test]
fn confluent_names_the_pool_or_leaves_its_place() {
    let grants = |principal: Option<&str>| Grants::Confluent {
        principal: principal.map(str::to_owned),
        cluster: None,
    };
    let text = write(&grants(Some("pool-1")), &uses(), "").text;
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(
        text.contains("--principal User:pool-1") && text.contains("--consumer-group fraud"),
        "{text}"
    );
    let policy = write(&grants(None), &uses(), "");
    assert!(policy.text.contains("SERVICE_ACCOUNT") && policy.notes.len() == 2);
}
