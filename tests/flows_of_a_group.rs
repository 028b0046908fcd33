//! Groups: who sits where, all or nothing, who is told what, and how a group changes.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::{AllocationState, Rule};
use sekisho_domain::ids::{BookingId, PersonId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_group::{BookGroup, Made, book_group};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::cancel_group::{cancel_group, leave_group, undo_group};
use sekisho_server::flows::join_group::{JoinGroup, join_group};
use sekisho_server::flows::plan_group::plan_group;
use sekisho_server::flows::set_approval_rule::set_company_rule;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::store::people::Person;
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::TestApp;
use sekisho_tests::look::events;
use sekisho_tests::world::{World, acting, at, person, refused, span};

const ALL: Scope = Scope::System;

async fn crew(test: &TestApp, world: &World) -> Vec<Person> {
    let mut people = vec![world.member.clone()];
    for n in 1..3 {
        let email = format!("crew{n}@company.example");
        people.push(person(&test.app, &world.company, &email).await);
    }
    people
}

fn want(world: &World, people: &[Person], hour: i64) -> BookGroup {
    BookGroup {
        site: world.site.id,
        name: "開発合宿".to_owned(),
        people: people.iter().map(|it| it.id).collect(),
        seats: Vec::new(),
        kind: None,
        starts_at: at(hour),
        ends_at: at(hour + 1),
    }
}

async fn count(test: &TestApp, world: &World) -> usize {
    let mut tx = test.app.db.read().await.unwrap();
    let all = bookings::at_site(&mut tx, ALL, world.site.id, span(0, 24)).await;
    all.unwrap()
        .iter()
        .filter(|it| it.booking.state.is_live())
        .count()
}

fn refusal(result: Result<Made, FlowError>) -> sekisho_domain::refusal::Refusal {
    match result {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_of_them_or_none_and_who_was_in_the_way() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let people = crew(&test, &world).await;
        let planned = {
            let mut tx = app.db.read().await.unwrap();
            plan_group(&mut tx, &boss, &want(&world, &people, 1), app.now())
                .await
                .unwrap()
        };
        let made = book_group(app, &boss, want(&world, &people, 1))
            .await
            .unwrap();
        let who = |made: &Made| -> Vec<(PersonId, SeatId)> {
            made.bookings
                .iter()
                .map(|it| (it.person, it.seat))
                .collect()
        };
        let foreseen: Vec<_> = planned.iter().map(|it| (it.0.id, it.1.id)).collect();
        assert_eq!(who(&made), foreseen, "as the preview said");
        assert!(
            made.bookings
                .iter()
                .all(|it| it.state == AllocationState::Confirmed)
        );
        let site = Some(world.site.id);
        assert_eq!(events(&test, site, EventCode::GroupMade, "").await, 1);
        assert_eq!(events(&test, site, EventCode::BookingMade, "").await, 3);

        // One of them is busy elsewhere at hour 2: nobody is booked, and the organiser hears who and where.
        book_seat(
            app,
            &acting(&people[2], Role::Member),
            BookSeat {
                person: people[2].id,
                seat: world.seats[3].id,
                starts_at: at(2),
                ends_at: at(3),
            },
        )
        .await
        .unwrap();
        let before = count(&test, &world).await;
        let no = refusal(book_group(app, &boss, want(&world, &people, 2)).await);
        assert_eq!(
            (no.code, no.data["person"].as_str()),
            (Code::PersonBusy, people[2].id.to_string().as_str())
        );
        assert_eq!(count(&test, &world).await, before, "none of it");
        let listed = BookGroup {
            seats: vec![world.seats[0].id, world.seats[3].id],
            ..want(&world, &people[..2], 2)
        };
        let no = refusal(book_group(app, &boss, listed.clone()).await);
        assert_eq!(
            (no.code, no.data["seat"].as_str()),
            (Code::SeatTaken, world.seats[3].id.to_string().as_str())
        );
        assert_eq!(count(&test, &world).await, before);
        let free = BookGroup {
            seats: vec![world.seats[2].id, world.seats[1].id],
            ..listed
        };
        let made = book_group(app, &boss, free).await.unwrap();
        assert_eq!(
            who(&made),
            [
                (people[0].id, world.seats[2].id),
                (people[1].id, world.seats[1].id)
            ]
        );
        // Not enough seats: how many there are, and when there would be.
        let four = [&people[..], std::slice::from_ref(&world.boss)].concat();
        let crowd = BookGroup {
            starts_at: at(3).plus_ms(-1_800_000),
            ends_at: at(3).plus_ms(1_800_000),
            ..want(&world, &four, 3)
        };
        let no = refusal(book_group(app, &boss, crowd).await);
        assert_eq!(
            (
                no.code,
                no.data["free"].as_str(),
                no.data["free_in_one_zone"].as_str()
            ),
            (Code::NotEnoughSeats, "1", "1")
        );
        assert_eq!(
            no.alternatives[0].during.start,
            at(3),
            "half an hour later there are four"
        );
    }
}

#[tokio::test]
async fn who_may_make_a_group_of_whom() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let people = crew(&test, &world).await;
        let as_who = async |who: &Person, role, people: &[Person]| {
            book_group(app, &acting(who, role), want(&world, people, 1)).await
        };
        let code =
            async |who: &Person, role, people: &[Person]| refused(as_who(who, role, people).await);
        assert_eq!(
            code(&world.member, Role::Member, &people).await,
            Code::NotAllowed
        );
        assert_eq!(
            code(&world.boss, Role::Auditor, &people).await,
            Code::NotAllowed
        );
        assert_eq!(
            code(&world.outsider, Role::Owner, &people).await,
            Code::NotFound
        );
        let mixed = [world.member.clone(), world.outsider.clone()];
        assert_eq!(
            code(&world.boss, Role::Owner, &mixed).await,
            Code::NotFound,
            "a stranger"
        );
        let both = [world.member.clone(), world.owner.clone()];
        assert_eq!(
            code(&world.owner, Role::Owner, &both).await,
            Code::GroupCompany
        );
        assert_eq!(
            code(&world.boss, Role::Owner, &people[..1]).await,
            Code::GroupSize
        );
        let twice = [people[0].clone(), people[0].clone()];
        assert_eq!(
            code(&world.boss, Role::Owner, &twice).await,
            Code::GroupTwice
        );
        as_who(&world.owner, Role::Manager, &people).await.unwrap();
        suspend_person(app, &acting(&world.boss, Role::Owner), people[1].id)
            .await
            .unwrap();
        let no = refusal(
            book_group(
                app,
                &acting(&world.boss, Role::Owner),
                want(&world, &people, 3),
            )
            .await,
        );
        assert_eq!(
            (no.code, no.data["person"].as_str()),
            (Code::PersonSuspended, people[1].id.to_string().as_str())
        );
    }
}

#[tokio::test]
async fn a_group_is_cancelled_taken_back_joined_and_left() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let people = crew(&test, &world).await;
        let made = book_group(app, &boss, want(&world, &people[..2], 1))
            .await
            .unwrap();
        let id = made.group.id;
        assert_eq!(
            refused(undo_group(app, &boss, id).await),
            Code::BookingNotCancelled
        );
        // One member cancels for themselves, the rest goes together; what comes back is the rest.
        cancel_booking(app, &acting(&people[0], Role::Member), made.bookings[0].id)
            .await
            .unwrap();
        let join = |seat| JoinGroup {
            group: id,
            person: people[2].id,
            seat,
        };
        assert_eq!(
            refused(join_group(app, &acting(&people[2], Role::Member), join(None)).await),
            Code::NotAllowed
        );
        let joined = join_group(app, &boss, join(None)).await.unwrap();
        assert_eq!(joined.during, span(1, 1));
        let gone = cancel_group(app, &boss, id).await.unwrap();
        assert_eq!(gone.len(), 2);
        assert_eq!(count(&test, &world).await, 0);
        assert_eq!(
            refused(cancel_group(app, &boss, id).await),
            Code::GroupEnded
        );
        let back = undo_group(app, &boss, id).await.unwrap();
        assert_eq!(back.len(), 2);
        assert_eq!(count(&test, &world).await, 2);
        leave_group(app, &boss, id, joined.id).await.unwrap();
        assert_eq!(count(&test, &world).await, 1);
        assert_eq!(
            refused(leave_group(app, &boss, id, BookingId([9; 16])).await),
            Code::GroupEnded
        );
        // Somebody takes a seat meanwhile: the whole of it stays cancelled.
        cancel_group(app, &boss, id).await.unwrap();
        let taken = BookSeat {
            person: world.boss.id,
            seat: made.bookings[1].seat,
            starts_at: at(1),
            ends_at: at(2),
        };
        book_seat(app, &boss, taken).await.unwrap();
        assert_eq!(refused(undo_group(app, &boss, id).await), Code::SeatTaken);
        assert_eq!(
            refused(cancel_group(app, &acting(&world.outsider, Role::Owner), id).await),
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn a_group_that_needs_an_approval_waits_as_its_members_do() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let people = crew(&test, &world).await;
        let rule = Rule {
            all: true,
            answer_minutes: 30,
            ..Rule::default()
        };
        set_company_rule(app, &boss, rule).await.unwrap();
        let owner = acting(&world.owner, Role::Owner);
        assert_eq!(
            refused(book_group(app, &boss, want(&world, &people, 1)).await),
            Code::NoApprover,
            "its organiser is the only one who could"
        );
        let made = book_group(app, &owner, want(&world, &people, 1))
            .await
            .unwrap();
        assert!(
            made.bookings
                .iter()
                .all(|it| it.state == AllocationState::Held)
        );
    }
}
