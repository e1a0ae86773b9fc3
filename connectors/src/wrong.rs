//! What is wrong with a connector's own keys, in a form that whoever read the file can put at its place.

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Under the connector: `sasl/password`.
    pub key: String,
    pub message: String,
}

impl Wrong {
    /// A mistake at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Mistakes as they are found, until the end.
#[derive(Debug, Default)]
pub(crate) struct Wrongs(Vec<Wrong>);

impl Wrongs {
    /// A mistake at `key`.
    pub(crate) fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Wrong::new(key, message));
    }

    /// What came out of a part, or its mistakes.
    pub(crate) fn of<T>(&mut self, part: Result<T, Vec<Wrong>>) -> Option<T> {
        part.map_err(|mut wrong| self.0.append(&mut wrong)).ok()
    }

    /// Looks at every address of `bootstrap`.
    pub(crate) fn addresses(&mut self, bootstrap: &[String]) {
        for (i, address) in bootstrap.iter().enumerate() {
            if let Some(message) = address_wrong(address) {
                self.add(format!("bootstrap/{i}"), message);
            }
        }
    }

    /// # Errors
    /// Everything that was found.
    pub(crate) fn end(self) -> Result<(), Vec<Wrong>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Why `address` is no `host:port`.
fn address_wrong(address: &str) -> Option<&'static str> {
    if address.contains("://") {
        return Some("write `host:port` without a scheme; `tls` and `sasl` say how to connect");
    }
    if address.contains(',') {
        return Some("holds several addresses: write a list item for each");
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => None,
        _ => Some("not `host:port`, such as `broker-1:9092`"),
    }
}
