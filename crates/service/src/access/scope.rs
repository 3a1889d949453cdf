//! What can be permitted? Scopes: a resource and what is done to it.

use std::collections::BTreeSet;
use std::str::FromStr;

/// Every scope, and what it permits. A new one needs no more than a line here.
pub const SCOPES: [(&str, &str); 42] = [
    ("access:read", "See clients"),
    ("access:write", "Make, rotate and revoke clients"),
    ("adjustments:read", "See one-off charges and discounts"),
    ("adjustments:write", "Charge something once, give and end discounts"),
    ("audit:read", "See who did what"),
    ("calls:read", "See calls and why they cost what they cost"),
    ("calls:write", "Post call records"),
    ("charging:read", "See calls under way"),
    ("charging:write", "Ask for calls, and report their use and end"),
    ("credit-notes:read", "See credit notes"),
    ("credit-notes:write", "Issue credit notes"),
    ("customers:read", "See customers, lines and subscriptions"),
    ("customers:write", "Make and change customers, lines and subscriptions"),
    ("disputes:read", "See what customers contest"),
    ("disputes:write", "Open and settle disputes"),
    ("imports:read", "See imports"),
    ("imports:write", "Upload files of call records"),
    ("invoices:read", "See invoices"),
    ("invoices:write", "Issue, approve and hold invoices"),
    ("jobs:read", "See jobs"),
    ("jobs:write", "Try jobs again"),
    ("metrics:read", "See figures of the running program"),
    ("payments:read", "See what is owed and paid"),
    ("payments:write", "Record payments and refunds, write off"),
    ("plans:read", "See plans"),
    ("plans:write", "Make plans"),
    ("prepaid:read", "See balances and their movements"),
    ("prepaid:write", "Top up, adjust and transfer balances"),
    ("privacy:read", "Copy all that is known of a customer"),
    ("privacy:write", "Forget who a customer is"),
    ("quotes:read", "Ask what a call would cost"),
    ("suspense:read", "See records that could not be charged"),
    ("suspense:write", "Put corrected records in the place of those that were charged"),
    ("tariffs:read", "See tariffs"),
    ("tariffs:write", "Import tariffs and put them into force"),
    ("taxes:read", "See tax rates"),
    ("taxes:write", "Set tax rates"),
    ("vouchers:read", "See vouchers"),
    ("vouchers:redeem", "Redeem a voucher"),
    ("vouchers:write", "Make vouchers"),
    ("webhooks:read", "See webhooks and their messages"),
    ("webhooks:write", "Make and change webhooks, send their messages again"),
];

/// One of [`SCOPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(&'static str);

/// Several of them.
pub type Scopes = BTreeSet<Scope>;

/// All there are.
pub(super) fn all() -> impl Iterator<Item = Scope> {
    SCOPES.iter().map(|(code, _)| Scope(code))
}

impl Scope {
    /// As it is written: `resource:verb`.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// The resource and the verb.
    pub fn parts(self) -> (&'static str, &'static str) {
        self.0.split_once(':').unwrap_or((self.0, ""))
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        all().find(|scope| scope.0 == text).ok_or_else(|| format!("`{text}` is no scope"))
    }
}

/// As a token says it: with spaces between.
pub(super) fn text(scopes: &Scopes) -> String {
    scopes.iter().map(|scope| scope.0).collect::<Vec<_>>().join(" ")
}

/// Those in a text that are ours.
pub(super) fn known(text: &str) -> Scopes {
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_named_once_and_has_two_parts() {
        assert_eq!(all().collect::<Scopes>().len(), SCOPES.len());
        for scope in all() {
            let (resource, verb) = scope.parts();
            assert!(!resource.is_empty() && ["read", "write", "redeem"].contains(&verb), "{scope:?}");
            assert_eq!(scope.code().parse(), Ok(scope));
        }
    }

    #[test]
    fn what_is_not_ours_is_passed_over() {
        assert_eq!(text(&known("openid calls:write  calls:read profile")), "calls:read calls:write");
        assert!("calls".parse::<Scope>().is_err());
    }
}
