//! Visitors through the flows, on both engines: invited, received, seen at doors, and ended with whatever they hang on.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::pass::peek;
use sekisho_domain::presence::State;
use sekisho_domain::refusal::Code;
use sekisho_domain::visit::{Escort, Policy, Standing};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::{Class, PassState};
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::cancel_visit::cancel_visit;
use sekisho_server::flows::invite_visitor::{InviteVisitor, Invited, invite_visitor};
use sekisho_server::flows::issue_visit_pass::issue_visit_pass;
use sekisho_server::flows::receive_visitor::{visitor_arrived, visitor_left};
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::flows::set_visitor_policy::set_visitor_policy;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::store::visits::Visit;
use sekisho_server::store::{Scope, passes, visits};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::{events, facts_version, revoked};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, opening, publish};
use sekisho_tests::world::{World, acting, at, refused, span};

/// A visit to the member, from 11 to 12 o'clock.
pub(crate) fn wanted(world: &World) -> InviteVisitor {
    InviteVisitor {
        site: world.site.id,
        zone: world.lobby.id,
        host: world.member.id,
        name: " 来客 一郎 ".to_owned(),
        purpose: "打合せ".to_owned(),
        email: None,
        starts_at: at(2),
        ends_at: at(3),
        escort: Escort::Escorted,
    }
}

pub(crate) fn host(world: &World) -> Actor {
    acting(&world.member, Role::Member)
}

pub(crate) async fn invited(test: &TestApp, world: &World) -> Invited {
    let want = wanted(world);
    ok!(invite_visitor(&test.app, &host(world), want))
}

pub(crate) async fn now(test: &TestApp, visit: &Visit) -> Visit {
    let mut tx = ok!(test.app.db.read());
    ok!(visits::get(&mut tx, Scope::System, visit.id)).unwrap()
}

pub(crate) async fn pass_state(test: &TestApp, visit: &Visit) -> PassState {
    let mut tx = ok!(test.app.db.read());
    ok!(visits::pass_of(&mut tx, Scope::System, visit.id))
        .unwrap()
        .state
}

#[tokio::test]
async fn a_visitor_gets_a_pass_that_names_the_host_and_nobody_else() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let no_booking = invite_visitor(&test.app, &host(&world), wanted(&world)).await;
        assert_eq!(refused(no_booking), Code::HostNotThere);
        ok!(world.book(&test.app, 0, 1, 4));
        let before = facts_version(&test, &world).await;
        let mut want = wanted(&world);
        want.email = Some("Visitor@Example.jp".to_owned());
        let it = ok!(invite_visitor(&test.app, &host(&world), want));
        assert_eq!(
            (it.visit.name.as_str(), it.visit.company),
            ("来客 一郎", world.company.id)
        );
        assert!(facts_version(&test, &world).await > before);
        let claims = peek(&it.pass.as_ref().unwrap().signed).unwrap();
        assert_eq!(
            (claims.subject, claims.escort, claims.holder),
            (it.visit.subject, Some(it.visit.host_subject), None)
        );
        assert_eq!(
            (claims.not_before_s, claims.expires_s),
            (at(2).0 / 1000, at(3).0 / 1000)
        );
        assert_eq!(claims.zones, [world.lobby.id]);
        assert_ne!(it.visit.subject, it.visit.host_subject);

        // The gateway hears of a guest who needs the host.
        let mut tx = ok!(test.app.db.read());
        let facts = ok!(passes::snapshot_facts(
            &mut tx,
            world.site.id,
            test.app.now()
        ));
        let grant = facts.grants.iter().find(|it| it.class == Class::Guest);
        let grant = grant.unwrap();
        assert_eq!(
            (grant.subject, grant.escort, grant.during),
            (
                it.visit.subject,
                Some(it.visit.host_subject),
                Some(span(2, 1))
            )
        );
        let row = facts
            .passes
            .iter()
            .find(|row| row.id == claims.pass)
            .unwrap();
        assert_eq!(
            (row.state, row.grants.as_slice()),
            (PassState::Active, &[grant.id][..])
        );
        drop(tx);

        // The link is mailed; what is stored is its hash.
        for _ in 0..500 {
            if !test.mailbox.0.lock().unwrap().is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mails = test.mailbox.0.lock().unwrap().clone();
        assert_eq!(mails[0].0, "visitor@example.jp");
        assert!(mails[0].2.contains(&it.link) && mails[0].2.contains("来客 一郎"));
        let site = Some(world.site.id);
        for (code, n) in [
            (EventCode::VisitInvited, 1),
            (EventCode::PassIssued, 1),
            (EventCode::VisitRefused, 1),
        ] {
            assert_eq!(events(&test, site, code, "").await, n, "{code:?}");
        }
        assert_eq!(
            events(&test, site, EventCode::VisitRefused, "host_not_there").await,
            1
        );
    }
}

#[tokio::test]
async fn rules_are_asked_of_what_is_stored() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        ok!(world.book(&test.app, 0, 1, 4));
        let owner = acting(&world.owner, Role::Owner);
        let attempt = async |change: fn(&mut InviteVisitor, &World)| {
            let mut want = wanted(&world);
            change(&mut want, &world);
            refused(invite_visitor(&test.app, &host(&world), want).await)
        };
        assert_eq!(attempt(|w, _| w.ends_at = at(2)).await, Code::IntervalEmpty);
        assert_eq!(
            attempt(|w, _| w.ends_at = at(2 + 25)).await,
            Code::VisitTooLong
        );
        assert_eq!(attempt(|w, _| w.starts_at = at(-1)).await, Code::InThePast);
        assert_eq!(
            attempt(|w, _| w.starts_at = at(24 * 40)).await,
            Code::IntervalEmpty
        );
        assert_eq!(
            attempt(|w, _| w.ends_at = at(12)).await,
            Code::OutsideOpeningHours
        );
        assert_eq!(attempt(|w, _| w.ends_at = at(6)).await, Code::HostNotThere);
        assert_eq!(
            attempt(|w, _| w.name = "a\nb".to_owned()).await,
            Code::InvalidInput
        );
        assert_eq!(
            attempt(|w, _| w.name = "字".repeat(121)).await,
            Code::InvalidInput
        );
        assert_eq!(
            attempt(|w, _| w.purpose = "\u{202e}\u{0}".to_owned()).await,
            Code::InvalidInput
        );
        assert_eq!(
            attempt(|w, _| w.email = Some("a@b.jp\r\nBcc: c@d.jp".to_owned())).await,
            Code::InvalidInput
        );
        // A stranger's person, and a host whom a member may not speak for.
        assert_eq!(
            attempt(|w, it| w.host = it.outsider.id).await,
            Code::NotFound
        );
        assert_eq!(attempt(|w, it| w.host = it.boss.id).await, Code::NotAllowed);

        let policy = Policy {
            escort_required: true,
            per_host: 1,
            closed_zones: vec![world.quiet.id],
        };
        let (member, site) = (host(&world), world.site.id);
        let as_member = set_visitor_policy(&test.app, &member, site, policy.clone()).await;
        assert_eq!(refused(as_member), Code::NotAllowed);
        ok!(set_visitor_policy(&test.app, &owner, world.site.id, policy));
        assert_eq!(
            attempt(|w, it| w.zone = it.quiet.id).await,
            Code::ZoneClosedToVisitors
        );
        let mut want = wanted(&world);
        want.escort = Escort::None;
        let it = ok!(invite_visitor(&test.app, &host(&world), want));
        assert_eq!(it.visit.escort, Escort::Escorted, "the site insists");
        assert_eq!(attempt(|_, _| ()).await, Code::TooManyVisitors);
        // Another time is another visit; and who runs the site needs no booking.
        let mut later = wanted(&world);
        (later.starts_at, later.ends_at) = (at(3), at(4));
        ok!(invite_visitor(&test.app, &host(&world), later));
        let mut of_owner = wanted(&world);
        of_owner.host = world.owner.id;
        ok!(invite_visitor(&test.app, &owner, of_owner));
    }
}

#[tokio::test]
async fn a_visit_ends_with_what_it_hangs_on_and_nobody_inside_is_forgotten() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let booking = ok!(world.book(app, 0, 1, 4));

        // Cancelled by the host.
        let first = invited(&test, &world).await;
        let pass = first.pass.unwrap().id;
        ok!(cancel_visit(app, &host(&world), first.visit.id));
        assert_eq!(pass_state(&test, &first.visit).await, PassState::Cancelled);
        assert!(revoked(&test, &world).await.contains(&Revoked::Pass(pass)));
        assert_eq!(
            refused(cancel_visit(app, &host(&world), first.visit.id).await),
            Code::VisitCancelled
        );
        assert_eq!(
            refused(visitor_arrived(app, &host(&world), first.visit.id).await),
            Code::VisitCancelled
        );

        // The host's booking goes, the visitor is inside.
        let second = invited(&test, &world).await;
        test.clock.advance_ms(2 * HOUR);
        ok!(visitor_arrived(app, &host(&world), second.visit.id));
        ok!(cancel_booking(app, &host(&world), booking.id));
        assert_eq!(pass_state(&test, &second.visit).await, PassState::Cancelled);
        let there = now(&test, &second.visit).await;
        assert_eq!(
            (there.cancelled, there.standing(app.now())),
            (true, Standing::Overdue)
        );
        ok!(visitor_left(app, &host(&world), second.visit.id));
        assert_eq!(
            now(&test, &second.visit).await.standing(app.now()),
            Standing::Left
        );
        assert_eq!(
            refused(visitor_left(app, &host(&world), second.visit.id).await),
            Code::VisitorNotHere
        );

        // The host is suspended.
        ok!(world.book(app, 1, 4, 2));
        let mut want = wanted(&world);
        (want.starts_at, want.ends_at) = (at(4), at(5));
        let third = ok!(invite_visitor(app, &host(&world), want));
        ok!(suspend_person(app, &boss, world.member.id));
        assert_eq!(pass_state(&test, &third.visit).await, PassState::Revoked);
        assert!(now(&test, &third.visit).await.cancelled);
        let mut tx = ok!(app.db.read());
        let facts = ok!(passes::snapshot_facts(&mut tx, world.site.id, app.now()));
        assert!(facts.grants.iter().all(|grant| grant.class != Class::Guest));
        assert_eq!(facts.passes.len(), 3, "known as ended");
        drop(tx);
        let site = Some(world.site.id);
        for (code, n) in [
            (EventCode::VisitCancelled, 3),
            (EventCode::PassRevoked, 3),
            (EventCode::VisitArrived, 1),
            (EventCode::VisitLeft, 1),
        ] {
            assert_eq!(events(&test, site, code, "").await, n, "{code:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_print_is_replaced_and_the_desk_ends_the_pass_of_who_left() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        ok!(world.book(&test.app, 0, 1, 4));
        let it = invited(&test, &world).await;
        let first = it.pass.unwrap().id;
        let second = ok!(issue_visit_pass(&test.app, &host(&world), it.visit.id));
        assert_ne!(first, second.pass.id);
        assert_eq!(revoked(&test, &world).await, [Revoked::Pass(first)]);
        let other = acting(&world.boss, Role::Member);
        assert_eq!(
            refused(issue_visit_pass(&test.app, &other, it.visit.id).await),
            Code::NotAllowed
        );
        // The desk is the operator's, or the host's own.
        let desk = acting(&world.owner, Role::Manager);
        let boss = acting(&world.boss, Role::Owner);
        assert_eq!(
            refused(visitor_arrived(&test.app, &boss, it.visit.id).await),
            Code::NotAllowed
        );
        let there = ok!(visitor_arrived(&test.app, &desk, it.visit.id));
        assert_eq!(there.presence.state, State::Present);
        let again = ok!(visitor_arrived(&test.app, &desk, it.visit.id));
        assert_eq!(again, there, "once more changes nothing");
        ok!(visitor_left(&test.app, &desk, it.visit.id));
        assert_eq!(pass_state(&test, &it.visit).await, PassState::Revoked);
        test.clock.advance_ms(5 * HOUR);
        assert_eq!(
            refused(issue_visit_pass(&test.app, &host(&world), it.visit.id).await),
            Code::VisitEnded
        );
        let outsider = acting(&world.outsider, Role::Owner);
        assert_eq!(
            refused(cancel_visit(&test.app, &outsider, it.visit.id).await),
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn doors_say_where_a_visitor_is_and_time_alone_says_nothing() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        ok!(world.book(app, 0, 1, 4));
        let it = invited(&test, &world).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        ok!(sekisho_server::flows::apply_birth::apply_birth(
            app,
            sealer.gateway,
            &sealer.birth(None, 0)
        ));
        let (credential, digest) = opening("credential", &it.pass.as_ref().unwrap().id.to_string());
        let (subject, who) = opening("subject", &it.visit.subject.to_string());
        let correlation = sekisho_domain::ids::Correlation([5; 16]);
        let mut granted = event(EventCode::AccessGranted, at(2));
        (granted.door, granted.correlation) = (Some(world.front.id), Some(correlation));
        (granted.credential, granted.subject) = (Some(digest), Some(who));
        granted.body = Some(crate::evidence_of_gateways::decision());
        let mut taken = event(EventCode::AccessTaken, at(2).plus_ms(1000));
        (taken.door, taken.zone, taken.correlation) = (
            Some(world.front.id),
            Some(world.lobby.id),
            Some(correlation),
        );
        let seal = sealer.seal(&[granted, taken]);
        ok!(record_seal(
            app,
            sealer.gateway,
            &publish(&seal, &[credential, subject])
        ));

        let there = now(&test, &it.visit).await;
        assert_eq!(
            (there.presence.state, there.presence.zone),
            (State::Present, Some(world.lobby.id))
        );
        let mut button = event(EventCode::DoorRexPressed, at(2).plus_ms(2000));
        button.door = Some(world.front.id);
        let seal = sealer.seal(&[button]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        test.clock.set(at(30));
        let there = now(&test, &it.visit).await;
        assert_eq!(there.presence.state, State::Away, "may have left");
        assert_eq!(
            there.standing(app.now()),
            Standing::Overdue,
            "and is asked after"
        );
        // Whoever looks at today still finds them.
        let mut tx = ok!(app.db.read());
        let found = ok!(visits::at_site(
            &mut tx,
            Scope::System,
            world.site.id,
            None,
            span(30, 1)
        ));
        assert_eq!(found.len(), 1);
    }
}

#[tokio::test]
async fn names_stay_out_of_the_log() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    ok!(world.book(&test.app, 0, 1, 4));
    let it = invited(&test, &world).await;
    let mut tx = ok!(test.app.db.read());
    let waiting: Vec<(Vec<u8>,)> = sekisho_server::on!(&mut tx, c =>
        sqlx::query_as("SELECT bytes FROM log_pending").fetch_all(c).await)
    .unwrap();
    let needles = [
        "来客".as_bytes().to_vec(),
        "打合せ".as_bytes().to_vec(),
        it.visit.subject.0.to_vec(),
        it.visit.subject.to_string().into_bytes(),
        it.visit.host_subject.0.to_vec(),
    ];
    assert!(!waiting.is_empty());
    for (bytes,) in &waiting {
        for needle in &needles {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle));
        }
    }
    // They are behind digests, in the vault that can be erased.
    let kept: Vec<(String,)> = sekisho_server::on!(&mut tx, c =>
        sqlx::query_as("SELECT disclosure FROM opening").fetch_all(c).await)
    .unwrap();
    let said = kept.iter().filter_map(|(text,)| disclosure::read(text));
    let about = said.filter(|(name, value)| name == "visitor" && value.contains("来客 一郎"));
    assert_eq!(about.count(), 1);
}

#[tokio::test]
async fn a_race_for_the_last_place_has_one_winner() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        ok!(world.book(&test.app, 0, 1, 4));
        let owner = acting(&world.owner, Role::Owner);
        let policy = Policy {
            per_host: 1,
            ..Policy::default()
        };
        ok!(set_visitor_policy(&test.app, &owner, world.site.id, policy));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let (app, actor, want) = (test.app.clone(), host(&world), wanted(&world));
                tokio::spawn(async move { invite_visitor(&app, &actor, want).await })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                Err(FlowError::Refused(refusal)) => assert_eq!(refusal.code, Code::TooManyVisitors),
                Err(failed) => panic!("{failed:?}"),
            }
        }
        assert_eq!(won, 1, "{}", test.engine());
    }
}
