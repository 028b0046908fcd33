//! A booking moves to other times or another seat, all or nothing, with its grant and its passes, and back again for a minute.
#![expect(clippy::similar_names, reason = "pairs of things that belong together")]
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::change_booking::{ChangeBooking, change_booking, undo_change};
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::store::bookings::{self, Booking};
use sekisho_server::store::{Scope, passes};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::{events, facts_version, pass_state, revoked};
use sekisho_tests::web::Web;
use sekisho_tests::world::{Phone, World, acting, at, refused, span};
use serde_json::json;

fn to(booking: &Booking, seat: Option<SeatId>, from: i64, until: i64) -> ChangeBooking {
    ChangeBooking {
        booking: booking.id,
        seat,
        starts_at: Some(at(from)),
        ends_at: Some(at(until)),
        seen: None,
    }
}

async fn now_is(test: &TestApp, booking: &Booking) -> Booking {
    let mut tx = test.app.db.read().await.unwrap();
    bookings::get(&mut tx, Scope::System, booking.id)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_booking_moves_and_its_grant_and_its_passes_follow() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        Phone::new().register(app, &world.member).await.unwrap();
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        let issue = |kind| IssuePass {
            booking: booking.id,
            kind,
        };
        let phone = issue_pass(app, &member, issue(PassKind::WithHolder))
            .await
            .unwrap()
            .pass;
        let print = issue_pass(app, &member, issue(PassKind::Static))
            .await
            .unwrap()
            .pass;
        let before = facts_version(&test, &world).await;
        let want = ChangeBooking {
            seen: Some(1),
            ..to(&booking, Some(world.seats[2].id), 5, 8)
        };
        let moved = change_booking(app, &member, want).await.unwrap();
        assert_eq!(
            (moved.seat, moved.during, moved.version),
            (world.seats[2].id, span(5, 3), 2)
        );
        assert_eq!(now_is(&test, &booking).await, moved);
        assert_eq!(facts_version(&test, &world).await, before + 1);
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingChanged, "").await,
            1
        );
        // Both passes carried the old times: they would open doors at a gateway that has heard of nothing.
        for id in [phone.id, print.id] {
            assert_eq!(pass_state(&test, id).await, PassState::Revoked);
            assert!(revoked(&test, &world).await.contains(&Revoked::Pass(id)));
        }
        let mut tx = app.db.read().await.unwrap();
        let facts = passes::snapshot_facts(&mut tx, world.site.id, app.now())
            .await
            .unwrap();
        drop(tx);
        let grant = facts
            .grants
            .iter()
            .find(|it| it.id == passes::grant_id(booking.allocation));
        let open = grant.unwrap().during.unwrap();
        assert_eq!(
            (open.start, open.end),
            (at(5).plus_ms(-600_000), at(8).plus_ms(900_000))
        );
        let anew = issue_pass(app, &member, issue(PassKind::WithHolder))
            .await
            .unwrap()
            .pass;
        assert_eq!(anew.during, open);
        // Another seat of the same zone at the same times: the pass says nothing else than before.
        let side = ChangeBooking {
            seat: Some(world.seats[3].id),
            ..to(&booking, None, 5, 8)
        };
        change_booking(app, &member, side).await.unwrap();
        assert_eq!(pass_state(&test, anew.id).await, PassState::Active);
        // Longer keeps it too; shorter does not.
        change_booking(app, &member, to(&booking, None, 5, 9))
            .await
            .unwrap();
        assert_eq!(pass_state(&test, anew.id).await, PassState::Active);
        change_booking(app, &member, to(&booking, None, 5, 7))
            .await
            .unwrap();
        assert_eq!(pass_state(&test, anew.id).await, PassState::Revoked);
        // What it left is free for others.
        let boss = BookSeat {
            person: world.boss.id,
            seat: world.seats[3].id,
            starts_at: at(7),
            ends_at: at(9),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), boss)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn when_the_new_one_is_refused_the_old_one_stands() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        let second = world.book(app, 0, 9, 1).await.unwrap();
        let boss = BookSeat {
            person: world.boss.id,
            seat: world.seats[1].id,
            starts_at: at(2),
            ends_at: at(4),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), boss)
            .await
            .unwrap();
        let try_it = |want| change_booking(app, &member, want);
        let taken = try_it(to(&booking, Some(world.seats[1].id), 1, 3)).await;
        match &taken {
            Err(FlowError::Refused(refusal)) => {
                assert_eq!(refusal.code, Code::SeatTaken);
                assert!(!refusal.alternatives.is_empty());
            }
            other => panic!("{other:?}"),
        }
        for (want, code) in [
            (to(&booking, None, 8, 10), Code::PersonBusy),
            (to(&booking, None, 11, 13), Code::OutsideOpeningHours),
            (to(&booking, None, 3, 3), Code::IntervalEmpty),
            (to(&booking, Some(SeatId([9; 16])), 1, 3), Code::NotFound),
        ] {
            assert_eq!(refused(try_it(want).await), code);
        }
        let stale = ChangeBooking {
            seen: Some(7),
            ..to(&booking, None, 4, 5)
        };
        assert_eq!(refused(try_it(stale).await), Code::VersionMismatch);
        assert_eq!(
            now_is(&test, &booking).await,
            booking,
            "nothing was touched"
        );
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingChanged, "").await,
            0
        );
        // What stays as it is is no change; strangers do not see it; colleagues may not.
        let same = try_it(to(&booking, Some(booking.seat), 1, 3))
            .await
            .unwrap();
        assert_eq!(same, booking);
        let want = to(&booking, None, 4, 5);
        for (actor, code) in [
            (acting(&world.outsider, Role::Owner), Code::NotFound),
            (acting(&world.boss, Role::Member), Code::NotAllowed),
        ] {
            assert_eq!(refused(change_booking(app, &actor, want).await), code);
        }
        // Once begun, only the end moves.
        test.clock.advance_ms(HOUR + HOUR / 2);
        let seat = to(&booking, Some(world.seats[2].id), 1, 3);
        assert_eq!(refused(try_it(seat).await), Code::BookingBegun);
        let shorter = ChangeBooking {
            ends_at: Some(at(2)),
            starts_at: None,
            ..to(&booking, None, 0, 0)
        };
        let done = try_it(shorter).await.unwrap();
        assert_eq!(
            (done.during, done.state),
            (span(1, 1), AllocationState::Confirmed)
        );
        test.clock.advance_ms(HOUR);
        assert_eq!(
            refused(try_it(to(&booking, None, 1, 4)).await),
            Code::BookingEnded
        );
        assert_eq!(now_is(&test, &second).await, second);
    }
}

#[tokio::test]
async fn a_change_is_taken_back_within_a_minute_by_who_made_it() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        assert_eq!(
            refused(undo_change(app, &member, booking.id).await),
            Code::NothingToUndo
        );
        let want = to(&booking, Some(world.seats[1].id), 4, 6);
        change_booking(app, &member, want).await.unwrap();
        let operator = acting(&world.owner, Role::Owner);
        assert_eq!(
            refused(undo_change(app, &operator, booking.id).await),
            Code::NotAllowed
        );
        test.clock.advance_ms(59_999);
        let back = undo_change(app, &member, booking.id).await.unwrap();
        assert_eq!(
            (back.seat, back.during, back.version),
            (booking.seat, booking.during, 3)
        );
        assert_eq!(
            events(
                &test,
                Some(world.site.id),
                EventCode::BookingChangeUndone,
                ""
            )
            .await,
            1
        );
        assert_eq!(
            refused(undo_change(app, &member, booking.id).await),
            Code::NothingToUndo,
            "a second tap"
        );
        change_booking(app, &member, want).await.unwrap();
        test.clock.advance_ms(60_000);
        assert_eq!(
            refused(undo_change(app, &member, booking.id).await),
            Code::NothingToUndo
        );
        // Somebody was quicker.
        let third = to(&booking, Some(world.seats[2].id), 4, 6);
        change_booking(app, &member, third).await.unwrap();
        let boss = BookSeat {
            person: world.boss.id,
            seat: world.seats[1].id,
            starts_at: at(5),
            ends_at: at(6),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), boss)
            .await
            .unwrap();
        assert_eq!(
            refused(undo_change(app, &member, booking.id).await),
            Code::SeatTaken
        );
        assert_eq!(now_is(&test, &booking).await.seat, world.seats[2].id);
    }
}

#[tokio::test]
async fn two_who_swap_and_two_who_want_the_same_never_overlap_and_never_lose() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let mine = world.book(app, 0, 1, 1).await.unwrap();
        let boss = BookSeat {
            person: world.boss.id,
            seat: world.seats[1].id,
            starts_at: at(1),
            ends_at: at(2),
        };
        let boss_actor = acting(&world.boss, Role::Owner);
        let theirs = book_seat(app, &boss_actor, boss).await.unwrap();
        for round in 0..8 {
            let seat = world.seats[2 + round % 2].id;
            let (a, b) = (to(&mine, Some(seat), 3, 4), to(&theirs, Some(seat), 3, 4));
            let member = acting(&world.member, Role::Member);
            let (one, two) = tokio::join!(
                change_booking(app, &member, a),
                change_booking(app, &boss_actor, b)
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let back = if one.is_ok() {
                change_booking(app, &member, to(&mine, Some(world.seats[0].id), 1, 2)).await
            } else {
                change_booking(app, &boss_actor, to(&theirs, Some(world.seats[1].id), 1, 2)).await
            };
            back.unwrap();
            let (mine, theirs) = (now_is(&test, &mine).await, now_is(&test, &theirs).await);
            assert_eq!((mine.during, theirs.during), (span(1, 1), span(1, 1)));
        }
    }
}

#[tokio::test]
async fn over_http_and_on_the_page() {
    let web = Web::sqlite().await;
    let world = World::on(&web.test.app).await;
    let booking = world.book(&web.test.app, 0, 1, 2).await.unwrap();
    let cookie = crate::seat_pages::sign_in(&web, &world.member).await;
    let path = format!("/api/v1/bookings/{}", booking.id);
    let patch = |body: serde_json::Value, version: &str| {
        web.ask(axum::http::Method::PATCH, &path)
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin")
            .header("if-match", format!("\"{version}\""))
            .bytes(body.to_string())
            .cookie(&cookie)
    };
    let times =
        json!({ "start": at(3).rfc3339(), "end": at(5).rfc3339(), "seat": world.seats[1].id });
    let moved = patch(times.clone(), "1").send().await;
    assert_eq!(moved.expect(200)["start"], at(3).rfc3339());
    assert_eq!(moved.headers["etag"], "\"2\"");
    assert_eq!(
        patch(times, "1").send().await.problem(412),
        "version_mismatch"
    );
    let bare = patch(json!({ "start": "2026-11-20T12:00:00" }), "2")
        .send()
        .await;
    assert_eq!(bare.problem(422), "invalid_input");
    let undo = web
        .post(format!("{path}/undo-change"), &json!({}))
        .header("sec-fetch-site", "same-origin")
        .cookie(&cookie);
    assert_eq!(undo.send().await.expect(200)["start"], at(1).rfc3339());

    // The page: its own seat first, one button each; a change leads back to the booking, where it can be taken back.
    let page = web.get(format!("/bookings/{}/change", booking.id));
    let page = page.cookie(&cookie).send().await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("予約の変更") && page.text.contains("のまま、この時間に変更する"));
    let send = |fields: &[(&str, &str)]| {
        web.form(format!("/bookings/{}/change", booking.id), fields)
            .cookie(&cookie)
    };
    let seat = world.seats[2].id.to_string();
    let done = send(&[
        ("seat", &seat),
        ("day", "2026-11-20"),
        ("from", "12:00"),
        ("to_day", "2026-11-20"),
        ("to", "13:00"),
    ])
    .send()
    .await;
    assert_eq!(done.status, 303, "{}", done.text);
    let there = web.get(done.location()).cookie(&cookie).send().await;
    assert!(there.text.contains("予約を変更しました") && there.text.contains("変更を元に戻す"));
    let back = web
        .form(format!("/bookings/{}/undo-change", booking.id), &[])
        .cookie(&cookie)
        .send()
        .await;
    let there = web.get(back.location()).cookie(&cookie).send().await;
    assert!(
        there.text.contains("予約を変更前に戻しました"),
        "{}",
        there.text
    );
    // Refused: what is possible leads to the same form.
    let boss = BookSeat {
        person: world.boss.id,
        seat: world.seats[2].id,
        starts_at: at(3),
        ends_at: at(4),
    };
    book_seat(&web.test.app, &acting(&world.boss, Role::Owner), boss)
        .await
        .unwrap();
    let refused = send(&[
        ("seat", &seat),
        ("from", &at(3).rfc3339()),
        ("to", &at(4).rfc3339()),
    ])
    .send()
    .await;
    assert_eq!(refused.status, 409);
    let action = format!("action=\"/bookings/{}/change\"", booking.id);
    assert!(refused.text.contains(&action), "{}", refused.text);
}
