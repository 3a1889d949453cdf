//! Who sells and who buys, and under which address do programs find them?

use calculation::invoice::{Party, PeppolAddress};
use en16931::Identifier;
use en16931::invoice::{Code, Contact, Party as ModelParty, PostalAddress};

use super::text::{clean, given};

/// The scheme under which the VAT identifiers of a country are addresses (Electronic Address Scheme; those
/// that Peppol takes). Greece writes EL. Belgium, Finland, Sweden and Denmark have registers of their own: below. French and
/// Dutch businesses are registered under numbers that do not follow from theirs.
const VAT_SCHEMES: [(&str, &str); 23] = [
    ("AT", "9914"),
    ("BG", "9926"),
    ("CH", "9927"),
    ("CY", "9928"),
    ("CZ", "9929"),
    ("DE", "9930"),
    ("EE", "9931"),
    ("EL", "9933"),
    ("ES", "9920"),
    ("GB", "9932"),
    ("HR", "9934"),
    ("HU", "9910"),
    ("IE", "9935"),
    ("IT", "0211"),
    ("LT", "9937"),
    ("LU", "9938"),
    ("LV", "9939"),
    ("MT", "9943"),
    ("PL", "9945"),
    ("PT", "9946"),
    ("RO", "9947"),
    ("SI", "9949"),
    ("SK", "9950"),
];

/// The operator, with whom to ask (DE-R-002).
pub(super) fn seller(party: &Party) -> ModelParty {
    let contact = Contact {
        name: given(&party.name),
        phone: optional(party.phone.as_deref()),
        email: optional(party.email.as_deref()),
    };
    let tax_number = optional(party.tax_number.as_deref());
    // Somebody without a VAT identifier is identified by the tax office's number (BR-CO-26).
    let identified = tax_number.clone().filter(|_| vat_id(party).is_none());
    ModelParty {
        contact,
        identifiers: identified.map(Identifier::new).into_iter().collect(),
        tax_registration: tax_number,
        ..buyer(party)
    }
}

/// The customer.
pub(super) fn buyer(party: &Party) -> ModelParty {
    ModelParty {
        name: given(&party.name),
        vat_identifier: vat_id(party),
        electronic_address: address(party),
        address: PostalAddress {
            line1: given(&party.street),
            city: given(&party.city),
            post_code: given(&party.postcode),
            country: given(&party.country).map(Code::new),
            ..PostalAddress::default()
        },
        ..ModelParty::default()
    }
}

/// The VAT identifier without the spaces, dots and dashes that people write.
pub(super) fn vat_id(party: &Party) -> Option<String> {
    let id = party.vat_id.as_deref().map(|id| calculation::vat_id::compact(&clean(id)))?;
    (!id.is_empty()).then_some(id)
}

/// Text without white space.
pub(super) fn compact(text: &str) -> String {
    clean(text).split_whitespace().collect()
}

/// Where programs send to: by the VAT identifier, else by mail. Peppol does not know mail.
fn address(party: &Party) -> Option<Identifier> {
    let mail = || optional(party.email.as_deref()).map(|email| Identifier::schemed(email, "EM"));
    peppol_address(party).or_else(mail)
}

/// The address in Peppol: the party's own, or the one that follows from the VAT identifier.
pub(super) fn peppol_address(party: &Party) -> Option<Identifier> {
    if let Some(PeppolAddress { scheme, id }) = &party.peppol {
        return Some(Identifier::schemed(id, scheme));
    }
    let id = vat_id(party)?;
    let (country, digits) = id.split_at_checked(2)?;
    let scheme = VAT_SCHEMES.iter().find(|(code, _)| *code == country).map(|(_, scheme)| *scheme);
    match (country, scheme) {
        (_, Some(scheme)) => Some(Identifier::schemed(id, scheme)),
        // The number of the enterprise, which the identifier has after BE.
        ("BE", _) if digits.len() == 10 => Some(Identifier::schemed(digits, "0208")),
        ("DK", _) => Some(Identifier::schemed(id, "0184")),
        // The organisation number, which the identifier has between SE and 01.
        ("SE", _) => digits.strip_suffix("01").map(|number| Identifier::schemed(number, "0007")),
        // 0037 and the business identity code, which the identifier has after FI.
        ("FI", _) => Some(Identifier::schemed(format!("0037{digits}"), "0216")),
        _ => None,
    }
}

fn optional(text: Option<&str>) -> Option<String> {
    text.and_then(given)
}

#[cfg(test)]
mod tests {
    use calculation::invoice::{Party, PeppolAddress};
    use en16931::codes::generated::PEPPOL_EAS_SCHEMES;

    use super::{VAT_SCHEMES, address};

    fn addressed(vat_id: Option<&str>, email: Option<&str>) -> Option<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let party = Party { vat_id: owned(vat_id), email: owned(email), ..Party::default() };
        address(&party).map(|address| format!("{} {}", address.scheme().unwrap(), address.content()))
    }

    #[test]
    fn every_scheme_is_one_that_peppol_takes() {
        for scheme in VAT_SCHEMES.iter().map(|(_, scheme)| *scheme).chain(["0184", "0007", "0208", "0216"]) {
            assert!(PEPPOL_EAS_SCHEMES.contains(&scheme), "{scheme}");
        }
    }

    #[test]
    fn an_address_of_its_own_goes_before() {
        let peppol = Some(PeppolAddress { scheme: "0106".into(), id: "12345678".into() });
        let party = Party { peppol, vat_id: Some("DE123456788".into()), ..Party::default() };
        let address = address(&party).unwrap();
        assert_eq!((address.scheme(), address.content()), (Some("0106"), "12345678"));
    }

    #[test]
    fn a_party_is_addressed_by_its_vat_identifier_else_by_mail() {
        let cases = [
            (Some("DE123456789"), Some("a@b.example"), Some("9930 DE123456789")),
            (Some(" de 123 456 789 "), None, Some("9930 DE123456789")),
            (Some("EL123456789"), None, Some("9933 EL123456789")),
            (Some("BE 0123.456.749"), Some("a@b.example"), Some("0208 0123456749")),
            (Some("NL123456782B01"), Some("a@b.example"), Some("EM a@b.example")),
            (Some("CHE-123.456.788 MWST"), None, Some("9927 CHE123456788MWST")),
            (Some("DK12345674"), None, Some("0184 DK12345674")),
            (Some("SE555555555501"), None, Some("0007 5555555555")),
            (Some("SE555555555502"), None, None),
            (Some("FI12345671"), None, Some("0216 003712345671")),
            (Some("US12345"), Some("a@b.example"), Some("EM a@b.example")),
            (Some("D"), None, None),
            (Some("ΔΕ1"), None, None),
            (Some(" "), Some(" "), None),
            (None, None, None),
        ];
        for (vat_id, email, expected) in cases {
            assert_eq!(addressed(vat_id, email).as_deref(), expected, "{vat_id:?} {email:?}");
        }
    }
}
