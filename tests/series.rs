//! Series: bookings that repeat or last several days, through the flows, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use sekisho_domain::authority::Role;
use sekisho_domain::booking::series::{Dates, Pattern, Verdict};
use sekisho_domain::booking::{AllocationState, Fold};
use sekisho_domain::ids::SeriesId;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::cancel_series::{CancelSeries, cancel_series};
use sekisho_server::flows::change_series::{ChangeSeries, change_series};
use sekisho_server::flows::create_series::{CreateSeries, create_series, preview_series};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::flows::except_occurrence::{ExceptOccurrence, except_occurrence};
use sekisho_server::flows::follow_zones::{bundled, follow_zones};
use sekisho_server::flows::keep_series::keep_series;
use sekisho_server::flows::series::Mode;
use sekisho_server::flows::undo_cancel_series::undo_cancel_series;
use sekisho_server::store::series::{Occurrence, Series};
use sekisho_server::store::{Scope, bookings, series};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::world::{World, acting, person, refused};

const DAY: i64 = 24 * HOUR;

/// Mondays from 10 to 12, eight of them: five lie within 35 days of [`sekisho_tests::app::START`].
pub(crate) fn mondays(world: &World, mode: Mode) -> CreateSeries {
    CreateSeries {
        person: world.member.id,
        seat: world.seats[0].id,
        time_zone: "site".to_owned(),
        pattern: pattern("FREQ=WEEKLY;COUNT=8"),
        mode,
    }
}

pub(crate) fn pattern(rule: &str) -> Pattern {
    Pattern {
        first: date(2026, 11, 23),
        starts_s: 10 * 3600,
        ends_s: 12 * 3600,
        fold: Fold::Earlier,
        dates: Dates::Rule(rule.parse().unwrap()),
        except: BTreeSet::new(),
    }
}

pub(crate) fn t(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(crate) async fn days(test: &TestApp, id: SeriesId) -> Vec<Occurrence> {
    let mut tx = test.app.db.read().await.unwrap();
    series::occurrences(&mut tx, Scope::System, id)
        .await
        .unwrap()
}

async fn verdicts(test: &TestApp, id: SeriesId) -> Vec<Verdict> {
    days(test, id).await.iter().map(|it| it.verdict).collect()
}

pub(crate) async fn get(test: &TestApp, id: SeriesId) -> Series {
    let mut tx = test.app.db.read().await.unwrap();
    series::get(&mut tx, Scope::System, id)
        .await
        .unwrap()
        .unwrap()
}

/// How many series there are, and how many live bookings of the member.
async fn counts(test: &TestApp, world: &World) -> (usize, usize) {
    let mut tx = test.app.db.read().await.unwrap();
    let all = series::list(&mut tx, Scope::System, None, None, 99)
        .await
        .unwrap();
    let of = bookings::of_person(&mut tx, Scope::System, world.member.id, Timestamp(0), 999);
    let live = of
        .await
        .unwrap()
        .iter()
        .filter(|it| it.booking.state.is_live())
        .count();
    (all.len(), live)
}

use Verdict::{Booked, Cancelled, Due, Excepted, Refused};

#[tokio::test]
async fn what_is_in_reach_is_booked_and_the_rest_as_its_time_comes() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let want = mondays(&world, Mode::All);
        let mut tx = app.db.read().await.unwrap();
        let seen = preview_series(&mut tx, app, &member, &want).await.unwrap();
        drop(tx);
        let seen: Vec<Verdict> = seen.iter().map(|it| it.answer.verdict()).collect();
        let expected = [Booked, Booked, Booked, Booked, Booked, Due, Due, Due];
        assert_eq!(seen, expected);
        assert_eq!(
            counts(&test, &world).await,
            (0, 0),
            "looking writes nothing"
        );
        let made = create_series(app, &member, want).await.unwrap();
        assert_eq!(verdicts(&test, made.id).await, expected);
        assert_eq!(counts(&test, &world).await, (1, 5));
        let first = &days(&test, made.id).await[0];
        assert_eq!(first.during.unwrap().start, t("2026-11-23T10:00:00+09:00"));
        assert_eq!(first.state, Some(AllocationState::Confirmed));

        assert_eq!(keep_series(app).await.unwrap(), 0, "nothing is due yet");
        // A server that was away for two weeks; a desk that somebody else took meanwhile.
        test.clock.advance_ms(13 * DAY);
        let colleague = person(app, &world.company, "colleague@company.example").await;
        let taken = BookSeat {
            person: colleague.id,
            seat: world.seats[0].id,
            starts_at: t("2027-01-04T11:00:00+09:00"),
            ends_at: t("2027-01-04T13:00:00+09:00"),
        };
        book_seat(app, &acting(&colleague, Role::Member), taken)
            .await
            .unwrap();
        assert_eq!(keep_series(app).await.unwrap(), 2);
        assert_eq!(verdicts(&test, made.id).await[5..], [Booked, Refused, Due]);
        let lost = &days(&test, made.id).await[6];
        assert_eq!(lost.reason.as_deref(), Some("seat_taken"));
        assert_eq!(lost.lifts_at, Some(t("2027-01-04T13:00:00+09:00")));
        assert_eq!(keep_series(app).await.unwrap(), 0, "nothing is done twice");
        test.clock.advance_ms(14 * DAY);
        assert_eq!(keep_series(app).await.unwrap(), 1);
        assert_eq!(verdicts(&test, made.id).await[7], Booked);
        // One mail for the series and one for the day that was lost; none for each day.
        while deliver_outbox(app, &mut BTreeSet::new()).await.unwrap() > 0 {}
        let mails = test.mailbox.0.lock().unwrap().clone();
        let mine: Vec<_> = mails
            .iter()
            .filter(|it| it.0 == world.member.email)
            .collect();
        assert_eq!(mine.len(), 2, "{mine:?}");
        assert!(
            mine[1].2.contains("予約できませんでした") || mine[1].2.contains("予約できなかった"),
            "{mine:?}"
        );
    }
}

#[tokio::test]
async fn all_or_what_is_possible() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let colleague = person(app, &world.company, "colleague@company.example").await;
        let taken = BookSeat {
            person: colleague.id,
            seat: world.seats[0].id,
            starts_at: t("2026-11-30T09:00:00+09:00"),
            ends_at: t("2026-11-30T11:00:00+09:00"),
        };
        book_seat(app, &acting(&colleague, Role::Member), taken)
            .await
            .unwrap();
        let Err(FlowError::Refused(refusal)) =
            create_series(app, &member, mondays(&world, Mode::All)).await
        else {
            panic!("one day is taken");
        };
        assert_eq!(refusal.code, Code::SeriesNotPossible);
        assert_eq!(refusal.data["refused_days"], "2026-11-30 seat_taken");
        assert_eq!(refusal.alternatives.len(), 2);
        assert_eq!(counts(&test, &world).await, (0, 0), "nothing is left of it");
        let made = create_series(app, &member, mondays(&world, Mode::Possible))
            .await
            .unwrap();
        assert_eq!(
            verdicts(&test, made.id).await[..3],
            [Booked, Refused, Booked]
        );
        assert_eq!(counts(&test, &world).await, (1, 4));
        // Twice the same is refused day by day, so that nothing is possible at all.
        let again = create_series(app, &member, mondays(&world, Mode::All)).await;
        assert_eq!(refused(again), Code::SeriesNotPossible);
        // A zone that is not the site's, a stranger, somebody else's person.
        let elsewhere = CreateSeries {
            time_zone: "Europe/Berlin".to_owned(),
            ..mondays(&world, Mode::All)
        };
        assert_eq!(
            refused(create_series(app, &member, elsewhere).await),
            Code::InvalidInput
        );
        let stranger = acting(&world.outsider, Role::Owner);
        let foreign = create_series(app, &stranger, mondays(&world, Mode::All)).await;
        assert_eq!(refused(foreign), Code::NotFound);
    }
}

#[tokio::test]
async fn days_are_left_out_and_the_rest_is_cancelled_and_taken_back() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let made = create_series(app, &member, mondays(&world, Mode::All))
            .await
            .unwrap();
        let except = |day: Date, seen| ExceptOccurrence {
            series: made.id,
            day,
            seen,
        };
        let stale = except_occurrence(app, &member, except(date(2026, 11, 30), Some(7))).await;
        assert_eq!(refused(stale), Code::VersionMismatch);
        except_occurrence(app, &member, except(date(2026, 11, 30), Some(1)))
            .await
            .unwrap();
        except_occurrence(app, &member, except(date(2027, 1, 4), None))
            .await
            .unwrap();
        assert_eq!(
            verdicts(&test, made.id).await,
            [Booked, Excepted, Booked, Booked, Booked, Due, Excepted, Due]
        );
        assert_eq!(counts(&test, &world).await.1, 4);
        let twice = except_occurrence(app, &member, except(date(2027, 1, 4), None)).await;
        assert_eq!(refused(twice), Code::BookingCancelled);
        let none = except_occurrence(app, &member, except(date(2027, 1, 5), None)).await;
        assert_eq!(refused(none), Code::NotFound);
        let stranger = acting(&world.outsider, Role::Owner);
        let foreign = except_occurrence(app, &stranger, except(date(2026, 12, 7), None)).await;
        assert_eq!(refused(foreign), Code::NotFound);

        let cancel = |from| CancelSeries {
            series: made.id,
            from,
            seen: None,
        };
        let left = cancel_series(app, &member, cancel(Some(date(2026, 12, 14))))
            .await
            .unwrap();
        assert!(!left.cancelled, "something of it is still to come");
        let rest = [
            Booked, Excepted, Booked, Cancelled, Cancelled, Cancelled, Excepted, Cancelled,
        ];
        assert_eq!(verdicts(&test, made.id).await, rest);
        // Meanwhile one of the seats is taken: that day is refused by itself, the others come back.
        let colleague = person(app, &world.company, "colleague@company.example").await;
        let taken = BookSeat {
            person: colleague.id,
            seat: world.seats[0].id,
            starts_at: t("2026-12-21T10:00:00+09:00"),
            ends_at: t("2026-12-21T11:00:00+09:00"),
        };
        book_seat(app, &acting(&colleague, Role::Member), taken)
            .await
            .unwrap();
        let boss = acting(&world.boss, Role::Owner);
        assert_eq!(
            refused(undo_cancel_series(app, &boss, made.id).await),
            Code::NotAllowed
        );
        undo_cancel_series(app, &member, made.id).await.unwrap();
        let back = [
            Booked, Excepted, Booked, Booked, Refused, Due, Excepted, Due,
        ];
        assert_eq!(verdicts(&test, made.id).await, back);
        let again = undo_cancel_series(app, &member, made.id).await;
        assert_eq!(refused(again), Code::SeriesNotCancelled);

        let whole = cancel_series(app, &member, cancel(None)).await.unwrap();
        assert!(whole.cancelled);
        assert_eq!(counts(&test, &world).await.1, 0);
        assert_eq!(
            refused(cancel_series(app, &member, cancel(None)).await),
            Code::SeriesCancelled
        );
        test.clock.advance_ms(60_000);
        assert_eq!(
            refused(undo_cancel_series(app, &member, made.id).await),
            Code::UndoTooLate
        );
        test.clock.advance_ms(40 * DAY);
        assert_eq!(
            keep_series(app).await.unwrap(),
            0,
            "a cancelled series books nothing"
        );
    }
}

#[tokio::test]
async fn what_has_begun_stays_and_a_change_goes_on_as_a_new_series() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let made = create_series(app, &member, mondays(&world, Mode::All))
            .await
            .unwrap();
        test.clock.set(t("2026-11-30T11:00:00+09:00"));
        let want = |from: Date, seat: usize| ChangeSeries {
            series: made.id,
            from,
            seat: Some(world.seats[seat].id),
            times: Some((13 * 3600, 15 * 3600)),
            dates: None,
            mode: Mode::All,
            seen: None,
        };
        let no_day = change_series(app, &member, want(date(2026, 12, 8), 1)).await;
        assert_eq!(refused(no_day), Code::NotFound);
        // All or nothing: the new desk is taken on one of the days, and everything stays.
        let colleague = person(app, &world.company, "colleague@company.example").await;
        let taken = BookSeat {
            person: colleague.id,
            seat: world.seats[2].id,
            starts_at: t("2026-12-21T13:00:00+09:00"),
            ends_at: t("2026-12-21T14:00:00+09:00"),
        };
        book_seat(app, &acting(&colleague, Role::Member), taken)
            .await
            .unwrap();
        let before = (days(&test, made.id).await, get(&test, made.id).await);
        let no = change_series(app, &member, want(date(2026, 12, 14), 2)).await;
        assert_eq!(refused(no), Code::SeriesNotPossible);
        assert_eq!(
            (days(&test, made.id).await, get(&test, made.id).await),
            before
        );
        let next = change_series(app, &member, want(date(2026, 12, 14), 1))
            .await
            .unwrap();
        assert_eq!(next.follows, Some(made.id));
        assert_eq!(next.rule, "FREQ=WEEKLY;COUNT=5", "what is left of eight");
        assert_eq!(
            verdicts(&test, made.id).await[..4],
            [Booked, Booked, Booked, Cancelled]
        );
        let moved = days(&test, next.id).await;
        assert_eq!(
            moved[0].during.unwrap().start,
            t("2026-12-14T13:00:00+09:00")
        );
        assert_eq!(moved.len(), 5);

        // Cancelling all of the first does not send away who sits there now.
        let all = CancelSeries {
            series: made.id,
            from: None,
            seen: None,
        };
        cancel_series(app, &member, all).await.unwrap();
        let left = days(&test, made.id).await;
        assert_eq!(
            left[1].state,
            Some(AllocationState::Confirmed),
            "it is running"
        );
        assert_eq!(left[2].verdict, Cancelled);
        let nothing = cancel_series(app, &member, all).await;
        assert!(matches!(
            refused(nothing),
            Code::SeriesCancelled | Code::BookingEnded
        ));
    }
}

#[tokio::test]
async fn a_booking_that_was_cancelled_by_itself_stays_so() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let made = create_series(app, &member, mondays(&world, Mode::All))
            .await
            .unwrap();
        let first = days(&test, made.id).await[0].booking.unwrap();
        let mut tx = app.db.read().await.unwrap();
        let own = Scope::Organisation(world.company.id);
        let of = series::of_booking(&mut tx, own, first).await.unwrap();
        assert_eq!(of, Some(made.id));
        drop(tx);
        cancel_booking(app, &member, first).await.unwrap();
        assert_eq!(keep_series(app).await.unwrap(), 0);
        assert_eq!(follow_zones(app, &bundled).await.unwrap(), 0);
        assert_eq!(
            days(&test, made.id).await[0].state,
            Some(AllocationState::Cancelled)
        );
        let except = ExceptOccurrence {
            series: made.id,
            day: date(2026, 11, 23),
            seen: None,
        };
        let gone = except_occurrence(app, &member, except).await;
        assert_eq!(refused(gone), Code::BookingCancelled);
    }
}
