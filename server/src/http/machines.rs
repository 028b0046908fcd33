//! The HTTPS listener of machines: the one call with which a gateway enrols.
//!
//! Its certificate is issued under the uplink root and shown together with that root, because a box that enrols knows nothing
//! but the root's fingerprint, from its code.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use sekisho_domain::crypto::{hex, unhex};
use sekisho_domain::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};
use tower_http::timeout::TimeoutLayer;

use super::tls::Peer;
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::enrol_gateway::{Enrolled, Enrolment, enrol_gateway};

/// Largest body, bytes.
const BODY_MAX: usize = 16 * 1024;

/// Longest time for a call: nobody may hold the listener's connections with a body that never ends.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Calls that one address may make at once, and how many of them come back a second. Guessing a 128-bit code needs more.
const BURST: u64 = 20;
const PER_SECOND: u64 = 5;

/// Addresses that are told apart; a flood from more of them is a flood all the same.
const ADDRESSES_MAX: usize = 4096;

/// What the box sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The code, as printed when the gateway was added.
    code: String,
    /// Certificate request, PEM.
    csr: String,
    /// Public half of the seal key, 64 hexadecimal digits.
    seal_key: String,
    /// Signature of the seal key, 128 hexadecimal digits.
    proof: String,
}

/// What the box gets.
#[derive(Debug, Serialize)]
pub struct EnrolAnswer {
    gateway: String,
    site: String,
    certificate: String,
    uplink_root: String,
    uplink_host: String,
    uplink_port: u16,
    keyring_key: String,
    keyring: String,
    origin: String,
    checkpoint: String,
}

/// A refusal, as a problem document (RFC 9457).
#[derive(Debug, Serialize)]
pub struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
}

struct Machines {
    app: Arc<App>,
    uplink_port: u16,
    buckets: Mutex<Buckets>,
}

/// What the listener serves. `uplink_port` is where the broker listens.
pub fn router(app: Arc<App>, uplink_port: u16) -> Router {
    Router::new()
        .route("/machines/v1/enrol", post(enrol))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .with_state(Arc::new(Machines {
            app,
            uplink_port,
            buckets: Mutex::default(),
        }))
}

type Answer<T> = Result<Json<T>, (StatusCode, Json<Problem>)>;

async fn enrol(
    State(machines): State<Arc<Machines>>,
    peer: Option<Extension<Peer>>,
    Json(request): Json<EnrolRequest>,
) -> Answer<EnrolAnswer> {
    let app = &machines.app;
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(peer)| peer.0);
    if !machines
        .buckets
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take(from, app.clock.mono_ms())
    {
        return Err(refuse(&Refusal::new(Code::TooManyRequests)));
    }
    let enrolment = read(request).ok_or_else(|| refuse(&Refusal::new(Code::InvalidInput)))?;
    match enrol_gateway(app, &enrolment).await {
        Ok(enrolled) => {
            tracing::info!(gateway.id = %enrolled.gateway, "gateway enrolled");
            Ok(Json(machines.answer(enrolled)))
        }
        Err(FlowError::Refused(refusal)) => {
            tracing::warn!(refusal.code = refusal.code.name(), data = ?refusal.data, "enrolment refused");
            Err(refuse(&refusal))
        }
        Err(FlowError::Failed(error)) => {
            tracing::error!(error = format!("{error:#}"), "enrolment failed");
            let problem = Problem {
                r#type: "about:blank".to_owned(),
                title: "Something broke at the server.",
                status: 500,
                code: "failed",
            };
            Err((StatusCode::INTERNAL_SERVER_ERROR, Json(problem)))
        }
    }
}

/// `None` when a field is not of its form.
fn read(request: EnrolRequest) -> Option<Enrolment> {
    Some(Enrolment {
        code: request.code,
        csr: CertificateSigningRequestDer::from_pem_slice(request.csr.as_bytes())
            .ok()?
            .to_vec(),
        seal_key: unhex(&request.seal_key)?.try_into().ok()?,
        proof: unhex(&request.proof)?.try_into().ok()?,
    })
}

impl Machines {
    fn answer(&self, enrolled: Enrolled) -> EnrolAnswer {
        EnrolAnswer {
            gateway: enrolled.gateway.to_string(),
            site: enrolled.site.to_string(),
            certificate: enrolled.certificate,
            uplink_root: enrolled.uplink_root,
            uplink_host: self.app.config.uplink.host.clone(),
            uplink_port: self.uplink_port,
            keyring_key: hex(enrolled.keyring_key.as_bytes()),
            keyring: STANDARD.encode(enrolled.keyring),
            origin: enrolled.origin,
            checkpoint: enrolled.checkpoint,
        }
    }
}

fn refuse(refusal: &Refusal) -> (StatusCode, Json<Problem>) {
    let code = refusal.code;
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let problem = Problem {
        r#type: format!("urn:sekisho:refusal:{}", code.name()),
        title: code.en(),
        status: status.as_u16(),
        code: code.name(),
    };
    (status, Json(problem))
}

/// One bucket for each address, so that nobody empties another's.
#[derive(Default)]
struct Buckets(HashMap<IpAddr, Tokens>);

impl Buckets {
    fn take(&mut self, from: IpAddr, now_ms: u64) -> bool {
        let from = network(from);
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&from) {
            self.0.retain(|_, tokens| !tokens.is_full(now_ms));
            if self.0.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let fresh = Tokens {
            left: BURST,
            at_ms: now_ms,
        };
        self.0.entry(from).or_insert(fresh).take(now_ms)
    }
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A bucket of tokens, one a call.
struct Tokens {
    left: u64,
    at_ms: u64,
}

impl Tokens {
    fn is_full(&self, now_ms: u64) -> bool {
        self.left + now_ms.saturating_sub(self.at_ms) * PER_SECOND / 1000 >= BURST
    }

    fn take(&mut self, now_ms: u64) -> bool {
        let fresh = now_ms.saturating_sub(self.at_ms) * PER_SECOND / 1000;
        if fresh > 0 {
            self.left = (self.left + fresh).min(BURST);
            self.at_ms = now_ms;
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let mut tokens = Tokens {
            left: BURST,
            at_ms: 0,
        };
        assert_eq!((0..100).filter(|_| tokens.take(10)).count() as u64, BURST);
        assert_eq!(
            (0..100).filter(|_| tokens.take(1_010)).count() as u64,
            PER_SECOND
        );
    }

    #[test]
    fn nobody_empties_the_bucket_of_another_address() {
        let at = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        let mut buckets = Buckets::default();
        let took = (0..100).filter(|_| buckets.take(at(1), 10)).count();
        assert_eq!(took as u64, BURST);
        assert!(buckets.take(at(2), 10), "another address");
        let [one, other]: [IpAddr; 2] =
            ["2001:db8::1", "2001:db8::2"].map(|it| it.parse().unwrap());
        let both = (0..100).filter(|n| buckets.take(if n % 2 == 0 { one } else { other }, 10));
        assert_eq!(both.count() as u64, BURST, "one network");
        for n in 0..10_000 {
            buckets.take(at(n), 10);
        }
        assert_eq!(buckets.0.len(), ADDRESSES_MAX);
        assert!(!buckets.take(at(20_000), 10));
        assert!(
            buckets.take(at(20_000), 60_000),
            "old buckets are forgotten"
        );
    }
}
