//! Takes in one publish of a gateway's evidence: a seal and the openings of its events.
//!
//! Key of a seal: gateway, stream, seal_no. The seal, its place in the stream, its openings and everything projected from its
//! events are one transaction; the caller acknowledges the message after the commit and not before. A repeat changes nothing.

use std::collections::BTreeMap;

use sekisho_domain::cbor;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::evidence::seal::{Seal, SealError, seal_hash};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::body::{ForkBody, RefusedBody, RegistryBody};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::EvidencePublish;
use sekisho_domain::wire::{PUBLISH_MAX, VERSION};

use super::FlowError;
use super::open_log::open_log;
use super::project_events::{Openings, project};
use super::record::{Draft, record};
use crate::app::App;
use crate::store::gaps::{self, Kind};
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::log::StreamEnd;
use crate::store::pending::{Pending, Waiting};
use crate::store::streams::Stream;
use crate::store::{self, Tx};

/// What became of a publish.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Stored; it waits for the sequencer. `applied` tells that the gateway confirmed a snapshot or a revocation list.
    Stored {
        /// Where.
        site: SiteId,
        /// Whether the gateway should hear at once what is fresh.
        applied: bool,
    },
    /// The very same seal was stored before.
    Duplicate,
    /// Ahead of its turn; the stream has to come again from here.
    Ahead {
        /// Which stream.
        stream: StreamId,
        /// From which seal on.
        resend_from: u64,
    },
    /// Contradicts a stored seal; both are kept.
    Forked,
    /// Signed, but of a version that this program does not know: the stream waits for an upgrade.
    Stopped,
    /// Not signed evidence of this gateway; counted, and nothing else.
    Refused(&'static str),
}

/// Takes in the bytes of one `up/evidence` message of the gateway that the topic names.
pub async fn record_seal(app: &App, id: GatewayId, payload: &[u8]) -> Result<Recorded, FlowError> {
    let Ok(publish) = cbor::decode::<EvidencePublish>(payload, PUBLISH_MAX) else {
        return Ok(Recorded::Refused("not an evidence message"));
    };
    if publish.version != VERSION {
        return Ok(Recorded::Refused("unknown version of the message"));
    }
    let mut tx = app.db.write().await?;
    let Some(gateway) = store::gateways::lock(&mut tx, id).await? else {
        return Ok(Recorded::Refused("unknown gateway"));
    };
    // A revoked gateway's seals are not stored, however old they say they are (`revoke_gateway`).
    let (GatewayState::Enrolled, Some(key)) = (gateway.state, gateway.seal_key) else {
        return Ok(Recorded::Refused("not enrolled, or no more"));
    };
    let seal = match Seal::open(&key, &publish.seal) {
        Ok(seal) => seal,
        Err(SealError::UnknownVersion(_)) => return stop(tx, app, &gateway).await,
        Err(SealError::Cose(_)) => return Ok(Recorded::Refused("not signed by this gateway")),
        Err(SealError::Malformed) => return Ok(Recorded::Refused("signed, but not a seal")),
    };
    if seal.gateway != gateway.id || seal.site != gateway.site {
        return Ok(Recorded::Refused("the seal names another gateway or site"));
    }
    store::streams::ensure(&mut tx, id, seal.stream, app.now()).await?;
    let Some(stream) = store::streams::lock(&mut tx, id, seal.stream).await? else {
        return Ok(Recorded::Refused("the stream has no row"));
    };
    let next = stream.end.seal_no + 1;
    if seal.seal_no > next {
        // Of a stream that never had a seal nothing is kept: a row for each id that a gateway makes up would be a row too many.
        if stream.end.seal_no > 0 && seal.first_seq > stream.end.seq + 1 {
            note_hole(&mut tx, app, &seal).await?;
            tx.commit().await?;
        }
        return Ok(Recorded::Ahead {
            stream: seal.stream,
            resend_from: next,
        });
    }
    let hash = seal_hash(&publish.seal);
    if seal.seal_no < next {
        return repeat(tx, app, &gateway, &seal, &publish.seal, hash).await;
    }
    if seal.prev_seal_hash != stream.end.hash || seal.first_seq != stream.end.seq + 1 {
        return fork(
            tx,
            app,
            &gateway,
            &seal,
            &publish.seal,
            (stream.end.hash, hash),
        )
        .await;
    }
    if stream.end.seal_no == 0 && has_other_stream(&mut tx, &seal).await? {
        note_new_stream(&mut tx, app, &gateway, seal.stream).await?;
    }
    let applied = store_seal(&mut tx, app, &gateway, &seal, &publish, &stream, hash).await?;
    tx.commit().await?;
    app.pending.notify_one();
    Ok(Recorded::Stored {
        site: gateway.site,
        applied,
    })
}

/// Whether the gateway has sealed in another stream before.
async fn has_other_stream(tx: &mut Tx, seal: &Seal) -> Result<bool, FlowError> {
    let streams = store::streams::of_gateway(tx, seal.gateway).await?;
    Ok(streams
        .iter()
        .any(|it| it.stream != seal.stream && it.end.seal_no > 0))
}

/// What lies between is asked for again, and shown as missing for as long as it does not come.
async fn note_hole(tx: &mut Tx, app: &App, seal: &Seal) -> Result<(), FlowError> {
    let now = app.now();
    let mut sum = gaps::lock(tx, seal.gateway, seal.stream, Kind::Evidence, now).await?;
    sum.missing_to = sum.missing_to.max(seal.first_seq.checked_sub(1));
    sum.since = sum.since.or(Some(now));
    gaps::set(tx, &sum).await?;
    Ok(())
}

async fn store_seal(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    seal: &Seal,
    publish: &EvidencePublish,
    stream: &Stream,
    hash: Digest,
) -> Result<bool, FlowError> {
    let now = app.now();
    let log = open_log(tx, app, Some(gateway.site)).await?;
    let what = Waiting::Seal {
        gateway: gateway.id,
        stream: stream.stream,
        seal_no: seal.seal_no,
    };
    store::pending::insert(
        tx,
        log,
        &Pending {
            id: app.event_id(),
            what,
            bytes: publish.seal.to_vec(),
        },
        now,
    )
    .await?;
    let end = StreamEnd {
        seal_no: seal.seal_no,
        seq: seal.next_seq() - 1,
        hash,
    };
    store::streams::set_end(tx, gateway.id, stream.stream, end, now).await?;
    store::gateways::set_seen(tx, gateway.id, now).await?;
    let (openings, strangers) = match_openings(seal, &publish.openings);
    for (digest, opening) in &openings {
        store::events::keep_opening(tx, Some(gateway.site), *digest, &opening.disclosure, now)
            .await?;
    }
    if strangers > 0 {
        alarm(tx, app, gateway, "opening_mismatch").await?;
    }
    project(tx, app, gateway, seal, &openings).await
}

/// Openings by the digest that they open, and how many open nothing in this seal.
fn match_openings(seal: &Seal, openings: &[String]) -> (Openings, usize) {
    let committed: Vec<Digest> = seal
        .events
        .iter()
        .filter_map(|bytes| Event::from_bytes(bytes).ok())
        .flat_map(|event| event.commitments().collect::<Vec<_>>())
        .collect();
    let mut matched = BTreeMap::new();
    let mut strangers = 0;
    for disclosure in openings {
        let digest = disclosure::commitment(disclosure);
        match disclosure::read(disclosure) {
            Some((name, value)) if committed.contains(&digest) => {
                matched.insert(
                    digest,
                    super::project_events::Opening {
                        disclosure: disclosure.clone(),
                        name,
                        value,
                    },
                );
            }
            _ => strangers += 1,
        }
    }
    (matched, strangers)
}

/// A number that is taken: the same seal again, or another under its number.
async fn repeat(
    mut tx: Tx,
    app: &App,
    gateway: &Gateway,
    seal: &Seal,
    bytes: &[u8],
    hash: Digest,
) -> Result<Recorded, FlowError> {
    let stored = match store::pending::seal(&mut tx, gateway.id, seal.stream, seal.seal_no).await? {
        Some(hash) => Some(hash),
        None => store::log::hash_of_seal(&mut tx, gateway.id, seal.stream, seal.seal_no).await?,
    };
    match stored {
        Some(stored) if stored == hash => Ok(Recorded::Duplicate),
        stored => {
            fork(
                tx,
                app,
                gateway,
                seal,
                bytes,
                (stored.unwrap_or(Digest::ZERO), hash),
            )
            .await
        }
    }
}

/// Keeps a seal that contradicts the stream, and says so once.
async fn fork(
    mut tx: Tx,
    app: &App,
    gateway: &Gateway,
    seal: &Seal,
    bytes: &[u8],
    (logged, other): (Digest, Digest),
) -> Result<Recorded, FlowError> {
    if store::streams::keep_fork(
        &mut tx,
        gateway.id,
        seal.stream,
        seal.seal_no,
        other,
        bytes,
        app.now(),
    )
    .await?
    {
        let body = ForkBody {
            gateway: gateway.id,
            stream: seal.stream,
            seal_no: seal.seal_no,
            logged,
            other,
        };
        let mut draft =
            Draft::new(app, Some(gateway.site), EventCode::JournalForkDetected).body(&body);
        draft.reasons = vec!["fork".to_owned()];
        record(&mut tx, app, draft).await?;
        tracing::error!(gateway.id = %gateway.id, seal_no = seal.seal_no, "two seals under one number; both are kept as proof");
    }
    tx.commit().await?;
    Ok(Recorded::Forked)
}

/// Stops the stream of a gateway that seals in a version this program does not know. The stream is the one of its last birth:
/// nothing inside an unknown version can be read.
async fn stop(mut tx: Tx, app: &App, gateway: &Gateway) -> Result<Recorded, FlowError> {
    let now = app.now();
    if let Some(birth) = store::gateways::lock_last_birth(&mut tx, gateway.id).await? {
        store::streams::ensure(&mut tx, gateway.id, birth.stream, now).await?;
        if store::streams::stop(&mut tx, gateway.id, birth.stream, now).await? {
            alarm(&mut tx, app, gateway, "seal_version_unknown").await?;
            tracing::error!(gateway.id = %gateway.id, "seals of an unknown version: upgrade this server; nothing is lost, the gateway keeps them");
        }
        tx.commit().await?;
    }
    Ok(Recorded::Stopped)
}

/// A second stream means that the gateway began a new database file: what its old one held and never sent is unproven.
async fn note_new_stream(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    stream: StreamId,
) -> Result<(), FlowError> {
    let body = RegistryBody {
        id: Some(gateway.id.0.into()),
        parent: Some(stream.0.into()),
    };
    let mut draft = Draft::new(app, Some(gateway.site), EventCode::AuditGap).body(&body);
    draft.reasons = vec!["new_stream".to_owned()];
    record(tx, app, draft).await?;
    Ok(())
}

async fn alarm(tx: &mut Tx, app: &App, gateway: &Gateway, code: &str) -> Result<(), FlowError> {
    let mut draft =
        Draft::new(app, Some(gateway.site), EventCode::RequestRefused).body(&RefusedBody {
            code: code.to_owned(),
        });
    draft.reasons = vec![code.to_owned()];
    record(tx, app, draft).await?;
    Ok(())
}
