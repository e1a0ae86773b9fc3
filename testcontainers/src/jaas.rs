//! Users and passwords in the forms that a broker takes: a JAAS line for PLAIN, salted ones for SCRAM.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::rand::rand_bytes;

use crate::hidden::Hidden;

/// A user with a password.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Hidden,
}

/// The line of a listener whose passwords the cluster itself keeps.
pub(crate) const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

/// The module of a listener that takes tokens.
pub(crate) const OAUTHBEARER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

/// The module of a listener that takes passwords as they are.
pub(crate) const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

/// Rounds of hashing; the least that Kafka takes.
const ITERATIONS: usize = 4096;

/// The line of a PLAIN listener with its users.
pub(crate) fn plain(users: &[User]) -> String {
    let options = users
        .iter()
        .map(|user| (format!("user_{}", user.name), user.password.show().to_string()));
    line(PLAIN, &options.collect::<Vec<_>>())
}

/// The line of a module with options.
pub(crate) fn line(module: &str, options: &[(String, String)]) -> String {
    let mut line = format!("{module} required");
    for (name, value) in options {
        line.push_str(&format!(" {}={}", quoted(name), quoted(value)));
    }
    line + ";"
}

/// JAAS reads backslashes as C does.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The arguments of `StorageTool format` that give a user its SCRAM passwords. They are salted here: what the tool
/// makes of a comma or a quote in a password is its own affair.
pub(crate) fn scram_arguments(user: &User) -> io::Result<Vec<String>> {
    if user.name.contains([',', '=', '"', ']']) {
        let name = &user.name;
        return Err(io::Error::other(format!(
            "the user name {name:?} cannot be given to Kafka's storage tool; use one without , = \" ]"
        )));
    }
    let kinds = [
        ("SCRAM-SHA-256", MessageDigest::sha256()),
        ("SCRAM-SHA-512", MessageDigest::sha512()),
    ];
    let mut arguments = Vec::new();
    for (mechanism, digest) in kinds {
        let (mut salt, mut salted) = ([0; 16], vec![0; digest.size()]);
        rand_bytes(&mut salt)?;
        pbkdf2_hmac(
            user.password.show().as_bytes(),
            &salt,
            ITERATIONS,
            digest,
            &mut salted,
        )?;
        let (salt, salted) = (STANDARD.encode(salt), STANDARD.encode(salted));
        arguments.push("--add-scram".into());
        arguments.push(format!(
            "{mechanism}=[name={},iterations={ITERATIONS},salt={salt},saltedpassword={salted}]",
            user.name
        ));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped_in_a_line() {
        let users = [User {
            name: "$Connection".into(),
            password: r#"a"b\c;"#.into(),
        }];
        let line = plain(&users);
        assert!(
            line.ends_with(r#" required "user_$Connection"="a\"b\\c;";"#),
            "{line}"
        );
    }

    #[test]
    fn a_name_that_the_tool_would_split_is_refused() {
        let user = |name: &str| User {
            name: name.into(),
            password: "p,=\"]".into(),
        };
        assert_eq!(scram_arguments(&user("app")).unwrap().len(), 4);
        let error = scram_arguments(&user("a,b")).unwrap_err().to_string();
        assert!(error.contains("a,b") && !error.contains("p,"), "{error}");
    }
}
