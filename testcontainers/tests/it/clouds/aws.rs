//! Signature Version 4, as a client makes it: of a token for brokers, and of requests to services.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;

/// Credentials.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) access: String,
    pub(super) secret: String,
    pub(super) session: Option<String>,
}

/// A token to be made; its fields are what a forger would change.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) keys: Keys,
    pub(super) host: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) action: String,
    pub(super) date: String,
    pub(super) expires: String,
    pub(super) headers: String,
}

impl Token {
    pub(super) fn new(keys: &Keys, region: &str) -> Self {
        Self {
            keys: keys.clone(),
            host: format!("kafka.{region}.amazonaws.com"),
            region: region.into(),
            service: "kafka-cluster".into(),
            action: "kafka-cluster:Connect".into(),
            date: date(0),
            expires: "900".into(),
            headers: "host".into(),
        }
    }

    /// The URL's query without its signature, as it is signed.
    fn query(&self) -> String {
        let Self {
            keys,
            region,
            service,
            ..
        } = self;
        let day = &self.date[..8];
        let credential = format!("{}/{day}/{region}/{service}/aws4_request", keys.access);
        let mut pairs = vec![
            ("Action", self.action.as_str()),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &self.date),
            ("X-Amz-Expires", &self.expires),
        ];
        if let Some(session) = &keys.session {
            pairs.push(("X-Amz-Security-Token", session));
        }
        pairs.push(("X-Amz-SignedHeaders", &self.headers));
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        pairs.join("&")
    }

    pub(super) fn url(&self) -> String {
        let query = self.query();
        let request = format!(
            "GET\n/\n{query}\nhost:{}\n\n{}\n{}",
            self.host,
            self.headers,
            hex(&sha256(b""))
        );
        let scope = format!(
            "{}/{}/{}/aws4_request",
            &self.date[..8],
            self.region,
            self.service
        );
        let signature = sign(&self.keys.secret, &self.date, &scope, &request);
        format!(
            "https://{}/?{query}&X-Amz-Signature={signature}&User-Agent=test%2F1",
            self.host
        )
    }

    pub(super) fn make(&self) -> String {
        packed(&self.url())
    }
}

pub(super) fn packed(url: &str) -> String {
    URL_SAFE_NO_PAD.encode(url)
}

/// The headers that sign a request to `url`.
pub(super) fn headers(
    keys: &Keys,
    (region, service): (&str, &str),
    (method, url): (&str, &str),
    body: &str,
) -> Vec<(String, String)> {
    let (_, rest) = url.split_once("://").expect("a URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let date = date(0);
    let session = keys.session.as_deref();
    let mut signed = format!("host:{host}\nx-amz-date:{date}\n");
    let mut names = "host;x-amz-date".to_string();
    if let Some(session) = session {
        signed.push_str(&format!("x-amz-security-token:{session}\n"));
        names.push_str(";x-amz-security-token");
    }
    // Services but S3 sign a path that is encoded twice.
    let path = encoded(&format!("/{path}")).replace("%2F", "/");
    let request = format!(
        "{method}\n{path}\n\n{signed}\n{names}\n{}",
        hex(&sha256(body.as_bytes()))
    );
    let scope = format!("{}/{region}/{service}/aws4_request", &date[..8]);
    let signature = sign(&keys.secret, &date, &scope, &request);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.access
    );
    let mut headers = vec![
        ("Authorization".to_string(), authorization),
        ("X-Amz-Date".into(), date),
    ];
    headers.extend(session.map(|session| ("X-Amz-Security-Token".into(), session.to_string())));
    headers
}

fn sign(secret: &str, date: &str, scope: &str, request: &str) -> String {
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(&sha256(request.as_bytes()))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    hex(&hmac(&key, &text))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let key = PKey::hmac(key).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
    signer.sign_oneshot_to_vec(text.as_bytes()).expect("a signature")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// `20260131T100000Z`, so many seconds from now.
pub(super) fn date(from_now: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock")
        .as_secs();
    let at = now.cast_signed() + from_now;
    let (days, second) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // Days since March of the year 0, whose years end with the leap day.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}{month:02}{day_of_month:02}T{:02}{:02}{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}
