//! The connection string of a shared access policy: `Endpoint=sb://HOST/;SharedAccessKeyName=..;SharedAccessKey=..[;EntityPath=..]`.
//! It holds a key, so no message quotes it.

use forebay_auth::Secret;

/// What a connection string tells beside its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionString {
    pub(super) host: String,
    /// The shared access policy's name.
    pub(super) policy: String,
    /// The only event hub that it is for.
    pub(super) entity: Option<String>,
}

const SHAPE: &str =
    "Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=..;SharedAccessKey=..";

impl ConnectionString {
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub(super) fn parse(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose();
        if text.trim() != text || text.contains(['\n', '\r', '"']) {
            let message = "has blanks, quotes or line ends around or inside it: Event Hubs takes it as it was issued, so paste it \
                           without them";
            return Err(message.into());
        }
        let mut host = None;
        let (mut policy, mut key, mut entity) = (None, None, None);
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!("is not made of NAME=VALUE parts: expected {SHAPE}"));
            };
            if name.contains(' ') || value.contains(' ') {
                return Err("has blanks between its parts: Event Hubs takes it as it was issued".into());
            }
            match name.to_ascii_lowercase().as_str() {
                "endpoint" => host = value.strip_prefix("sb://").map(|host| host.trim_end_matches('/')),
                "sharedaccesskeyname" => policy = Some(value),
                "sharedaccesskey" => key = Some(value),
                "entitypath" => entity = Some(value.to_owned()),
                "sharedaccesssignature" => {
                    let message = "holds a shared access signature, which Event Hubs' Kafka endpoint does not take: use a policy's \
                                   connection string with its key";
                    return Err(message.into());
                }
                _ => {}
            }
        }
        let missing = |name: &str| format!("holds no `{name}`: expected {SHAPE}");
        let host = host.filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| missing("Endpoint=sb://"))?;
        let policy = policy.filter(|policy| !policy.is_empty());
        let policy = policy.ok_or_else(|| missing("SharedAccessKeyName"))?;
        if key.is_none_or(str::is_empty) {
            return Err(missing("SharedAccessKey"));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            policy: policy.to_owned(),
            entity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "Endpoint=sb://Contoso.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey=cGxhbnRlZA==";

    #[test]
    fn what_it_tells() {
        let string = ConnectionString::parse(&format!("{WHOLE};EntityPath=payments").into()).expect("whole");
        assert_eq!(string.host, "contoso.servicebus.windows.net");
        assert_eq!(
            (string.policy.as_str(), string.entity.as_deref()),
            ("app", Some("payments"))
        );
        assert_eq!(
            ConnectionString::parse(&WHOLE.into()).expect("whole").entity,
            None
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_quoted() {
        for (text, says) in [
            (
                "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=planted",
                "no `SharedAccessKey`",
            ),
            (
                "Endpoint=sb://x/;SharedAccessKey=planted",
                "no `SharedAccessKeyName`",
            ),
            (
                "SharedAccessKeyName=a;SharedAccessKey=planted",
                "no `Endpoint=sb://`",
            ),
            ("planted", "NAME=VALUE"),
            (&format!(" {WHOLE}"), "blanks"),
            (&WHOLE.replace(';', "; "), "blanks"),
            (&format!("{WHOLE}\n"), "blanks, quotes or line ends"),
            (
                "Endpoint=sb://x/;SharedAccessSignature=planted",
                "shared access signature",
            ),
        ] {
            let message = ConnectionString::parse(&text.into()).expect_err("wrong");
            assert!(
                message.contains(says) && !message.contains("planted"),
                "{text}: {message}"
            );
        }
    }
}
