//! What a gateway's events change here: rows for pages, devices, what it confirmed, and who is inside. Runs in the
//! transaction that stores their seal. What cannot be read is stored and shown as a finding, never applied.

use std::collections::BTreeMap;

use sekisho_domain::access::Reason;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{PassId, PersonId, SiteId, SubjectId};
use sekisho_domain::wire::body::{
    CommandBody, DecisionBody, DeviceEnrolled, DeviceRevoked, GatewayStarted, ModeChanged,
    RevokedApplied, SnapshotBody,
};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::FlowError;
use super::fold_alarm::{At, fold_alarm, refute_others};
use super::fold_presence::fold_presence;
use super::fold_visit::fold_visit;
use super::queue_webhooks::{About, queue_webhooks};
use super::record::{Draft, record};
use crate::app::App;
use crate::store::events::EventRow;
use crate::store::gateways::Gateway;
use crate::store::{self, Tx};

/// An opening that belongs to a digest of the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its text.
    pub disclosure: String,
    /// Its name, e.g. `subject`.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Openings by the digest that they open.
pub type Openings = BTreeMap<Digest, Opening>;

/// Applies the events of a seal in order. True when the gateway confirmed a snapshot or a revocation list.
pub async fn project(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    seal: &Seal,
    openings: &Openings,
) -> Result<bool, FlowError> {
    let mut confirmed = false;
    for (bytes, seq) in seal.events.iter().zip(seal.first_seq..) {
        let place = |row: EventRow| EventRow {
            site: Some(gateway.site),
            gateway: Some(gateway.id),
            stream: Some(seal.stream),
            seq: Some(seq),
            ..row
        };
        let Ok(event) = Event::from_bytes(bytes) else {
            store::events::insert(tx, &place(unreadable(app))).await?;
            continue;
        };
        let (pass, person) = about(tx, gateway.site, &event, openings).await?;
        let mut row = place(EventRow {
            person,
            pass,
            ..EventRow::of(app.event_id(), &event, app.now())
        });
        match apply(tx, app, gateway, &event, &mut row).await? {
            Applied::Confirmed => confirmed = true,
            Applied::Plain => {}
        }
        store::events::insert(tx, &row).await?;
        queue_webhooks(tx, &row, About::default()).await?;
        fold_presence(tx, gateway, &event, person).await?;
        let at = At {
            stream: seal.stream,
            seq,
            sealed: true,
        };
        fold_alarm(tx, app, gateway, &event, at).await?;
        fold_visit(tx, gateway, &event, pass).await?;
        if row.finding.is_none() {
            audit(tx, app, gateway, &event, pass, person).await?;
        }
    }
    if !seal.events.is_empty() {
        let numbers = (seal.first_seq, seal.next_seq() - 1);
        refute_others(tx, app, gateway, seal.stream, numbers).await?;
    }
    Ok(confirmed)
}

enum Applied {
    Plain,
    Confirmed,
}

/// What an event changes beside its row. A body that cannot be read makes a finding of the row.
async fn apply(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    event: &Event,
    row: &mut EventRow,
) -> Result<Applied, FlowError> {
    let Some(code) = event.code() else {
        row.finding = Some("unknown_code".to_owned());
        return Ok(Applied::Plain);
    };
    let mut applied = Applied::Plain;
    let sound = match code {
        EventCode::DeviceEnrolled => match event.body_as::<DeviceEnrolled>() {
            Ok(body) => {
                store::devices::enrol(tx, gateway.site, gateway.id, &body, event.at.wall).await?
                    == 1
            }
            Err(_) => false,
        },
        EventCode::DeviceRevoked => match event.body_as::<DeviceRevoked>() {
            Ok(body) => store::devices::revoke(tx, gateway.id, body.device).await? == 1,
            Err(_) => false,
        },
        EventCode::SnapshotApplied => match event.body_as::<SnapshotBody>() {
            Ok(body) => {
                store::gateways::set_snapshot_epoch(tx, gateway.id, body.epoch).await?;
                applied = Applied::Confirmed;
                true
            }
            Err(_) => false,
        },
        EventCode::CredentialRevokedApplied => match event.body_as::<RevokedApplied>() {
            Ok(body) => {
                store::gateways::set_revocation_epoch(tx, gateway.id, body.epoch).await?;
                applied = Applied::Confirmed;
                true
            }
            Err(_) => false,
        },
        EventCode::AccessGranted | EventCode::AccessDenied | EventCode::AccessExitFree => {
            match event.body_as::<DecisionBody>() {
                Ok(body) => {
                    row.reasons = body
                        .reasons
                        .iter()
                        .map(|code| Reason::from_u8(*code).name().to_owned())
                        .collect();
                    true
                }
                Err(_) => false,
            }
        }
        _ => doors_and_orders(tx, app, gateway, event, code).await?,
    };
    if !sound {
        row.finding = Some("undecodable_body".to_owned());
    }
    Ok(applied)
}

/// What was ordered and which modes doors are in. False when a body cannot be read, or names no door of the site.
async fn doors_and_orders(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    event: &Event,
    code: EventCode,
) -> Result<bool, FlowError> {
    Ok(match code {
        EventCode::DoorModeChanged => match (event.door, event.body_as::<ModeChanged>()) {
            (Some(door), Ok(body)) => {
                store::doors::set_mode(tx, gateway.site, door, body.to, event.at.wall).await? == 1
            }
            _ => false,
        },
        EventCode::CommandExecuted | EventCode::CommandExpired | EventCode::CommandRejected => {
            match event.body_as::<CommandBody>() {
                Ok(body) => {
                    let (id, outcome) = (body.command, body.outcome);
                    store::commands::set_recorded(tx, gateway.id, id, outcome, app.now()).await?;
                    true
                }
                Err(_) => false,
            }
        }
        // A gateway with an empty file has no modes.
        EventCode::GatewayStarted => match event.body_as::<GatewayStarted>() {
            Ok(body) if body.last_seal == 0 => {
                store::doors::forget_modes(tx, gateway.site).await?;
                true
            }
            body => body.is_ok(),
        },
        _ => true,
    })
}

/// Which pass and which person, from the openings that came along. A gateway can only name those of its own site.
async fn about(
    tx: &mut Tx,
    site: SiteId,
    event: &Event,
    openings: &Openings,
) -> Result<(Option<PassId>, Option<PersonId>), FlowError> {
    let named = |digest: Option<Digest>, name: &str| {
        digest
            .and_then(|digest| openings.get(&digest))
            .filter(|opening| opening.name == name)
            .map(|opening| opening.value.clone())
    };
    let pass: Option<PassId> =
        named(event.credential, "credential").and_then(|value| value.parse().ok());
    let subject: Option<SubjectId> =
        named(event.subject, "subject").and_then(|value| value.parse().ok());
    let owner = match pass {
        Some(pass) => store::events::person_of_pass(tx, site, pass).await?,
        None => None,
    };
    let person = match subject {
        Some(subject) => store::subjects::person_of(tx, site, subject).await?,
        None => owner,
    };
    Ok((pass, person))
}

/// A grant after the pass was revoked here is worth an auditor's look, even where the gateway could not know.
async fn audit(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    event: &Event,
    pass: Option<PassId>,
    person: Option<PersonId>,
) -> Result<(), FlowError> {
    let (Some(EventCode::AccessGranted), Some(pass)) = (event.code(), pass) else {
        return Ok(());
    };
    let Some(revoked_at) = store::events::pass_revoked_at(tx, gateway.site, pass).await? else {
        return Ok(());
    };
    if event.at.wall <= revoked_at.plus_ms(i64::from(event.at.err_ms)) {
        return Ok(());
    }
    let mut draft = Draft::new(
        app,
        Some(gateway.site),
        EventCode::AuditGrantAfterRevocation,
    )
    .pass(app, pass);
    draft.event.door = event.door;
    draft.event.correlation = event.correlation;
    draft.person = person;
    record(tx, app, draft).await?;
    Ok(())
}

fn unreadable(app: &App) -> EventRow {
    let now = app.now();
    EventRow {
        id: app.event_id(),
        site: None,
        gateway: None,
        stream: None,
        seq: None,
        code: 0,
        at: now,
        err_ms: 0,
        received_at: now,
        door: None,
        device: None,
        zone: None,
        correlation: None,
        person: None,
        pass: None,
        reasons: Vec::new(),
        finding: Some("undecodable".to_owned()),
    }
}
