//! Requests to addresses that people name: never to this machine, its network or a cloud's metadata, unless the operator's
//! configuration allows that network.
//!
//! What is looked up is what is connected to: the name is resolved here, every address is judged, and the connection goes to
//! those addresses, so that a second look-up cannot answer otherwise. Redirects are not followed, no proxy is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use reqwest::{Url, redirect};

/// Longest time from the look-up to the end of the answer.
const LASTS_MAX: Duration = Duration::from_secs(10);

/// Longest address, characters.
pub const URL_MAX: usize = 500;

/// A network that is allowed although it is not public: `192.0.2.0/24`, `::1/128`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network: write 192.0.2.0/24 or 2001:db8::/32")]
pub struct BadNetwork;

impl FromStr for Network {
    type Err = BadNetwork;
    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| BadNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| BadNetwork)?;
        (bits <= most)
            .then_some(Self { address, bits })
            .ok_or(BadNetwork)
    }
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        let same = |a: u128, b: u128, size: u32| {
            let free = size - u32::from(self.bits);
            a.checked_shr(free).unwrap_or(0) == b.checked_shr(free).unwrap_or(0)
        };
        match (self.address, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// Why an address is not spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read, or has parts that it may not have.
    #[error("not an address that can be used: https://host/path, without a user or a fragment")]
    Form,
    /// Without TLS only this very machine is spoken to.
    #[error("https is needed")]
    Plain,
    /// It is, or leads to, a network that is not public and that the configuration does not allow.
    #[error("the address leads into a network that is not allowed")]
    Network,
    /// Nobody knows the name.
    #[error("the name cannot be resolved")]
    Unknown,
    /// No connection, no TLS, or no answer in time.
    #[error("no answer")]
    Silent,
}

/// Reads an address and says what can be said without a look-up.
pub fn read_url(text: &str, allowed: &[Network]) -> Result<Url, Refused> {
    if text.len() > URL_MAX {
        return Err(Refused::Form);
    }
    let url = Url::parse(text).map_err(|_| Refused::Form)?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let host = url.host_str().unwrap_or_default();
    if !bare || host.is_empty() || !["https", "http"].contains(&url.scheme()) {
        return Err(Refused::Form);
    }
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let own = host == "localhost" || literal.is_some_and(|ip| ip.is_loopback());
    if url.scheme() == "http" && !own {
        return Err(Refused::Plain);
    }
    match literal {
        Some(ip) if !is_allowed(ip, allowed) => Err(Refused::Network),
        _ => Ok(url),
    }
}

/// POSTs a text; the HTTP status of the answer. Its body is not read.
pub async fn post(
    url: &Url,
    headers: &[(&'static str, String)],
    body: String,
    allowed: &[Network],
) -> Result<u16, Refused> {
    let work = send(url, headers, body, allowed);
    tokio::time::timeout(LASTS_MAX, work)
        .await
        .map_err(|_| Refused::Silent)?
}

async fn send(
    url: &Url,
    headers: &[(&'static str, String)],
    body: String,
    allowed: &[Network],
) -> Result<u16, Refused> {
    let host = url.host_str().ok_or(Refused::Form)?;
    let port = url.port_or_known_default().ok_or(Refused::Form)?;
    let addresses = resolve(host, port).await?;
    let all = |test: &dyn Fn(IpAddr) -> bool| addresses.iter().all(|it| test(it.ip()));
    if !all(&|ip| is_allowed(ip, allowed)) {
        return Err(Refused::Network);
    }
    if url.scheme() == "http" && !all(&|ip| ip.is_loopback()) {
        return Err(Refused::Plain);
    }
    // One provider is compiled in; whoever was first has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .resolve_to_addrs(host, &addresses)
        .timeout(LASTS_MAX)
        .build()
        .map_err(|_| Refused::Silent)?;
    let mut request = client.post(url.clone()).body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.send().await.map_err(|_| Refused::Silent)?;
    Ok(answer.status().as_u16())
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
    let host = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Refused::Unknown)?.collect();
    if addresses.is_empty() {
        return Err(Refused::Unknown);
    }
    Ok(addresses)
}

fn is_allowed(ip: IpAddr, allowed: &[Network]) -> bool {
    is_public(ip) || allowed.iter().any(|network| network.contains(ip))
}

/// Whether an address is one of the public internet. What carries another address inside is judged by that one.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => inner(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

/// The IPv4 address inside an IPv6 one: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
#[expect(
    clippy::many_single_char_names,
    reason = "the eight groups of an address have no other names"
)]
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(from(g, h)),
        (0x2002, ..) => Some(from(b, c)),
        _ => None,
    }
}

/// Special-purpose registry of IPv4 (RFC 6890 and its successors).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

/// Global unicast (2000::/3) without documentation, benchmarking and Teredo.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x3fff;
    (0x2000..0x4000).contains(&a) && !special
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "203.0.114.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_are_read_strictly() {
        let own: Vec<Network> = vec!["127.0.0.0/8".parse().unwrap()];
        for (text, allowed, expected) in [
            ("https://example.com/hook?x=1", &[][..], Ok(())),
            ("https://example.com:8443/", &[], Ok(())),
            ("http://example.com/", &[], Err(Refused::Plain)),
            ("http://127.0.0.1:9/", &[], Err(Refused::Network)),
            ("http://127.0.0.1:9/", &own, Ok(())),
            ("http://2130706433/", &[], Err(Refused::Network)),
            ("https://0x7f.1/", &[], Err(Refused::Network)),
            ("https://[::1]/", &own, Err(Refused::Network)),
            (
                "https://[::ffff:169.254.169.254]/",
                &own,
                Err(Refused::Network),
            ),
            ("https://user@example.com/", &[], Err(Refused::Form)),
            ("https://example.com/#x", &[], Err(Refused::Form)),
            ("file:///etc/passwd", &[], Err(Refused::Form)),
            ("gopher://example.com/", &[], Err(Refused::Form)),
            ("example.com", &[], Err(Refused::Form)),
            ("", &[], Err(Refused::Form)),
        ] {
            assert_eq!(read_url(text, allowed).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn networks() {
        let inside = |network: &str, ip: &str| {
            network
                .parse::<Network>()
                .unwrap()
                .contains(ip.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1") && !inside("10.0.0.0/8", "11.0.0.1"));
        assert!(
            inside("0.0.0.0/0", "9.9.9.9") && inside("::1", "::1") && !inside("::1/128", "::2")
        );
        assert!(inside("fd00::/8", "fdff::1") && !inside("fd00::/8", "10.0.0.1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "x/8", "::/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let url = Url::parse("https://localhost:1/").unwrap();
        let sent = post(&url, &[], String::new(), &[]).await;
        assert_eq!(sent, Err(Refused::Network));
    }
}
