//! Are two contents the same?

use sha2::{Digest, Sha256};

/// The first 128 bits of SHA-256: two contents with the same hash are taken for the same.
pub(crate) type Hash = [u8; 16];

/// The hash of a content.
pub(crate) fn of(content: &[u8]) -> Hash {
    let digest = Sha256::digest(content);
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// A hash as text.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
