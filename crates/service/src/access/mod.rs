//! Who asks, and what may they do? Clients, their tokens, roles and scopes.
//!
//! Every operation states its scope in the API's description; `guard` lets nobody pass without it.

mod authenticate;
mod change;
pub mod cli;
mod describe;
mod grant;
mod guard;
pub mod http;
mod issuer;
mod keys;
mod oauth;
mod scope;
mod secret;
mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use authenticate::Access;
pub use change::{
    Added, NewClient, Revoked, Rotated, add, clients_of, new_secret, revoke, revoke_clients_of, rotate,
};
pub use describe::describe;
pub use guard::{Table, guard};
pub use issuer::Issuer;
pub use keys::{Key, read as read_key};
pub use scope::{SCOPES, Scope, Scopes};

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ClientId, CustomerId};

/// What somebody is to the operator. The first of several is the strongest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Operator,
    /// Sees everything but clients and webhooks, and changes nothing.
    Support,
    /// Charges calls and posts their records.
    Switch,
    /// Sees what is their own, and redeems vouchers.
    Customer,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Operator, Self::Support, Self::Switch, Self::Customer];

    /// Its name, as in JSON and in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Support => "support",
            Self::Switch => "switch",
            Self::Customer => "customer",
        }
    }

    /// What it may do.
    pub fn scopes(self) -> Scopes {
        scope::all().filter(|scope| self.may(*scope)).collect()
    }

    fn may(self, scope: Scope) -> bool {
        let (resource, verb) = scope.parts();
        match self {
            Self::Operator => true,
            Self::Support => verb == "read" && !["access", "webhooks"].contains(&resource),
            Self::Switch => {
                resource == "charging"
                    || ["calls:write", "imports:read", "imports:write", "quotes:read"].contains(&scope.code())
            }
            Self::Customer => {
                let own = [
                    "customers",
                    "calls",
                    "invoices",
                    "credit-notes",
                    "payments",
                    "prepaid",
                    "adjustments",
                    "disputes",
                    "plans",
                    "privacy",
                ];
                scope.code() == "vouchers:redeem" || (verb == "read" && own.contains(&resource))
            }
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.into_iter().find(|role| role.code() == text);
        named.ok_or_else(|| format!("`{text}` is no role: operator, support, switch or customer"))
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client's id, or `oidc:` and the subject of a token of the OpenID Connect issuer.
    pub subject: String,
    pub role: Role,
    /// Whose data they see, with the role customer.
    pub customer: Option<CustomerId>,
    pub scopes: Scopes,
}

impl Caller {
    /// Whoever asks while nobody has to authenticate.
    pub fn anybody() -> Self {
        let role = Role::Operator;
        Self { subject: String::new(), role, customer: None, scopes: role.scopes() }
    }

    /// Whoever asks for what is open to everybody.
    pub fn nobody() -> Self {
        Self { scopes: Scopes::new(), ..Self::anybody() }
    }

    /// Whether they authenticated.
    pub fn is_known(&self) -> bool {
        !self.subject.is_empty()
    }

    /// Whether they may do all that a role may: nobody hands out more than they have.
    pub fn may_all_of(&self, role: Role) -> bool {
        role.scopes().is_subset(&self.scopes)
    }
}

/// How long the secret before works beside a new one, unless said otherwise: a day.
pub const OVERLAP_MINUTES: u32 = 24 * 60;

/// What a request carries of its caller.
pub type SharedCaller = Arc<Caller>;

/// A program that may ask for tokens (OAuth 2.0).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Client {
    #[schema(value_type = String, example = "cli_0cn5wmht1f98v")]
    pub id: ClientId,
    #[schema(example = "switch-a")]
    pub name: String,
    pub role: Role,
    /// Whose data it sees, with the role customer.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when it gets no tokens, and its tokens are worth nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Whether anybody could authenticate: there is a client, or an issuer.
pub async fn can_anybody_enter(app: &App) -> Result<bool> {
    let mut tx = app.db.read().await?;
    Ok(app.access.has_issuer() || store::has_client(&mut tx).await?)
}

/// A client by its id or name, revoked ones by their id alone.
pub async fn find(tx: &mut Tx, text: &str) -> Result<Option<Client>> {
    match text.parse() {
        Ok(id) => store::client(tx, id).await,
        Err(_) => store::client_of_name(tx, text).await,
    }
}

/// A client by its id.
pub async fn by_id(tx: &mut Tx, id: ClientId) -> Result<Option<Client>> {
    store::client(tx, id).await
}

/// Clients in the order they were made, after one of them.
pub async fn clients(tx: &mut Tx, after: Option<ClientId>, limit: usize) -> Result<Vec<Client>> {
    store::clients(tx, after, limit).await
}

/// A token of a client, with all scopes of its role; none when it is revoked.
pub async fn token(tx: &mut Tx, client: ClientId, app: &App) -> Result<Option<String>> {
    Ok(match grant::grant(tx, client, None, app).await? {
        grant::Answer::Token(granted) => Some(granted.token),
        grant::Answer::NotPermitted(_) | grant::Answer::Revoked => None,
    })
}

/// Removes tokens and secrets that have expired; answers how many.
pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    store::purge(tx, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(role: Role) -> Vec<&'static str> {
        role.scopes().into_iter().map(Scope::code).collect()
    }

    #[test]
    fn each_role_may_what_it_is_for() {
        assert_eq!(scopes(Role::Operator).len(), SCOPES.len());
        let support = scopes(Role::Support);
        assert!(support.iter().all(|scope| scope.ends_with(":read")), "{support:?}");
        assert!(support.contains(&"payments:read") && !support.contains(&"access:read"), "{support:?}");
        let switch = [
            "calls:write",
            "charging:read",
            "charging:write",
            "imports:read",
            "imports:write",
            "quotes:read",
        ];
        assert_eq!(scopes(Role::Switch), switch);
        let customer = [
            "adjustments:read",
            "calls:read",
            "credit-notes:read",
            "customers:read",
            "disputes:read",
            "invoices:read",
            "payments:read",
            "plans:read",
            "prepaid:read",
            "privacy:read",
            "vouchers:redeem",
        ];
        assert_eq!(scopes(Role::Customer), customer);
    }

    #[test]
    fn a_role_has_one_name() {
        for role in Role::ALL {
            assert_eq!(role.code().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.code());
        }
        assert!("Operator".parse::<Role>().is_err());
    }

    #[test]
    fn nobody_hands_out_more_than_they_have() {
        let mut caller = Caller::anybody();
        assert!(caller.may_all_of(Role::Operator) && !caller.is_known());
        caller.scopes = Role::Support.scopes();
        assert!(caller.may_all_of(Role::Support) && !caller.may_all_of(Role::Customer));
        assert!(Caller::nobody().scopes.is_empty());
    }
}
