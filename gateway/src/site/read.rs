//! `up/read`: one presentation, decided. Online and offline alike.

use sekisho_domain::access::{self, Check, Decision, Facts, Reason, Request};
use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId, PassId, SubjectId};
use sekisho_domain::pass::Presented;
use sekisho_domain::presence::tailgate::Fact;
use sekisho_domain::time::Reading;
use sekisho_domain::wire::body::{DecisionBody, DeviceKind};
use sekisho_domain::wire::bus::{Answer, Direction, MESSAGE_MAX, Read};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::snapshot::Door;
use sekisho_domain::wire::{Bytes8, VERSION};

use super::company::{Before, Entry, right_until};
use super::device::Seen;
use super::{Release, Site};
use crate::store::{Commit, Device, Draft, Effect};

/// What becomes of a read.
pub enum ReadOutcome {
    /// Nothing; with the reason.
    Ignored(&'static str),
    /// It came before: the same answer again, and nothing else.
    Repeat(Vec<u8>),
    /// Noise under a lockout: answered, counted, not recorded by itself.
    Folded {
        /// The bytes of `dn/answer`.
        answer: Vec<u8>,
        /// On the way out the lock is released all the same, unless the read is stale.
        release: Option<Release>,
    },
    /// To be recorded first.
    Decided(Box<Plan>),
}

/// First the record, then the rest.
pub struct Plan {
    /// The record.
    pub commit: Commit,
    /// The bytes of `dn/answer`, once it is durable.
    pub answer: Vec<u8>,
    /// The bytes of `dn/answer` if it cannot be made durable.
    pub fallback: Vec<u8>,
    /// The lock to release, once it is durable.
    pub release: Option<Release>,
    /// The way out: released even if no record can be made.
    pub egress: bool,
    /// What to take back if it cannot be made durable.
    pub undo: Undo,
}

/// What a failed record takes back.
#[derive(Clone, Debug)]
pub struct Undo {
    device: DeviceId,
    boot: Bytes8,
    n: u64,
    ratchet: Option<Moved>,
    correlation: Option<Correlation>,
    pub(super) inside: Option<Before>,
}

/// A ratchet that was moved.
#[derive(Clone, Copy, Debug)]
struct Moved {
    pass: PassId,
    before: Option<(u32, u16)>,
    to: (u32, u16),
}

impl Undo {
    pub(super) fn of_message(device: DeviceId, boot: Bytes8, n: u64) -> Self {
        Self {
            device,
            boot,
            n,
            ratchet: None,
            correlation: None,
            inside: None,
        }
    }

    /// Marks the message as dealt with, without an answer.
    pub(super) fn finish(&self, site: &mut Site) {
        if let Some(state) = site.devices.get_mut(&self.device) {
            state.finish(self.boot, self.n, None);
        }
    }
}

/// A presentation with all that was looked up about it.
pub(super) struct Case<'a> {
    reader: &'a Device,
    read: &'a Read,
    pub now: Reading,
    pub direction: Direction,
    presented: Presented,
    pub request: Request,
    pub door: Door,
    pub correlation: Correlation,
}

impl Site {
    /// Decides a read. In memory everything moves now, so that a second presentation of the same code, at whatever reader, is a
    /// replay although the first is still being recorded.
    pub fn read(&mut self, device: DeviceId, bytes: &[u8]) -> ReadOutcome {
        let Some(state) = self.devices.get(&device) else {
            return ReadOutcome::Ignored("a read of an unknown device");
        };
        let reader = state.device.clone();
        let (DeviceKind::Reader, Some(direction)) = (reader.kind, reader.direction) else {
            return ReadOutcome::Ignored("a read of a device that is no reader");
        };
        let Ok(read) = cbor::decode::<Read>(bytes, MESSAGE_MAX) else {
            return ReadOutcome::Ignored("a malformed read");
        };
        if read.version != VERSION {
            return ReadOutcome::Ignored("a read of an unknown version");
        }
        match state.seen(read.boot, read.n) {
            Seen::New => {}
            Seen::UnderWay => return ReadOutcome::Ignored("a repeat of a read under way"),
            Seen::TooOld => return ReadOutcome::Ignored("a read older than can be remembered"),
            Seen::Before(Some(answer)) => return ReadOutcome::Repeat(answer),
            Seen::Before(None) => return ReadOutcome::Ignored("a read that was not answered"),
        }
        let now = self.now();
        let correlation = self.correlation();
        if !self.is_fresh(read.quote) {
            return self.stale_read(&reader, &read, now, correlation);
        }
        let presented = Presented::read(&read.text, self.index.pass_keys(), self.identity.site);
        let row = self.index.held(&presented, &self.revocations, None).row;
        let request = access::request(&presented, row, direction);
        let door = self.index.door(reader.door);
        let case = Case {
            reader: &reader,
            read: &read,
            now,
            direction,
            presented,
            request,
            door,
            correlation,
        };
        let noise = case.request.signature != Check::Good;
        if noise
            && self
                .devices
                .get_mut(&device)
                .is_some_and(|state| state.noise.folds(now.mono_ms))
        {
            return self.folded(&case, vec![Reason::Lockout as u8]);
        }
        self.decided(&case)
    }

    /// Whether a device reads on the way out.
    pub fn leads_out(&self, device: DeviceId) -> bool {
        let state = self.devices.get(&device);
        state.is_some_and(|state| state.device.direction == Some(Direction::Out))
    }

    /// After the record is durable.
    pub fn recorded(&mut self, undo: &Undo, answer: Vec<u8>) {
        self.audit_ok = true;
        if let Some(state) = self.devices.get_mut(&undo.device) {
            state.finish(undo.boot, undo.n, Some(answer));
        }
    }

    /// After the record could not be made: the same read, sent again, is decided again.
    pub fn not_recorded(&mut self, undo: &Undo) {
        self.audit_ok = false;
        if let Some(state) = self.devices.get_mut(&undo.device) {
            state.forget(undo.boot, undo.n);
        }
        // Unless a later code has moved it since.
        if let Some(moved) = undo
            .ratchet
            .filter(|moved| self.ratchets.get(&moved.pass) == Some(&moved.to))
        {
            match moved.before {
                Some(before) => self.ratchets.insert(moved.pass, before),
                None => self.ratchets.remove(&moved.pass),
            };
        }
        if let Some(before) = undo.inside {
            self.put_back(before);
        }
        if let Some(correlation) = undo.correlation
            && let Some(entry) = self.releases.remove(&correlation)
        {
            self.fact(entry.door, Fact::NotTaken(correlation));
        }
    }

    fn decided(&mut self, case: &Case<'_>) -> ReadOutcome {
        let (facts, decision, subject) = self.judge(case);
        if self.folds_denial(case, &decision) {
            return self.folded(case, codes(&decision));
        }
        let released = decision
            .release
            .then(|| self.release(case.reader.door, case.correlation, case.door.unlock_ms));
        let found = released.flatten();
        let mut events = vec![self.draft(case, &facts, &decision, subject)];
        // A lock that is not heard is told about: the grant stands in the record, the door may stay shut.
        if decision.release && !found.as_ref().is_some_and(|(_, live)| *live) {
            events.push(
                self.at_door(self.event_at(EventCode::DoorLockFault, case.now), case)
                    .into(),
            );
        }
        let mut reasons = codes(&decision);
        if decision.release && found.is_none() {
            reasons.push(Reason::Other as u8);
        }
        let answer = answer(case.read, found.is_some(), reasons, case.correlation);
        let mut undo = Undo::of_message(case.reader.id, case.read.boot, case.read.n);
        let mut effects = vec![answered(case.reader, case.read, &answer)];
        let egress = case.direction == Direction::Out;
        // Whom no lock could be opened for has used nothing up: a printed pass lets in once, not never. A code that was shown on
        // the way out may have been seen.
        if found.is_some() || (egress && case.presented.shown().is_some()) {
            effects.extend(self.accept(case, &decision, &mut undo));
        }
        if let Some(subject) = subject
            && let Some((effect, before)) = self.went_out(case, &decision, subject)
        {
            effects.push(effect);
            undo.inside = Some(before);
        }
        if found.is_some() && !egress {
            let entry = Entry {
                door: case.reader.door,
                who: subject.map(|subject| (subject, right_until(case, &facts))),
            };
            self.releases.insert(case.correlation, entry);
            self.fact(entry.door, Fact::Granted(case.correlation));
            undo.correlation = Some(case.correlation);
            effects.push(Effect::Released(case.correlation, entry));
        }
        self.begin(case);
        let unrecorded = vec![Reason::AuditUnavailable as u8];
        let fallback = self::answer(
            case.read,
            egress && found.is_some(),
            unrecorded,
            case.correlation,
        );
        if found.is_some() && egress {
            self.fact(case.reader.door, Fact::Freed);
        }
        let release = found.map(|(release, _)| release);
        ReadOutcome::Decided(Box::new(Plan {
            commit: Commit { events, effects },
            answer,
            fallback,
            release,
            egress,
            undo,
        }))
    }

    /// Facts, decision, and whom it is about as far as that is believed.
    fn judge(&self, case: &Case<'_>) -> (Facts, Decision, Option<SubjectId>) {
        let ratchet = case
            .presented
            .pass()
            .and_then(|pass| self.ratchets.get(&pass).copied());
        let mut held = self.index.held(&case.presented, &self.revocations, ratchet);
        held.inside = self.company(&case.presented, &held, &case.now);
        let stale_s = self.clock.stale_s(case.now.wall, case.now.mono_ms);
        let audit = self.audit_ok && self.space_ok;
        let policy = &self.index.policy;
        let facts = access::facts(
            &case.presented,
            &held,
            &case.door,
            self.mode(case.door.id),
            policy,
            stale_s,
            audit,
        );
        let decision = access::decide(&case.request, &facts, policy, &case.now);
        let named = held
            .row
            .map(|row| row.subject)
            .or_else(|| case.presented.subject());
        (
            facts,
            decision,
            named.filter(|_| case.request.signature == Check::Good),
        )
    }

    /// The event of a decision.
    fn draft(
        &self,
        case: &Case<'_>,
        facts: &Facts,
        decision: &Decision,
        subject: Option<SubjectId>,
    ) -> Draft {
        let code = match (case.direction, decision.release) {
            (Direction::Out, _) => EventCode::AccessExitFree,
            (Direction::In, true) => EventCode::AccessGranted,
            (Direction::In, false) => EventCode::AccessDenied,
        };
        let body = DecisionBody {
            request: case.request.clone(),
            facts: facts.clone(),
            reasons: codes(decision),
            unlock_ms: decision.release.then_some(case.door.unlock_ms),
            read_boot: case.read.boot,
            read_n: case.read.n,
        };
        let mut draft: Draft = self
            .at_door(self.event_at(code, case.now), case)
            .with_body(&body)
            .into();
        if let Some(subject) = subject {
            let (digest, opening) = self.conceal("subject", &subject.to_string());
            draft.event.subject = Some(digest);
            draft.openings.push(opening);
        }
        if let Some(pass) = case.presented.pass() {
            let (digest, opening) = self.conceal("credential", &pass.to_string());
            draft.event.credential = Some(digest);
            draft.openings.push(opening);
        }
        draft
    }

    /// Moves the ratchet of an accepted presentation: a grant, or on the way out a good and fresh code.
    fn accept(&mut self, case: &Case<'_>, decision: &Decision, undo: &mut Undo) -> Option<Effect> {
        if !decision.moves_ratchet(&case.request) {
            return None;
        }
        let pass = case.presented.pass()?;
        let (at_s, n) = case.presented.position();
        undo.ratchet = Some(Moved {
            pass,
            before: self.ratchets.insert(pass, (at_s, n)),
            to: (at_s, n),
        });
        Some(Effect::Ratchet { pass, at_s, n })
    }

    fn stale_read(
        &mut self,
        reader: &Device,
        read: &Read,
        now: Reading,
        correlation: Correlation,
    ) -> ReadOutcome {
        let event = Event {
            door: Some(reader.door),
            device: Some(reader.id),
            correlation: Some(correlation),
            ..self.event_at(EventCode::CredentialStaleRead, now)
        };
        let answer = answer(read, false, vec![Reason::StaleRead as u8], correlation);
        let effects = vec![answered(reader, read, &answer)];
        if let Some(state) = self.devices.get_mut(&reader.id) {
            if state.noise.folds(now.mono_ms) {
                let release = None;
                return ReadOutcome::Folded { answer, release };
            }
            state.begin(read.boot, read.n);
        }
        let undo = Undo::of_message(reader.id, read.boot, read.n);
        let commit = Commit {
            events: vec![event.into()],
            effects,
        };
        ReadOutcome::Decided(Box::new(Plan {
            commit,
            fallback: answer.clone(),
            answer,
            release: None,
            egress: false,
            undo,
        }))
    }

    /// Whether a code of a known pass is one of a flood: only those that prove nobody's passage are ever folded.
    fn folds_denial(&mut self, case: &Case<'_>, decision: &Decision) -> bool {
        let proves = match case.direction {
            Direction::In => decision.release,
            Direction::Out => decision.identifies(&case.request),
        };
        case.request.signature == Check::Good
            && !proves
            && self
                .devices
                .get_mut(&case.reader.id)
                .is_some_and(|state| state.denied.folds(case.now.mono_ms))
    }

    fn folded(&self, case: &Case<'_>, reasons: Vec<u8>) -> ReadOutcome {
        let out = case.direction == Direction::Out;
        let release = if out {
            self.release(case.reader.door, case.correlation, case.door.unlock_ms)
                .map(|found| found.0)
        } else {
            None
        };
        ReadOutcome::Folded {
            answer: answer(case.read, release.is_some(), reasons, case.correlation),
            release,
        }
    }

    fn begin(&mut self, case: &Case<'_>) {
        if let Some(state) = self.devices.get_mut(&case.reader.id) {
            state.begin(case.read.boot, case.read.n);
        }
    }

    fn at_door(&self, event: Event, case: &Case<'_>) -> Event {
        let zone = self
            .index
            .knows_door(case.door.id)
            .then_some(case.door.zone);
        Event {
            door: Some(case.door.id),
            device: Some(case.reader.id),
            zone,
            correlation: Some(case.correlation),
            ..event
        }
    }
}

fn answer(read: &Read, granted: bool, reasons: Vec<u8>, correlation: Correlation) -> Vec<u8> {
    cbor::encode(&Answer {
        version: VERSION,
        boot: read.boot,
        n: read.n,
        granted,
        reasons,
        correlation,
    })
}

fn answered(reader: &Device, read: &Read, answer: &[u8]) -> Effect {
    Effect::Answered {
        device: reader.id,
        boot: read.boot,
        n: read.n,
        answer: Some(answer.to_vec()),
    }
}

fn codes(decision: &Decision) -> Vec<u8> {
    decision
        .reasons
        .iter()
        .map(|reason| *reason as u8)
        .collect()
}
