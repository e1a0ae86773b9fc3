//! SASL by hand, over TLS: the broker's very words, which a client library keeps to itself or wraps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use native_tls::{Certificate, TlsConnector, TlsStream};

const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

/// A connection to a broker.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
}

impl Connection {
    pub(super) fn open(address: &str, ca: &Path) -> Self {
        let root = Certificate::from_pem(&std::fs::read(ca).expect("the authority")).expect("a certificate");
        let connector = TlsConnector::builder()
            .disable_built_in_roots(true)
            .add_root_certificate(root)
            .build()
            .expect("TLS");
        let stream = TcpStream::connect(address.replace("localhost", "127.0.0.1")).expect("connect");
        let wait = Some(Duration::from_secs(30));
        stream.set_read_timeout(wait).expect("a time-out");
        let stream = connector.connect("localhost", stream).expect("a trusted broker");
        Self { stream }
    }

    /// Shows a token with extensions; how many milliseconds it may stay (0: for ever), or what the broker says.
    pub(super) fn bearer(&mut self, token: &str, extensions: &[(&str, &str)]) -> Result<i64, String> {
        let more: String = extensions.iter().map(|(k, v)| format!("{k}={v}\x01")).collect();
        self.authenticate(
            "OAUTHBEARER",
            &format!("n,,\x01auth=Bearer {token}\x01{more}\x01"),
        )
    }

    /// Shows a user and a password.
    pub(super) fn plain(&mut self, user: &str, password: &str) -> Result<i64, String> {
        self.authenticate("PLAIN", &format!("\0{user}\0{password}"))
    }

    fn authenticate(&mut self, mechanism: &str, bytes: &str) -> Result<i64, String> {
        let mut body = (mechanism.len() as i16).to_be_bytes().to_vec();
        body.extend(mechanism.as_bytes());
        let answer = self.request(HANDSHAKE, &body)?;
        assert_eq!(&answer[..2], [0, 0], "{mechanism} is not offered");
        let mut body = (bytes.len() as i32).to_be_bytes().to_vec();
        body.extend(bytes.as_bytes());
        let answer = self.request(AUTHENTICATE, &body)?;
        let mut at = Reader(&answer);
        let error = at.number(2);
        let message = at.text(2);
        if error != 0 {
            return Err(message);
        }
        let said = at.text(4);
        let lifetime = at.number(8);
        if said.is_empty() { Ok(lifetime) } else { Err(said) }
    }

    fn request(&mut self, key: i16, body: &[u8]) -> Result<Vec<u8>, String> {
        let mut request = key.to_be_bytes().to_vec();
        // Version 1, correlation 7, a client named "t".
        request.extend([0, 1, 0, 0, 0, 7, 0, 1, b't']);
        request.extend(body);
        let mut framed = (request.len() as i32).to_be_bytes().to_vec();
        framed.extend(request);
        let closed = |error: std::io::Error| format!("the connection ended: {error}");
        self.stream.write_all(&framed).map_err(closed)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(closed)?;
        let mut answer = vec![0; i32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer).map_err(closed)?;
        Ok(answer.split_off(4))
    }
}

/// The rest of an answer.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self, bytes: usize) -> i64 {
        let (number, rest) = self.0.split_at(bytes);
        self.0 = rest;
        let sign = if number[0] > 127 { -1 } else { 0 };
        number
            .iter()
            .fold(sign, |sum, byte| (sum << 8) | i64::from(*byte))
    }

    /// Text behind its length, which is -1 where there is none.
    fn text(&mut self, bytes: usize) -> String {
        let length = self.number(bytes).max(0) as usize;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).expect("text")
    }
}
