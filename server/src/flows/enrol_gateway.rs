//! Enrols a gateway: the box shows its code, a certificate request and a seal key it holds, and gets everything it needs to
//! be trusted and to trust.

use sekisho_certs::{Certificate, Profile};
use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::GatewayEnrolled;
use sekisho_domain::wire::code::EventCode;

use super::FlowError;
use super::open_log::{current_log, keyring_key};
use super::record::{Draft, record};
use crate::app::App;
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::{self, Tx};

/// What the box shows.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The code as it was typed in.
    pub code: String,
    /// Certificate request (DER).
    pub csr: Vec<u8>,
    /// Public half of its seal key.
    pub seal_key: [u8; 32],
    /// Ed25519 signature of the seal key over [`proof_message`].
    pub proof: [u8; 64],
}

/// What the box gets.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Which gateway it is.
    pub gateway: GatewayId,
    /// Where.
    pub site: SiteId,
    /// Its uplink certificate (PEM).
    pub certificate: String,
    /// The uplink's root (PEM).
    pub uplink_root: String,
    /// The key that signs keyrings: pinned from now on.
    pub keyring_key: VerifyingKey,
    /// The site's signed keyring.
    pub keyring: Vec<u8>,
    /// Name of the site's log.
    pub origin: String,
    /// Signed head of the site's log.
    pub checkpoint: String,
}

/// What the seal key signs to prove that the box holds it: bound to this code and this certificate request.
pub fn proof_message(code: &str, csr_der: &[u8]) -> Vec<u8> {
    let mut message = b"sekisho/enrol/v1".to_vec();
    message.extend_from_slice(code.as_bytes());
    message.extend_from_slice(&Digest::of(&[csr_der]).0);
    message
}

/// Enrols. The same box may ask again while its code lives (the answer may have been lost); another key may not.
pub async fn enrol_gateway(app: &App, shown: &Enrolment) -> Result<Enrolled, FlowError> {
    let seal_key = VerifyingKey::from_bytes(shown.seal_key);
    let secret = shown.code.split('.').next().unwrap_or_default();
    let code = Digest::of(&[secret.as_bytes()]);
    // Looked at first without a lock: nothing is signed while others wait for the database.
    let mut tx = app.db.read().await?;
    let found = store::gateways::by_code(&mut tx, code, app.now()).await?;
    drop(tx);
    let gateway = fits(found, seal_key)?;
    if seal_key.is_weak()
        || seal_key
            .verify(&proof_message(&shown.code, &shown.csr), &shown.proof)
            .is_err()
    {
        return Err(Refusal::new(Code::ProofInvalid).into());
    }
    let certificate = certify(app, &gateway, &shown.csr)?;
    let mut tx = app.db.write().await?;
    // Somebody may have enrolled, revoked or renewed the code meanwhile.
    let locked = store::gateways::lock_by_code(&mut tx, code, app.now()).await?;
    let gateway = fits(locked.filter(|it| it.id == gateway.id), seal_key)?;
    certified(&mut tx, app, &gateway, seal_key, &certificate).await?;
    let enrolled = answer(&mut tx, app, &gateway, certificate).await?;
    if gateway.state == GatewayState::Added {
        let body = GatewayEnrolled {
            gateway: gateway.id,
            seal_key,
        };
        record(
            &mut tx,
            app,
            Draft::new(app, Some(gateway.site), EventCode::GatewayEnrolled).body(&body),
        )
        .await?;
    }
    tx.commit().await?;
    app.facts_changed.notify_one();
    Ok(enrolled)
}

/// A code is for one key.
fn fits(found: Option<Gateway>, seal_key: VerifyingKey) -> Result<Gateway, Refusal> {
    found
        .filter(|gateway| gateway.seal_key.is_none_or(|known| known == seal_key))
        .ok_or_else(|| Refusal::new(Code::CodeInvalid))
}

fn certify(app: &App, gateway: &Gateway, csr: &[u8]) -> Result<Certificate, FlowError> {
    let signed = app
        .uplink_root()?
        .sign_csr(csr, &Profile::Gateway(gateway.id), app.now().0);
    signed.map_err(|error| {
        tracing::warn!(gateway.id = %gateway.id, error = %error, "certificate request refused");
        Refusal::new(Code::ProofInvalid).with("csr", error).into()
    })
}

/// Writes the certificate down. One lives at a time: what the box got before goes on the revocation list.
async fn certified(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    seal_key: VerifyingKey,
    certificate: &Certificate,
) -> Result<(), FlowError> {
    let (now, serial) = (app.now(), certificate.serial.to_string());
    let replaced = store::certificates::revoke_all(tx, gateway.id, now).await?;
    if replaced > 0 {
        tracing::warn!(gateway.id = %gateway.id, serial, "the gateway enrolled once more; its certificate of before is revoked");
    }
    store::certificates::insert(tx, gateway.id, &serial, now).await?;
    store::gateways::enrol(tx, gateway.id, seal_key, &certificate.pem, &serial, now).await?;
    Ok(())
}

async fn answer(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    certificate: Certificate,
) -> Result<Enrolled, FlowError> {
    let log = current_log(tx, app, Some(gateway.site)).await?;
    Ok(Enrolled {
        gateway: gateway.id,
        site: gateway.site,
        certificate: certificate.pem,
        uplink_root: app.uplink_root()?.cert_pem().to_owned(),
        keyring_key: keyring_key(tx, app).await?.verifying(),
        keyring: log.keyring,
        origin: log.origin,
        checkpoint: log.checkpoint,
    })
}
