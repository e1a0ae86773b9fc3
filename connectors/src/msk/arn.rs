//! The name of a cluster of Amazon MSK, and what it and a broker's name tell.

/// What an ARN is expected to look like.
pub(super) const EXPECTED: &str =
    "not the ARN of an MSK cluster, such as arn:aws:kafka:eu-west-1:111122223333:cluster/NAME/UUID";

/// `arn:PARTITION:kafka:REGION:ACCOUNT:cluster/NAME/UUID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arn {
    pub(super) text: String,
    pub(super) region: String,
    uuid: String,
}

impl Arn {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "kafka", region, account, resource] = parts[..] else {
            return None;
        };
        let resource: Vec<&str> = resource.split('/').collect();
        let ["cluster", name, uuid] = resource[..] else {
            return None;
        };
        let whole = partition.starts_with("aws")
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && !name.is_empty()
            && !uuid.is_empty();
        whole.then(|| Self {
            text: text.to_owned(),
            region: region.to_owned(),
            uuid: uuid.to_owned(),
        })
    }

    /// The last part of a serverless cluster's id is `s` and a number.
    pub(super) fn is_serverless(&self) -> bool {
        let last = self.uuid.rsplit('-').next().unwrap_or_default();
        last.strip_prefix('s')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// The region in the name of a broker: `b-1.NAME.ID.c2.kafka.REGION.amazonaws.com:PORT`.
pub(super) fn region_of(address: &str) -> Option<String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    if !host.contains(".amazonaws.com") {
        return None;
    }
    let mut labels = host.split('.').skip_while(|label| !label.starts_with("kafka"));
    labels.next()?;
    labels.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let arn =
            Arn::parse("arn:aws-cn:kafka:cn-north-1:111122223333:cluster/prod/aa-bb-7").expect("an ARN");
        assert_eq!((arn.region.as_str(), arn.is_serverless()), ("cn-north-1", false));
        let arn = Arn::parse("arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-s3").expect("an ARN");
        assert!(arn.is_serverless());
        for wrong in [
            "arn:aws:kafka:eu-west-1:111122223333:cluster/prod",
            "arn:aws:kafka:eu-west-1:1111:cluster/prod/aa",
            "arn:aws:s3:eu-west-1:111122223333:cluster/prod/aa",
            "arn:aws:kafka:eu-west-1:111122223333:topic/prod/aa/t",
            "prod",
        ] {
            assert_eq!(Arn::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn brokers_tell_their_region() {
        for (address, region) in [
            (
                "b-1.prod.abc.c7.kafka.eu-west-1.amazonaws.com:9098",
                Some("eu-west-1"),
            ),
            (
                "boot-x.c2.kafka-serverless.us-east-1.amazonaws.com:9098",
                Some("us-east-1"),
            ),
            (
                "b-1.prod.abc.c7.kafka.cn-north-1.amazonaws.com.cn:9098",
                Some("cn-north-1"),
            ),
            ("localhost:9098", None),
        ] {
            assert_eq!(region_of(address).as_deref(), region, "{address}");
        }
    }
}
