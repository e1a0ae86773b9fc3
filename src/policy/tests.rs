//! Rights by service: what stands there, and what does not.

use forebay_connectors::ConfluentMember;
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
        subjects: None,
    }
}

/// With events that are read by their schemas, and results whose schema is registered.
fn asking() -> Uses {
    let (events, results) = (
        Topic::Named("payments-value".into()),
        Topic::Named("scores-value".into()),
    );
    Uses {
        subjects: Some(Subjects {
            read: vec![events, results.clone()],
            register: vec![results],
        }),
        ..uses()
    }
}

#[test]
fn iam_names_every_resource_and_nothing_else() {
    let arn = "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-7";
    let grants = Grants::Iam {
        cluster_arn: Some(arn.into()),
        region: "eu-west-1".into(),
        looked_up: true,
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
    assert_eq!(of("FindBrokers")["Resource"][0], arn);
    let named = Grants::Iam {
        cluster_arn: Some(arn.into()),
        region: "eu-west-1".into(),
        looked_up: false,
    };
    assert!(!write(&named, &uses(), "").text.contains("GetBootstrapBrokers"));
}

#[test]
fn a_lookup_by_arn_is_a_right_whatever_the_brokers_are_told() {
    let arn = "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-7";
    let grants = |looked_up: Option<&str>| Grants::Acl {
        principal: Some("User:app".into()),
        looked_up: looked_up.map(str::to_owned),
    };
    let policy = write(&grants(Some(arn)), &uses(), "k:1");
    let (lists, command) = policy.text.trim_end().rsplit_once('\n').expect("two lines");
    assert!(lists.contains("--allow-principal User:app"), "{lists}");
    let document = command.split('\'').nth(1).expect("a quoted document");
    let json: Value = serde_json::from_str(document).expect("JSON");
    assert_eq!(json["Statement"][0]["Action"][0], "kafka:GetBootstrapBrokers");
    assert_eq!(json["Statement"][0]["Resource"][0], arn);
    assert!(!write(&grants(None), &uses(), "k:1").text.contains("aws"));
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
        looked_up: None,
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

fn confluent(pool: Option<&str>, cluster: Option<&str>) -> Grants {
    let member = |cluster: Option<&str>| ConfluentMember {
        principal: pool.map(str::to_owned),
        cluster: cluster.map(str::to_owned),
    };
    Grants::Confluent {
        kafka: member(None),
        registry: member(cluster),
    }
}

#[test]
fn confluent_names_the_pool_or_leaves_its_place() {
    let text = write(&confluent(Some("pool-1"), None), &uses(), "").text;
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(
        text.contains("--principal User:pool-1") && text.contains("--consumer-group fraud"),
        "{text}"
    );
    let policy = write(&confluent(None, None), &uses(), "");
    assert!(policy.text.contains("SERVICE_ACCOUNT") && policy.notes.len() == 2);
}

#[test]
fn confluent_s_registry_has_roles_on_subjects() {
    let policy = write(&confluent(Some("pool-1"), Some("lsrc-7")), &asking(), "");
    let bindings: Vec<&str> = policy.text.lines().skip(4).collect();
    let line = |role: &str, subject: &str| {
        format!(
            "confluent iam rbac role-binding create --principal User:pool-1 --environment ENVIRONMENT --schema-registry-cluster lsrc-7 \
             --role {role} --resource Subject:{subject}"
        )
    };
    let expected = [
        line("DeveloperRead", "payments-value"),
        line("DeveloperRead", "scores-value"),
        line("DeveloperWrite", "scores-value"),
    ];
    assert_eq!(bindings, expected);
    let policy = write(&confluent(None, None), &asking(), "");
    for place in ["User:REGISTRY_ACCOUNT", "--schema-registry-cluster REGISTRY "] {
        assert!(policy.text.contains(place), "{}", policy.text);
    }
    assert_eq!(policy.notes.len(), 5, "{:?}", policy.notes);
}

#[test]
fn another_registry_s_rights_are_told() {
    let grants = Grants::Acl {
        principal: Some("User:app".into()),
        looked_up: None,
    };
    let notes = write(&grants, &asking(), "k:1").notes.join("\n");
    let says =
        "it reads the subjects `payments-value`, `scores-value`, and registers schemas under `scores-value`";
    assert!(notes.contains(says), "{notes}");
    assert!(
        !write(&grants, &uses(), "k:1")
            .notes
            .join("\n")
            .contains("registry")
    );
}
