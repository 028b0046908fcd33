//! The events inside the seals: readable and known (V08), recorded by who may (V09), counted, and handed to the caller.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use sekisho_domain::access::{Form, Reason};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, GatewayId, StreamId, ZoneId};
use sekisho_domain::time::{ClockState, Timestamp};
use sekisho_domain::wire::body::{
    DecisionBody, GatewayEnrolled, GatewayRevoked, LogCut, RevokedApplied,
};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use crate::openings::Openings;
use crate::problem::Problem;
use crate::registry::{Enrolment, Registry, WeakKey, may_record};
use crate::report::{Counts, Notes, Place, rfc3339};
use crate::stream::{Cut, Stream};

/// One event as `--list` prints it. It is handed out while the bundle is read: the verdict comes later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Observed {
    /// What happened; unknown codes as `0x` and four digits.
    pub code: Cow<'static, str>,
    /// When, by the sealer's clock.
    #[serde(serialize_with = "rfc3339")]
    pub at: Option<Timestamp>,
    /// The same, ms since 1970.
    pub at_ms: i64,
    /// How far the sealer says that its clock may be wrong, ms.
    pub err_ms: u32,
    /// What the sealer thinks of its clock.
    pub clock: ClockState,
    /// Snapshot in force; absent at the server and before the first.
    pub snapshot: Option<u64>,
    /// How old the sealer's knowledge was, s; absent at the server.
    pub stale_s: Option<u32>,
    /// For `credential.revoked_applied`: the number of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<u64>,
    /// Who sealed it; nil for the server.
    pub gateway: GatewayId,
    /// Stream of the sealer.
    pub stream: StreamId,
    /// Number within the stream.
    pub seq: u64,
    /// Its seal within the stream.
    pub seal_no: u64,
    /// Index of the leaf that holds the seal.
    pub leaf: Option<u64>,
    /// Joins read, decision, unlock and door.
    pub correlation: Option<Correlation>,
    /// Where.
    pub door: Option<DoorId>,
    /// Which zone.
    pub zone: Option<ZoneId>,
    /// Which device spoke.
    pub device: Option<DeviceId>,
    /// For a refusal at a door: every reason, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<&'static str>,
    /// For a decision: how the pass was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// For a decision: whether the gateway had heard of the pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

impl Observed {
    /// Whether a lock may open because of it.
    pub fn is_opening(&self) -> bool {
        let openings = [
            EventCode::AccessGranted,
            EventCode::AccessGrantedDuress,
            EventCode::AccessOverride,
            EventCode::AccessExitFree,
        ];
        openings.iter().any(|code| code.name() == self.code)
    }
}

/// What is collected from events.
pub(crate) struct Events<'o> {
    /// The nonce that a cut must carry to count; any, when none is asked for.
    wanted: Option<[u8; 16]>,
    openings: Openings,
    observe: &'o mut dyn FnMut(&Observed),
    taken: u64,
    by_code: BTreeMap<u16, u64>,
    denied: BTreeMap<&'static str, u64>,
}

impl<'o> Events<'o> {
    pub(crate) fn new(
        wanted: Option<[u8; 16]>,
        openings: Openings,
        observe: &'o mut dyn FnMut(&Observed),
    ) -> Self {
        Self {
            wanted,
            openings,
            observe,
            taken: 0,
            by_code: BTreeMap::new(),
            denied: BTreeMap::new(),
        }
    }

    /// Takes the events of a seal.
    pub(crate) fn take(
        &mut self,
        seal: &Seal,
        place: &Place,
        stream: &mut Stream,
        mut registry: Option<&mut Registry>,
        notes: &mut Notes,
    ) {
        for (position, bytes) in (0..).zip(&seal.events) {
            self.taken += 1;
            let seq = seal.first_seq.saturating_add(position);
            let place = || place.clone().detail(format!("event {seq}"));
            let Ok(event) = Event::from_bytes(bytes) else {
                notes.problem(Problem::EventMalformed, place());
                continue;
            };
            *self.by_code.entry(event.code).or_default() += 1;
            stream.last_at = Some(event.at.wall);
            stream.closed = event.code() == Some(EventCode::LogClosed);
            event
                .commitments()
                .for_each(|digest| self.openings.seen(&digest));
            match event.code() {
                Some(code) => {
                    if !may_record(seal.gateway, code) {
                        notes.problem(
                            Problem::EventForeign,
                            place().detail(format!("event {seq}: {}", code.name())),
                        );
                    }
                    if code == EventCode::LogOpened && (seal.seal_no, position) != (1, 0) {
                        notes.problem(Problem::OpenedTwice, place());
                    }
                    if code == EventCode::GatewayEnrolled && seal.gateway == GatewayId::NIL {
                        enrol(&event, registry.as_deref_mut(), notes, place);
                    }
                    if code == EventCode::GatewayRevoked && seal.gateway == GatewayId::NIL {
                        revoke(&event, registry.as_deref_mut(), notes, place);
                    }
                    let last = seal.next_seq() == seq.saturating_add(1);
                    if code == EventCode::LogCut && last {
                        self.cut(&event, seq, stream, notes, place);
                    }
                }
                None => notes.problem(
                    Problem::EventUnknown,
                    place().detail(format!("event {seq}: 0x{:04X}", event.code)),
                ),
            }
            self.hand_out(seal, seq, place().leaf, &event, notes);
        }
    }

    /// What the log holds, and which openings belong to nothing.
    pub(crate) fn finish(self, seals: u64, complete: bool, notes: &mut Notes) -> Counts {
        if complete {
            self.openings.finish(notes);
        }
        Counts {
            events: self.taken,
            seals,
            granted: self
                .by_code
                .get(&(EventCode::AccessGranted as u16))
                .copied()
                .unwrap_or(0),
            by_code: self
                .by_code
                .iter()
                .map(|(code, count)| (name_of(*code).into_owned(), *count))
                .collect(),
            denied_by_first_reason: self.denied,
        }
    }

    fn cut(
        &self,
        event: &Event,
        seq: u64,
        stream: &mut Stream,
        notes: &mut Notes,
        place: impl Fn() -> Place,
    ) {
        match event.body_as::<LogCut>() {
            Ok(cut) => {
                let nonce: [u8; 16] = *cut.nonce;
                if self.wanted.is_none_or(|wanted| wanted == nonce) {
                    stream.cut = Some(Cut {
                        nonce,
                        seq,
                        at: event.at.wall,
                    });
                }
            }
            Err(_) => notes.problem(Problem::EventMalformed, place()),
        }
    }

    fn hand_out(
        &mut self,
        seal: &Seal,
        seq: u64,
        leaf: Option<u64>,
        event: &Event,
        notes: &mut Notes,
    ) {
        let mut reasons = Vec::new();
        let decisions = [
            EventCode::AccessGranted,
            EventCode::AccessDenied,
            EventCode::AccessExitFree,
        ];
        let decided = event.code().is_some_and(|code| decisions.contains(&code));
        let decision = decided.then(|| event.body_as::<DecisionBody>());
        if event.code() == Some(EventCode::AccessDenied) {
            match &decision {
                Some(Ok(body)) => {
                    reasons = body
                        .reasons
                        .iter()
                        .map(|reason| Reason::from_u8(*reason).name())
                        .collect();
                }
                _ => notes.problem(
                    Problem::EventMalformed,
                    Place {
                        leaf,
                        ..Place::default()
                    },
                ),
            }
            let first = reasons.first().copied().unwrap_or(Reason::Other.name());
            *self.denied.entry(first).or_default() += 1;
        }
        let decision = decision.and_then(Result::ok);
        let applied = (event.code() == Some(EventCode::CredentialRevokedApplied))
            .then(|| event.body_as::<RevokedApplied>());
        (self.observe)(&Observed {
            code: name_of(event.code),
            at: Some(event.at.wall),
            at_ms: event.at.wall.0,
            err_ms: event.at.err_ms,
            clock: event.at.clock,
            snapshot: event.snapshot_epoch,
            stale_s: event.stale_s,
            list: applied.and_then(Result::ok).map(|body| body.epoch),
            gateway: seal.gateway,
            stream: seal.stream,
            seq,
            seal_no: seal.seal_no,
            leaf,
            correlation: event.correlation,
            door: event.door,
            zone: event.zone,
            device: event.device,
            reasons,
            form: decision.as_ref().and_then(|body| body.request.form),
            known: decision.as_ref().map(|body| body.facts.known.is_some()),
        });
    }
}

fn enrol(
    event: &Event,
    registry: Option<&mut Registry>,
    notes: &mut Notes,
    place: impl Fn() -> Place,
) {
    let Ok(enrolled) = event.body_as::<GatewayEnrolled>() else {
        notes.problem(Problem::EventMalformed, place());
        return;
    };
    match registry.map(|registry| registry.enrol(&enrolled)) {
        Some(Ok(Enrolment::New {
            beside: Some(other),
        })) => {
            let place = Place {
                gateway: Some(enrolled.gateway),
                ..place().detail(format!("beside {other}"))
            };
            notes.problem(Problem::TwoGateways, place);
        }
        Some(Err(WeakKey)) => notes.problem(Problem::RegistryBad, place()),
        Some(Ok(Enrolment::FurtherKey)) => {
            let place = Place {
                gateway: Some(enrolled.gateway),
                ..place().detail(format!("key {:?}", enrolled.seal_key.id()))
            };
            notes.problem(Problem::KeyAdded, place);
        }
        Some(Ok(Enrolment::New { beside: None } | Enrolment::Again)) | None => {}
    }
}

fn revoke(
    event: &Event,
    registry: Option<&mut Registry>,
    notes: &mut Notes,
    place: impl Fn() -> Place,
) {
    let Ok(revoked) = event.body_as::<GatewayRevoked>() else {
        notes.problem(Problem::EventMalformed, place());
        return;
    };
    if let Some(registry) = registry {
        registry.revoke(&revoked);
    }
}

fn name_of(code: u16) -> Cow<'static, str> {
    EventCode::from_u16(code)
        .map_or_else(|| format!("0x{code:04X}").into(), |code| code.name().into())
}
