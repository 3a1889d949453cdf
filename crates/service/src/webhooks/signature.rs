//! How does a receiver know that a message is ours? By a signature of the Standard Webhooks specification
//! (<https://www.standardwebhooks.com>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::random_below;
use crate::error::Result;

const SECRET_PREFIX: &str = "whsec_";
/// A new secret has 32 bytes, four numbers of chance.
const SECRET_NUMBERS: usize = 4;

/// Signs with a secret that the receiver has as well.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    /// One for a secret of the standard's form: `whsec_` and 24 to 64 bytes in base64.
    pub(crate) fn of(secret: &str) -> Option<Self> {
        let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
        Hmac::new_from_slice(&key).ok().filter(|_| (24..=64).contains(&key.len())).map(Self)
    }

    /// The signature of a message: what `webhook-signature` holds, once for each secret.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = self.0.clone().chain_update(format!("{id}.{timestamp}.{body}")).finalize();
        format!("v1,{}", STANDARD.encode(signed.into_bytes()))
    }
}

/// A secret that nobody can guess.
pub(super) fn new_secret() -> Result<String> {
    let mut key = Vec::with_capacity(SECRET_NUMBERS * size_of::<u64>());
    for _ in 0..SECRET_NUMBERS {
        key.extend_from_slice(&random_below(u64::MAX)?.to_le_bytes());
    }
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standard_says() {
        let signer = Signer::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_refused() {
        for secret in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8GKYqr", "whsec_%%%%"] {
            assert!(Signer::of(secret).is_none(), "{secret}");
        }
    }

    #[test]
    fn a_new_secret_signs_and_is_like_no_other() {
        let (one, two) = (new_secret().unwrap(), new_secret().unwrap());
        assert!(Signer::of(&one).is_some() && one != two, "{one} {two}");
        assert_eq!(one.len(), SECRET_PREFIX.len() + 44);
    }
}
