//! What does a token of another issuer say? Its signature and claims tell (OpenID Connect, RFC 9068).

use axum::http::Uri;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::authenticate::Unknown;
use super::keys::{Found, Keys, checked};
use super::{Caller, Role, scope};
use crate::config::{self, wrong};
use crate::error::Result;
use crate::http::Problem;

/// Signed by a key of the issuer's own. No shared secret (HS256) and nothing unsigned is ever taken.
pub(super) const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
const LONGEST_SUBJECT: usize = 255;
const LARGEST_SKEW_SECONDS: u16 = 600;

type Claims = Map<String, Value>;
/// A claim that is not as it must be.
type Wrong = &'static str;

/// An issuer, and what its tokens must say.
pub struct Issuer {
    name: String,
    audience: String,
    role_claim: String,
    customer_claim: String,
    skew: SignedDuration,
    keys: Keys,
}

impl Issuer {
    /// The issuer as it is set; it is not asked yet, so that the program starts without it.
    pub fn open(settings: &config::Access) -> Result<Option<Self>> {
        if settings.clock_skew_seconds > LARGEST_SKEW_SECONDS {
            return Err(wrong("access.clock_skew_seconds", format!("must be 0 to {LARGEST_SKEW_SECONDS}")));
        }
        let Some(issuer) = settings.issuer.clone() else {
            return match (&settings.audience, &settings.issuer_ca_file) {
                (None, None) => Ok(None),
                _ => Err(wrong("access.issuer", "is missing: audience and issuer_ca_file are about it")),
            };
        };
        checked(&issuer).map_err(|what| wrong("access.issuer", format!("`{issuer}` {what}")))?;
        if issuer.parse::<Uri>().is_ok_and(|uri| uri.query().is_some()) || issuer.contains('#') {
            return Err(wrong("access.issuer", format!("`{issuer}` must have no query")));
        }
        let audience = settings.audience.clone().filter(|audience| !audience.is_empty());
        let audience =
            audience.ok_or_else(|| wrong("access.audience", "is missing: whom are tokens meant for?"))?;
        Ok(Some(Self {
            keys: Keys::open(&issuer, settings.issuer_ca_file.as_deref())?,
            name: issuer,
            audience,
            role_claim: settings.role_claim.clone(),
            customer_claim: settings.customer_claim.clone(),
            skew: SignedDuration::from_secs(settings.clock_skew_seconds.into()),
        }))
    }

    /// Who has a token, and until when.
    pub(super) async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> std::result::Result<(Caller, Timestamp), Unknown> {
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Unknown::Invalid("the token is none of ours, and no signed token of the issuer"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Unknown::Invalid("the token must be signed by RS256, ES256 or EdDSA"));
        }
        // What must be understood and is not must not be taken (RFC 7515, 4.1.11).
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err(Unknown::Invalid("the token's header demands what is not known here"));
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(Unknown::Invalid("this is a token for something else than access"));
        }
        let key = match self.keys.find(header.kid.as_deref(), header.alg, now).await {
            Found::Key(key) => key,
            Found::None => return Err(Unknown::Invalid("the token is signed by no key of the issuer")),
            Found::Unreachable => {
                let detail = "the issuer of tokens cannot be asked for its keys: try again later";
                return Err(Unknown::Fault(Problem::unavailable(10, detail)));
            }
        };
        // Times are seen to below, by our own clock.
        let mut signature_only = Validation::new(header.alg);
        (signature_only.validate_exp, signature_only.validate_nbf, signature_only.validate_aud) =
            (false, false, false);
        signature_only.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(token, &key, &signature_only)
            .map_err(|_| Unknown::Invalid("the token's signature is wrong"))?;
        self.read(&token.claims, now).map_err(Unknown::Invalid)
    }

    /// Who claims say that a token is of, and until when; or which of them is wrong.
    pub fn read(&self, claims: &Claims, now: Timestamp) -> std::result::Result<(Caller, Timestamp), Wrong> {
        if text(claims, "iss")? != self.name {
            return Err("the token is another issuer's");
        }
        let meant_for = claims.get("aud").ok_or("the token does not say whom it is meant for")?;
        if !texts(meant_for).any(|audience| audience == self.audience) {
            return Err("the token is meant for another audience");
        }
        let expires_at = instant(claims, "exp")?.ok_or("the token never expires")?;
        let expires_at = expires_at.checked_add(self.skew).map_err(|_| "the token never expires")?;
        if expires_at <= now {
            return Err("the token has expired");
        }
        let begins = instant(claims, "nbf")?.map(|from| from.checked_sub(self.skew));
        if begins.is_some_and(|from| from.map_or(true, |from| from > now)) {
            return Err("the token is not valid yet");
        }
        let subject = text(claims, "sub")?;
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
            return Err("the token's subject is none");
        }
        let role = self.role(claims)?;
        let customer = match role {
            Role::Customer => {
                let id = claim(claims, &self.customer_claim).and_then(Value::as_str);
                Some(
                    id.and_then(|id| id.parse().ok())
                        .ok_or("the token does not say which customer it is of")?,
                )
            }
            _ => None,
        };
        let mut scopes = role.scopes();
        let narrowed = claims.get("scope").and_then(Value::as_str).map(scope::known).unwrap_or_default();
        // `openid profile` and the like are no scopes of ours: they narrow nothing.
        if !narrowed.is_empty() {
            scopes = &scopes & &narrowed;
        }
        Ok((Caller { subject: format!("oidc:{subject}"), role, customer, scopes }, expires_at))
    }

    /// The strongest of the roles it names that are ours.
    fn role(&self, claims: &Claims) -> std::result::Result<Role, Wrong> {
        let named = claim(claims, &self.role_claim).ok_or("the token names no role")?;
        let ours = texts(named).filter_map(|name| name.parse::<Role>().ok());
        ours.min().ok_or("the token names no role of ours: operator, support, switch or customer")
    }
}

/// An ID token has none of these, or `JWT`, but is meant for another audience.
fn is_access_token(kind: &str) -> bool {
    ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// A claim by its name, or by a path of names such as `realm_access.roles`.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut path = name.split('.');
        let first = claims.get(path.next()?)?;
        path.try_fold(first, |value, part| value.get(part))
    })
}

/// One text or several.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let several = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(several.iter().filter_map(Value::as_str))
}

fn text<'a>(claims: &'a Claims, name: &str) -> std::result::Result<&'a str, Wrong> {
    claims.get(name).and_then(Value::as_str).ok_or("the token lacks issuer or subject")
}

/// Seconds since 1970; parts of a second are cut off.
fn instant(claims: &Claims, name: &str) -> std::result::Result<Option<Timestamp>, Wrong> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let Value::Number(number) = value else { return Err("a time of the token is no number") };
    let text = number.to_string();
    let seconds = text.split('.').next().and_then(|whole| whole.parse().ok());
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(Some).ok_or("a time of the token is no time")
}
