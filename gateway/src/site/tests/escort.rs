//! A visitor's printed pass, and the host whose company it needs.

use sekisho_domain::ids::{GrantId, SubjectId};
use sekisho_domain::time::Interval;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::snapshot::{Class, Grant, PassRow, PassState};

use super::*;

const VISITOR: SubjectId = SubjectId([0x71; 16]);
const VISIT: GrantId = GrantId([0x72; 16]);

fn print(id: u8) -> String {
    let claims = pass::Claims {
        subject: VISITOR,
        escort: Some(SUBJECT),
        ..claims(PassId([id; 16]), None)
    };
    pass::static_text(&claims.sign(&server_key(Purpose::Pass)))
}

/// Of a visitor for whom the snapshot has a grant and these passes.
fn with_visitor(passes: &[u8]) -> World {
    World::with(|snapshot| {
        snapshot.grants.push(Grant {
            id: VISIT,
            subject: VISITOR,
            zones: snapshot.grants[0].zones.clone(),
            during: Interval::new(Timestamp(T0 - 3_600_000), Timestamp(T0 + 3_600_000)),
            class: Class::Guest,
            escort: Some(SUBJECT),
        });
        snapshot.passes.extend(passes.iter().map(|id| PassRow {
            id: PassId([*id; 16]),
            subject: VISITOR,
            state: PassState::Active,
            grants: vec![VISIT],
            holder: None,
        }));
    })
}

/// The host comes in by the door; whether they pass it is said after.
fn host_comes(world: &mut World, n: u16) -> Correlation {
    let done = world.shows(&world.code(n));
    assert!(done.answer.granted);
    done.answer.correlation
}

#[test]
fn a_visitor_enters_with_the_host_or_after_and_never_before() {
    for known in [&[1, 2][..], &[]] {
        let mut world = with_visitor(known);
        let alone = world.shows(&print(1));
        assert_eq!(reasons(&alone), [Reason::EscortMissing], "{known:?}");
        assert_eq!(alone.codes, [EventCode::AccessDenied]);
        let body: DecisionBody = alone.plan.commit.events[0].event.body_as().unwrap();
        assert_eq!(body.facts.escort, Some(false));

        let host = host_comes(&mut world, 0);
        world.input(InputKind::DoorOpened, Some(host));
        let done = world.shows(&print(1));
        assert!(done.answer.granted, "{:?}", reasons(&done));
        assert_eq!(reasons(&world.shows(&print(1))), [Reason::PassReplayed]);

        // The host has gone out; the visitor may still, and nobody new comes in.
        assert!(world.shows_at(OUT_READER, &world.code(1)).answer.granted);
        assert_eq!(reasons(&world.shows(&print(2))), [Reason::EscortMissing]);
        let out = world.shows_at(OUT_READER, &print(1));
        assert!(out.answer.granted && out.answer.reasons.is_empty());
    }
}

#[test]
fn a_host_who_did_not_pass_the_door_is_not_inside() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    let codes = world.input(InputKind::Locked, Some(host));
    assert_eq!(codes, [EventCode::DoorLocked, EventCode::AccessNotTaken]);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
    // Somebody inside who does not pass another door stays inside.
    let host = host_comes(&mut world, 1);
    world.input(InputKind::DoorOpened, Some(host));
    let again = host_comes(&mut world, 2);
    world.input(InputKind::Locked, Some(again));
    assert!(world.shows(&print(1)).answer.granted);
}

#[test]
fn a_host_whose_entry_could_not_be_recorded_is_not_inside() {
    let mut world = with_visitor(&[1]);
    let host = world.shows(&world.code(0));
    world.site.not_recorded(&host.plan.undo);
    let later = world.shows(&print(9));
    world.site.recorded(&later.plan.undo, vec![]);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}

#[test]
fn a_host_who_is_suspended_is_no_company() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    world.input(InputKind::DoorOpened, Some(host));
    let list = Revocation {
        version: VERSION,
        site: SITE,
        epoch: 1,
        lines: vec![RevocationLine {
            what: Revoked::Subject(SUBJECT),
            at: Timestamp(T0),
            until: Timestamp(T0 + 86_400_000),
        }],
    };
    let (_, list) = Revocations::read(&cbor::encode(&list)).unwrap();
    world.site.put_revocations(list);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}

#[test]
fn company_ends_with_the_right_that_the_host_came_in_with() {
    let mut world = World::with(|snapshot| {
        snapshot.grants[0].during = Interval::new(Timestamp(T0 - 1000), Timestamp(T0 + 60_000));
    });
    let host = host_comes(&mut world, 0);
    world.input(InputKind::DoorOpened, Some(host));
    let (subject, inside) = world.site.inside.iter().next().unwrap();
    assert_eq!((*subject, inside.until), (SUBJECT, Timestamp(T0 + 60_000)));
    world.clock.pass_ms(61_000);
    world.beat();
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}
