//! Opens a log: one per site and Japanese fiscal year, and one for what belongs to no site.

use anyhow::{Context, anyhow};
use sekisho_certs::Purpose;
use sekisho_domain::crypto::{Digest, SigningKey, VerifyingKey};
use sekisho_domain::evidence::bundle;
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName, Vkey};
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::evidence::tree::Frontier;
use sekisho_domain::ids::{GatewayId, LogId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::{GatewayEnrolled, LogOpened, PreviousLog};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::{Key, Keyring, Purpose as KeyPurpose};
use sekisho_domain::wire::uplink::Head;

use super::FlowError;
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

/// The log into which a site seals now (`None`: the operator's), opened when there is none for this fiscal year.
pub async fn current_log(tx: &mut Tx, app: &App, site: Option<SiteId>) -> Result<Log, FlowError> {
    let year = fiscal_year(app.now());
    match store::log::current(tx, Scope::System, site).await? {
        Some(log) if log.fiscal_year >= year => Ok(log),
        // A new year's log would name a head that may not be the last.
        Some(log) if store::holds::is_held(tx, log.id).await? => Ok(log),
        previous => open(tx, app, site, year, previous, None).await,
    }
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
    let event = opened(tx, app, &log, previous.as_ref(), seen).await?;
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
    // A log that was restored is not touched again, not even to be closed.
    if let Some(previous) = previous.filter(|_| seen.is_none()) {
        let closed = Event::new(EventCode::LogClosed, app.reading(), app.boot);
        let pending = Pending {
            id: app.event_id(),
            what: Waiting::Event,
            bytes: closed.to_bytes(),
        };
        store::pending::insert(tx, previous.id, &pending, now).await?;
    }
    Ok(log)
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

/// What leaf 0 says: where trust in this log's gateways begins.
async fn opened(
    tx: &mut Tx,
    app: &App,
    log: &Log,
    previous: Option<&Log>,
    seen: Option<Head>,
) -> Result<Event, FlowError> {
    let (mut gateways, mut devices) = (Vec::new(), Vec::new());
    if let Some(site) = log.site {
        for gateway in store::gateways::list(tx, Scope::System, site).await? {
            if let (GatewayState::Enrolled, Some(seal_key)) = (gateway.state, gateway.seal_key) {
                gateways.push(GatewayEnrolled {
                    gateway: gateway.id,
                    seal_key,
                });
            }
        }
        let known = store::devices::list(tx, Scope::System, site).await?;
        devices = known
            .iter()
            .filter(|device| device.enrolled)
            .filter_map(store::devices::Device::body)
            .collect();
    }
    let body = LogOpened {
        origin: log.origin.clone(),
        keyring: log.keyring.clone().into(),
        previous: previous.map(previous_log).transpose()?,
        gateways,
        devices,
        service_stream: log.service_stream,
        seen,
    };
    Ok(Event::new(EventCode::LogOpened, app.reading(), app.boot).with_body(&body))
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

async fn sign_keyring(
    tx: &mut Tx,
    app: &App,
    site: Option<SiteId>,
    origin: &str,
    log: &VerifyingKey,
    previous: Option<&Log>,
) -> Result<Vec<u8>, FlowError> {
    let signer = app.key(Purpose::Keyring)?;
    // Gateways pin the keyring key. A fresh one beside logs that know another would lock every gateway out, so a missing
    // key file must be noticed here.
    if let Some(known) = store::log::any_keyring(tx).await?
        && Keyring::open(&signer.verifying(), &known).is_err()
    {
        return Err(anyhow!("the keyring key in the key directory is not the one that signed the first log; put keys/keyring.* back").into());
    }
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
