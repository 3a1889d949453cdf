//! May a message go there? Not to a machine that only this one can reach, whatever its name or number looks like.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

const LONGEST_URL: usize = 2_000;

/// Reads an address. What is no public number in any of its forms is refused here, a name when it is resolved.
pub fn read(text: &str, allow_private: bool) -> Result<Url, String> {
    if text.len() > LONGEST_URL {
        return Err(format!("is longer than {LONGEST_URL} bytes"));
    }
    let mut url = Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => return Err("must be https (http only under webhooks.allow_private)".to_owned()),
        scheme => return Err(format!("must be https, not {scheme}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no login: messages are known by their signature".to_owned());
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err("names no host".to_owned()),
    };
    if let Some(address) = literal.filter(|address| !allow_private && !is_public(*address)) {
        return Err(private(address));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Resolves the name of an address that was read, and refuses it when one of the numbers is not public.
pub(super) async fn check(url: &Url, allow_private: bool) -> Result<(), String> {
    match url.host() {
        Some(Host::Domain(name)) => resolve(name, allow_private).await.map(|_| ()),
        Some(_) => Ok(()),
        None => Err("names no host".to_owned()),
    }
}

/// The addresses of a name. If one is not public, none is used: which one is tried is chance.
pub(super) async fn resolve(name: &str, allow_private: bool) -> Result<Vec<std::net::SocketAddr>, String> {
    let found = tokio::net::lookup_host((name, 0)).await;
    let found: Vec<_> = found.map_err(|error| format!("{name} has no address: {error}"))?.collect();
    let wrong = found.iter().map(std::net::SocketAddr::ip).find(|address| !is_public(*address));
    match wrong.filter(|_| !allow_private) {
        Some(address) => Err(format!("{name}: {}", private(address))),
        None => Ok(found),
    }
}

fn private(address: IpAddr) -> String {
    format!("{address} is no public address (see webhooks.allow_private)")
}

/// Whether an address is one of the public internet, by the registries of special addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, shared between carriers, of protocols, 6to4 relays, benchmarks.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] => true,
        [100, second, ..] => second & 0xc0 == 64,
        [198, second, ..] => second & 0xfe == 18,
        // Multicast, reserved, broadcast.
        [first, ..] => first >= 224,
    };
    !special
        && !address.is_private()
        && !address.is_loopback()
        && !address.is_link_local()
        && !address.is_documentation()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // An IPv4 address in another form is judged as what it leads to: mapped, or translated (RFC 6052).
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [[a, b], [c, d]] = [high, low].map(u16::to_be_bytes);
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocols (2001::/23) and Teredo, documentation, 6to4.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x2002, ..] => false,
        [0x3fff, second, ..] => second >= 0x1000,
        // Only these are given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_public_address_is_refused_in_whatever_form() {
        for host in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "①②⑦.0.0.1",
        ] {
            let refused = read(&format!("https://{host}/hook"), false).unwrap_err();
            assert!(refused.contains("is no public address"), "{host}: {refused}");
            assert!(read(&format!("https://{host}/hook"), true).is_ok(), "{host}");
        }
        for host in [
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:4860::8888]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::8.8.8.8]",
            "[3fff:1000::1]",
        ] {
            assert!(read(&format!("https://{host}/hook"), false).is_ok(), "{host}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_URL));
        for (text, part) in [
            ("", "no address"),
            ("/hook", "no address"),
            ("crm.example.org/hook", "no address"),
            ("https://", "no address"),
            ("https:// x", "no address"),
            ("https://256.1.1.1/", "no address"),
            ("ftp://crm.example.org/", "not ftp"),
            ("file:///etc/passwd", "not file"),
            ("gopher://crm.example.org/", "not gopher"),
            ("javascript:alert(1)", "not javascript"),
            ("http://crm.example.org/", "must be https"),
            ("https://a:b@crm.example.org/", "no login"),
            ("https://a@crm.example.org/", "no login"),
            ("https://:b@crm.example.org/", "no login"),
            ("https://8.8.8.8@127.0.0.1/", "no login"),
            (&long, "longer"),
        ] {
            let refused = read(text, false).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        assert!(read("http://crm.example.org/", true).is_ok());
        let read = read("https://CRM.example.org/a#b", false).unwrap();
        assert_eq!(read.as_str(), "https://crm.example.org/a");
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        for name in ["localhost", "LOCALHOST"] {
            let url = read(&format!("https://{name}/"), false).unwrap();
            let refused = check(&url, false).await.unwrap_err();
            assert!(refused.contains("is no public address"), "{name}: {refused}");
            assert_eq!(check(&url, true).await, Ok(()));
        }
        let unknown = read("https://nobody.invalid/", false).unwrap();
        assert!(check(&unknown, true).await.unwrap_err().contains("has no address"));
    }
}
