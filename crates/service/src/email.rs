//! Is that an address, and how do mail servers know it?

use std::net::IpAddr;

use lettre::Address;
use lettre::message::Mailbox;

/// An address, its domain in ASCII: `bücher.example` is `xn--bcher-kva.example` (RFC 5891).
pub fn address(text: &str) -> Result<Address, String> {
    known(text.parse().map_err(|error: lettre::address::AddressError| error.to_string())?)
}

/// An address of ours, with a name or without: every mail server must take it.
pub fn own(text: &str) -> Result<Mailbox, String> {
    let mailbox: Mailbox = text.parse().map_err(|error: lettre::address::AddressError| error.to_string())?;
    let email = known(mailbox.email)?;
    if !email.user().is_ascii() {
        return Err("not every mail server takes letters beyond ASCII before the @".to_owned());
    }
    Ok(Mailbox { email, ..mailbox })
}

/// What is wrong with a text that is to be one address, without a name; nothing if it is one.
pub fn fault(text: &str) -> Option<String> {
    let error = address(text.trim()).err()?;
    let what = if text.trim().is_empty() {
        "is empty: leave it out if there is none".to_owned()
    } else if text.matches('@').count() > 1 {
        format!("`{text}` is more than one e-mail address: write one")
    } else if text.contains(['<', '>']) {
        format!("`{text}` is not an e-mail address alone: write it without a name, such as anna@example.org")
    } else {
        format!("`{text}` is not an e-mail address, such as anna@example.org: {error}")
    };
    Some(what)
}

fn known(address: Address) -> Result<Address, String> {
    if address.domain().starts_with('[') && !is_address_literal(address.domain()) {
        return Err("in brackets stands the address of a machine, such as [192.0.2.1]".to_owned());
    }
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain = idna::domain_to_ascii(address.domain()).map_err(|error| error.to_string())?;
    Address::new(address.user(), domain).map_err(|error| error.to_string())
}

/// An IP address in brackets (RFC 5321, 4.1.3).
fn is_address_literal(domain: &str) -> bool {
    let inner = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    inner.strip_prefix("IPv6:").unwrap_or(inner).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_address_is_one() {
        assert_eq!(fault("anna@example.org"), None);
        for (text, why) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("Anna <anna@example.org>", "without a name"),
            ("a@example.org, b@example.org", "more than one"),
            ("a@example.org;b@example.org", "more than one"),
            ("anna", "such as anna@example.org"),
            ("anna@", "such as anna@example.org"),
            ("an na@example.org", "such as anna@example.org"),
        ] {
            assert!(fault(text).is_some_and(|fault| fault.contains(why)), "{text}: {:?}", fault(text));
        }
    }

    #[test]
    fn a_domain_is_written_as_mail_servers_know_it() {
        for (text, written) in [
            ("anna@example.org", Some("anna@example.org")),
            ("anna@[192.0.2.1]", Some("anna@[192.0.2.1]")),
            ("anna@[2001:db8::1]", Some("anna@[2001:db8::1]")),
            ("anna@[/,0.]", None),
            ("anna@[0>\".1]", None),
            ("anna@[192.0.2.1", None),
            ("anna@Bücher.example", Some("anna@xn--bcher-kva.example")),
            ("ännchen@bücher.example", Some("ännchen@xn--bcher-kva.example")),
            ("anna", None),
            ("anna@", None),
            ("anna@a b.example", None),
            ("Anna <anna@example.org>", None),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).ok().as_deref(), written, "{text}");
        }
        assert_eq!(own("Änne <a@bücher.example>").unwrap().email.to_string(), "a@xn--bcher-kva.example");
        assert!(own("ä@example.org").is_err());
    }
}
