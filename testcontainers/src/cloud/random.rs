//! Names and secrets that nobody guesses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;

/// So many letters and digits of the alphabet.
pub(crate) fn text(alphabet: &str, length: usize) -> Result<String, ErrorStack> {
    let mut bytes = vec![0; length];
    rand_bytes(&mut bytes)?;
    let letters = alphabet.as_bytes();
    let letter = |byte: &u8| char::from(letters[usize::from(*byte) % letters.len()]);
    Ok(bytes.iter().map(letter).collect())
}

/// So many bytes, in base64.
pub(crate) fn base64(length: usize) -> Result<String, ErrorStack> {
    let mut bytes = vec![0; length];
    rand_bytes(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

/// An id such as `0b6f3a1c-…`.
pub(crate) fn uuid() -> Result<String, ErrorStack> {
    let hex = text("0123456789abcdef", 32)?;
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
    Ok(parts.join("-"))
}
