//! Every store function of floors, pools, plans and occupancy, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::inventory::{Acoustic, Attributes, Buffers, Outage, Visual};
use sekisho_domain::booking::{AllocationState, Cancelled};
use sekisho_domain::ids::{AreaId, FloorId, PoolId, SeatId};
use sekisho_server::on;
use sekisho_server::store::floors::Floor;
use sekisho_server::store::occupancy::{Group, Wanted};
use sekisho_server::store::plan_areas::{Area, AreaKind};
use sekisho_server::store::pools::Pool;
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_server::store::{
    Scope, allocations, bookings, floors, occupancy, plan_areas, pools, seats,
};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn floors_and_what_is_drawn_on_them() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (own, company, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let mut floor = Floor {
            id: FloorId([2; 16]),
            site: world.site.id,
            name: "2階".to_owned(),
            position: 2,
            version: 1,
            created_at: START,
        };
        nothing_written(floors::insert(&mut tx, foreign, &floor).await);
        nothing_written(floors::insert(&mut tx, company, &floor).await);
        floors::insert(&mut tx, own, &floor).await.unwrap();
        let below = Floor {
            id: FloorId([3; 16]),
            position: -1,
            ..floor.clone()
        };
        floors::insert(&mut tx, own, &below).await.unwrap();
        nothing_written(floors::update(&mut tx, foreign, &floor).await);
        floor.position = 1;
        floors::update(&mut tx, own, &floor).await.unwrap();
        nothing_written(floors::update(&mut tx, own, &floor).await);
        floor.version = 2;
        assert_eq!(
            floors::get(&mut tx, company, floor.id).await.unwrap(),
            Some(floor.clone())
        );
        assert_eq!(floors::get(&mut tx, foreign, floor.id).await.unwrap(), None);
        let site = world.site.id;
        assert_eq!(
            floors::list(&mut tx, company, site).await.unwrap(),
            [below, floor.clone()]
        );
        assert_eq!(floors::list(&mut tx, foreign, site).await.unwrap(), []);

        let mut area = Area {
            id: AreaId([1; 16]),
            floor: floor.id,
            kind: AreaKind::Room,
            label: "受付".to_owned(),
            place: Place {
                x: 0,
                y: 1,
                w: 2,
                h: 3,
            },
            version: 1,
            created_at: START,
        };
        nothing_written(plan_areas::insert(&mut tx, foreign, &area).await);
        plan_areas::insert(&mut tx, own, &area).await.unwrap();
        area.kind = AreaKind::Wall;
        nothing_written(plan_areas::update(&mut tx, foreign, &area).await);
        plan_areas::update(&mut tx, own, &area).await.unwrap();
        area.version = 2;
        assert_eq!(
            plan_areas::get(&mut tx, company, area.id).await.unwrap(),
            Some(area.clone())
        );
        assert_eq!(
            plan_areas::get(&mut tx, foreign, area.id).await.unwrap(),
            None
        );
        assert_eq!(
            plan_areas::list(&mut tx, company, site).await.unwrap(),
            [area.clone()]
        );
        assert_eq!(plan_areas::list(&mut tx, foreign, site).await.unwrap(), []);
        nothing_written(plan_areas::remove(&mut tx, foreign, area.id, 2).await);
        nothing_written(plan_areas::remove(&mut tx, own, area.id, 1).await);
        plan_areas::remove(&mut tx, own, area.id, 2).await.unwrap();
        assert_eq!(plan_areas::list(&mut tx, own, site).await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_a_seat_is_like_and_its_pool() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (own, company, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let site = world.site.id;
        let mut tx = test.app.db.write().await.unwrap();
        let mut seat = world.seats[0].clone();
        seat.name = "集中ブース".to_owned();
        seat.kind = SeatKind::Booth;
        seat.attributes = Attributes {
            visual: Visual::Enclosed,
            acoustic: Acoustic::Damped,
            monitor: true,
            accessible: true,
            sockets: 4,
        };
        seat.buffers = Buffers {
            before_min: 5,
            after_min: 15,
        };
        seat.outage = Some(Outage {
            reason: "空調の修理".to_owned(),
            until: Some(at(3)),
        });
        nothing_written(seats::update(&mut tx, foreign, &seat).await);
        nothing_written(seats::update(&mut tx, company, &seat).await);
        seats::update(&mut tx, own, &seat).await.unwrap();
        seat.version = 2;
        assert_eq!(
            seats::get(&mut tx, company, seat.id).await.unwrap(),
            Some(seat.clone())
        );
        assert_eq!(
            seats::page(&mut tx, company, site, Some(world.seats[0].id), 2)
                .await
                .unwrap(),
            world.seats[1..3]
        );
        assert_eq!(
            seats::page(&mut tx, foreign, site, None, 9).await.unwrap(),
            []
        );

        let pool = Pool {
            id: PoolId([7; 16]),
            site,
            name: "通話ボックス".to_owned(),
            version: 1,
            created_at: START,
        };
        nothing_written(pools::insert(&mut tx, foreign, &pool).await);
        pools::insert(&mut tx, own, &pool).await.unwrap();
        nothing_written(pools::rename(&mut tx, foreign, &pool).await);
        pools::rename(&mut tx, own, &pool).await.unwrap();
        nothing_written(pools::rename(&mut tx, own, &pool).await);
        let pool = Pool { version: 2, ..pool };
        assert_eq!(
            pools::get(&mut tx, company, pool.id).await.unwrap(),
            Some(pool.clone())
        );
        assert_eq!(pools::get(&mut tx, foreign, pool.id).await.unwrap(), None);
        assert_eq!(
            pools::list(&mut tx, company, site).await.unwrap(),
            std::slice::from_ref(&pool)
        );
        assert_eq!(pools::list(&mut tx, foreign, site).await.unwrap(), []);
        pools::lock(&mut tx, pool.id).await.unwrap();
        nothing_written(pools::lock(&mut tx, PoolId([8; 16])).await);
        let ids: Vec<SeatId> = world.seats.iter().map(|seat| seat.id).collect();
        let join = Some(pool.id);
        nothing_written(pools::join(&mut tx, foreign, ids[0], join, 0).await);
        for (position, seat) in [(1, ids[2]), (0, ids[3]), (2, ids[0])] {
            pools::join(&mut tx, own, seat, join, position)
                .await
                .unwrap();
        }
        assert_eq!(
            pools::seats(&mut tx, pool.id).await.unwrap(),
            [ids[3], ids[2], ids[0]]
        );
        assert_eq!(
            pools::free(&mut tx, pool.id, span(1, 1)).await.unwrap(),
            [ids[3], ids[2]],
            "one is out of service"
        );
        assert_eq!(
            pools::free(&mut tx, pool.id, span(3, 1)).await.unwrap(),
            [ids[3], ids[2], ids[0]]
        );
        let wanted = Wanted::default();
        let sorted = |mut ids: Vec<SeatId>| {
            ids.sort_unstable();
            ids
        };
        let alone = Group {
            pool: None,
            of: 1,
            free: vec![ids[1]],
        };
        let pooled = Group {
            pool: join,
            of: 3,
            free: sorted(vec![ids[2], ids[3]]),
        };
        let free = occupancy::free(&mut tx, company, site, span(1, 1), &wanted).await;
        let free = free.unwrap();
        assert!(
            free.len() == 2 && free.contains(&alone) && free.contains(&pooled),
            "{free:?}"
        );
        assert_eq!(
            occupancy::free(&mut tx, foreign, site, span(1, 1), &wanted)
                .await
                .unwrap(),
            []
        );
        for (wanted, count) in [
            (
                Wanted {
                    kind: Some(SeatKind::Booth),
                    ..wanted
                },
                1,
            ),
            (
                Wanted {
                    zone: Some(world.lobby.id),
                    ..wanted
                },
                0,
            ),
            (
                Wanted {
                    floor: Some(FloorId([1; 16])),
                    ..wanted
                },
                0,
            ),
            (
                Wanted {
                    attributes: seat.attributes,
                    ..wanted
                },
                1,
            ),
            (
                Wanted {
                    attributes: Attributes {
                        acoustic: Acoustic::Soundproof,
                        ..Attributes::default()
                    },
                    ..wanted
                },
                0,
            ),
        ] {
            let free = occupancy::free(&mut tx, own, site, span(4, 1), &wanted).await;
            let free: usize = free.unwrap().iter().map(|group| group.free.len()).sum();
            assert_eq!(free, count, "{wanted:?}");
        }
        assert_eq!(
            pools::any(&mut tx, company, pool.id).await.unwrap(),
            Some(ids[3])
        );
        assert_eq!(pools::any(&mut tx, foreign, pool.id).await.unwrap(), None);
        pools::join(&mut tx, own, ids[2], None, 0).await.unwrap();
        assert_eq!(
            pools::seats(&mut tx, pool.id).await.unwrap(),
            [ids[3], ids[0]]
        );
    }
}

/// Whatever becomes of an allocation, its units follow.
#[tokio::test]
async fn units_follow_their_allocations() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (own, company, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let site = world.site.id;
        let [whole, a, b, other] = [0, 1, 2, 3].map(|n| world.seats[n].id);
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(occupancy::set_units(&mut tx, foreign, whole, &[a, b]).await);
        occupancy::set_units(&mut tx, own, whole, &[a, b])
            .await
            .unwrap();
        assert_eq!(occupancy::units(&mut tx, whole).await.unwrap(), [a, b]);
        assert_eq!(occupancy::units(&mut tx, other).await.unwrap(), [other]);
        assert_eq!(
            occupancy::parts(&mut tx, company, site).await.unwrap(),
            [(whole, a), (whole, b)]
        );
        assert_eq!(occupancy::parts(&mut tx, foreign, site).await.unwrap(), []);
        let mut room = world.seats[0].clone();
        room.buffers = Buffers {
            before_min: 0,
            after_min: 30,
        };
        seats::update(&mut tx, own, &room).await.unwrap();
        tx.commit().await.unwrap();

        let booking = world.book(&test.app, 0, 1, 1).await.unwrap();
        let mut tx = test.app.db.write().await.unwrap();
        let wide = span(1, 1);
        let wide = sekisho_domain::time::Interval {
            end: wide.end.plus_ms(HOUR / 2),
            ..wide
        };
        for seat in [whole, a, b] {
            let taken = occupancy::of_seat(&mut tx, seat, span(0, 9), None).await;
            assert_eq!(taken.unwrap(), [wide], "{}", test.engine());
        }
        let but_own = Some(booking.allocation);
        assert_eq!(
            occupancy::of_seat(&mut tx, a, span(0, 9), but_own)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            occupancy::of_seat(&mut tx, other, span(0, 9), None)
                .await
                .unwrap(),
            []
        );
        let page = occupancy::of_page(&mut tx, company, site, span(0, 9), (Some(whole), other));
        assert_eq!(page.await.unwrap(), [(a, wide), (b, wide)]);
        let page = occupancy::of_page(&mut tx, foreign, site, span(0, 9), (None, other));
        assert_eq!(page.await.unwrap(), []);
        let like = occupancy::free_like(&mut tx, &world.seats[1], span(1, 1), 9).await;
        assert_eq!(like.unwrap(), [other]);
        assert_eq!(
            occupancy::booked_until(&mut tx, whole, at(1))
                .await
                .unwrap(),
            Some(at(2))
        );
        assert_eq!(
            occupancy::booked_until(&mut tx, whole, at(2))
                .await
                .unwrap(),
            None
        );
        // Longer: as wide as it was. Given back: nobody's. Taken back: derived anew.
        allocations::set_end(&mut tx, company, booking.allocation, at(3))
            .await
            .unwrap();
        let taken = occupancy::of_seat(&mut tx, a, span(0, 9), None)
            .await
            .unwrap();
        assert_eq!(
            (taken[0].start, taken[0].end),
            (at(1), at(3).plus_ms(HOUR / 2))
        );
        let how = Cancelled {
            at: at(1),
            from: AllocationState::Confirmed,
        };
        allocations::cancel(&mut tx, company, booking.allocation, how, "x")
            .await
            .unwrap();
        assert_eq!(
            occupancy::of_seat(&mut tx, a, span(0, 9), None)
                .await
                .unwrap(),
            []
        );
        allocations::restore(
            &mut tx,
            company,
            booking.allocation,
            AllocationState::Confirmed,
        )
        .await
        .unwrap();
        let (now, then) = (AllocationState::Confirmed, AllocationState::Present);
        bookings::set_state(&mut tx, company, booking.allocation, now, then)
            .await
            .unwrap();
        assert_eq!(
            occupancy::of_seat(&mut tx, b, span(0, 9), None)
                .await
                .unwrap(),
            taken
        );
        assert_eq!(occupancy::disagreements(&mut tx, START).await.unwrap(), 0);
        // Another seat takes its own units along.
        on!(&mut tx, c => sqlx::query("UPDATE allocation SET seat_id = $2 WHERE id = $1")
            .bind(booking.allocation.text()).bind(other.text()).execute(c).await.map(|done| done.rows_affected()))
        .unwrap();
        assert_eq!(
            occupancy::of_seat(&mut tx, a, span(0, 9), None)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            occupancy::of_seat(&mut tx, other, span(0, 9), None)
                .await
                .unwrap(),
            [span(1, 2)]
        );
        assert_eq!(occupancy::disagreements(&mut tx, START).await.unwrap(), 0);
        // What somebody does by hand is seen.
        for by_hand in [
            "DELETE FROM occupancy",
            "INSERT INTO occupancy SELECT id, seat_id, starts_at, ends_at - 1 FROM allocation",
        ] {
            on!(&mut tx, c => sqlx::query(by_hand).execute(c).await.map(|done| done.rows_affected())).unwrap();
            assert_eq!(occupancy::disagreements(&mut tx, START).await.unwrap(), 1);
            assert_eq!(occupancy::disagreements(&mut tx, at(9)).await.unwrap(), 0);
        }
    }
}
