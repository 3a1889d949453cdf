//! How is a thing named from outside? By its kind and a number: `cus_01h2x3y4z5a6b`.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 13 digits of base 32 hold the 63 bits of an id.
const DIGITS: u32 = 13;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no id of this kind: it looks like {kind}_0123456789abc")]
pub struct NotAnId {
    text: String,
    kind: &'static str,
}

fn encode(id: i64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for place in (0..DIGITS).rev() {
        let digit = (id >> (5 * place)) & 31;
        let letter = usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit));
        fmt::Write::write_char(out, char::from(*letter.unwrap_or(&b'?')))?;
    }
    Ok(())
}

fn decode(digits: &str) -> Option<i64> {
    if digits.len() != DIGITS as usize {
        return None;
    }
    digits
        .bytes()
        .map(|letter| ALPHABET.iter().position(|known| *known == letter))
        .try_fold(0_i64, |id, digit| id.checked_mul(32)?.checked_add(i64::try_from(digit?).ok()?))
}

macro_rules! id_in_json {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}_", $kind)?;
                encode(self.0, out)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let refusal = || NotAnId { text: text.chars().take(40).collect(), kind: $kind };
                let digits = text.strip_prefix($kind).and_then(|rest| rest.strip_prefix('_'));
                digits.and_then(decode).map(Self).ok_or_else(refusal)
            }
        }

        id_in_json!($name);
    )+

        /// How the ids of a kind of thing begin, by its name: `cus` of a `customer`.
        pub(crate) fn kind(thing: &str) -> Option<&'static str> {
            let kinds = [$((stringify!($name), $kind)),+];
            let name = format!("{thing}_id").replace('_', "");
            kinds.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, kind)| kind)
        }
    };
}

/// How the ids that begin so are written, as a regular expression.
pub(crate) fn form(kind: &str) -> String {
    format!("^{kind}_[0-7][0-9a-hjkmnp-tv-z]{{{}}}$", DIGITS - 1)
}

ids! {
    /// A customer.
    CustomerId "cus";
    /// A letter: a document that is to be printed.
    LetterId "let";
    /// A link to a document.
    LinkId "lnk";
    /// A line: a number held by a customer for a span of time.
    LineId "lin";
    /// A plan.
    PlanId "pln";
    /// A subscription: a customer on a plan for a span of time.
    SubscriptionId "sub";
    /// A tariff, all its versions.
    TariffId "tar";
    /// One run of an import.
    ImportId "imp";
    /// An invoice.
    InvoiceId "inv";
    /// A credit note.
    CreditNoteId "crn";
    /// A one-off charge.
    ChargeId "chg";
    /// A discount.
    DiscountId "dis";
    /// A payment or refund.
    PaymentId "pay";
    /// A dispute.
    DisputeId "dsp";
    /// Something written off.
    WriteOffId "wof";
    /// An entry of the ledger.
    EntryId "ent";
    /// A job.
    JobId "job";
    /// An entry of the audit log.
    AuditId "aud";
    /// A prepaid balance.
    BalanceId "bal";
    /// A change of a balance.
    MovementId "mov";
    /// A deed on balances: a top-up, voucher, adjustment, transfer, fee or expiry.
    BookingId "bkg";
    /// A client: a program that may ask for tokens.
    ClientId "cli";
    /// A secret of a client; the secret itself begins with it.
    SecretId "sec";
    /// Where webhooks go.
    EndpointId "whe";
    /// A message of a webhook: the same for all endpoints and attempts.
    MessageId "msg";
}

/// A session: a call while it happens. The customer is part of it, so that it is found without asking whose
/// it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    pub customer: CustomerId,
    /// Unique by itself as well.
    pub number: i64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ses_")?;
        encode(self.customer.0, out)?;
        encode(self.number, out)
    }
}

impl FromStr for SessionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let refusal = || NotAnId { text: text.chars().take(40).collect(), kind: "ses" };
        let digits = text.strip_prefix("ses_").ok_or_else(refusal)?;
        let (customer, number) = digits.split_at_checked(DIGITS as usize).ok_or_else(refusal)?;
        let (customer, number) = (decode(customer).ok_or_else(refusal)?, decode(number).ok_or_else(refusal)?);
        Ok(Self { customer: CustomerId(customer), number })
    }
}

id_in_json!(SessionId);

/// Owns the records that cost nothing and belong to no customer.
pub const NOBODY: CustomerId = CustomerId(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_round_trip_and_keeps_its_kind() {
        for id in [0, 1, 1_234_567_890_123, i64::MAX] {
            assert_eq!(CustomerId(id).to_string().parse(), Ok(CustomerId(id)));
        }
        assert_eq!(CustomerId(33).to_string(), "cus_0000000000011");
        for text in
            ["", "cus_", "lin_0000000000011", "cus_00000000000011", "cus_000000000001u", "cus_zzzzzzzzzzzzz"]
        {
            assert!(text.parse::<CustomerId>().is_err(), "{text}");
        }
    }
}
