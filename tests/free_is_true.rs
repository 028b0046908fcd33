//! What is said to be free is free, and what is not is not: the one statement that answers for a whole site, against the
//! times of each seat, its buffers and its outage.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::inventory::Outage;
use sekisho_domain::ids::SeatId;
use sekisho_domain::time::Interval;
use sekisho_server::flows::change_seat::SeatChanges;
use sekisho_server::store::occupancy::{Wanted, free, of_seat};
use sekisho_server::store::{Scope, seats};
use sekisho_tests::app::{HOUR, START, TestApp};

use crate::flows_of_inventory::{Scene, book};

const QUARTER: i64 = HOUR / 4;

#[tokio::test]
async fn one_statement_says_the_same_as_all_seats_one_by_one() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        it.parts(&test, 0, &[1, 2]).await.unwrap();
        let buffers = SeatChanges {
            before_min: Some(15),
            after_min: Some(30),
            ..SeatChanges::default()
        };
        it.set(&test, 3, buffers).await.unwrap();
        let outage = Some(Outage {
            reason: "椅子の修理".to_owned(),
            until: Some(START.plus_ms(20 * QUARTER)),
        });
        let outage = SeatChanges {
            outage: Some(outage),
            ..SeatChanges::default()
        };
        it.set(&test, 2, outage).await.unwrap();
        // Some of these are refused: the point is what they leave behind.
        let mut booked = 0;
        for n in 0..24_usize {
            let (seat, start) = (
                n % it.world.seats.len(),
                15 * (1 + i64::try_from(n * 7 % 23).unwrap()),
            );
            booked += usize::from(book(&test, &it.world, seat, start, 45).await.is_ok());
        }
        assert!((6..24).contains(&booked), "{booked}");

        let mut tx = test.app.db.read().await.unwrap();
        let all = seats::list(&mut tx, Scope::System, it.world.site.id)
            .await
            .unwrap();
        let everything = Wanted::default();
        let mut both = [0, 0];
        for (from, long) in (0..32).flat_map(|from| [1, 3, 9].map(|long| (from, long))) {
            let during = Interval {
                start: START.plus_ms(from * QUARTER),
                end: START.plus_ms((from + long) * QUARTER),
            };
            let groups = free(
                &mut tx,
                Scope::System,
                it.world.site.id,
                during,
                &everything,
            );
            let mut said: Vec<SeatId> = groups
                .await
                .unwrap()
                .into_iter()
                .flat_map(|it| it.free)
                .collect();
            said.sort_unstable();
            let mut found = Vec::new();
            for seat in &all {
                let wide = Interval {
                    start: during.start.plus_ms(-HOUR),
                    end: during.end.plus_ms(HOUR),
                };
                let taken = of_seat(&mut tx, seat.id, wide, None).await.unwrap();
                let met = taken
                    .iter()
                    .any(|it| seat.buffers.kept_from(it).overlaps(&during));
                let out = seat
                    .outage
                    .as_ref()
                    .is_some_and(|it| it.span().overlaps(&during));
                if !met && !out {
                    found.push(seat.id);
                }
                both[usize::from(met || out)] += 1;
            }
            found.sort_unstable();
            assert_eq!(said, found, "{} {during:?}", test.engine());
        }
        assert!(both.iter().all(|n| *n > 20), "{both:?}");
    }
}
