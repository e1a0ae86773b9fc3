//! Three requests of Kafka's protocol by hand, to see what answers at an address before any client is trusted with
//! credentials: ApiVersions, SaslHandshake and Metadata (<https://kafka.apache.org/protocol>). No secret is sent.

use std::io::{self, Read, Write};

/// What answered in place of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The body behind the correlation id.
    Kafka(Vec<u8>),
    /// A TLS record.
    Tls,
    Http,
    Garbage,
    /// It closed the connection.
    Closed,
    /// It did not answer in time.
    Silent,
    /// TLS was broken off with an alert or another error, in OpenSSL's words.
    Broken(String),
}

pub(super) const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
/// No answer to these requests is larger, whatever a stranger says.
const LARGEST: usize = 8 << 20;

/// `ApiVersions` version 0: every broker answers it, before authentication, too.
pub(super) fn api_versions(stream: &mut (impl Read + Write)) -> Reply {
    ask(stream, API_VERSIONS, 0, &[])
}

/// `Metadata` version 1 for no topic: a broker that wants authentication answers by closing.
pub(super) fn metadata(stream: &mut (impl Read + Write)) -> Reply {
    ask(stream, METADATA, 1, &0_i32.to_be_bytes())
}

/// What a broker says to a mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    Accepted,
    /// The mechanisms it offers.
    Unsupported(Vec<String>),
    /// The listener wants no SASL.
    NotWanted,
    /// Another answer.
    Else(Reply),
}

/// `SaslHandshake` version 1.
pub(super) fn sasl_handshake(stream: &mut (impl Read + Write), mechanism: &str) -> Handshake {
    let mut body = (mechanism.len() as i16).to_be_bytes().to_vec();
    body.extend_from_slice(mechanism.as_bytes());
    let reply = ask(stream, SASL_HANDSHAKE, 1, &body);
    let Reply::Kafka(body) = &reply else {
        return Handshake::Else(reply);
    };
    let code = body.get(..2).map(|b| i16::from_be_bytes([b[0], b[1]]));
    match code {
        Some(0) => Handshake::Accepted,
        // UNSUPPORTED_SASL_MECHANISM
        Some(33) => Handshake::Unsupported(strings(&body[2..])),
        // ILLEGAL_SASL_STATE
        Some(34) => Handshake::NotWanted,
        _ => Handshake::Else(Reply::Garbage),
    }
}

/// An array of strings.
fn strings(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = bytes.get(4..).unwrap_or_default();
    while let Some((length, tail)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let Some((text, tail)) = tail.split_at_checked(length) else {
            break;
        };
        out.push(String::from_utf8_lossy(text).into_owned());
        rest = tail;
    }
    out
}

fn ask(stream: &mut (impl Read + Write), api: i16, version: i16, body: &[u8]) -> Reply {
    const CLIENT: &[u8] = b"forebay";
    let mut request = Vec::new();
    request.extend_from_slice(&api.to_be_bytes());
    request.extend_from_slice(&version.to_be_bytes());
    request.extend_from_slice(&1_i32.to_be_bytes());
    request.extend_from_slice(&(CLIENT.len() as i16).to_be_bytes());
    request.extend_from_slice(CLIENT);
    request.extend_from_slice(body);
    let mut frame = (request.len() as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(&request);
    match stream
        .write_all(&frame)
        .and_then(|()| stream.flush())
        .and_then(|()| read(stream))
    {
        Ok(reply) => reply,
        Err(error) => failed(&error),
    }
}

fn read(stream: &mut impl Read) -> io::Result<Reply> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    if let Some(stranger) = stranger(&head) {
        return Ok(stranger);
    }
    let length = u32::from_be_bytes(head) as usize;
    if !(4..=LARGEST).contains(&length) {
        return Ok(Reply::Garbage);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Reply::Kafka(body.split_off(4)))
}

/// Who begins an answer like this.
fn stranger(head: &[u8; 4]) -> Option<Reply> {
    match head {
        // A TLS alert or handshake record (RFC 8446 section 5.1).
        [0x15 | 0x16, 0x03, _, _] => Some(Reply::Tls),
        b"HTTP" => Some(Reply::Http),
        _ => None,
    }
}

/// What an error of a stream means here.
pub(super) fn failed(error: &io::Error) -> Reply {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Reply::Silent,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Reply::Closed,
        _ => Reply::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Answers with fixed bytes, whatever is written.
    struct Fixed(Cursor<Vec<u8>>);

    impl Read for Fixed {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Fixed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answering(bytes: &[u8]) -> Fixed {
        Fixed(Cursor::new(bytes.to_vec()))
    }

    #[test]
    fn who_answers_is_told_by_the_first_bytes() {
        for (bytes, reply) in [
            (
                &b"\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00"[..],
                Reply::Kafka(vec![0, 0]),
            ),
            (b"\x15\x03\x03\x00\x02\x02\x50", Reply::Tls),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reply::Http),
            (b"220 mail.example ESMTP", Reply::Garbage),
            (b"", Reply::Closed),
            (b"\x00\x00\x00\x06\x00", Reply::Closed),
            (b"\x00\x00\x00\x01\x00", Reply::Garbage),
        ] {
            assert_eq!(api_versions(&mut answering(bytes)), reply, "{bytes:?}");
        }
    }

    #[test]
    fn mechanisms_are_read() {
        let unsupported =
            b"\x00\x00\x00\x19\x00\x00\x00\x01\x00\x21\x00\x00\x00\x02\x00\x05PLAIN\x00\x06GSSAPI";
        let both = vec!["PLAIN".to_owned(), "GSSAPI".to_owned()];
        assert_eq!(
            sasl_handshake(&mut answering(unsupported), "X"),
            Handshake::Unsupported(both)
        );
        // A second name that is cut off: what is whole counts.
        assert_eq!(strings(b"\x00\x00\x00\x02\x00\x05PLAIN\x00\x06GSS"), ["PLAIN"]);
        let illegal = b"\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x22\x00\x00\x00\x00";
        assert_eq!(sasl_handshake(&mut answering(illegal), "X"), Handshake::NotWanted);
    }
}
