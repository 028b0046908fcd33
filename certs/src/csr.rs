//! Certificate requests (PKCS#10, RFC 2986): made on the gateway, checked on the server.

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer as _;

use crate::CertError;

/// Largest request read, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// `AlgorithmIdentifier` of ecdsa-with-SHA256 (RFC 5758 §3.2), DER.
const ECDSA_WITH_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];
/// Tag, one byte of length (an ECDSA signature over P-256 has at most 72 bytes), unused bits.
const BIT_STRING_HEADER_LEN: usize = 3;

/// A fresh P-256 key and the request that proves its possession.
pub struct Request {
    /// The request, DER. It carries no name: the issuer decides names.
    pub der: Vec<u8>,
    /// The request, PEM.
    pub pem: String,
    /// PKCS#8 PEM of the private key; it never leaves the box.
    pub key_pem: String,
}

/// Makes a key and a request for it.
pub fn create() -> Result<Request, CertError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    request_for(&key)
}

/// Makes a request for a key that exists already (an enrolment repeated after a lost answer).
pub fn for_key(key_pem: &str) -> Result<Request, CertError> {
    request_for(
        &KeyPair::from_pem(key_pem)
            .map_err(|error| CertError::unreadable("private key", &error))?,
    )
}

fn request_for(key: &KeyPair) -> Result<Request, CertError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key)?;
    Ok(Request {
        der: request.der().to_vec(),
        pem: request.pem()?,
        key_pem: key.serialize_pem(),
    })
}

/// The public key of a request, PEM or DER, whose signature verifies with that very key.
pub(crate) fn verified_key(request: &[u8]) -> Result<SubjectPublicKeyInfo, CertError> {
    if request.len() > MAX_BYTES {
        return Err(CertError::Request("it is larger than 8 KiB"));
    }
    let der = if request.starts_with(b"-----BEGIN") {
        CertificateSigningRequestDer::from_pem_slice(request)
            .map_err(|_| CertError::Request("not PEM of a certificate request"))?
            .to_vec()
    } else {
        request.to_vec()
    };
    let (rest, parsed) = X509CertificationRequest::from_der(&der)
        .map_err(|_| CertError::Request("not a PKCS#10 structure"))?;
    if !rest.is_empty() {
        return Err(CertError::Request("bytes after its end"));
    }
    let key = &parsed.certification_request_info.subject_pki;
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.as_oid().ok());
    if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err(CertError::Request("its key is not P-256"));
    }
    // Compared as bytes: the parser reads the unsigned part leniently, and one request must have one spelling.
    let unsigned_len =
        ECDSA_WITH_SHA256.len() + BIT_STRING_HEADER_LEN + parsed.signature_value.data.len();
    let unsigned = &der[der.len().saturating_sub(unsigned_len)..];
    if !unsigned.starts_with(ECDSA_WITH_SHA256) || parsed.signature_value.unused_bits != 0 {
        return Err(CertError::Request(
            "its signature is not ECDSA with SHA-256",
        ));
    }
    parsed
        .verify_signature()
        .map_err(|_| CertError::Request("it is not signed by its own key"))?;
    SubjectPublicKeyInfo::from_der(key.raw).map_err(|_| CertError::Request("its key is not P-256"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use rcgen::{DnType, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
    use sekisho_domain::ids::GatewayId;

    use super::*;
    use crate::{Profile, Root, RootKind};

    const NOW: i64 = 1_795_132_800_000;

    fn sign(request: &[u8]) -> Result<crate::Certificate, CertError> {
        Root::create(RootKind::Uplink).unwrap().sign_csr(
            request,
            &Profile::Gateway(GatewayId([9; 16])),
            NOW,
        )
    }

    #[test]
    fn pem_and_der_give_a_certificate_for_the_same_key() {
        let request = create().unwrap();
        let key = KeyPair::from_pem(&request.key_pem).unwrap();
        for form in [request.pem.as_bytes(), &request.der] {
            assert_eq!(sign(form).unwrap().public_key, key.public_key_raw());
        }
        assert_eq!(
            sign(&for_key(&request.key_pem).unwrap().der)
                .unwrap()
                .public_key,
            key.public_key_raw()
        );
    }

    #[test]
    fn every_altered_byte_is_refused() {
        let request = create().unwrap().der;
        for at in 0..request.len() {
            let mut altered = request.clone();
            altered[at] ^= 1;
            assert!(
                sign(&altered).is_err(),
                "byte {at} of {} made no difference",
                request.len()
            );
        }
        for end in 0..request.len() {
            assert!(sign(&request[..end]).is_err());
        }
        assert!(sign(&[request.as_slice(), b"\0"].concat()).is_err());
        assert!(sign(&vec![0x30; MAX_BYTES + 1]).is_err());
        assert!(
            sign(b"-----BEGIN CERTIFICATE REQUEST-----\nxx\n-----END CERTIFICATE REQUEST-----\n")
                .is_err()
        );
    }

    #[test]
    fn names_in_a_request_are_ignored() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "srv-00000000000000000000000000");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = sign(params.serialize_request(&key).unwrap().der()).unwrap();
        assert_eq!(certificate.cn, Profile::Gateway(GatewayId([9; 16])).cn());
        assert!(!certificate.pem.is_empty());
        let der =
            rustls_pki_types::CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(!parsed.is_ca());
        assert!(parsed.subject_alternative_name().unwrap().is_none());
    }

    #[test]
    fn other_algorithms_are_refused() {
        for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let request = CertificateParams::default()
                .serialize_request(&key)
                .unwrap();
            assert!(matches!(
                sign(request.der()),
                Err(CertError::Request("its key is not P-256"))
            ));
        }
    }
}
