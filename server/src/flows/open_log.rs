//! Opens a log: one per site and Japanese fiscal year, and one for what belongs to no site.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use sekisho_certs::Purpose;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey, VerifyingKey};
use sekisho_domain::evidence::bundle;
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName, Vkey};
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::evidence::tree::Frontier;
use sekisho_domain::ids::{GatewayId, LogId, SiteId, StreamId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::{GatewayEnrolled, LogOpened, PreviousLog, StreamEnded};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::{EVENT_MAX, Event};
use sekisho_domain::wire::keyring::{Key, Keyring, Purpose as KeyPurpose};
use sekisho_domain::wire::uplink::Head;

use super::FlowError;
use super::sequence::drain;
use crate::app::App;
use crate::store::events::EventRow;
use crate::store::gateways::GatewayState;
use crate::store::log::{Leaf, Log, StreamEnd};
use crate::store::pending::{Pending, Waiting};
use crate::store::{self, Scope, Tx};

/// The keys that every keyring names beside those of logs, and what they are called in the key directory.
pub(super) const STORED_KEYS: [(KeyPurpose, Purpose); 5] = [
    (KeyPurpose::Service, Purpose::Service),
    (KeyPurpose::Snapshot, Purpose::Snapshot),
    (KeyPurpose::Live, Purpose::Live),
    (KeyPurpose::Command, Purpose::Command),
    (KeyPurpose::Pass, Purpose::Pass),
];

/// Most bytes of what leaf 0 says; leaves room for the rest of its event.
const LEAF_0_BYTES: usize = EVENT_MAX - 256;

/// Most streams of one gateway whose ends leaf 0 names.
const ENDS_MAX: usize = 64;

/// The log into which a site seals now (`None`: the operator's), opened when there is none for this fiscal year.
pub async fn current_log(tx: &mut Tx, app: &App, site: Option<SiteId>) -> Result<Log, FlowError> {
    let year = fiscal_year(app.now());
    match store::log::current(tx, Scope::System, site).await? {
        Some(log) if log.fiscal_year >= year => Ok(log),
        // A new year's log would name a head that may not be the last.
        Some(log) if is_held(tx, app, &log).await? => Ok(log),
        previous => open(tx, app, site, year, previous, None).await,
    }
}

/// Whether a log must not be signed now: held in the database, or waiting for its gateways since this program started.
pub(super) async fn is_held(tx: &mut Tx, app: &App, log: &Log) -> Result<bool, FlowError> {
    Ok(app.waits.holds(log.site, app.clock.mono_ms()) || store::holds::is_held(tx, log.id).await?)
}

/// Opens a successor for a log that was restored and that others have `seen` further.
pub(super) async fn replace_log(
    tx: &mut Tx,
    app: &App,
    log: Log,
    seen: Head,
) -> Result<Log, FlowError> {
    let (site, year) = (log.site, fiscal_year(app.now()));
    open(tx, app, site, year, Some(log), Some(seen)).await
}

/// Like [`current_log`], for who needs only the id.
pub async fn open_log(tx: &mut Tx, app: &App, site: Option<SiteId>) -> Result<LogId, FlowError> {
    Ok(current_log(tx, app, site).await?.id)
}

/// The signed keyring of a site.
pub async fn keyring(tx: &mut Tx, app: &App, site: SiteId) -> Result<Vec<u8>, FlowError> {
    Ok(current_log(tx, app, Some(site)).await?.keyring)
}

/// Name in the key directory of the key that signs a log: site and year, the tail of the origin.
pub fn log_purpose(origin: &str) -> anyhow::Result<Purpose> {
    let (head, year) = origin
        .rsplit_once('/')
        .context("the log's origin is not one of ours")?;
    let whose = head.rsplit('/').next().unwrap_or_default();
    Ok(Purpose::log(&format!("{whose}/{year}"))?)
}

/// The Japanese fiscal year of an instant: it begins on 1 April, Japan time.
pub fn fiscal_year(at: Timestamp) -> i64 {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
        return 0;
    };
    let date = instant.to_zoned(zone).date();
    i64::from(date.year()) - i64::from(date.month() < 4)
}

async fn open(
    tx: &mut Tx,
    app: &App,
    site: Option<SiteId>,
    year: i64,
    previous: Option<Log>,
    seen: Option<Head>,
) -> Result<Log, FlowError> {
    let now = app.now();
    let previous = match previous {
        // A log that was restored is not touched again, not even to be closed.
        Some(log) if seen.is_none() => match close(tx, app, log).await? {
            Closed::Now(log) => Some(log),
            Closed::Before(successor) => return Ok(successor),
        },
        previous => previous,
    };
    let logs = store::log::of_site(tx, Scope::System, site).await?;
    let before = logs.iter().filter(|log| log.fiscal_year == year).count();
    let part = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
    let origin = bundle::origin("sekisho", site.unwrap_or(SiteId::NIL), year, part);
    let key_name = KeyName::new(origin.clone()).context("the origin cannot name a key")?;
    let key = app.key(log_purpose(&origin)?)?;
    let keyring = sign_keyring(tx, app, site, &origin, &key.verifying(), previous.as_ref()).await?;
    let stream = StreamId::new(now.0, app.random());
    let mut log = Log {
        id: LogId::new(now.0, app.random()),
        site,
        origin,
        fiscal_year: year,
        vkey: Vkey::ed25519(key_name.clone(), key.verifying()).to_string(),
        keyring,
        service_stream: stream,
        size: 1,
        frontier: Vec::new(),
        checkpoint: String::new(),
        service: StreamEnd::START,
        sequenced_at: now,
    };
    let (event, later) = opened(tx, app, &log, previous.as_ref(), seen).await?;
    let leaf = first_leaf(app, &mut log, &event, key_name, &key)?;
    if !store::log::insert(tx, &log, now).await? {
        // Another transaction opened it while this one waited.
        let other = store::log::current(tx, Scope::System, site).await?;
        return other
            .filter(|log| log.fiscal_year >= year)
            .ok_or_else(|| anyhow!("a log of this origin belongs to another site").into());
    }
    store::log::insert_leaf(tx, log.id, 0, &leaf, now).await?;
    let row = EventRow {
        site,
        stream: Some(stream),
        seq: Some(1),
        ..EventRow::of(app.event_id(), &event, now)
    };
    store::events::insert(tx, &row).await?;
    for event in later {
        wait(tx, app, log.id, &event).await?;
    }
    if let Some(previous) = previous {
        // What would have left a hole in the log before still waits.
        store::pending::move_all(tx, previous.id, log.id).await?;
    }
    Ok(log)
}

/// What became of an attempt to close a log.
enum Closed {
    /// It has its last leaf, `log.closed`; with its last head.
    Now(Log),
    /// Another transaction closed it and opened this one.
    Before(Log),
}

/// Makes leaves of all that waits, and of `log.closed` behind it: the successor names a head that never moves again.
async fn close(tx: &mut Tx, app: &App, log: Log) -> Result<Closed, FlowError> {
    store::log::lock(tx, log.id).await?;
    let newest = store::log::current(tx, Scope::System, log.site).await?;
    if let Some(newest) = newest.filter(|newest| newest.id != log.id) {
        return Ok(Closed::Before(newest));
    }
    drain(tx, app, log.id).await?;
    let closed = Event::new(EventCode::LogClosed, app.reading(), app.boot);
    wait(tx, app, log.id, &closed).await?;
    Ok(Closed::Now(drain(tx, app, log.id).await?))
}

/// Lets an event wait for the sequencer.
async fn wait(tx: &mut Tx, app: &App, log: LogId, event: &Event) -> Result<(), FlowError> {
    let pending = Pending {
        id: app.event_id(),
        what: Waiting::Event,
        bytes: event.to_bytes(),
    };
    store::pending::insert(tx, log, &pending, app.now()).await?;
    Ok(())
}

/// Seals the opening event as leaf 0 and signs the first head.
fn first_leaf(
    app: &App,
    log: &mut Log,
    event: &Event,
    origin: KeyName,
    key: &SigningKey,
) -> anyhow::Result<Leaf> {
    let seal = Seal {
        version: sekisho_domain::wire::VERSION,
        site: log.site.unwrap_or(SiteId::NIL),
        gateway: GatewayId::NIL,
        stream: log.service_stream,
        seal_no: 1,
        first_seq: 1,
        prev_seal_hash: Digest::ZERO,
        ack: None,
        events: vec![event.to_bytes().into()],
    };
    let bytes = seal.sign(&*app.key(Purpose::Service)?);
    let hash = seal_hash(&bytes);
    let mut frontier = Frontier::new();
    frontier.append(hash);
    let head = Checkpoint {
        origin,
        size: 1,
        root: frontier.root(),
    };
    log.frontier = frontier.encode();
    log.checkpoint = checkpoint::sign(&head, key);
    log.service = StreamEnd {
        seal_no: 1,
        seq: 1,
        hash,
    };
    Ok(Leaf {
        bytes,
        hash,
        gateway: GatewayId::NIL,
        stream: log.service_stream,
        seal_no: 1,
    })
}

/// What leaf 0 says: where trust in this log's gateways begins. Devices for which one event has no room follow as
/// `device.enrolled` events.
async fn opened(
    tx: &mut Tx,
    app: &App,
    log: &Log,
    previous: Option<&Log>,
    seen: Option<Head>,
) -> Result<(Event, Vec<Event>), FlowError> {
    let (mut gateways, mut devices, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(site) = log.site {
        for gateway in store::gateways::list(tx, Scope::System, site).await? {
            // What a gateway that was revoked while the log was held had sent before goes into the successor, with its end.
            let ended_since = seen
                .and(previous)
                .is_some_and(|log| gateway.revoked_at.is_some_and(|at| at >= log.sequenced_at));
            if let Some(seal_key) = gateway.seal_key
                && (gateway.state == GatewayState::Enrolled || ended_since)
            {
                gateways.push(GatewayEnrolled {
                    gateway: gateway.id,
                    seal_key,
                });
                ends.extend(stream_ends(tx, gateway.id).await?);
            }
        }
        let known = store::devices::list(tx, Scope::System, site).await?;
        devices = known
            .iter()
            .filter(|device| device.enrolled)
            .filter_map(store::devices::Device::body)
            .collect();
    }
    let mut body = LogOpened {
        origin: log.origin.clone(),
        keyring: log.keyring.clone().into(),
        previous: previous.map(previous_log).transpose()?,
        gateways,
        devices: Vec::new(),
        service_stream: log.service_stream,
        seen,
        ends: previous.map(|_| ends),
    };
    let mut room = LEAF_0_BYTES.saturating_sub(cbor::encode(&body).len());
    let fit = devices.iter().take_while(|device| {
        let left = room.checked_sub(cbor::encode(*device).len());
        room = left.unwrap_or(0);
        left.is_some()
    });
    let fit = fit.count();
    let later = devices.split_off(fit);
    body.devices = devices;
    let event = |code| Event::new(code, app.reading(), app.boot);
    let later = later
        .iter()
        .map(|device| event(EventCode::DeviceEnrolled).with_body(device))
        .collect();
    Ok((event(EventCode::LogOpened).with_body(&body), later))
}

/// Where the streams of a gateway end in the logs so far. Of very many the newest: the others will not go on.
async fn stream_ends(tx: &mut Tx, gateway: GatewayId) -> Result<Vec<StreamEnded>, FlowError> {
    let newest_first = store::streams::of_gateway(tx, gateway).await?;
    let mut ends = Vec::new();
    for stream in newest_first.iter().take(ENDS_MAX) {
        let Some(leaf) = store::log::last_leaf(tx, gateway, stream.stream).await? else {
            continue;
        };
        let (_, seal) = Seal::peek(&leaf.bytes).context("a leaf cannot be read")?;
        ends.push(StreamEnded {
            gateway,
            stream: leaf.stream,
            seal_no: leaf.seal_no,
            seq: seal.next_seq() - 1,
            hash: leaf.hash,
        });
    }
    Ok(ends)
}

fn previous_log(log: &Log) -> anyhow::Result<PreviousLog> {
    let frontier = Frontier::decode(&log.frontier)
        .context("the right edge of the log before cannot be read")?;
    Ok(PreviousLog {
        origin: log.origin.clone(),
        head: Head {
            size: frontier.size(),
            root: frontier.root(),
        },
    })
}

/// The key that signs keyrings: the one that signed the first of them. Gateways pin it, so a fresh one is made only where there
/// is no log yet; where the right one is missing (taken offline, or lost) the answer is `keyring_away`, and nothing is made.
pub(super) async fn keyring_key(tx: &mut Tx, app: &App) -> Result<Arc<SigningKey>, FlowError> {
    let Some(known) = store::log::any_keyring(tx).await? else {
        return Ok(app.key(Purpose::Keyring)?);
    };
    let signed = |key: &VerifyingKey| Keyring::open(key, &known).is_ok();
    match app.stored_key(Purpose::Keyring, signed)? {
        Some(key) => Ok(key),
        None => Err(Code::KeyringAway.into()),
    }
}

async fn sign_keyring(
    tx: &mut Tx,
    app: &App,
    site: Option<SiteId>,
    origin: &str,
    log: &VerifyingKey,
    previous: Option<&Log>,
) -> Result<Vec<u8>, FlowError> {
    let signer = keyring_key(tx, app).await?;
    let mut keys = vec![Key {
        purpose: KeyPurpose::Log,
        public: *log,
        origin: Some(origin.to_owned()),
    }];
    if let Some(previous) = previous {
        let vkey: Vkey = previous
            .vkey
            .parse()
            .map_err(|error| anyhow!("the log before has no readable key: {error}"))?;
        keys.extend(vkey.verifying().map(|public| Key {
            purpose: KeyPurpose::Log,
            public,
            origin: Some(previous.origin.clone()),
        }));
    }
    for (purpose, stored) in STORED_KEYS {
        keys.push(Key {
            purpose,
            public: app.key(stored)?.verifying(),
            origin: None,
        });
    }
    let serial = 1 + store::log::of_site(tx, Scope::System, site).await?.len() as u64;
    let keyring = Keyring {
        version: sekisho_domain::wire::VERSION,
        site: site.unwrap_or(SiteId::NIL),
        serial,
        keys,
    };
    Ok(keyring.sign(&signer))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_year_begins_on_the_first_of_april_in_japan() {
        for (at, year) in [
            ("2026-11-20T00:00:00Z", 2026),
            ("2027-03-31T23:59:59+09:00", 2026),
            ("2027-04-01T00:00:00+09:00", 2027),
            ("2027-03-31T15:00:00Z", 2027),
            ("2027-03-31T14:59:59Z", 2026),
        ] {
            assert_eq!(
                fiscal_year(Timestamp::parse_rfc3339(at).unwrap()),
                year,
                "{at}"
            );
        }
    }
}
