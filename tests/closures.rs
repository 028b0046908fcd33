//! Closures: what becomes of the bookings that they meet, who is told, and the way back.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::close_site::{CloseSite, close_site, end_closure, undo_closure};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::work_closures::{preview, work_closures};
use sekisho_server::store::bookings::{self, Booking};
use sekisho_server::store::closures::{self, Bookings, Closure, ClosureState, Effect};
use sekisho_server::store::seats::SeatKind;
use sekisho_server::store::{Scope, locks, passes};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::events;
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting, at, person, refused, span};
use serde_json::json;

use crate::calendar::refusal;
use crate::seat_pages::{Site, sign_in};

const ALL: Scope = Scope::System;

/// Of the whole site, from hour to hour.
fn want(world: &World, from: Option<i64>, until: i64, bookings: Bookings) -> CloseSite {
    CloseSite {
        site: world.site.id,
        zone: None,
        starts_at: from.map(at),
        ends_at: at(until),
        ja: "停電のため".to_owned(),
        en: "power cut".to_owned(),
        bookings,
    }
}

async fn close(test: &TestApp, world: &World, want: CloseSite) -> Result<Closure, FlowError> {
    close_site(&test.app, &acting(&world.owner, Role::Owner), want).await
}

/// Until there is nothing left to do.
async fn work(test: &TestApp) {
    while work_closures(&test.app).await.unwrap() {}
}

async fn now_is(test: &TestApp, booking: &Booking) -> Booking {
    let mut tx = test.app.db.read().await.unwrap();
    let found = bookings::get(&mut tx, ALL, booking.id).await.unwrap();
    found.unwrap()
}

async fn effects(test: &TestApp, closure: &Closure) -> Vec<Effect> {
    let mut tx = test.app.db.read().await.unwrap();
    let found = closures::effects(&mut tx, ALL, closure.id).await.unwrap();
    found.into_iter().map(|(_, effect)| effect).collect()
}

async fn state(test: &TestApp, closure: &Closure) -> ClosureState {
    let mut tx = test.app.db.read().await.unwrap();
    let found = closures::get(&mut tx, ALL, closure.id).await.unwrap();
    found.unwrap().state
}

async fn mails(test: &TestApp) -> Vec<String> {
    while deliver_outbox(&test.app, &mut BTreeSet::new())
        .await
        .unwrap()
        > 0
    {}
    let sent = test.mailbox.0.lock().unwrap().clone();
    sent.into_iter().map(|(_, _, text)| text).collect()
}

#[tokio::test]
async fn an_emergency_ends_what_it_meets_its_passes_and_grants_and_is_undone_within_a_minute() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let running = world.book(app, 0, 0, 2).await.unwrap();
        let later = world.book(app, 1, 5, 1).await.unwrap();
        let pass = IssuePass {
            booking: running.id,
            kind: PassKind::Static,
        };
        let pass = issue_pass(app, &member, pass).await.unwrap().pass;
        let closure = close(&test, &world, want(&world, None, 3, Bookings::Cancel))
            .await
            .unwrap();
        assert!(closure.emergency);
        // Nobody gets in between, even before the work is done.
        let no = refusal(world.book(app, 2, 2, 1).await);
        assert_eq!(
            (no.code, &*no.data["reason_ja"]),
            (Code::ClosedThen, "停電のため")
        );
        assert_eq!(no.lifts_at, Some(at(3)));
        work(&test).await;
        assert_eq!(
            now_is(&test, &running).await.state,
            AllocationState::Cancelled
        );
        assert_eq!(
            now_is(&test, &later).await.state,
            AllocationState::Confirmed
        );
        assert_eq!(effects(&test, &closure).await, [Effect::Cancelled]);
        assert_eq!(state(&test, &closure).await, ClosureState::Done);
        let mut tx = app.db.read().await.unwrap();
        let ended = passes::get(&mut tx, ALL, pass.id).await.unwrap().unwrap();
        assert_eq!(ended.state, PassState::Cancelled);
        let facts = passes::snapshot_facts(&mut tx, world.site.id, app.now())
            .await
            .unwrap();
        let id = passes::grant_id(running.allocation);
        let grant = facts.grants.iter().find(|it| it.id == id);
        assert!(grant.is_none_or(|it| it.during.is_none()), "no way in");
        drop(tx);
        let site = Some(world.site.id);
        assert_eq!(events(&test, site, EventCode::ClosureMade, "").await, 1);
        assert_eq!(
            events(&test, site, EventCode::BookingCancelled, "").await,
            1
        );
        let told = mails(&test).await;
        assert_eq!(
            told.iter()
                .filter(|text| text.contains("理由: 停電のため"))
                .count(),
            1
        );
        // Undone: the booking is back; a stranger and somebody else cannot.
        let boss = acting(&world.boss, Role::Owner);
        let foreign = undo_closure(app, &boss, closure.id, None).await;
        assert_eq!(refused(foreign), Code::NotFound);
        let owner = acting(&world.owner, Role::Owner);
        undo_closure(app, &owner, closure.id, None).await.unwrap();
        work(&test).await;
        assert_eq!(
            now_is(&test, &running).await.state,
            AllocationState::Confirmed
        );
        assert_eq!(effects(&test, &closure).await, [Effect::Restored]);
        assert_eq!(state(&test, &closure).await, ClosureState::Undone);
        let twice = undo_closure(app, &owner, closure.id, None).await;
        assert_eq!(refused(twice), Code::ClosureOver);
        let again = close(&test, &world, want(&world, None, 3, Bookings::Cancel))
            .await
            .unwrap();
        work(&test).await;
        test.clock.advance_ms(60_000);
        let late = undo_closure(app, &owner, again.id, None).await;
        assert_eq!(refused(late), Code::UndoTooLate);
        // Ended, it is open again; what it made of bookings stays.
        end_closure(app, &owner, again.id, None).await.unwrap();
        assert_eq!(
            now_is(&test, &running).await.state,
            AllocationState::Cancelled
        );
        world.book(app, 2, 1, 1).await.unwrap();
        let over = end_closure(app, &owner, again.id, None).await;
        assert_eq!(refused(over), Code::ClosureOver);
    }
}

#[tokio::test]
async fn a_zone_that_closes_moves_its_bookings_to_equal_seats_and_then_to_other_times() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let owner = acting(&world.owner, Role::Owner);
        let spare = CreateSeat {
            zone: world.lobby.id,
            name: "L-1".to_owned(),
            kind: SeatKind::Desk,
            place: None,
        };
        let spare = create_seat(app, &owner, spare).await.unwrap();
        let first = world.book(app, 0, 2, 1).await.unwrap();
        let who = person(app, &world.company, "second@company.example").await;
        let second = BookSeat {
            person: who.id,
            seat: world.seats[1].id,
            starts_at: at(2),
            ends_at: at(3),
        };
        let second = book_seat(app, &acting(&who, Role::Member), second)
            .await
            .unwrap();
        let zone = CloseSite {
            zone: Some(world.quiet.id),
            ..want(&world, Some(1), 5, Bookings::Move)
        };
        let (met, total) = preview(app, &owner, &zone, 9).await.unwrap();
        assert_eq!((met.len(), total), (2, 2));
        let closure = close(&test, &world, zone.clone()).await.unwrap();
        work(&test).await;
        assert_eq!(
            effects(&test, &closure).await,
            [Effect::Moved, Effect::Moved]
        );
        let moved = [now_is(&test, &first).await, now_is(&test, &second).await];
        let there = moved.iter().filter(|it| it.seat == spare.id);
        assert_eq!(there.map(|it| it.during).collect::<Vec<_>>(), [span(2, 1)]);
        let own = moved.iter().find(|it| it.seat != spare.id).unwrap();
        assert!(!own.during.overlaps(&span(1, 4)), "{own:?}");
        // The other zone stays open; this one does not, and says so.
        let lobby = BookSeat {
            person: world.boss.id,
            seat: spare.id,
            starts_at: at(4),
            ends_at: at(5),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), lobby)
            .await
            .unwrap();
        let no = refusal(world.book(app, 3, 4, 1).await);
        assert_eq!(no.code, Code::ClosedThen);
        let told = mails(&test).await;
        assert_eq!(
            told.iter()
                .filter(|text| text.contains("閉館のため、予約を次のとおり移しました"))
                .count(),
            2
        );
        undo_closure(app, &owner, closure.id, None).await.unwrap();
        work(&test).await;
        for before in [&first, &second] {
            let is = now_is(&test, before).await;
            assert_eq!((is.seat, is.during), (before.seat, before.during));
        }
    }
}

#[tokio::test]
async fn closures_are_checked_and_a_large_one_goes_on_where_it_was_left() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        for (from, until, code) in [
            (Some(3), 3, Code::IntervalEmpty),
            (Some(5), 3, Code::IntervalEmpty),
            (Some(-5), -3, Code::InThePast),
            (Some(-5), 3, Code::InThePast),
            (Some(1), 24 * 400, Code::TooLong),
            (Some(24 * 900), 24 * 901, Code::TooFarAhead),
        ] {
            let no = close(&test, &world, want(&world, from, until, Bookings::Keep)).await;
            assert_eq!(refused(no), code, "{from:?} {until}");
        }
        for bad in ["", "  ", "a\nb", "\u{202e}"] {
            let it = CloseSite {
                ja: bad.to_owned(),
                ..want(&world, Some(1), 2, Bookings::Keep)
            };
            assert_eq!(refused(close(&test, &world, it).await), Code::InvalidInput);
        }
        let boss = acting(&world.boss, Role::Owner);
        let it = want(&world, Some(1), 2, Bookings::Keep);
        assert_eq!(
            refused(close_site(app, &boss, it.clone()).await),
            Code::NotAllowed
        );
        let outsider = acting(&world.outsider, Role::Owner);
        assert_eq!(
            refused(close_site(app, &outsider, it).await),
            Code::NotFound
        );
        // Sixty bookings: more than one round.
        for n in 0..60i64 {
            let who = person(app, &world.company, &format!("p{n}@company.example")).await;
            let want = BookSeat {
                person: who.id,
                seat: world.seats[usize::try_from(n % 4).unwrap()].id,
                starts_at: at(48).plus_ms(n / 4 * HOUR / 2),
                ends_at: at(48).plus_ms((n / 4 + 1) * HOUR / 2),
            };
            book_seat(app, &acting(&who, Role::Member), want)
                .await
                .unwrap();
        }
        let closure = close(&test, &world, want(&world, Some(47), 60, Bookings::Cancel))
            .await
            .unwrap();
        // Twice at once, as two servers would.
        let (one, two) = tokio::join!(work_closures(app), work_closures(app));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(state(&test, &closure).await, ClosureState::Working);
        work(&test).await;
        assert_eq!(effects(&test, &closure).await, vec![Effect::Cancelled; 60]);
        let site = Some(world.site.id);
        assert_eq!(
            events(&test, site, EventCode::BookingCancelled, "").await,
            60
        );
        assert_eq!(state(&test, &closure).await, ClosureState::Done);
        // Taken back by two at once: everything is there again.
        let owner = acting(&world.owner, Role::Owner);
        undo_closure(app, &owner, closure.id, None).await.unwrap();
        let (one, two) = tokio::join!(work_closures(app), work_closures(app));
        assert!(one.is_ok() && two.is_ok());
        work(&test).await;
        assert_eq!(effects(&test, &closure).await, vec![Effect::Restored; 60]);
    }
}

/// A booking is being cancelled while its closure is taken back: it comes back, too.
#[tokio::test]
async fn what_is_under_way_when_a_closure_is_taken_back_is_not_forgotten() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let booking = world.book(app, 0, 5, 1).await.unwrap();
        let closure = close(&test, &world, want(&world, Some(4), 8, Bookings::Cancel));
        let closure = closure.await.unwrap();
        let owner = acting(&world.owner, Role::Owner);
        // Its cancellation waits for the site's row. SQLite has one writer: there nothing is ever under way beside another.
        let mut held = None;
        if test.engine() == "postgres" {
            let mut tx = app.db.write().await.unwrap();
            locks::lock_site(&mut tx, world.site.id).await.unwrap();
            held = Some(tx);
        }
        let (worked, ()) = tokio::join!(work_closures(app), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let release = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                drop(held);
            };
            let back = async {
                undo_closure(app, &owner, closure.id, None).await.unwrap();
                work(&test).await;
            };
            tokio::join!(release, back);
        });
        worked.unwrap();
        work(&test).await;
        let (is, closed) = (now_is(&test, &booking).await, state(&test, &closure).await);
        assert_eq!(
            (is.state, closed),
            (AllocationState::Confirmed, ClosureState::Undone),
            "{}",
            test.engine()
        );
    }
}

#[tokio::test]
async fn the_api_previews_closes_ends_and_takes_back() {
    for test in TestApp::on_both().await {
        let web = Web::new(test);
        let world = World::on(&web.test.app).await;
        let booking = world.book(&web.test.app, 0, 2, 1).await.unwrap();
        let owner = sign_in(&web, &world.owner).await;
        let outsider = sign_in(&web, &world.outsider).await;
        let path = format!("/api/v1/sites/{}/closures", world.site.id);
        let body = json!({ "start": at(1).rfc3339(), "end": at(4).rfc3339(), "reason_ja": "<b>清掃", "reason_en": "cleaning", "bookings": "cancel" });
        let post = |path: &str, body: &serde_json::Value, cookie: &str| {
            web.post(path, body)
                .cookie(cookie)
                .header("sec-fetch-site", "same-origin")
        };
        let preview = post(&format!("{path}/preview"), &body, &owner).send().await;
        assert_eq!(
            preview.expect(200),
            json!({ "total": 1, "bookings": [booking.id] })
        );
        assert_eq!(
            post(&path, &body, &outsider).send().await.problem(404),
            "not_found"
        );
        let made = post(&path, &body, &owner).header("idempotency-key", "c1");
        let made = made.send().await;
        let again = post(&path, &body, &owner).header("idempotency-key", "c1");
        assert_eq!(again.send().await.expect(201), made.expect(201));
        let it = format!("/api/v1/closures/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(
            web.get(&it).cookie(&outsider).send().await.problem(404),
            "not_found"
        );
        work_closures(&web.test.app).await.unwrap();
        let effects = web.get(format!("{it}/effects")).cookie(&owner).send().await;
        assert_eq!(effects.expect(200)["items"][0]["effect"], "cancelled");
        let free = format!(
            "/api/v1/sites/{}/free?from={}&to={}",
            world.site.id,
            at(2).rfc3339(),
            at(3).rfc3339()
        );
        let free = web.get(free).cookie(&owner).send().await.expect(200);
        assert_eq!(
            (&free["closed"]["rule"], &free["closed"]["reason_ja"]),
            (&json!("closure"), &json!("<b>清掃"))
        );
        let stale = post(&format!("{it}/end"), &json!({}), &owner).header("if-match", "\"9\"");
        assert_eq!(stale.send().await.problem(412), "version_mismatch");
        let undone = post(&format!("{it}/undo"), &json!({}), &owner).send().await;
        assert_eq!(undone.expect(200)["state"], "undoing");
        let back = bookings::get(&mut web.test.app.db.read().await.unwrap(), ALL, booking.id).await;
        assert_eq!(back.unwrap().unwrap().state, AllocationState::Confirmed);
    }
}

#[tokio::test]
async fn pages_show_whom_it_meets_before_it_is_closed() {
    let it = Site::new().await;
    let owner = sign_in(&it.web, &it.world.owner).await;
    it.world.book(&it.web.test.app, 0, 2, 1).await.unwrap();
    let path = format!("/sites/{}/settings/closures", it.world.site.id);
    let fields = vec![
        ("from_day", "2026-11-20"),
        ("from", "10:00"),
        ("to_day", "2026-11-20"),
        ("to", "13:00"),
        ("reason_ja", "<script>清掃"),
        ("reason_en", "cleaning"),
        ("bookings", "cancel"),
    ];
    let preview = it.web.form(&path, &fields).cookie(&owner).send().await;
    assert!(preview.text.contains("山田花子"), "{}", preview.text);
    assert!(preview.text.contains("&#60;script&#62;清掃"));
    let mut confirmed = fields.clone();
    confirmed.push(("confirm", "1"));
    let done = it.web.form(&path, &confirmed).cookie(&owner).send().await;
    assert_eq!(done.status, 303, "{}", done.text);
    let list = it.web.get(&path).cookie(&owner).send().await;
    assert!(
        list.text.contains("取り消し 1") && list.text.contains("元に戻す"),
        "{}",
        list.text
    );
    let book = format!("/sites/{}/book?day=2026-11-20", it.world.site.id);
    let book = it.get(book).await;
    assert!(
        book.text.contains("&#60;script&#62;清掃 (10:00–13:00)"),
        "{}",
        book.text
    );
    let undo = list
        .text
        .split("action=\"")
        .find(|rest| rest.contains("/undo\""));
    let undo = undo.unwrap().split('"').next().unwrap().to_owned();
    let undone = it.web.form(undo, &[]).cookie(&owner).send().await;
    assert_eq!(undone.status, 303, "{}", undone.text);
    let mut bad = fields.clone();
    bad[3] = ("to", "09:00");
    let bad = it.web.form(&path, &bad).cookie(&owner).send().await;
    assert_eq!(bad.status, 422);
    assert_eq!(it.get(&path).await.status, 403);
}
