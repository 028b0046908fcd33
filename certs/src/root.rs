//! Roots: made once, kept by one program, never sent anywhere.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, RevokedCertParams, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sekisho_domain::crypto::{Digest, hex};

use crate::inspect::{Certificate, Serial};
use crate::profile::{FOREVER_MS, asn1, crl_validity};
use crate::{CertError, Profile, RootKind, csr, files};

/// A self-signed P-256 root with its key.
pub struct Root {
    kind: RootKind,
    certificate: Certificate,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A fresh leaf with its private key.
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// PKCS#8 PEM of its P-256 key. Hand it to [`files::write_private`] or nowhere.
    pub key_pem: String,
}

/// One line of a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Which certificate.
    pub serial: Serial,
    /// Since when, unix ms.
    pub at_ms: i64,
}

impl Root {
    /// A new root: fresh key, a name that no other root has, valid from 1970 to 9999 (it is replaced, it does not expire).
    pub fn create(kind: RootKind) -> Result<Self, CertError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.not_before = asn1(0)?.to_datetime();
        params.not_after = asn1(FOREVER_MS)?.to_datetime();
        params.serial_number = Some(new_serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        // OpenSSL finds issuers by name: two roots of one name in one process would be mistaken for each other.
        let unique = hex(&Digest::of(&[key.der_bytes()]).0[..8]);
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{}{unique}", cn_prefix(kind)));
        let pem = params.self_signed(&key)?.pem();
        Self::from_pem(kind, &pem, &key.serialize_pem())
    }

    /// Reads a root; refused when it is of another kind or the key is not its own.
    pub fn from_pem(kind: RootKind, cert_pem: &str, key_pem: &str) -> Result<Self, CertError> {
        let certificate = Certificate::from_pem(cert_pem)?;
        if !certificate.cn.starts_with(&cn_prefix(kind)) {
            return Err(CertError::WrongRoot {
                expected: kind.name(),
                found: certificate.cn,
            });
        }
        let der = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|error| CertError::unreadable("root certificate", &error))?;
        let key = KeyPair::from_pem(key_pem)
            .map_err(|error| CertError::unreadable("root key", &error))?;
        if certificate.public_key != key.der_bytes() {
            return Err(CertError::unreadable(
                "root key",
                "it does not belong to the certificate",
            ));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self {
            kind,
            certificate,
            der,
            issuer,
        })
    }

    /// Loads `<dir>/<kind>-root.crt` and `.key`, or makes and saves them when neither exists.
    pub fn load_or_create(dir: &Path, kind: RootKind) -> Result<Self, CertError> {
        let (cert_path, key_path) = paths(dir, kind);
        if cert_path.exists() || key_path.exists() {
            return Self::load(dir, kind);
        }
        files::create_private_dir(dir)?;
        let root = Self::create(kind)?;
        // The key first: a certificate without its key would be a dead end at the next start.
        files::create_private(&key_path, root.issuer.key().serialize_pem().as_bytes())?;
        files::write_public(&cert_path, root.cert_pem().as_bytes())?;
        Ok(root)
    }

    /// Loads `<dir>/<kind>-root.crt` and `.key`.
    pub fn load(dir: &Path, kind: RootKind) -> Result<Self, CertError> {
        let (cert_path, key_path) = paths(dir, kind);
        let key_pem = String::from_utf8(files::read_private(&key_path)?)
            .map_err(|_| CertError::unreadable("root key", "not text"))?;
        Self::from_pem(kind, &files::read_text(&cert_path)?, &key_pem)
    }

    /// The kind.
    pub fn kind(&self) -> RootKind {
        self.kind
    }

    /// The certificate as PEM: public, for `cafile`s and for trust stores.
    pub fn cert_pem(&self) -> &str {
        &self.certificate.pem
    }

    /// The certificate as DER.
    pub fn cert_der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// SHA-256 of the DER certificate: what an enrolment code carries.
    pub fn fingerprint(&self) -> Digest {
        self.certificate.fingerprint
    }

    /// Makes a P-256 key and its certificate.
    pub fn issue(&self, profile: &Profile, now_ms: i64) -> Result<Issued, CertError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = self.sign(profile, &key, now_ms)?;
        Ok(Issued {
            certificate,
            key_pem: key.serialize_pem(),
        })
    }

    /// Certifies the key of a PKCS#10 request (PEM or DER, ≤ 8 KiB) after its proof of possession verified (RFC 2986 §3).
    ///
    /// Names, extensions and lifetime come from `profile` alone.
    pub fn sign_csr(
        &self,
        request: &[u8],
        profile: &Profile,
        now_ms: i64,
    ) -> Result<Certificate, CertError> {
        self.sign(profile, &csr::verified_key(request)?, now_ms)
    }

    /// The revocation list as PEM. `number` must grow with every list (RFC 5280 §5.2.3).
    ///
    /// Uplink lists live [`crate::UPLINK_CRL_MS`]; a site bus's list never expires.
    pub fn crl(&self, revoked: &[Revoked], number: u64, now_ms: i64) -> Result<String, CertError> {
        let (from_ms, until_ms) = crl_validity(self.kind, now_ms);
        let revoked_certs = revoked
            .iter()
            .map(revoked_params)
            .collect::<Result<_, _>>()?;
        let params = CertificateRevocationListParams {
            this_update: asn1(from_ms.max(0))?.to_datetime(),
            next_update: asn1(until_ms)?.to_datetime(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?.pem()?)
    }

    fn sign(
        &self,
        profile: &Profile,
        key: &impl PublicKeyData,
        now_ms: i64,
    ) -> Result<Certificate, CertError> {
        let mut params = profile.params(self.kind, now_ms)?;
        // rcgen's default serial is a hash of the key, so re-issuing for one key would repeat it.
        params.serial_number = Some(new_serial()?);
        Certificate::from_pem(&params.signed_by(key, &self.issuer)?.pem())
    }
}

fn revoked_params(revoked: &Revoked) -> Result<RevokedCertParams, CertError> {
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(revoked.serial.as_bytes()),
        revocation_time: asn1(revoked.at_ms.clamp(0, FOREVER_MS))?.to_datetime(),
        reason_code: None,
        invalidity_date: None,
    })
}

/// 127 random bits whose first byte is neither zero nor negative, so that every reader sees the same 16 bytes.
fn new_serial() -> Result<SerialNumber, CertError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CertError::Crypto("no random bytes".to_owned()))?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn cn_prefix(kind: RootKind) -> String {
    format!("sekisho {} root ", kind.name())
}

fn paths(dir: &Path, kind: RootKind) -> (PathBuf, PathBuf) {
    (
        dir.join(format!("{}-root.crt", kind.name())),
        dir.join(format!("{}-root.key", kind.name())),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::ids::{DeviceId, GatewayId, Identity};
    use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

    use super::*;
    use crate::{MAX_OBSERVER_MS, UPLINK_CRL_MS, UPLINK_LEAF_MS};

    const NOW: i64 = 1_795_132_800_000; // 2026-11-20
    const ID: [u8; 16] = [7; 16];

    fn server() -> Profile {
        Profile::Server {
            id: ID,
            names: vec!["sekisho.example".to_owned(), "127.0.0.1".to_owned()],
        }
    }

    fn broker() -> Profile {
        Profile::Broker {
            id: ID,
            names: vec!["localhost".to_owned()],
        }
    }

    fn observer(valid_ms: i64) -> Profile {
        Profile::Observer { id: ID, valid_ms }
    }

    #[test]
    fn a_root_issues_its_own_classes_and_no_other() {
        let all = [
            server(),
            broker(),
            Profile::Gateway(GatewayId(ID)),
            Profile::Device(DeviceId(ID)),
            observer(1),
        ];
        let allowed = [
            (RootKind::Uplink, [true, true, true, false, false]),
            (RootKind::SiteBus, [false, true, true, true, true]),
            (RootKind::MemberDevice, [false; 5]),
        ];
        let request = csr::create().unwrap();
        for (kind, expected) in allowed {
            let root = Root::create(kind).unwrap();
            for (profile, expected) in all.iter().zip(expected) {
                assert_eq!(
                    root.issue(profile, NOW).is_ok(),
                    expected,
                    "{kind:?} {profile:?}"
                );
                assert_eq!(
                    root.sign_csr(&request.der, profile, NOW).is_ok(),
                    expected,
                    "{kind:?} {profile:?}"
                );
            }
            if kind == RootKind::SiteBus {
                let refused = root.issue(&server(), NOW).err().unwrap().to_string();
                assert_eq!(refused, "a site-bus root issues no srv- certificates");
            }
        }
    }

    #[test]
    fn common_names_are_identities_and_brokers_are_none() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        let gateway = uplink
            .issue(&Profile::Gateway(GatewayId(ID)), NOW)
            .unwrap()
            .certificate;
        assert_eq!(gateway.identity(), Some(Identity::Gateway(GatewayId(ID))));
        assert_eq!(
            uplink.issue(&server(), NOW).unwrap().certificate.identity(),
            Some(Identity::Server(ID))
        );
        let broker = uplink.issue(&broker(), NOW).unwrap().certificate;
        assert!(broker.cn.starts_with("brk-"));
        assert_eq!(broker.identity(), None);
    }

    #[test]
    fn lifetimes_follow_the_profile() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        let bus = Root::create(RootKind::SiteBus).unwrap();
        let of = |root: &Root, profile: &Profile| {
            let certificate = root.issue(profile, NOW).unwrap().certificate;
            (certificate.not_before_ms, certificate.not_after_ms)
        };
        assert_eq!(
            of(&uplink, &Profile::Gateway(GatewayId(ID))),
            (NOW - 3_600_000, NOW + UPLINK_LEAF_MS)
        );
        assert_eq!(of(&uplink, &server()), (0, NOW + UPLINK_LEAF_MS));
        for profile in [
            Profile::Gateway(GatewayId(ID)),
            Profile::Device(DeviceId(ID)),
            broker(),
        ] {
            assert_eq!(of(&bus, &profile), (0, FOREVER_MS));
        }
        assert_eq!(
            of(&bus, &observer(MAX_OBSERVER_MS)),
            (NOW - 3_600_000, NOW + MAX_OBSERVER_MS)
        );
        for wrong in [0, -1, MAX_OBSERVER_MS + 1, i64::MAX] {
            assert!(
                matches!(
                    bus.issue(&observer(wrong), NOW),
                    Err(CertError::Lifetime(_))
                ),
                "{wrong}"
            );
        }
        assert_eq!(
            (
                uplink.certificate.not_before_ms,
                uplink.certificate.not_after_ms
            ),
            (0, FOREVER_MS)
        );
    }

    #[test]
    fn a_clock_far_off_is_refused_or_bounded_never_a_panic() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        let bus = Root::create(RootKind::SiteBus).unwrap();
        for now in [i64::from(i32::MIN), 0, FOREVER_MS] {
            let _ = uplink.issue(&server(), now);
            let _ = uplink.crl(&[], 1, now);
            assert!(bus.issue(&Profile::Device(DeviceId(ID)), now).is_ok());
            assert!(bus.crl(&[], 1, now).is_ok());
        }
    }

    #[test]
    fn leaves_carry_the_usages_and_names_of_their_profile() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        for (profile, server_auth, client_auth) in [
            (server(), true, true),
            (broker(), true, false),
            (Profile::Gateway(GatewayId(ID)), false, true),
        ] {
            let issued = uplink.issue(&profile, NOW).unwrap();
            let der = CertificateDer::from_pem_slice(issued.certificate.pem.as_bytes()).unwrap();
            let (_, parsed) = X509Certificate::from_der(&der).unwrap();
            let usage = parsed.extended_key_usage().unwrap().unwrap().value;
            assert_eq!(
                (usage.server_auth, usage.client_auth),
                (server_auth, client_auth)
            );
            assert!(!parsed.is_ca());
            let (_, root) = X509Certificate::from_der(uplink.cert_der()).unwrap();
            parsed.verify_signature(Some(root.public_key())).unwrap();
            assert_eq!(
                parsed.subject_alternative_name().unwrap().is_some(),
                server_auth
            );
        }
        let bad = Profile::Server {
            id: ID,
            names: vec!["two words".to_owned()],
        };
        assert!(matches!(uplink.issue(&bad, NOW), Err(CertError::Name(_))));
    }

    #[test]
    fn roots_are_unrelated_and_know_their_kind() {
        let [one, two] = [
            Root::create(RootKind::Uplink).unwrap(),
            Root::create(RootKind::Uplink).unwrap(),
        ];
        assert_ne!(one.certificate.cn, two.certificate.cn);
        assert_ne!(one.fingerprint(), two.fingerprint());
        let key = one.issuer.key().serialize_pem();
        assert!(matches!(
            Root::from_pem(RootKind::SiteBus, one.cert_pem(), &key),
            Err(CertError::WrongRoot { .. })
        ));
        assert!(
            Root::from_pem(RootKind::Uplink, two.cert_pem(), &key).is_err(),
            "a foreign key was taken"
        );
    }

    #[test]
    fn a_root_survives_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let made = Root::load_or_create(&dir.path().join("pki"), RootKind::SiteBus).unwrap();
        let again = Root::load_or_create(&dir.path().join("pki"), RootKind::SiteBus).unwrap();
        assert_eq!(made.fingerprint(), again.fingerprint());
        let leaf = again.issue(&Profile::Device(DeviceId(ID)), NOW).unwrap();
        let der = CertificateDer::from_pem_slice(leaf.certificate.pem.as_bytes()).unwrap();
        let (_, root) = X509Certificate::from_der(made.cert_der()).unwrap();
        X509Certificate::from_der(&der)
            .unwrap()
            .1
            .verify_signature(Some(root.public_key()))
            .unwrap();
        assert!(Root::load(&dir.path().join("pki"), RootKind::Uplink).is_err());
        std::fs::remove_file(dir.path().join("pki/site-bus-root.crt")).unwrap();
        assert!(
            Root::load_or_create(&dir.path().join("pki"), RootKind::SiteBus).is_err(),
            "half a root was silently replaced"
        );
    }

    #[test]
    fn a_revocation_list_names_what_was_revoked() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        let leaf = uplink
            .issue(&Profile::Gateway(GatewayId(ID)), NOW)
            .unwrap()
            .certificate;
        let text = leaf.serial.to_string();
        assert_eq!(text.parse::<Serial>().unwrap(), leaf.serial);
        let pem = uplink
            .crl(
                &[Revoked {
                    serial: text.parse().unwrap(),
                    at_ms: NOW - 5_000,
                }],
                42,
                NOW,
            )
            .unwrap();
        let der =
            rustls_pki_types::CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap();
        let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
        let (_, root) = X509Certificate::from_der(uplink.cert_der()).unwrap();
        list.verify_signature(root.public_key()).unwrap();
        let revoked: Vec<_> = list.iter_revoked_certificates().collect();
        assert_eq!(revoked.len(), 1);
        assert_eq!(revoked[0].raw_serial(), leaf.serial.as_bytes());
        assert_eq!(revoked[0].revocation_date.timestamp() * 1000, NOW - 5_000);
        assert_eq!(list.crl_number().unwrap().to_string(), "42");
        assert_eq!(
            list.next_update().unwrap().timestamp() * 1000,
            NOW + UPLINK_CRL_MS
        );
        assert!(list.last_update().timestamp() * 1000 < NOW);

        let bus = Root::create(RootKind::SiteBus)
            .unwrap()
            .crl(&[], 1, NOW)
            .unwrap();
        let der =
            rustls_pki_types::CertificateRevocationListDer::from_pem_slice(bus.as_bytes()).unwrap();
        let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
        assert_eq!(
            (
                list.last_update().timestamp(),
                list.next_update().unwrap().timestamp() * 1000
            ),
            (0, FOREVER_MS)
        );
    }

    #[test]
    fn serials_never_repeat_even_for_one_key() {
        let uplink = Root::create(RootKind::Uplink).unwrap();
        let request = csr::create().unwrap();
        let profile = Profile::Gateway(GatewayId(ID));
        let mut seen: Vec<_> = (0..20)
            .map(|_| uplink.sign_csr(&request.der, &profile, NOW).unwrap().serial)
            .collect();
        assert!(seen.iter().all(|serial| serial.as_bytes().len() == 16));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 20);
    }
}
