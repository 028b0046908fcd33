//! rustls configurations: ring named explicitly, TLS 1.3 only between our own programs.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sekisho_domain::crypto::Digest;

use crate::{CertError, fingerprint};

/// A certificate chain and its private key, both PEM.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Leaf first; see [`client_pinned`] for when the root must follow.
    pub chain_pem: &'a str,
    /// PKCS#8.
    pub key_pem: &'a str,
}

/// A client that trusts exactly the roots in `roots_pem` and, with `identity`, shows a certificate. For MQTT and HTTPS.
pub fn client(
    roots_pem: &str,
    identity: Option<Identity<'_>>,
) -> Result<Arc<ClientConfig>, CertError> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = builder.with_root_certificates(root_store(roots_pem)?);
    Ok(Arc::new(match identity {
        Some(identity) => {
            builder.with_client_auth_cert(chain(identity.chain_pem)?, key(identity.key_pem)?)?
        }
        None => builder.with_no_client_auth(),
    }))
}

/// A client for the one call of enrolment, which knows nothing but the fingerprint of the server's root.
///
/// The server must present that root in its chain ([`Identity::chain_pem`] = leaf, then root). Names, dates and signatures
/// are verified as always, with that root as the only anchor.
pub fn client_pinned(root_fingerprint: Digest) -> Result<Arc<ClientConfig>, CertError> {
    let verifier = Arc::new(PinnedRoot {
        fingerprint: root_fingerprint,
        provider: provider(),
    });
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    Ok(Arc::new(
        builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth(),
    ))
}

/// A TLS 1.3 server for our own programs. With `client_root_pem` a client certificate of that root is demanded.
pub fn server(
    identity: Identity<'_>,
    client_root_pem: Option<&str>,
) -> Result<Arc<ServerConfig>, CertError> {
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = match client_root_pem {
        Some(pem) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(root_store(pem)?), provider())
                    .build()
                    .map_err(|error| CertError::unreadable("client root", &error))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_single_cert(
        chain(identity.chain_pem)?,
        key(identity.key_pem)?,
    )?))
}

/// A TLS 1.2 and 1.3 server without client certificates, for browsers.
pub fn public_server(identity: Identity<'_>) -> Result<Arc<ServerConfig>, CertError> {
    let versions: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_no_client_auth();
    Ok(Arc::new(builder.with_single_cert(
        chain(identity.chain_pem)?,
        key(identity.key_pem)?,
    )?))
}

/// ring.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Accepts a chain whose presented root has one given fingerprint.
#[derive(Debug)]
struct PinnedRoot {
    fingerprint: Digest,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedRoot {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (pinned, others): (Vec<_>, Vec<_>) = intermediates
            .iter()
            .cloned()
            .partition(|cert| fingerprint(cert) == self.fingerprint);
        let mut roots = RootCertStore::empty();
        for cert in pinned {
            roots.add(cert.into_owned())?;
        }
        if roots.is_empty() {
            return Err(rustls::CertificateError::UnknownIssuer.into());
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &others, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn root_store(pem: &str) -> Result<RootCertStore, CertError> {
    let mut roots = RootCertStore::empty();
    for cert in chain(pem)? {
        roots.add(cert)?;
    }
    Ok(roots)
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let certs: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| CertError::unreadable("certificate chain", &error))?;
    if certs.is_empty() {
        return Err(CertError::unreadable(
            "certificate chain",
            "no CERTIFICATE block in it",
        ));
    }
    Ok(certs)
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>, CertError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| CertError::unreadable("private key", &error))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use rustls::{ClientConnection, ServerConnection};
    use sekisho_domain::ids::GatewayId;

    use super::*;
    use crate::{Issued, Profile, Root, RootKind};

    /// A time at which the certificates below are valid whatever the test machine's clock says within reason.
    const NOW: i64 = 1_795_132_800_000;

    fn listener(root: &Root) -> Issued {
        root.issue(
            &Profile::Server {
                id: [1; 16],
                names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            },
            NOW,
        )
        .unwrap()
    }

    /// Runs a handshake in memory.
    fn handshake(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
        name: &'static str,
    ) -> Result<(), rustls::Error> {
        let mut client = ClientConnection::new(client, name.try_into().unwrap())?;
        let mut server = ServerConnection::new(server)?;
        for _ in 0..10 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok(())
    }

    #[test]
    fn a_pin_accepts_its_root_and_no_other() {
        let root = Root::create(RootKind::Uplink).unwrap();
        let other = Root::create(RootKind::Uplink).unwrap();
        let issued = listener(&root);
        let serve = |chain: String| {
            server(
                Identity {
                    chain_pem: &chain,
                    key_pem: &issued.key_pem,
                },
                None,
            )
            .unwrap()
        };
        let with_root = || serve(format!("{}{}", issued.certificate.pem, root.cert_pem()));
        let pin = |root: &Root| client_pinned(root.fingerprint()).unwrap();

        handshake(pin(&root), with_root(), "localhost").unwrap();
        handshake(pin(&root), with_root(), "127.0.0.1").unwrap();
        assert!(
            handshake(pin(&other), with_root(), "localhost").is_err(),
            "another root's fingerprint"
        );
        assert!(
            handshake(pin(&root), with_root(), "elsewhere.example").is_err(),
            "another host name"
        );
        assert!(
            handshake(
                pin(&root),
                serve(issued.certificate.pem.clone()),
                "localhost"
            )
            .is_err(),
            "no root presented"
        );
    }

    #[test]
    fn showing_the_pinned_root_beside_a_foreign_leaf_is_refused() {
        let root = Root::create(RootKind::Uplink).unwrap();
        let thief = Root::create(RootKind::Uplink).unwrap();
        let leaf = listener(&thief);
        let chain = format!("{}{}", leaf.certificate.pem, root.cert_pem());
        let config = server(
            Identity {
                chain_pem: &chain,
                key_pem: &leaf.key_pem,
            },
            None,
        )
        .unwrap();
        assert!(
            handshake(
                client_pinned(root.fingerprint()).unwrap(),
                config,
                "localhost"
            )
            .is_err()
        );
    }

    #[test]
    fn both_sides_can_demand_certificates_of_one_root() {
        let root = Root::create(RootKind::Uplink).unwrap();
        let stranger = Root::create(RootKind::Uplink).unwrap();
        let ours = listener(&root);
        let serve = || {
            server(
                Identity {
                    chain_pem: &ours.certificate.pem,
                    key_pem: &ours.key_pem,
                },
                Some(root.cert_pem()),
            )
            .unwrap()
        };
        let as_gateway = |of: &Root| {
            let issued = of
                .issue(&Profile::Gateway(GatewayId([2; 16])), NOW)
                .unwrap();
            client(
                root.cert_pem(),
                Some(Identity {
                    chain_pem: &issued.certificate.pem,
                    key_pem: &issued.key_pem,
                }),
            )
            .unwrap()
        };
        handshake(as_gateway(&root), serve(), "localhost").unwrap();
        assert!(handshake(as_gateway(&stranger), serve(), "localhost").is_err());
        assert!(handshake(client(root.cert_pem(), None).unwrap(), serve(), "localhost").is_err());
        assert!(
            handshake(
                client(stranger.cert_pem(), None).unwrap(),
                serve(),
                "localhost"
            )
            .is_err()
        );
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(client("nothing", None).is_err());
        assert!(
            client(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                None
            )
            .is_err()
        );
        let root = Root::create(RootKind::Uplink).unwrap();
        assert!(
            public_server(Identity {
                chain_pem: root.cert_pem(),
                key_pem: ""
            })
            .is_err()
        );
    }
}
