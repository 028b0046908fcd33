//! Limits through the flows and over HTTP, on both engines: what is charged, what goes back, and one winner of the last unit.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::sync::Arc;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::quota::{Counts, Measure, Period};
use sekisho_domain::ids::OrganisationId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Interval;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::change_quota::{ChangeQuota, change_quota};
use sekisho_server::flows::check_quotas::check_quotas;
use sekisho_server::flows::create_plan::create_plan;
use sekisho_server::flows::end_quota::end_quota;
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::give_plan::{give_plan, take_plan};
use sekisho_server::flows::release_booking::release_booking;
use sekisho_server::flows::set_quota::{For, SetQuota, set_quota};
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::people::Person;
use sekisho_server::store::quota_ledger;
use sekisho_server::store::quotas::Quota;
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::world::{World, acting, at, person, refused, span};

const CROWD: usize = 64;

fn want(organisation: OrganisationId, holder: For, measure: Measure, amount: i64) -> SetQuota {
    SetQuota {
        organisation,
        holder,
        counts: Counts::Together,
        site: None,
        measure,
        period: Period::Total,
        amount,
    }
}

fn boss(world: &World) -> Actor {
    acting(&world.boss, Role::Owner)
}

async fn set(test: &TestApp, world: &World, want: SetQuota) -> Quota {
    set_quota(&test.app, &boss(world), want).await.unwrap()
}

/// Balances of the one account of a limit, by period, in hours.
async fn hours(test: &TestApp, quota: &Quota) -> Vec<(String, i64)> {
    let mut tx = test.app.db.read().await.unwrap();
    let Some(account) = quota_ledger::find(&mut tx, quota.id, &quota.holder)
        .await
        .unwrap()
    else {
        return Vec::new();
    };
    let used = quota_ledger::used(&mut tx, account, "", "9").await.unwrap();
    used.into_iter().map(|(key, ms)| (key, ms / HOUR)).collect()
}

/// Every balance is the sum of its entries, and these follow from the bookings.
async fn adds_up(test: &TestApp) {
    let mut tx = test.app.db.read().await.unwrap();
    let (_, wrong) = check_quotas(&mut tx).await.unwrap();
    assert_eq!(wrong, [], "{}", test.engine());
}

fn refusal<T: std::fmt::Debug>(result: Result<T, FlowError>) -> Refusal {
    match result {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn book(
    test: &TestApp,
    world: &World,
    who: &Person,
    during: Interval,
) -> Result<Booking, FlowError> {
    let want = BookSeat {
        person: who.id,
        seat: world.seats[0].id,
        starts_at: during.start,
        ends_at: during.end,
    };
    book_seat(&test.app, &acting(who, Role::Member), want).await
}

#[tokio::test]
async fn a_booking_is_charged_and_what_was_not_used_goes_back() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let before = world.book(&test.app, 1, 0, 1).await.unwrap();
        let quota = set(
            &test,
            &world,
            SetQuota {
                period: Period::Day,
                ..want(
                    world.company.id,
                    For::Person(world.member.id),
                    Measure::Minutes,
                    360,
                )
            },
        )
        .await;
        let today = |n| vec![("2026-11-20".to_owned(), n)];
        assert_eq!(
            hours(&test, &quota).await,
            today(1),
            "what was booked before"
        );
        let booking = world.book(&test.app, 0, 2, 3).await.unwrap();
        assert_eq!(hours(&test, &quota).await, today(4));
        let more = refusal(world.book(&test.app, 0, 5, 3).await);
        assert_eq!(more.code, Code::QuotaReached);
        assert_eq!(more.lifts_at, Some(at(15)), "midnight in Tokyo");
        let offered: Vec<_> = more.alternatives.iter().map(|it| it.during).collect();
        assert_eq!(
            offered,
            [span(5, 2), span(23, 3)],
            "what is left, and tomorrow"
        );
        // Longer by what is left, and no further.
        let longer = |until| ExtendBooking {
            booking: booking.id,
            until: at(until),
            seen: None,
        };
        let member = acting(&world.member, Role::Member);
        let too_long = extend_booking(&test.app, &member, longer(8)).await;
        assert_eq!(refused(too_long), Code::QuotaReached);
        extend_booking(&test.app, &member, longer(7)).await.unwrap();
        assert_eq!(hours(&test, &quota).await, today(6));
        adds_up(&test).await;
        // Cancelled before it began, everything goes back; taken back, it is charged again.
        cancel_booking(&test.app, &member, booking.id)
            .await
            .unwrap();
        assert_eq!(hours(&test, &quota).await, today(1));
        undo_cancel(&test.app, &member, booking.id).await.unwrap();
        assert_eq!(hours(&test, &quota).await, today(6));
        // Given back early: what was used stays.
        test.clock.set(at(4));
        release_booking(&test.app, &member, booking.id)
            .await
            .unwrap();
        assert_eq!(hours(&test, &quota).await, today(3));
        assert!(before.during.end < at(4));
        adds_up(&test).await;
        let mut tx = test.app.db.read().await.unwrap();
        let lines = quota_ledger::lines(
            &mut tx,
            sekisho_server::store::Scope::System,
            quota.id,
            None,
            99,
        )
        .await
        .unwrap();
        assert_eq!(lines[0].balance, 3 * HOUR);
        assert_eq!(
            lines.iter().map(|line| line.entry.amount).sum::<i64>(),
            lines[0].balance
        );
    }
}

#[tokio::test]
async fn what_comes_back_late_goes_to_the_period_it_was_taken_from() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let quota = set(
            &test,
            &world,
            SetQuota {
                period: Period::Day,
                ..want(
                    world.company.id,
                    For::Company(world.company.id),
                    Measure::Bookings,
                    1,
                )
            },
        )
        .await;
        let friday = world.book(&test.app, 0, 1, 2).await.unwrap();
        let saturday = world.book(&test.app, 0, 24, 2).await.unwrap();
        assert_eq!(
            refused(world.book(&test.app, 0, 27, 1).await),
            Code::QuotaReached
        );
        let member = acting(&world.member, Role::Member);
        test.clock.set(at(25));
        let ended = cancel_booking(&test.app, &member, friday.id).await;
        assert_eq!(refused(ended), Code::BookingEnded, "used is used");
        release_booking(&test.app, &member, saturday.id)
            .await
            .unwrap();
        assert_eq!(
            refused(world.book(&test.app, 0, 27, 1).await),
            Code::QuotaReached,
            "begun is a booking"
        );
        assert_eq!(
            refusal(world.book(&test.app, 0, 27, 1).await).lifts_at,
            Some(at(39))
        );
        adds_up(&test).await;
        end_quota(&test.app, &boss(&world), quota.id).await.unwrap();
        world.book(&test.app, 0, 27, 1).await.unwrap();
        adds_up(&test).await;
    }
}

#[tokio::test]
async fn plans_and_the_operators_limits() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let owner = acting(&world.owner, Role::Owner);
        let plan = create_plan(app, &owner, world.operator.id, " 月2回 ")
            .await
            .unwrap();
        let each = SetQuota {
            counts: Counts::Each,
            period: Period::Month,
            ..want(world.operator.id, For::Plan(plan.id), Measure::Bookings, 2)
        };
        set_quota(app, &owner, each).await.unwrap();
        world.book(app, 0, 0, 1).await.unwrap();
        give_plan(app, &owner, plan.id, For::Person(world.member.id))
            .await
            .unwrap();
        let twice = give_plan(app, &owner, plan.id, For::Person(world.member.id)).await;
        assert_eq!(refused(twice), Code::InvalidInput);
        world.book(app, 0, 1, 1).await.unwrap();
        let full = refusal(world.book(app, 0, 2, 1).await);
        assert_eq!((&*full.data["of"], full.code), ("plan", Code::QuotaReached));
        assert!(book(&test, &world, &world.boss, span(2, 1)).await.is_ok());
        adds_up(&test).await;
        take_plan(app, &owner, plan.id, For::Person(world.member.id))
            .await
            .unwrap();
        world.book(app, 0, 3, 1).await.unwrap();
        adds_up(&test).await;
        // Others' limits, people and plans do not exist; members change nothing.
        let stranger = acting(&world.outsider, Role::Owner);
        let foreign = |holder| want(world.stranger.id, holder, Measure::Bookings, 1);
        for holder in [
            For::Person(world.member.id),
            For::Company(world.company.id),
            For::Plan(plan.id),
        ] {
            let planted = set_quota(app, &stranger, foreign(holder)).await;
            assert_eq!(refused(planted), Code::NotFound, "{holder:?}");
        }
        let in_their_name = set_quota(app, &stranger, each).await;
        assert_eq!(refused(in_their_name), Code::NotFound);
        let quota = set_quota(
            app,
            &owner,
            want(
                world.operator.id,
                For::Company(world.company.id),
                Measure::Seats,
                1,
            ),
        )
        .await
        .unwrap();
        let changed = |amount, seen| ChangeQuota {
            quota: quota.id,
            amount,
            seen,
        };
        assert_eq!(
            refused(change_quota(app, &stranger, changed(2, None)).await),
            Code::NotFound
        );
        assert_eq!(
            refused(end_quota(app, &stranger, quota.id).await),
            Code::NotFound
        );
        assert_eq!(
            refused(end_quota(app, &boss(&world), quota.id).await),
            Code::NotFound,
            "seen, but not theirs"
        );
        let member = acting(&world.member, Role::Member);
        let own = want(
            world.company.id,
            For::Person(world.member.id),
            Measure::Bookings,
            99,
        );
        assert_eq!(
            refused(set_quota(app, &member, own).await),
            Code::NotAllowed
        );
        for amount in [-1, i64::MIN, i64::MAX, 10_000_001] {
            assert_eq!(
                refused(change_quota(app, &owner, changed(amount, None)).await),
                Code::InvalidInput
            );
        }
        assert_eq!(
            refused(change_quota(app, &owner, changed(3, Some(9))).await),
            Code::VersionMismatch
        );
        let busy = book(&test, &world, &world.boss, span(3, 1)).await;
        assert_eq!(refused(busy), Code::QuotaReached, "one seat at a time");
        change_quota(app, &owner, changed(2, Some(1)))
            .await
            .unwrap();
        let taken = book(&test, &world, &world.boss, span(3, 1)).await;
        assert_eq!(
            refused(taken),
            Code::SeatTaken,
            "two would be allowed, but this seat is taken"
        );
        adds_up(&test).await;
    }
}

/// Different seats and different people: only the account decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_unit_has_one_winner() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut people = Vec::new();
        for n in 0..CROWD {
            people.push(person(&test.app, &world.company, &format!("q{n}@company.example")).await);
        }
        let quota = want(
            world.company.id,
            For::Company(world.company.id),
            Measure::Bookings,
            1,
        );
        set(&test, &world, quota).await;
        let seats = want(
            world.operator.id,
            For::Company(world.company.id),
            Measure::Seats,
            1,
        );
        set_quota(&test.app, &acting(&world.owner, Role::Owner), seats)
            .await
            .unwrap();
        let tasks = people.into_iter().enumerate().map(|(n, person)| {
            let app = Arc::clone(&test.app);
            let hour = i64::try_from(n / 4 % 8).unwrap();
            let want = BookSeat {
                person: person.id,
                seat: world.seats[n % 4].id,
                starts_at: at(hour),
                ends_at: at(hour + 1),
            };
            tokio::spawn(async move { book_seat(&app, &acting(&person, Role::Member), want).await })
        });
        let mut won = 0;
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                Err(FlowError::Refused(refusal)) => {
                    assert!(
                        matches!(refusal.code, Code::QuotaReached | Code::SeatTaken),
                        "{refusal:?}"
                    );
                }
                Err(FlowError::Failed(error)) => panic!("{}: {error:?}", test.engine()),
            }
        }
        assert_eq!(won, 1, "{}", test.engine());
        adds_up(&test).await;
    }
}
