//! Floors, attributes, pools, rooms made of rooms and buffers, through the flows and on both engines.
#![expect(clippy::similar_names, reason = "pairs of things that belong together")]
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::inventory::{Outage, Visual};
use sekisho_domain::ids::{PoolId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_server::flows::book_pool::{BookPool, book_pool};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::change_floor::{ChangeFloor, change_floor};
use sekisho_server::flows::change_pool::{ChangePool, change_pool};
use sekisho_server::flows::change_seat::{ChangeSeat, SeatChanges, change_seat};
use sekisho_server::flows::create_floor::{CreateFloor, create_floor};
use sekisho_server::flows::create_pool::{CreatePool, create_pool};
use sekisho_server::flows::draw_plan::{Shape, Stroke, draw_plan};
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::release_booking::release_booking;
use sekisho_server::flows::set_parts::{SetParts, set_parts};
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::occupancy;
use sekisho_server::store::people::Person;
use sekisho_server::store::plan_areas::AreaKind;
use sekisho_server::store::seats::{Place, Seat, SeatKind};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::{World, acting, at, person, refused, span};

pub(crate) struct Scene {
    pub(crate) world: World,
    owner: Actor,
}

impl Scene {
    pub(crate) async fn on(test: &TestApp) -> Self {
        let world = World::on(&test.app).await;
        let owner = acting(&world.owner, Role::Owner);
        Self { world, owner }
    }

    pub(crate) fn seat(&self, n: usize) -> SeatId {
        self.world.seats[n].id
    }

    pub(crate) async fn set(
        &self,
        test: &TestApp,
        n: usize,
        set: SeatChanges,
    ) -> Result<Seat, FlowError> {
        let want = ChangeSeat {
            seat: self.seat(n),
            seen: None,
            set,
        };
        change_seat(&test.app, &self.owner, want).await
    }

    pub(crate) async fn parts(
        &self,
        test: &TestApp,
        whole: usize,
        of: &[usize],
    ) -> Result<i64, FlowError> {
        let want = SetParts {
            seat: self.seat(whole),
            parts: of.iter().map(|n| self.seat(*n)).collect(),
            seen: None,
        };
        set_parts(&test.app, &self.owner, want).await
    }

    pub(crate) async fn pool(&self, test: &TestApp, of: &[usize]) -> PoolId {
        let want = CreatePool {
            site: self.world.site.id,
            name: "通話ボックス".to_owned(),
            seats: of.iter().map(|n| self.seat(*n)).collect(),
        };
        create_pool(&test.app, &self.owner, want).await.unwrap().id
    }
}

/// As somebody new each time: a person is in one place at a time.
pub(crate) async fn book(
    test: &TestApp,
    world: &World,
    n: usize,
    start: i64,
    minutes: i64,
) -> Result<Booking, FlowError> {
    let who = somebody(test, world).await;
    let want = BookSeat {
        person: who.id,
        seat: world.seats[n].id,
        starts_at: START.plus_ms(start * 60_000),
        ends_at: START.plus_ms((start + minutes) * 60_000),
    };
    book_seat(&test.app, &acting(&who, Role::Member), want).await
}

pub(crate) async fn somebody(test: &TestApp, world: &World) -> Person {
    let n = u64::from_le_bytes(test.app.random::<8>());
    person(&test.app, &world.company, &format!("p{n}@company.example")).await
}

fn refusal<T: std::fmt::Debug>(result: Result<T, FlowError>) -> Refusal {
    match result {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

pub(crate) async fn agrees(test: &TestApp) {
    let mut tx = test.app.db.read().await.unwrap();
    let found = occupancy::disagreements(&mut tx, START.plus_ms(-HOUR)).await;
    assert_eq!(found.unwrap(), 0, "{}", test.engine());
}

#[tokio::test]
async fn seats_are_changed_by_who_runs_the_site() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let floor = CreateFloor {
            site: it.world.site.id,
            name: " 2階 ".to_owned(),
            position: 2,
        };
        let member = acting(&it.world.member, Role::Member);
        let other = acting(&it.world.outsider, Role::Owner);
        assert_eq!(
            refused(create_floor(&test.app, &member, floor.clone()).await),
            Code::NotAllowed
        );
        assert_eq!(
            refused(create_floor(&test.app, &other, floor.clone()).await),
            Code::NotFound
        );
        let floor = create_floor(&test.app, &it.owner, floor).await.unwrap();
        assert_eq!(floor.name, "2階");
        let rename = |seen| ChangeFloor {
            floor: floor.id,
            name: "3階".to_owned(),
            position: 3,
            seen,
        };
        change_floor(&test.app, &it.owner, rename(Some(1)))
            .await
            .unwrap();
        assert_eq!(
            refused(change_floor(&test.app, &it.owner, rename(Some(1))).await),
            Code::VersionMismatch
        );

        let set = SeatChanges {
            floor: Some(Some(floor.id)),
            visual: Some(Visual::Enclosed),
            sockets: Some(2),
            monitor: Some(true),
            ..SeatChanges::default()
        };
        let seat = it.set(&test, 0, set.clone()).await.unwrap();
        assert_eq!(
            (seat.floor, seat.attributes.visual, seat.version),
            (Some(floor.id), Visual::Enclosed, 2)
        );
        let seat = it.set(&test, 0, SeatChanges::default()).await.unwrap();
        assert!(
            seat.attributes.monitor && seat.floor.is_some(),
            "what is absent stays"
        );
        let stale = ChangeSeat {
            seat: seat.id,
            seen: Some(1),
            set,
        };
        assert_eq!(
            refused(change_seat(&test.app, &it.owner, stale.clone()).await),
            Code::VersionMismatch
        );
        assert_eq!(
            refused(change_seat(&test.app, &member, stale.clone()).await),
            Code::NotAllowed
        );
        assert_eq!(
            refused(change_seat(&test.app, &other, stale).await),
            Code::NotFound
        );
        for bad in [
            SeatChanges {
                sockets: Some(100),
                ..SeatChanges::default()
            },
            SeatChanges {
                after_min: Some(481),
                ..SeatChanges::default()
            },
            SeatChanges {
                name: Some(" ".to_owned()),
                ..SeatChanges::default()
            },
            SeatChanges {
                floor: Some(Some(sekisho_domain::ids::FloorId([9; 16]))),
                ..SeatChanges::default()
            },
            SeatChanges {
                zone: Some(sekisho_domain::ids::ZoneId([9; 16])),
                ..SeatChanges::default()
            },
        ] {
            assert_eq!(refused(it.set(&test, 0, bad).await), Code::InvalidInput);
        }
        let shape = Shape {
            kind: AreaKind::Room,
            label: "受付".to_owned(),
            place: Place {
                x: 0,
                y: 0,
                w: 40,
                h: 30,
            },
        };
        let add = Stroke::Add(floor.id, shape.clone());
        assert_eq!(
            refused(draw_plan(&test.app, &member, add.clone()).await),
            Code::NotAllowed
        );
        let area = draw_plan(&test.app, &it.owner, add).await.unwrap();
        let change = Stroke::Change(area.id, 1, shape);
        draw_plan(&test.app, &it.owner, change.clone())
            .await
            .unwrap();
        assert_eq!(
            refused(draw_plan(&test.app, &it.owner, change).await),
            Code::VersionMismatch
        );
        draw_plan(&test.app, &it.owner, Stroke::Remove(area.id, 2))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_seat_out_of_service_refuses_until_it_is_back() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let outage = |until| SeatChanges {
            outage: Some(Some(Outage {
                reason: "空調の修理".to_owned(),
                until,
            })),
            ..SeatChanges::default()
        };
        it.set(&test, 0, outage(Some(at(3)))).await.unwrap();
        let no = refusal(book(&test, &it.world, 0, 60, 60).await);
        assert_eq!(
            (no.code, no.lifts_at),
            (Code::SeatOutOfService, Some(at(3)))
        );
        assert_eq!(no.data["reason"], "空調の修理");
        assert_eq!(no.alternatives.len(), 2, "{no:?}");
        book(&test, &it.world, 0, 180, 60).await.unwrap();
        it.set(&test, 0, outage(None)).await.unwrap();
        let no = refusal(book(&test, &it.world, 0, 300, 60).await);
        assert_eq!((no.code, no.lifts_at), (Code::SeatOutOfService, None));
        let back = SeatChanges {
            outage: Some(None),
            ..SeatChanges::default()
        };
        it.set(&test, 0, back).await.unwrap();
        book(&test, &it.world, 0, 300, 60).await.unwrap();
        agrees(&test).await;
    }
}

#[tokio::test]
async fn a_room_made_of_rooms_and_its_parts_exclude_each_other() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let world = &it.world;
        for bad in [&[1][..], &[0, 1]] {
            assert_eq!(refused(it.parts(&test, 0, bad).await), Code::InvalidInput);
        }
        it.parts(&test, 0, &[1, 2]).await.unwrap();
        assert_eq!(
            refused(it.parts(&test, 3, &[0, 1]).await),
            Code::InvalidInput,
            "no rooms of rooms of rooms"
        );
        assert_eq!(
            refused(it.parts(&test, 1, &[2, 3]).await),
            Code::InvalidInput
        );
        let whole = book(&test, world, 0, 60, 60).await.unwrap();
        for part in [1, 2] {
            let no = refusal(book(&test, world, part, 90, 60).await);
            assert_eq!((no.code, no.lifts_at), (Code::SeatTaken, Some(at(2))));
        }
        book(&test, world, 3, 90, 60).await.unwrap();
        let part = book(&test, world, 1, 120, 60).await.unwrap();
        assert_eq!(
            refused(book(&test, world, 0, 150, 60).await),
            Code::SeatTaken,
            "and the other way round"
        );
        let member = |booking: &Booking| Actor {
            who: sekisho_server::flows::Who::Person(booking.person),
            organisation: Some(world.company.id),
            role: Role::Member,
        };
        let longer = ExtendBooking {
            booking: whole.id,
            until: START.plus_ms(150 * 60_000),
            seen: None,
        };
        assert_eq!(
            refused(extend_booking(&test.app, &member(&whole), longer).await),
            Code::SeatTaken
        );
        assert_eq!(
            refused(it.parts(&test, 0, &[]).await),
            Code::SeatInUse,
            "while it is booked"
        );
        // Every way out frees all of its parts; the way back takes them again, or finds one gone.
        cancel_booking(&test.app, &member(&whole), whole.id)
            .await
            .unwrap();
        let between = book(&test, world, 2, 60, 30).await.unwrap();
        assert_eq!(
            refused(undo_cancel(&test.app, &member(&whole), whole.id).await),
            Code::SeatTaken
        );
        release_booking(&test.app, &member(&between), between.id)
            .await
            .unwrap();
        undo_cancel(&test.app, &member(&whole), whole.id)
            .await
            .unwrap();
        assert_eq!(
            refused(book(&test, world, 2, 60, 30).await),
            Code::SeatTaken
        );
        agrees(&test).await;
        cancel_booking(&test.app, &member(&part), part.id)
            .await
            .unwrap();
        extend_booking(&test.app, &member(&whole), longer)
            .await
            .unwrap();
        cancel_booking(&test.app, &member(&whole), whole.id)
            .await
            .unwrap();
        it.parts(&test, 0, &[]).await.unwrap();
        book(&test, world, 0, 60, 60).await.unwrap();
        book(&test, world, 1, 60, 60).await.unwrap();
        agrees(&test).await;
    }
}

#[tokio::test]
async fn the_minutes_around_a_booking_are_nobody_elses() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let buffers = |before, after| SeatChanges {
            before_min: Some(before),
            after_min: Some(after),
            ..SeatChanges::default()
        };
        it.set(&test, 0, buffers(0, 15)).await.unwrap();
        let first = book(&test, &it.world, 0, 120, 60).await.unwrap();
        let no = refusal(book(&test, &it.world, 0, 180, 60).await);
        let free = START.plus_ms(195 * 60_000);
        assert_eq!((no.code, no.lifts_at), (Code::SeatTaken, Some(free)));
        assert!(
            no.alternatives.iter().all(|it| it.seat != first.seat
                || it.during.start >= free
                || it.during.end < at(2)),
            "{no:?}"
        );
        assert_eq!(
            refused(book(&test, &it.world, 0, 75, 45).await),
            Code::SeatTaken,
            "cleaning would run into the next booking"
        );
        book(&test, &it.world, 0, 60, 45).await.unwrap();
        // Its own buffer does not stand in the way of a longer stay; somebody else's booking does.
        let who = Actor {
            who: sekisho_server::flows::Who::Person(first.person),
            organisation: Some(it.world.company.id),
            role: Role::Member,
        };
        let until = |minutes: i64| ExtendBooking {
            booking: first.id,
            until: START.plus_ms(minutes * 60_000),
            seen: None,
        };
        extend_booking(&test.app, &who, until(195)).await.unwrap();
        book(&test, &it.world, 0, 240, 60).await.unwrap();
        let no = refusal(extend_booking(&test.app, &who, until(240)).await);
        assert_eq!(no.code, Code::SeatTaken);
        assert_eq!(
            no.alternatives[0].during.end,
            START.plus_ms(225 * 60_000),
            "as long as there is time to clean"
        );
        // Other minutes hold for bookings to come and leave those that are there.
        it.set(&test, 0, buffers(60, 60)).await.unwrap();
        assert_eq!(
            refused(extend_booking(&test.app, &who, until(210)).await),
            Code::SeatTaken
        );
        agrees(&test).await;
        let mut tx = test.app.db.read().await.unwrap();
        let taken = occupancy::of_seat(&mut tx, first.seat, span(3, 1), None).await;
        assert_eq!(taken.unwrap()[0].end, START.plus_ms(210 * 60_000));
    }
}

#[tokio::test]
async fn a_pool_gives_its_seats_in_their_order() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let pool = it.pool(&test, &[2, 0, 1]).await;
        let want = |who: &Person, hour: i64| BookPool {
            person: who.id,
            pool,
            starts_at: at(hour),
            ends_at: at(hour + 1),
        };
        for n in [2, 0, 1] {
            let who = somebody(&test, &it.world).await;
            let made = book_pool(&test.app, &acting(&who, Role::Member), want(&who, 1)).await;
            assert_eq!(made.unwrap().seat, it.seat(n));
        }
        let late = somebody(&test, &it.world).await;
        let actor = acting(&late, Role::Member);
        let full = refusal(book_pool(&test.app, &actor, want(&late, 1)).await);
        assert_eq!((full.code, full.lifts_at), (Code::PoolFull, Some(at(2))));
        assert_eq!(full.alternatives.len(), 2, "{full:?}");
        assert_eq!(
            full.alternatives[0].seat,
            it.seat(3),
            "another desk near it, then"
        );
        book_pool(&test.app, &actor, want(&late, 2)).await.unwrap();
        let busy = book_pool(&test.app, &actor, want(&late, 2)).await;
        assert_eq!(
            refused(busy),
            Code::PersonBusy,
            "what holds for all is said as it is"
        );
        let backwards = BookPool {
            ends_at: at(1),
            ..want(&late, 3)
        };
        assert_eq!(
            refused(book_pool(&test.app, &actor, backwards).await),
            Code::IntervalEmpty
        );
        let foreign = acting(&it.world.outsider, Role::Owner);
        assert_eq!(
            refused(book_pool(&test.app, &foreign, want(&it.world.outsider, 5)).await),
            Code::NotFound
        );

        let kind = SeatChanges {
            kind: Some(SeatKind::Room),
            ..SeatChanges::default()
        };
        assert_eq!(
            refused(it.set(&test, 0, kind.clone()).await),
            Code::InvalidInput
        );
        it.set(&test, 3, kind).await.unwrap();
        let change = |seats: &[usize], seen| ChangePool {
            pool,
            name: "ボックス".to_owned(),
            seats: seats.iter().map(|n| it.seat(*n)).collect(),
            seen,
        };
        for bad in [&[0, 3][..], &[0, 0]] {
            assert_eq!(
                refused(change_pool(&test.app, &it.owner, change(bad, None)).await),
                Code::InvalidInput
            );
        }
        change_pool(&test.app, &it.owner, change(&[1, 0], Some(1)))
            .await
            .unwrap();
        assert_eq!(
            refused(change_pool(&test.app, &it.owner, change(&[1], Some(1))).await),
            Code::VersionMismatch
        );
        let made = book_pool(&test.app, &actor, want(&late, 4)).await.unwrap();
        assert_eq!(made.seat, it.seat(1));
        agrees(&test).await;
    }
}
