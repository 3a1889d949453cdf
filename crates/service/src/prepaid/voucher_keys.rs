//! As what is a voucher's code kept? As a hash under a key from a file: who has the database alone cannot try all codes.
//!
//! Without a key it is a plain hash, as it was before there were keys. A voucher works under whichever it was kept.

use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::code::Code;
use crate::config::{self, in_file, secret, wrong};
use crate::error::Result;
use crate::hash::Hash;

const SHORTEST_KEY: usize = 32;
/// What the key is used for, so that another use of it says nothing about codes.
const PURPOSE: &[u8] = b"tollbook voucher code\0";

type Key = Hmac<Sha256>;

/// The keys of vouchers' codes, read when the program starts.
#[derive(Clone)]
pub struct VoucherKeys {
    key: Option<Key>,
    /// The key before, for vouchers that were made under it.
    before: Option<Key>,
}

impl VoucherKeys {
    /// Reads the files that the settings name, and refuses what is wrong with them by the setting's name.
    pub fn open(settings: &config::Prepaid) -> Result<Self> {
        let key = read("prepaid.voucher_key_file", settings.voucher_key_file.as_ref())?;
        let before = read("prepaid.voucher_key_before_file", settings.voucher_key_before_file.as_ref())?;
        if key.is_none() && before.is_some() {
            let what = "is set without prepaid.voucher_key_file: vouchers would be made without a key again";
            return Err(wrong("prepaid.voucher_key_before_file", what));
        }
        Ok(Self { key, before })
    }

    /// What is kept of a new code.
    pub(super) fn hash(&self, code: &Code) -> Hash {
        self.key.as_ref().map_or_else(|| code.hash(), |key| keyed(key, code))
    }

    /// What may be kept of a code, the newest first.
    pub(super) fn hashes(&self, code: &Code) -> Vec<Hash> {
        let keys = [&self.key, &self.before].into_iter().flatten();
        keys.map(|key| keyed(key, code)).chain([code.hash()]).collect()
    }
}

fn read(name: &str, file: Option<&PathBuf>) -> Result<Option<Key>> {
    let Some(file) = file else { return Ok(None) };
    let text = secret(name, file)?;
    if text.len() < SHORTEST_KEY {
        return Err(wrong(name, in_file(file, format!("the key is shorter than {SHORTEST_KEY} letters"))));
    }
    Key::new_from_slice(text.as_bytes()).map(Some).map_err(|error| wrong(name, error))
}

fn keyed(key: &Key, code: &Code) -> Hash {
    let digest = key.clone().chain_update(PURPOSE).chain_update(code.digits()).finalize().into_bytes();
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(key: Option<&str>, before: Option<&str>) -> VoucherKeys {
        let key_of = |text: &str| Key::new_from_slice(text.as_bytes()).unwrap();
        VoucherKeys { key: key.map(key_of), before: before.map(key_of) }
    }

    #[test]
    fn a_code_is_kept_under_the_newest_key_and_found_under_each() {
        let code = Code::read("4111-1111-1111-1111").unwrap();
        let (plain, one) = (keys(None, None), keys(Some("one"), None));
        let two = keys(Some("two"), Some("one"));
        assert_eq!(plain.hash(&code), code.hash());
        assert_eq!(plain.hashes(&code), [code.hash()]);
        assert_eq!(one.hashes(&code), [one.hash(&code), code.hash()]);
        assert_eq!(two.hashes(&code), [two.hash(&code), one.hash(&code), code.hash()]);
        assert!(one.hash(&code) != code.hash() && one.hash(&code) != two.hash(&code));
    }
}
