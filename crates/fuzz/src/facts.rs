//! Are bank accounts, VAT ids, countries, addresses and voucher codes read or refused, and kept in a form that reads the same?

use calculation::bank_account::{bic, iban};
use calculation::{country, vat_id};
use tollbook::prepaid::Code;
use tollbook::{email, webhooks};

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(account) = iban(text) {
        assert_eq!(iban(&account).as_ref(), Ok(&account), "{text}");
        assert!((15..=34).contains(&account.len()) && account.is_ascii(), "{text}: {account}");
    }
    if let Ok(bank) = bic(text) {
        assert_eq!(bic(&bank).as_ref(), Ok(&bank), "{text}");
    }
    let compact = vat_id::compact(text);
    assert_eq!(vat_id::compact(&compact), compact, "{text}");
    let _ = vat_id::country_of(text);
    for of in ["DE", "FR", "ES", "IT", "NL", "GB", "IE", "CH"] {
        let _ = vat_id::fault(text, of);
    }
    assert_eq!(country::is_country(text), country::fault(text).is_none(), "{text}");
    addresses(text);
    if let Ok(code) = Code::read(text) {
        assert_eq!(Code::read(&code.to_string()).as_ref(), Ok(&code), "{text}");
    }
}

fn addresses(text: &str) {
    if let Ok(address) = email::address(text) {
        let written = address.to_string();
        assert_eq!(email::address(&written).as_ref(), Ok(&address), "{text} is written as {written}");
        assert!(!written.contains(['\r', '\n', ' ', '<', '>', ',']), "{text}: {written}");
    }
    assert_eq!(email::fault(text).is_none(), email::address(text.trim()).is_ok(), "{text}");
    if let Ok(own) = email::own(text) {
        assert!(own.email.to_string().is_ascii(), "{text}");
    }
    for allow_private in [false, true] {
        let Ok(url) = webhooks::target::read(text, allow_private) else { continue };
        let again = webhooks::target::read(url.as_str(), allow_private);
        assert_eq!(again.as_ref(), Ok(&url), "{text}");
        assert!(url.password().is_none() && url.has_host() && url.fragment().is_none(), "{text}: {url}");
    }
}
