//! Reading certificates.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sekisho_domain::crypto::{Digest, hex, unhex};
use sekisho_domain::ids::Identity;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::CertError;

/// A certificate and what others ask about it. Reading one does not mean believing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, PEM.
    pub pem: String,
    /// Common name: `srv-…`, `gw-…`, `dev-…`, `obs-…`, `brk-…`, or a root's.
    pub cn: String,
    /// Serial number.
    pub serial: Serial,
    /// Start of validity, unix ms.
    pub not_before_ms: i64,
    /// End of validity, unix ms.
    pub not_after_ms: i64,
    /// SHA-256 of the DER form.
    pub fingerprint: Digest,
    /// The subject's public key bits (uncompressed point for P-256).
    pub public_key: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, CertError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| CertError::unreadable("certificate", &error))?;
        let mut certificate = Self::from_der(&der)?;
        pem.clone_into(&mut certificate.pem);
        Ok(certificate)
    }

    /// Reads a DER certificate, e.g. the peer's of a TLS connection. `pem` stays empty.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| CertError::unreadable("certificate", &error))?;
        if !rest.is_empty() {
            return Err(CertError::unreadable("certificate", "bytes after its end"));
        }
        let mut names = parsed.subject().iter_common_name();
        // Two common names are two readings: Mosquitto takes one of them, somebody else the other.
        let (Some(cn), None) = (names.next(), names.next()) else {
            return Err(CertError::unreadable(
                "certificate",
                "it has not exactly one common name",
            ));
        };
        let cn = cn
            .as_str()
            .map_err(|_| CertError::unreadable("certificate", "its common name is not text"))?;
        Ok(Self {
            pem: String::new(),
            cn: cn.to_owned(),
            serial: Serial::from_bytes(parsed.raw_serial()),
            not_before_ms: parsed.validity().not_before.timestamp() * 1000,
            not_after_ms: parsed.validity().not_after.timestamp() * 1000,
            fingerprint: fingerprint(der),
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// Class and id of the common name; `None` for roots and brokers, which are no MQTT identities.
    pub fn identity(&self) -> Option<Identity> {
        self.cn.parse().ok()
    }
}

/// SHA-256 of a DER certificate.
pub fn fingerprint(der: &[u8]) -> Digest {
    Digest::of(&[der])
}

/// A certificate's serial number; lower-case hexadecimal in text and databases.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// From the DER integer's bytes; leading zeros carry no meaning and are dropped.
    fn from_bytes(bytes: &[u8]) -> Self {
        let start = bytes
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(bytes.len());
        Self(bytes[start..].to_vec())
    }

    /// Big-endian, without leading zeros.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for Serial {
    type Err = CertError;

    /// Reads the hexadecimal form of a serial of 1 to 20 bytes (RFC 5280 §4.1.2.2).
    fn from_str(text: &str) -> Result<Self, CertError> {
        match unhex(text) {
            Some(bytes) if (1..=20).contains(&bytes.len()) => Ok(Self::from_bytes(&bytes)),
            _ => Err(CertError::unreadable(
                "serial number",
                "it is not 2 to 40 hexadecimal digits",
            )),
        }
    }
}
