//! Enrolment: one code, one call, one identity.
//!
//! The code carries the fingerprint of the server's root, so the first connection is already pinned. Everything made here is
//! made before the call: a call whose answer is lost can be repeated with the same keys.

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_certs::{Certificate, csr, files, tls};
use sekisho_domain::crypto::{Digest, SigningKey, VerifyingKey, hex, unhex};
use sekisho_domain::ids::{GatewayId, Identity as CommonName, SiteId, StreamId};
use sekisho_domain::wire::keyring::Keyring;
use sekisho_domain::wire::uplink::Head;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::env::Env;
use crate::home::Home;
use crate::store::{Identity, Store, StoredHead};
use crate::uplink::open_checkpoint;

/// What is signed to prove possession of the seal key, before code and digest.
const PROOF: &[u8] = b"sekisho/enrol/v1";

/// Longest answer read, bytes.
const ANSWER_MAX: usize = 512 * 1024;

/// A code as the server printed it: `<32 hex>.<64 hex>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The whole text, which the server checks.
    pub text: String,
    /// SHA-256 of the uplink root certificate.
    pub fingerprint: Digest,
}

impl Code {
    /// Reads a code.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        let bad = || {
            anyhow!(
                "this is not an enrolment code: it has 32 hexadecimal digits, a dot and 64 more; make one with `sekisho gateway add`"
            )
        };
        let (secret, fingerprint) = text.split_once('.').ok_or_else(bad)?;
        let fingerprint = Digest::from_hex(fingerprint).ok_or_else(bad)?;
        if unhex(secret).is_none_or(|secret| secret.len() != 16) {
            return Err(bad());
        }
        Ok(Self {
            text: text.to_owned(),
            fingerprint,
        })
    }
}

/// What is sent.
#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
    csr: &'a str,
    seal_key: String,
    proof: String,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Who this box is from now on.
    pub gateway: GatewayId,
    /// At which site.
    pub site: SiteId,
    /// Our certificate, PEM.
    pub certificate: String,
    /// The root of the server's certificates, PEM.
    pub uplink_root: String,
    /// The uplink broker's host.
    pub uplink_host: String,
    /// Its port.
    pub uplink_port: u16,
    /// The keyring key to be pinned, hexadecimal.
    pub keyring_key: String,
    /// The signed keyring, base64.
    pub keyring: String,
    /// Origin of the log.
    pub origin: String,
    /// Newest checkpoint of it, or empty.
    pub checkpoint: String,
}

/// A refusal of the server (RFC 9457), as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    title: String,
    detail: String,
}

/// The server's answer is no. Trying again with the same code does not help.
#[derive(Debug, thiserror::Error)]
#[error("the server refused the enrolment: {code}: {text}")]
pub struct Refused {
    /// Stable code.
    pub code: String,
    /// What it says.
    pub text: String,
}

/// Enrols this box into `home` and returns who it is.
pub async fn enrol(
    home: &Home,
    env: &Env,
    code: &Code,
    server: &str,
    site_bus_port: u16,
) -> anyhow::Result<Identity> {
    if home.database().exists() {
        bail!(
            "{} holds an enrolled gateway already; choose another directory",
            home.dir().display()
        );
    }
    home.create()?;
    let seal_key = home.make_seal_key()?;
    home.site_bus_root()?;
    let request = csr_of(home)?;
    let answer = call(server, code, &request, &seal_key).await?;
    let (identity, head) = check(&answer, code, &request, env)?;

    files::write_private(&home.uplink_certificate(), answer.certificate.as_bytes())?;
    files::write_private(&home.uplink_root(), answer.uplink_root.as_bytes())?;
    let config = Config::template(&answer.uplink_host, answer.uplink_port, site_bus_port);
    files::write_private(&home.config(), config.as_bytes())?;
    // The database last: it is what says that this box is enrolled.
    let store = Store::create(&home.database(), &identity, env.clock.wall()).await?;
    if let Some(head) = head {
        store.pin_head(&head, env.clock.wall()).await?;
    }
    store.close().await;
    Ok(identity)
}

/// A request for our TLS key, which is made at the first try.
fn csr_of(home: &Home) -> anyhow::Result<csr::Request> {
    if home.uplink_key().exists() {
        let key = String::from_utf8(files::read_private(&home.uplink_key())?)
            .context("uplink.key is not text")?;
        return Ok(csr::for_key(&key)?);
    }
    let request = csr::create()?;
    files::create_private(&home.uplink_key(), request.key_pem.as_bytes())?;
    Ok(request)
}

async fn call(
    server: &str,
    code: &Code,
    request: &csr::Request,
    seal_key: &SigningKey,
) -> anyhow::Result<Answer> {
    let url = format!("{}/machines/v1/enrol", server.trim_end_matches('/'));
    if !url.starts_with("https://") {
        bail!("--server has to start with https:// (it is {server:?})");
    }
    let proof = [PROOF, code.text.as_bytes(), &Digest::of(&[&request.der]).0].concat();
    let body = Request {
        code: &code.text,
        csr: &request.pem,
        seal_key: hex(seal_key.verifying().as_bytes()),
        proof: hex(&seal_key.sign(&proof)),
    };
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*tls::client_pinned(code.fingerprint)?).clone())
        // The code goes to the host that was named and to no other.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .build()?;
    let mut response = client
        .post(&url)
        .json(&body)
        .send()
        .await
        .with_context(|| {
            format!("cannot reach {url}, or its certificate is not the one in the code")
        })?;
    let status = response.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_MAX {
            bail!("{url} answered more than can be an answer");
        }
    }
    if status.is_success() {
        return serde_json::from_slice(&bytes)
            .with_context(|| format!("{url} did not answer like a Sekisho server"));
    }
    let problem: Problem = serde_json::from_slice(&bytes).unwrap_or_default();
    if problem.code.is_empty() {
        bail!("{url} answered {status}");
    }
    let text = if problem.detail.is_empty() {
        problem.title
    } else {
        problem.detail
    };
    Err(Refused {
        code: problem.code,
        text,
    }
    .into())
}

/// Believes nothing that does not fit together.
fn check(
    answer: &Answer,
    code: &Code,
    request: &csr::Request,
    env: &Env,
) -> anyhow::Result<(Identity, Option<StoredHead>)> {
    let root = Certificate::from_pem(&answer.uplink_root).context("the answer's uplink root")?;
    if root.fingerprint != code.fingerprint {
        bail!("the answer names another root than the code");
    }
    let certificate =
        Certificate::from_pem(&answer.certificate).context("the answer's certificate")?;
    if certificate.identity() != Some(CommonName::Gateway(answer.gateway)) {
        bail!(
            "the certificate is for {}, not for {}",
            certificate.cn,
            answer.gateway
        );
    }
    // rustls refuses a key that is not the certificate's.
    tls::client(
        &answer.uplink_root,
        Some(tls::Identity {
            chain_pem: &answer.certificate,
            key_pem: &request.key_pem,
        }),
    )
    .context("the certificate is not for our key")?;
    let pinned = unhex(&answer.keyring_key)
        .and_then(|key| <[u8; 32]>::try_from(key).ok())
        .context("the answer's keyring key")?;
    let keyring_key = VerifyingKey::from_bytes(pinned);
    if keyring_key.is_weak() {
        bail!("the answer's keyring key is a point of small order");
    }
    let signed = STANDARD
        .decode(&answer.keyring)
        .context("the answer's keyring")?;
    let keyring = Keyring::open(&keyring_key, &signed).context("the answer's keyring")?;
    if keyring.site != answer.site {
        bail!("the keyring is for another site");
    }
    let head = match answer.checkpoint.as_str() {
        "" => None,
        note => {
            let checkpoint = open_checkpoint(&keyring, note).context("the answer's checkpoint")?;
            Some(StoredHead {
                origin: checkpoint.origin.as_str().to_owned(),
                head: Head {
                    size: checkpoint.size,
                    root: checkpoint.root,
                },
            })
        }
    };
    let stream = StreamId::new(env.clock.wall().0, env.random());
    let identity = Identity {
        gateway: answer.gateway,
        site: answer.site,
        stream,
        keyring_key,
        keyring: signed,
        keyring_serial: keyring.serial,
        origin: answer.origin.clone(),
    };
    Ok((identity, head))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_code_is_a_secret_and_a_fingerprint() {
        let text = format!("{}.{}", "ab".repeat(16), "cd".repeat(32));
        let code = Code::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (code.text.as_str(), code.fingerprint),
            (text.as_str(), Digest([0xcd; 32]))
        );
        for bad in [
            "",
            "abc",
            "ab.cd",
            &text[1..],
            &text[..96],
            &format!("{text}0"),
            &text.replace("ab", "xy"),
        ] {
            assert!(Code::parse(bad).is_err(), "{bad}");
        }
    }
}
