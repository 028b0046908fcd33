//! Which root may issue what, to whom and for how long.

use std::net::IpAddr;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use sekisho_domain::ids::{DeviceId, GatewayId, Identity};
use x509_parser::time::ASN1Time;

use crate::CertError;

/// An observer of a site bus lives at most this long, in ms.
pub const MAX_OBSERVER_MS: i64 = 3_600_000;
/// Leaf certificates of the uplink live this long, in ms (398 days).
pub const UPLINK_LEAF_MS: i64 = 398 * DAY_MS;
/// The uplink's revocation list lives this long, in ms (7 days; renewed hourly by the server).
pub const UPLINK_CRL_MS: i64 = 7 * DAY_MS;
/// 9999-12-31T23:59:59Z, in ms: RFC 5280 §4.1.2.5's "no well-defined expiration date".
pub const FOREVER_MS: i64 = 253_402_300_799_000;

const DAY_MS: i64 = 86_400_000;
/// How far a clock may be behind ours before a fresh certificate looks "not yet valid".
const SKEW_MS: i64 = 3_600_000;

/// The three unrelated kinds of root. One root per broker, since Mosquitto accepts whatever chains to its `cafile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RootKind {
    /// Servers and gateways: the uplink broker and the machines' HTTPS listener. Kept by the server.
    Uplink,
    /// One site's devices, observers, broker and gateway. Made and kept on the gateway.
    SiteBus,
    /// Members' laptops and phones for network admission. Issues nothing yet; it is defined so that it can never be confused
    /// with the other two.
    MemberDevice,
}

impl RootKind {
    /// The name in file names, in the root's own common name and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uplink => "uplink",
            Self::SiteBus => "site-bus",
            Self::MemberDevice => "member-device",
        }
    }

    fn issues(self, profile: &Profile) -> bool {
        match self {
            Self::Uplink => matches!(
                profile,
                Profile::Server { .. } | Profile::Broker { .. } | Profile::Gateway(_)
            ),
            Self::SiteBus => matches!(
                profile,
                Profile::Gateway(_)
                    | Profile::Broker { .. }
                    | Profile::Device(_)
                    | Profile::Observer { .. }
            ),
            Self::MemberDevice => false,
        }
    }
}

/// A leaf certificate to be issued: class and identity together, so that a common name cannot lie about its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `srv-`: the server, both as HTTPS listener (serverAuth, `names`) and as MQTT client (clientAuth). Uplink root only.
    Server {
        /// The server's id; replicas share it.
        id: [u8; 16],
        /// Host names and IP addresses of the HTTPS listener; may be empty for a pure client.
        names: Vec<String>,
    },
    /// `brk-`: a broker, serverAuth only. It is no MQTT identity: OpenSSL refuses it as a client and no ACL names it.
    Broker {
        /// The id of the server or gateway that runs the broker.
        id: [u8; 16],
        /// Host names and IP addresses under which clients reach it.
        names: Vec<String>,
    },
    /// `gw-`: a gateway as MQTT client. Under the uplink root towards the server; under the site-bus root on its own bus.
    Gateway(GatewayId),
    /// `dev-`: a device on a site bus.
    Device(DeviceId),
    /// `obs-`: a read-only observer of a site bus.
    Observer {
        /// A fresh id for each issue.
        id: [u8; 16],
        /// Lifetime in ms, 1 ..= [`MAX_OBSERVER_MS`].
        valid_ms: i64,
    },
}

impl Profile {
    /// The common name, which becomes the MQTT user name and the identity segment of topics.
    pub fn cn(&self) -> String {
        match self {
            Self::Server { id, .. } => Identity::Server(*id).to_string(),
            // The same 26 characters as every other identity, under a class that nothing else uses.
            Self::Broker { id, .. } => format!("brk-{}", GatewayId(*id).text()),
            Self::Gateway(id) => Identity::Gateway(*id).to_string(),
            Self::Device(id) => Identity::Device(*id).to_string(),
            Self::Observer { id, .. } => Identity::Observer(*id).to_string(),
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Server { .. } => "srv-",
            Self::Broker { .. } => "brk-",
            Self::Gateway(_) => "gw-",
            Self::Device(_) => "dev-",
            Self::Observer { .. } => "obs-",
        }
    }

    /// The certificate to be signed by a root of `kind`, or why that root does not sign it.
    pub(crate) fn params(
        &self,
        kind: RootKind,
        now_ms: i64,
    ) -> Result<CertificateParams, CertError> {
        if !kind.issues(self) {
            return Err(CertError::ClassNotAllowed {
                root: kind.name(),
                class: self.class(),
            });
        }
        let (from_ms, until_ms) = self.validity(kind, now_ms)?;
        let mut params = CertificateParams::default();
        params.not_before = asn1(from_ms)?.to_datetime();
        params.not_after = asn1(until_ms)?.to_datetime();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.cn());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let (names, usages): (&[String], &[ExtendedKeyUsagePurpose]) = match self {
            Self::Server { names, .. } => (
                names,
                &[
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ],
            ),
            Self::Broker { names, .. } => (names, &[ExtendedKeyUsagePurpose::ServerAuth]),
            Self::Gateway(_) | Self::Device(_) | Self::Observer { .. } => {
                (&[], &[ExtendedKeyUsagePurpose::ClientAuth])
            }
        };
        params.extended_key_usages = usages.to_vec();
        params.subject_alt_names = names
            .iter()
            .map(|name| alt_name(name))
            .collect::<Result<_, _>>()?;
        Ok(params)
    }

    /// `[not before, not after]` in ms.
    ///
    /// What a *gateway or device* checks starts at 1970, since a box whose clock battery died must still find its broker;
    /// what a *server* checks starts now. A site bus never expires by itself: a week offline must not lock a door.
    fn validity(&self, kind: RootKind, now_ms: i64) -> Result<(i64, i64), CertError> {
        match (kind, self) {
            (_, Self::Observer { valid_ms, .. }) if (1..=MAX_OBSERVER_MS).contains(valid_ms) => {
                Ok((now_ms - SKEW_MS, now_ms + valid_ms))
            }
            (_, Self::Observer { .. }) => Err(CertError::Lifetime(
                "an observer is admitted for one hour at most",
            )),
            (RootKind::SiteBus, _) => Ok((0, FOREVER_MS)),
            (_, Self::Gateway(_)) => Ok((now_ms - SKEW_MS, now_ms + UPLINK_LEAF_MS)),
            _ => Ok((0, now_ms + UPLINK_LEAF_MS)),
        }
    }
}

/// `[this update, next update]` in ms of a revocation list of `kind`.
///
/// A list that is not yet or no longer valid makes Mosquitto refuse *every* client, so it is back-dated by a day against
/// clock steps, and a site bus's list never expires.
pub(crate) fn crl_validity(kind: RootKind, now_ms: i64) -> (i64, i64) {
    match kind {
        RootKind::SiteBus => (0, FOREVER_MS),
        RootKind::Uplink | RootKind::MemberDevice => (now_ms - DAY_MS, now_ms + UPLINK_CRL_MS),
    }
}

pub(crate) fn asn1(ms: i64) -> Result<ASN1Time, CertError> {
    if !(0..=FOREVER_MS).contains(&ms) {
        return Err(CertError::Lifetime(
            "a certificate time must lie between 1970 and 9999",
        ));
    }
    ASN1Time::from_timestamp(ms / 1000)
        .map_err(|_| CertError::Lifetime("a certificate time must lie between 1970 and 9999"))
}

fn alt_name(name: &str) -> Result<SanType, CertError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    // rustls' own parser decides what a host name is, since rustls is what will compare it.
    rustls_pki_types::DnsName::try_from(name).map_err(|_| CertError::Name(name.to_owned()))?;
    Ok(SanType::DnsName(
        name.try_into()
            .map_err(|_| CertError::Name(name.to_owned()))?,
    ))
}
