//! A site in the middle of a day: somebody inside, somebody refused, somebody expected, an alarm, and names that attack.

use sekisho_domain::access::{
    Check, Facts, Form, GrantFacts, Issuer, Mode, Reason, Request, decide,
};
use sekisho_domain::authority::Role;
use sekisho_domain::cbor;
use sekisho_domain::ids::{AlarmId, BookingId, Correlation, EventId, VisitId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::visit::Escort;
use sekisho_domain::wire::body::DecisionBody;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::snapshot::{Class, PassState, Policy};
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::invite_visitor::{InviteVisitor, Invited, invite_visitor};
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::jobs::sequencer;
use sekisho_server::on;
use sekisho_server::store::people::{Locale, Person};
use sekisho_server::store::{Scope, alarms, events, subjects};

use crate::app::{HOUR, START};
use crate::sealer::{Sealer, event, opening, publish};
use crate::world::{World, acting, span};

/// A name that would run, close and confuse, if anything took it for more than text.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'&%_!{{7*7}}";

/// A site in the middle of a day.
pub struct Busy {
    /// Who and where.
    pub world: World,
    /// Its gateway, connected.
    pub sealer: Sealer,
    /// Whom the inner door refused an hour before the booking.
    pub attacker: Person,
    /// The record of that.
    pub refusal: EventId,
    /// The member's booking, running.
    pub booking: BookingId,
    /// Invited by the owner, expected now.
    pub visit: VisitId,
    /// The visitor's link.
    pub link: String,
    /// The forced door.
    pub alarm: AlarmId,
}

impl Busy {
    /// Made through the flows and a gateway's seals.
    pub async fn on(app: &App) -> Self {
        let world = World::on(app).await;
        Self::of(app, world, "田中 健").await
    }

    /// The same, where everything that can have a name has the [`HOSTILE`] one.
    pub async fn hostile(app: &App) -> Self {
        let world = World::on(app).await;
        let mut tx = app.db.write().await.unwrap();
        for table in [
            "UPDATE organisation SET name = $1",
            "UPDATE site SET name = $1",
            "UPDATE zone SET name = $1",
            "UPDATE door SET name = $1",
            "UPDATE seat SET name = $1",
            "UPDATE person SET name = $1",
        ] {
            let done = on!(&mut tx, c => sqlx::query(table).bind(HOSTILE).execute(c).await.map(|done| done.rows_affected()));
            assert!(done.unwrap() > 0, "{table}");
        }
        tx.commit().await.unwrap();
        Self::of(app, world, HOSTILE).await
    }

    async fn of(app: &App, world: World, name: &str) -> Self {
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let birth = sealer.birth(None, 0);
        apply_birth(app, sealer.gateway, &birth).await.unwrap();
        let attacker = attacker(app, &world, name).await;
        let booking = world.book(app, 0, 0, 2).await.unwrap();
        let want = IssuePass {
            booking: booking.id,
            kind: PassKind::Static,
        };
        let pass = issue_pass(app, &Actor::system(), want).await.unwrap().pass;
        let (pass_text, pass_digest) = opening("credential", &pass.id.to_string());
        let mut granted = at_door(EventCode::AccessGranted, 5_000, &world);
        granted.credential = Some(pass_digest);
        granted.correlation = Some(Correlation([1; 16]));
        granted.body = Some(cbor::Raw::of(&decision(&world, 5_000, true)));
        let mut taken = at_door(EventCode::AccessTaken, 6_000, &world);
        taken.correlation = Some(Correlation([1; 16]));

        let (who_text, who_digest) = opening("subject", &subject(app, &world, &attacker).await);
        let mut denied = at_door(EventCode::AccessDenied, 7_000, &world);
        denied.door = Some(world.inner.id);
        denied.subject = Some(who_digest);
        denied.snapshot_epoch = Some(12);
        denied.body = Some(cbor::Raw::of(&decision(&world, 7_000, false)));
        let forced = at_door(EventCode::DoorForcedOpen, 8_000, &world);
        let seal = sealer.seal(&[granted, taken, denied, forced]);
        let message = publish(&seal, &[pass_text, who_text]);
        record_seal(app, sealer.gateway, &message).await.unwrap();
        sequencer::round(app).await.unwrap();

        let invited = invite(app, &world, name).await;
        let mut tx = app.db.read().await.unwrap();
        let alarm = alarms::list(&mut tx, Scope::System, world.site.id, true, 1);
        let alarm = alarm.await.unwrap()[0].id;
        let code = EventCode::AccessDenied;
        let refused = events::of_code(&mut tx, Scope::System, world.site.id, code, 1);
        let refusal = refused.await.unwrap()[0].id;
        Self {
            world,
            sealer,
            attacker,
            refusal,
            booking: booking.id,
            visit: invited.visit.id,
            link: invited.link,
            alarm,
        }
    }
}

/// Of the operator, with a booking in an hour.
async fn attacker(app: &App, world: &World, name: &str) -> Person {
    let owner = acting(&world.owner, Role::Owner);
    let want = CreatePerson {
        organisation: world.operator.id,
        name: name.to_owned(),
        email: "attacker@operator.example".to_owned(),
        locale: Locale::En,
        role: Role::Member,
    };
    let attacker = create_person(app, &owner, want).await.unwrap();
    let during = span(1, 2);
    let booked = BookSeat {
        person: attacker.id,
        seat: world.seats[1].id,
        starts_at: during.start,
        ends_at: during.end,
    };
    book_seat(app, &owner, booked).await.unwrap();
    attacker
}

/// By the owner, for now, into the lobby.
async fn invite(app: &App, world: &World, name: &str) -> Invited {
    let want = InviteVisitor {
        site: world.site.id,
        zone: world.lobby.id,
        host: world.owner.id,
        name: name.to_owned(),
        purpose: name.to_owned(),
        email: None,
        starts_at: START,
        ends_at: START.plus_ms(2 * HOUR),
        escort: Escort::Escorted,
    };
    let owner = acting(&world.owner, Role::Owner);
    invite_visitor(app, &owner, want).await.unwrap()
}

async fn subject(app: &App, world: &World, person: &Person) -> String {
    let mut tx = app.db.read().await.unwrap();
    let known = subjects::of_person(&mut tx, person.id).await.unwrap();
    let here = known.iter().find(|(site, _)| *site == world.site.id);
    here.unwrap().1.to_string()
}

fn at_door(code: EventCode, ms: i64, world: &World) -> Event {
    let mut event = event(code, START.plus_ms(ms));
    event.door = Some(world.front.id);
    event
}

/// What a gateway decides about a phone's code, and why: with a right for now, or for an hour later.
fn decision(world: &World, ms: i64, good: bool) -> DecisionBody {
    let now = event(EventCode::AccessGranted, START.plus_ms(ms)).at;
    let request = Request {
        direction: Direction::In,
        form: Some(Form::Reference),
        issuer: Issuer::None,
        signature: Check::Good,
        pass: None,
        shown_at: Some(Timestamp(now.wall.0 - 1000)),
        assurance: 1,
    };
    let facts = Facts {
        policy: Policy::default().digest(),
        zone: world.quiet.id,
        mode: Mode::Normal,
        min_assurance: 1,
        unlock_ms: 3000,
        stale_s: Some(20),
        known: Some(PassState::Active),
        revoked: false,
        replayed: false,
        grants: vec![GrantFacts {
            zones: vec![world.lobby.id, world.quiet.id],
            during: Some(span(i64::from(!good), 2)),
            class: Class::Member,
        }],
        audit_available: true,
        escort: None,
    };
    let answer = decide(&request, &facts, &Policy::default(), &now);
    assert_eq!(answer.release, good);
    DecisionBody {
        request,
        facts,
        reasons: answer.reasons.iter().map(|it: &Reason| *it as u8).collect(),
        unlock_ms: good.then_some(3000),
        read_boot: [0; 8].into(),
        read_n: u64::from(!good),
    }
}
