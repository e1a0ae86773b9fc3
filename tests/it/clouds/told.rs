//! What `doctor` tells of tokens beside the cause: whose clock is off, and what a refused token says of itself.

use std::time::Duration;

use super::ways::{doctor, topics};
use super::{confluent, confluent_issuer, confluent_oauth, event_hubs, list, msk, quoted, turn};

const FOUR_MINUTES: Duration = Duration::from_secs(240);

/// The finding about the clock, where there is one.
fn clock(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("warning  clock"))
}

#[test]
fn a_clock_that_is_off_is_told_by_every_token_service_with_its_direction() {
    let _turn = turn();
    let (msk, hubs, cloud) = (msk(), event_hubs(), confluent());
    for kafka in [msk.kafka(), hubs.kafka(), cloud.kafka()] {
        topics(kafka);
    }
    let aws = format!(
        "local: {{ kind: msk, cluster_arn: {:?}, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
        msk.cluster_arn(),
        quoted(&msk.ca())
    );
    let azure = format!(
        "local: {{ kind: event-hubs, namespace: {:?}, bootstrap: [{}], auth: {{ default: {{}} }}, tls: {{ ca: {} }} }}",
        hubs.namespace(),
        list(&hubs.bootstrap_entra()),
        quoted(&hubs.ca())
    );
    let oidc = format!(
        "local: {}",
        confluent_oauth(cloud, &confluent_issuer().token_url())
    );
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    let set = |by: Option<(bool, Duration)>| {
        let (ahead, by) = by.unwrap_or((true, Duration::ZERO));
        let (account, entra, issuer) = (msk.account(), hubs.entra(), cloud.issuer());
        if ahead {
            account.clock_ahead(by);
            entra.clock_ahead(by);
            issuer.clock_ahead(by);
        } else {
            account.clock_behind(by);
            entra.clock_behind(by);
            issuer.clock_behind(by);
        }
    };
    for (off, says) in [
        (None, None),
        (Some((true, FOUR_MINUTES)), Some(" s behind the issuer's")),
        (Some((false, FOUR_MINUTES)), Some(" s ahead of the issuer's")),
    ] {
        set(off);
        let all = [
            doctor(&aws, &msk.environment()),
            doctor(&azure, &hubs.environment()),
            doctor(&oidc, &secret),
        ];
        set(None);
        for (text, code) in all {
            let told = clock(&text);
            let right = match says {
                Some(says) => told.is_some_and(|told| told.contains(says)) && text.contains("NTP"),
                None => told.is_none(),
            };
            assert!(right && code == Some(0), "{off:?}: {code:?}\n{text}");
        }
    }
    // So far off that nothing works: the cause stands beside the clock.
    msk.account().clock_ahead(FOUR_MINUTES * 5);
    let (text, code) = doctor(&aws, &msk.environment());
    msk.account().clock_ahead(Duration::ZERO);
    let told = clock(&text).is_some_and(|told| told.contains(" s behind the issuer's"));
    assert!(told && code == Some(3), "{code:?}\n{text}");
}

#[test]
fn a_refused_token_is_told_with_its_issuer_and_audience() {
    let _turn = turn();
    let cloud = confluent();
    let oidc = format!(
        "local: {}",
        confluent_oauth(cloud, &confluent_issuer().token_url())
    );
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    cloud.issuer().audience("another-cluster");
    let (text, code) = doctor(&oidc, &secret);
    cloud.issuer().audience("confluent");
    let says = format!(
        "the token names issuer {} and audience another-cluster",
        cloud.issuer().url()
    );
    assert!(
        text.contains(&says) && code == Some(3),
        "{says}: {code:?}\n{text}"
    );
    // A signed URL is no JWT: there is nothing to tell.
    let msk = msk();
    let aws = format!(
        "local: {{ kind: msk, bootstrap: [{}], region: us-east-1, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
        list(&msk.bootstrap_iam()),
        quoted(&msk.ca())
    );
    let (text, code) = doctor(&aws, &msk.environment());
    assert!(
        !text.contains("the token names") && code == Some(3),
        "{code:?}\n{text}"
    );
}
