//! How are secrets and tokens made, kept and compared? Only hashes are kept.
//!
//! A secret is `sec_…_…`: its id, then 256 random bits. The id says which hash to compare with, so that every
//! attempt costs one argon2id, whether there is such a client or not.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::clock;
use crate::error::{Error, Result};
use crate::id::SecretId;

/// Our tokens begin with it; no JSON Web Token does.
pub(super) const TOKEN_PREFIX: &str = "tok_";
/// So many secrets are hashed at once: each takes a core for some hundredths of a second, and 19 MiB.
const AT_ONCE: usize = 2;
/// So many may wait for that; who comes then is told to come again.
const WAITING: usize = 64;
/// `sec_` and 13 digits.
const ID_LENGTH: usize = 17;
/// Nobody's: what the secret of a client that does not exist is compared with.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dG9sbGJvb2suLnNhbHQ$XM3KJ8Y2gyBu1NRpAoHD4k3LPqPmEMbHzBtiO8N3UhE";

/// What is kept of a token.
pub(super) type TokenHash = [u8; 32];

/// A new secret: what is told once, and what is kept.
pub struct NewSecret {
    pub(super) id: SecretId,
    pub(super) text: String,
    pub(super) hash: String,
}

impl NewSecret {
    /// Made by chance. Takes a while, as it is meant to.
    pub(super) fn make(id: SecretId) -> Result<Self> {
        let random = URL_SAFE_NO_PAD.encode(clock::random_bytes::<32>()?);
        let hash =
            Argon2::default().hash_password_with_salt(random.as_bytes(), &clock::random_bytes::<16>()?);
        let hash =
            hash.map_err(|error| Error::Other(format!("a secret is not hashed: {error}")))?.to_string();
        Ok(Self { id, text: format!("{id}_{random}"), hash })
    }
}

/// The id in a secret, and the random part that is hashed.
pub(super) fn parts(secret: &str) -> Option<(SecretId, &str)> {
    // The random part may have a `_` of its own.
    let (id, random) = secret.split_at_checked(ID_LENGTH)?;
    let random = random.strip_prefix('_').filter(|random| !random.is_empty())?;
    Some((id.parse().ok()?, random))
}

/// A new token and what is kept of it.
pub(super) fn new_token() -> Result<(String, TokenHash)> {
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(clock::random_bytes::<32>()?));
    let hash = hash_token(&token);
    Ok((token, hash))
}

/// A token has 256 random bits: no slow hash makes it harder to guess.
pub(super) fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares secrets, a few at a time.
#[derive(Debug, Clone)]
pub(super) struct Hashing {
    at_once: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// How a secret compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    Right,
    Wrong,
    /// Too many wait: it was not looked at.
    Busy,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
        }
    }
}

impl Hashing {
    /// Compares the random part of a secret with a hash; without one it takes as long and is wrong.
    pub(super) async fn compare(&self, random: &str, hash: Option<String>) -> Result<Compared> {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Ok(Compared::Busy) };
        let turn = self.at_once.clone().acquire_owned().await;
        let turn = turn.map_err(|error| Error::Other(error.to_string()))?;
        let random = random.to_owned();
        let right = tokio::task::spawn_blocking(move || {
            let right = is_right(&random, hash.as_deref());
            // Held by the work itself: who asks may have gone.
            drop((turn, place));
            right
        });
        let right = right.await.map_err(|error| Error::Other(error.to_string()))?;
        Ok(if right { Compared::Right } else { Compared::Wrong })
    }
}

fn is_right(random: &str, hash: Option<&str>) -> bool {
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODYS)) else { return false };
    let right = Argon2::default().verify_password(random.as_bytes(), &parsed).is_ok();
    right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
        let made = NewSecret::make(SecretId(7)).unwrap();
        let (id, random) = parts(&made.text).unwrap();
        assert_eq!((id, random.len()), (SecretId(7), 43));
        assert!(!made.hash.contains(random) && made.hash.starts_with("$argon2id$"), "{}", made.hash);
        assert!(is_right(random, Some(&made.hash)));
        assert!(!is_right(&random[1..], Some(&made.hash)));
        assert!(!is_right(random, Some("no hash")));
        assert_ne!(NewSecret::make(SecretId(7)).unwrap().text, made.text);
    }

    #[test]
    fn what_nobody_has_costs_as_much_as_what_somebody_has() {
        let made = NewSecret::make(SecretId(7)).unwrap();
        let (ours, nobodys) = (PasswordHash::new(&made.hash).unwrap(), PasswordHash::new(NOBODYS).unwrap());
        assert_eq!(
            (ours.algorithm, ours.version, &ours.params),
            (nobodys.algorithm, nobodys.version, &nobodys.params)
        );
        assert_eq!(ours.hash.map(|hash| hash.len()), nobodys.hash.map(|hash| hash.len()));
        assert!(!is_right("", None) && !is_right("anything", None));
    }

    #[test]
    fn what_is_no_secret_has_no_parts() {
        for text in ["", "_", "sec_", "sec_0000000000011", "cli_0000000000011_x", "sec_0000000000011_"] {
            assert!(parts(text).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn who_comes_when_many_wait_is_told_so() {
        let hashing = Hashing::default();
        let all =
            hashing.places.clone().try_acquire_many_owned(u32::try_from(AT_ONCE + WAITING).unwrap()).unwrap();
        assert_eq!(hashing.compare("x", None).await.unwrap(), Compared::Busy);
        drop(all);
        assert_eq!(hashing.compare("x", None).await.unwrap(), Compared::Wrong);
    }
}
