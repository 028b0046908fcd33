//! Every store function of series, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use jiff::civil::date;
use sekisho_domain::booking::Fold;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::SeriesId;
use sekisho_server::store::series::{self, Occurrence, Series};
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn series_and_their_occurrences() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let it = Series {
            id: SeriesId([7; 16]),
            operator: world.operator.id,
            company: world.company.id,
            site: world.site.id,
            seat: world.seats[0].id,
            person: world.member.id,
            time_zone: "Asia/Tokyo".to_owned(),
            first: date(2026, 11, 20),
            starts_s: 36_000,
            ends_s: 43_200,
            fold: Fold::Later,
            rule: "FREQ=DAILY;COUNT=2".to_owned(),
            cancelled: false,
            follows: None,
            version: 1,
            created_by: "per_x".to_owned(),
            created_at: START,
            ended: None,
        };
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(series::insert(&mut tx, foreign, &it).await);
        series::insert(&mut tx, own, &it).await.unwrap();
        let after = Series {
            id: SeriesId([8; 16]),
            follows: Some(it.id),
            ..it.clone()
        };
        series::insert(&mut tx, own, &after).await.unwrap();
        assert_eq!(
            series::get(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(series::get(&mut tx, foreign, it.id).await.unwrap(), None);
        let whose = Some(world.member.id);
        assert_eq!(
            series::list(&mut tx, own, whose, None, 9).await.unwrap(),
            [it.clone(), after.clone()]
        );
        let rest = series::list(&mut tx, own, None, Some(it.id), 9)
            .await
            .unwrap();
        assert_eq!(rest, [after]);
        assert_eq!(
            series::list(&mut tx, own, Some(world.boss.id), None, 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            series::list(&mut tx, foreign, None, None, 9).await.unwrap(),
            []
        );

        let day = Occurrence {
            day: it.first,
            during: Some(span(1, 2)),
            shifted: false,
            verdict: Verdict::Due,
            reason: None,
            lifts_at: None,
            booking: None,
            before: None,
            state: None,
        };
        let second = Occurrence {
            day: date(2026, 11, 21),
            during: None,
            shifted: true,
            verdict: Verdict::Skipped,
            ..day.clone()
        };
        nothing_written(series::insert_occurrence(&mut tx, foreign, it.id, &day).await);
        for day in [&second, &day] {
            series::insert_occurrence(&mut tx, own, it.id, day)
                .await
                .unwrap();
        }
        assert_eq!(
            series::occurrences(&mut tx, own, it.id).await.unwrap(),
            [day.clone(), second]
        );
        assert_eq!(
            series::occurrences(&mut tx, foreign, it.id).await.unwrap(),
            []
        );
        assert_eq!(series::due(&mut tx, own, at(1), 9).await.unwrap(), [it.id]);
        assert_eq!(series::due(&mut tx, own, at(0), 9).await.unwrap(), []);
        assert_eq!(series::due(&mut tx, foreign, at(1), 9).await.unwrap(), []);
        assert_eq!(
            series::ahead(&mut tx, own, START, None, 9).await.unwrap(),
            [it.id]
        );
        assert_eq!(
            series::ahead(&mut tx, own, at(1), None, 9).await.unwrap(),
            []
        );
        assert_eq!(
            series::ahead(&mut tx, own, START, Some(it.id), 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            series::ahead(&mut tx, foreign, START, None, 9)
                .await
                .unwrap(),
            []
        );

        let booked = Occurrence {
            verdict: Verdict::Booked,
            booking: Some(booking.id),
            before: Some(Verdict::Due),
            reason: Some("seat_taken".to_owned()),
            lifts_at: Some(at(3)),
            state: Some(booking.state),
            ..day
        };
        nothing_written(series::set_occurrence(&mut tx, foreign, it.id, &booked).await);
        series::set_occurrence(&mut tx, own, it.id, &booked)
            .await
            .unwrap();
        assert_eq!(
            series::occurrences(&mut tx, own, it.id).await.unwrap()[0],
            booked
        );
        nothing_written(series::attach(&mut tx, foreign, booking.id, it.id).await);
        assert_eq!(
            series::of_booking(&mut tx, own, booking.id).await.unwrap(),
            None
        );
        series::attach(&mut tx, own, booking.id, it.id)
            .await
            .unwrap();
        assert_eq!(
            series::of_booking(&mut tx, own, booking.id).await.unwrap(),
            Some(it.id)
        );
        assert_eq!(
            series::of_booking(&mut tx, foreign, booking.id)
                .await
                .unwrap(),
            None
        );
        assert!(
            bookings::get(&mut tx, own, booking.id)
                .await
                .unwrap()
                .is_some()
        );

        let ended = (at(2), "per_x".to_owned());
        nothing_written(series::set_end(&mut tx, foreign, it.id, true, Some(&ended)).await);
        series::set_end(&mut tx, own, it.id, true, Some(&ended))
            .await
            .unwrap();
        let found = series::get(&mut tx, own, it.id).await.unwrap().unwrap();
        assert_eq!(
            (found.cancelled, found.ended, found.version),
            (true, Some(ended), 2)
        );

        let operator = Scope::Organisation(world.operator.id);
        let length = |found| assert_eq!(found, Some(86_400));
        length(
            series::length_max(&mut tx, own, world.site.id)
                .await
                .unwrap(),
        );
        assert_eq!(
            series::length_max(&mut tx, foreign, world.site.id)
                .await
                .unwrap(),
            None
        );
        nothing_written(series::set_length_max(&mut tx, own, world.site.id, 7200).await);
        nothing_written(series::set_length_max(&mut tx, foreign, world.site.id, 7200).await);
        series::set_length_max(&mut tx, operator, world.site.id, 7200)
            .await
            .unwrap();
        let shorter = series::length_max(&mut tx, operator, world.site.id)
            .await
            .unwrap();
        assert_eq!(shorter, Some(7200));
        tx.commit().await.unwrap();
    }
}
