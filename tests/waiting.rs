//! The line for a seat: first come first served, one held offer at a time, passed on in the transaction that frees the seat.

use sekisho_domain::authority::Role;
use sekisho_domain::booking::{AllocationState, WaitingState};
use sekisho_domain::ids::{BookingId, WaitingId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::app::App;
use sekisho_server::flows::answer_offer::{accept_offer, decline_offer};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::change_booking::{ChangeBooking, change_booking};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::flows::join_waiting::{JoinWaiting, join_waiting, leave_waiting};
use sekisho_server::flows::pass_on_offers::pass_on_offers;
use sekisho_server::flows::release_booking::release_booking;
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::store::Scope;
use sekisho_server::store::bookings::{self, Booking};
use sekisho_server::store::people::Person;
use sekisho_server::store::waiting::{self, Entry};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::events;
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting, at, person, refused, span};
use serde_json::json;

const WINDOW: i64 = 15 * 60_000;

/// Every seat is taken from 3 to 5; by whom, in the order of the seats.
pub(crate) async fn full(app: &App, world: &World) -> Vec<(Person, Booking)> {
    let mut taken = Vec::new();
    for (n, seat) in world.seats.iter().enumerate() {
        let who = person(app, &world.company, &format!("full{n}@company.example")).await;
        let want = BookSeat {
            person: who.id,
            seat: seat.id,
            starts_at: at(3),
            ends_at: at(5),
        };
        let booked = book_seat(app, &acting(&who, Role::Member), want).await;
        taken.push((who, booked.unwrap()));
    }
    taken
}

pub(crate) async fn join(app: &App, world: &World, who: &Person) -> Entry {
    let want = wanted(world, who);
    join_waiting(app, &acting(who, Role::Member), want)
        .await
        .unwrap()
}

fn wanted(world: &World, who: &Person) -> JoinWaiting {
    JoinWaiting {
        person: who.id,
        site: world.site.id,
        zone: None,
        kind: None,
        starts_at: at(3),
        ends_at: at(5),
    }
}

async fn entry(test: &TestApp, id: WaitingId) -> Entry {
    let mut tx = test.app.db.read().await.unwrap();
    waiting::get(&mut tx, Scope::System, id)
        .await
        .unwrap()
        .unwrap()
}

async fn booking(test: &TestApp, id: BookingId) -> Booking {
    let mut tx = test.app.db.read().await.unwrap();
    bookings::get(&mut tx, Scope::System, id)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn what_is_cancelled_is_offered_to_the_first_in_line_and_to_nobody_else() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let taken = full(app, &world).await;
        let first = join(app, &world, &world.member).await;
        test.clock.advance_ms(1000);
        let second = join(app, &world, &world.boss).await;
        let (who, gone) = &taken[2];
        cancel_booking(app, &acting(who, Role::Member), gone.id)
            .await
            .unwrap();
        let offered = entry(&test, first.id).await;
        assert_eq!(offered.state, WaitingState::Offered);
        assert_eq!(offered.offer_until, Some(app.now().plus_ms(WINDOW)));
        let held = booking(&test, offered.booking.unwrap()).await;
        assert_eq!(
            (held.seat, held.during, held.state, held.person),
            (
                gone.seat,
                span(3, 2),
                AllocationState::Held,
                world.member.id
            )
        );
        assert_eq!(entry(&test, second.id).await.state, WaitingState::Waiting);
        // It is held: neither the next in line nor who cancelled can have it.
        let boss = acting(&world.boss, Role::Owner);
        let steal = BookSeat {
            person: world.boss.id,
            seat: gone.seat,
            starts_at: at(3),
            ends_at: at(5),
        };
        assert_eq!(refused(book_seat(app, &boss, steal).await), Code::SeatTaken);
        let regret = undo_cancel(app, &acting(who, Role::Member), gone.id).await;
        assert_eq!(refused(regret), Code::SeatTaken);
        // A mail with the page and the time, at once.
        let sent = deliver_outbox(app, &mut std::collections::BTreeSet::new())
            .await
            .unwrap();
        assert!(sent > 0);
        // Only who it is for, and only in time.
        assert_eq!(
            refused(accept_offer(app, &acting(&world.boss, Role::Member), first.id).await),
            Code::NotAllowed
        );
        assert_eq!(
            refused(accept_offer(app, &acting(&world.outsider, Role::Owner), first.id).await),
            Code::NotFound
        );
        let member = acting(&world.member, Role::Member);
        let mine = accept_offer(app, &member, first.id).await.unwrap();
        assert_eq!((mine.id, mine.state), (held.id, AllocationState::Confirmed));
        assert_eq!(entry(&test, first.id).await.state, WaitingState::Accepted);
        assert_eq!(
            refused(accept_offer(app, &member, first.id).await),
            Code::WaitingOver
        );
        for (code, times) in [
            (EventCode::WaitingJoined, 2),
            (EventCode::WaitingOffered, 1),
            (EventCode::WaitingAccepted, 1),
        ] {
            assert_eq!(events(&test, Some(world.site.id), code, "").await, times);
        }
    }
}

#[tokio::test]
async fn what_is_declined_or_not_answered_goes_to_the_next_in_one_step() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let taken = full(app, &world).await;
        let mut line = Vec::new();
        for n in 0..3 {
            let who = person(app, &world.company, &format!("line{n}@company.example")).await;
            line.push((join(app, &world, &who).await, who));
            test.clock.advance_ms(1000);
        }
        let state = async |n: usize| entry(&test, line[n].0.id).await.state;
        let (who, gone) = &taken[0];
        release_booking(app, &acting(who, Role::Member), gone.id)
            .await
            .unwrap();
        assert_eq!(state(0).await, WaitingState::Offered);
        let first = acting(&line[0].1, Role::Member);
        let declined = decline_offer(app, &first, line[0].0.id).await.unwrap();
        assert_eq!(declined.state, WaitingState::Declined);
        // In the transaction of the answer, not by a job.
        assert_eq!(state(1).await, WaitingState::Offered);
        let held = entry(&test, line[1].0.id).await.booking.unwrap();
        assert_eq!(booking(&test, held).await.seat, gone.seat);
        test.clock.advance_ms(WINDOW - 1);
        assert_eq!(pass_on_offers(app).await.unwrap(), 0);
        test.clock.advance_ms(1);
        assert_eq!(
            refused(accept_offer(app, &acting(&line[1].1, Role::Member), line[1].0.id).await),
            Code::OfferEnded
        );
        assert_eq!(pass_on_offers(app).await.unwrap(), 1);
        assert_eq!(state(1).await, WaitingState::Lapsed);
        assert_eq!(state(2).await, WaitingState::Offered);
        assert_eq!(booking(&test, held).await.state, AllocationState::Released);
        // Who cancels what is offered to them declines it; nobody is left, and the seat is free.
        let last = entry(&test, line[2].0.id).await.booking.unwrap();
        cancel_booking(app, &acting(&line[2].1, Role::Member), last)
            .await
            .unwrap();
        assert_eq!(state(2).await, WaitingState::Declined);
        let boss = BookSeat {
            person: world.boss.id,
            seat: gone.seat,
            starts_at: at(3),
            ends_at: at(5),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), boss)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_offer_never_outlasts_the_start_and_a_line_ends_with_it() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let taken = full(app, &world).await;
        let first = join(app, &world, &world.member).await;
        test.clock.advance_ms(1000);
        let second = join(app, &world, &world.boss).await;
        test.clock.advance_ms(3 * HOUR - 301_000);
        let (who, gone) = &taken[1];
        cancel_booking(app, &acting(who, Role::Member), gone.id)
            .await
            .unwrap();
        assert_eq!(entry(&test, first.id).await.offer_until, Some(at(3)));
        test.clock.advance_ms(300_000);
        pass_on_offers(app).await.unwrap();
        assert_eq!(entry(&test, first.id).await.state, WaitingState::Lapsed);
        pass_on_offers(app).await.unwrap();
        assert_eq!(entry(&test, second.id).await.state, WaitingState::Expired);
        assert_eq!(
            refused(leave_waiting(app, &acting(&world.boss, Role::Owner), second.id).await),
            Code::WaitingOver
        );
    }
}

#[tokio::test]
async fn the_first_who_fits_gets_it_and_a_move_frees_what_it_leaves() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let taken = full(app, &world).await;
        let lobby = JoinWaiting {
            zone: Some(world.lobby.id),
            ..wanted(&world, &world.member)
        };
        let member = acting(&world.member, Role::Member);
        assert_eq!(
            refused(join_waiting(app, &member, lobby).await),
            Code::NoSuchSeat
        );
        // First in line, but busy by the time that something is free.
        let busy = join(app, &world, &world.member).await;
        test.clock.advance_ms(1000);
        let next = join(app, &world, &world.boss).await;
        assert_eq!(
            refused(join_waiting(app, &member, wanted(&world, &world.member)).await),
            Code::AlreadyWaiting
        );
        world.book(app, 0, 5, 1).await.unwrap();
        let later = BookSeat {
            person: world.member.id,
            seat: world.seats[1].id,
            starts_at: at(2),
            ends_at: at(3),
        };
        book_seat(app, &member, later).await.unwrap();
        let (who, moved) = &taken[3];
        let want = ChangeBooking {
            booking: moved.id,
            seat: None,
            starts_at: Some(at(7)),
            ends_at: Some(at(9)),
            seen: None,
        };
        leave_waiting(app, &member, busy.id).await.unwrap();
        change_booking(app, &acting(who, Role::Member), want)
            .await
            .unwrap();
        let offered = entry(&test, next.id).await;
        assert_eq!(offered.state, WaitingState::Offered);
        assert_eq!(
            booking(&test, offered.booking.unwrap()).await.seat,
            moved.seat
        );
        assert_eq!(entry(&test, busy.id).await.state, WaitingState::Withdrawn);
        // Where a seat is free nobody waits: it is booked.
        let free = JoinWaiting {
            starts_at: at(9),
            ends_at: at(10),
            ..wanted(&world, &world.member)
        };
        assert_eq!(
            refused(join_waiting(app, &member, free).await),
            Code::SeatFree
        );
    }
}

#[tokio::test]
async fn whoever_frees_a_seat_and_whoever_wants_it_race_and_the_line_wins() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let taken = full(app, &world).await;
        let first = join(app, &world, &world.member).await;
        let (who, gone) = &taken[0];
        let actor = acting(who, Role::Member);
        let boss = acting(&world.boss, Role::Owner);
        let steal = BookSeat {
            person: world.boss.id,
            seat: gone.seat,
            starts_at: at(3),
            ends_at: at(5),
        };
        let (freed, stolen, again) = tokio::join!(
            cancel_booking(app, &actor, gone.id),
            book_seat(app, &boss, steal),
            book_seat(app, &boss, steal)
        );
        freed.unwrap();
        assert_eq!(refused(stolen), Code::SeatTaken);
        assert_eq!(refused(again), Code::SeatTaken);
        assert_eq!(entry(&test, first.id).await.state, WaitingState::Offered);
    }
}

#[tokio::test]
async fn waiting_over_http_and_on_the_pages() {
    let web = Web::sqlite().await;
    let world = World::on(&web.test.app).await;
    let app = &web.test.app;
    let taken = full(app, &world).await;
    let cookie = crate::seat_pages::sign_in(&web, &world.member).await;
    let post = |path: &str, body: serde_json::Value| {
        web.post(path, &body)
            .header("sec-fetch-site", "same-origin")
            .cookie(&cookie)
    };
    let want = json!({ "site": world.site.id, "start": at(3).rfc3339(), "end": at(5).rfc3339(), "kind": "desk" });
    let made = post("/api/v1/waiting", want.clone()).send().await;
    let made = made.expect(201);
    assert_eq!(
        (made["state"].as_str(), made["kind"].as_str()),
        (Some("waiting"), Some("desk"))
    );
    let twice = post("/api/v1/waiting", want).send().await;
    assert_eq!(twice.problem(409), "already_waiting");
    let path = format!("/api/v1/waiting/{}", made["id"].as_str().unwrap());
    let accept = post(&format!("{path}/accept"), json!({})).send().await;
    assert_eq!(accept.problem(409), "no_offer");
    let listed = web.get("/api/v1/waiting").cookie(&cookie).send().await;
    assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 1);
    let page = web.get("/bookings").cookie(&cookie).send().await;
    assert!(page.text.contains("空き待ち中"), "{}", page.text);

    let (who, gone) = &taken[0];
    cancel_booking(app, &acting(who, Role::Member), gone.id)
        .await
        .unwrap();
    let mine = format!("/waiting/{}", made["id"].as_str().unwrap());
    let page = web.get(&mine).cookie(&cookie).send().await;
    assert!(
        page.text.contains("まで席をお取りしています"),
        "{}",
        page.text
    );
    let stranger = crate::seat_pages::sign_in(&web, &world.outsider).await;
    assert_eq!(web.get(&mine).cookie(&stranger).send().await.status, 404);
    let done = web
        .form(format!("{mine}/accept"), &[])
        .cookie(&cookie)
        .send()
        .await;
    let there = web.get(done.location()).cookie(&cookie).send().await;
    assert!(there.text.contains("予約しました"), "{}", there.text);
}
