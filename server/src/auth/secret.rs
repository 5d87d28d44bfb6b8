//! Secrets that are made here, shown once, and kept only as their SHA-256.
//!
//! A secret is 256 random bits, so a plain fast hash is enough to store: there is
//! nothing to guess, and a device's token is looked up on every post. The readable
//! prefix says what a found token opens, to a person and to a secret scanner.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a secret opens; decides its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One unit's own token.
    Unit,
    /// An API key.
    Key,
    /// A browser session.
    Session,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Unit, Kind::Key, Kind::Session];

    pub fn prefix(self) -> &'static str {
        match self {
            Kind::Unit => "snt_unit_",
            Kind::Key => "snt_key_",
            Kind::Session => "snt_session_",
        }
    }

    /// What `text` claims to be.
    pub fn of(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// A secret just made: `text` goes to its owner once, `hash` to the records.
pub struct Minted {
    pub text: String,
    pub hash: String,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minted(hidden)")
    }
}

pub fn mint(kind: Kind) -> Minted {
    let mut text = String::from(kind.prefix());
    URL_SAFE_NO_PAD.encode_string(rand::random::<[u8; 32]>(), &mut text);
    let hash = Hash::of(&text).as_str().to_owned();
    Minted { text, hash }
}

/// A short random id for records that have no name of their own, such as keys.
pub fn random_id() -> String {
    hex(&rand::random::<[u8; 8]>())
}

/// Whether a text reads as [`random_id`] writes them.
pub fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Tells one secret from the next without telling anything of either.
pub fn mark_of(secret: &str) -> String {
    Hash::of(secret).as_str()[..16].to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).map(char::from).collect()
}

const fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}

/// SHA-256 of a secret in hex, on the stack: look-ups on every post allocate nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 64]);

impl Hash {
    pub fn of(text: &str) -> Self {
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha256::digest(text.as_bytes())) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        Self(hex)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_its_kind_and_is_found_by_its_hash() {
        for kind in Kind::ALL {
            let made = mint(kind);
            assert_eq!(Kind::of(&made.text), Some(kind));
            assert_eq!(Hash::of(&made.text).as_str(), made.hash);
            assert_eq!(made.text.len(), kind.prefix().len() + 43);
            assert_ne!(mint(kind).text, made.text);
            assert!(!format!("{made:?}").contains(&made.text));
        }
        assert_eq!(Kind::of("hunter2"), None);
    }

    #[test]
    fn the_hash_is_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of("").as_str(), empty);
    }
}
