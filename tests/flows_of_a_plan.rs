//! The plan of a floor through the flow and the API, on both engines: whole or not at all, two who draw at once, and never two
//! seats in one spot, whichever way they get there.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use axum::http::Method;
use sekisho_domain::authority::Role;
use sekisho_domain::ids::{AreaId, FloorId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_server::flows::change_seat::{ChangeSeat, SeatChanges, change_seat};
use sekisho_server::flows::create_floor::{CreateFloor, create_floor};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat, create_seat_like};
use sekisho_server::flows::draw_plan::{Shape, Stroke, draw_plan};
use sekisho_server::flows::place_seat::{PlaceSeat, place_seat};
use sekisho_server::flows::save_plan::{AREAS_MAX, Plan, SavePlan, save_plan};
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::store::plan_areas::AreaKind;
use sekisho_server::store::seats::{Place, Seat, SeatKind};
use sekisho_server::store::{Scope, floors, seats};
use sekisho_tests::app::TestApp;
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting, refused};
use serde_json::{Value, json};

use crate::seat_pages::sign_in;

struct Drawing {
    world: World,
    owner: Actor,
    floor: FloorId,
    other: FloorId,
    seats: Vec<SeatId>,
}

fn at(x: i64, y: i64) -> Place {
    Place { x, y, w: 16, h: 10 }
}

impl Drawing {
    async fn on(test: &TestApp) -> Self {
        let world = World::on(&test.app).await;
        let owner = acting(&world.owner, Role::Owner);
        let mut made = Vec::new();
        for position in [1, 2] {
            let want = CreateFloor {
                site: world.site.id,
                name: format!("{position}階"),
                position,
            };
            made.push(create_floor(&test.app, &owner, want).await.unwrap().id);
        }
        let mut it = Self {
            world,
            owner,
            floor: made[0],
            other: made[1],
            seats: Vec::new(),
        };
        for n in 0..3 {
            it.seats.push(it.seat(test, n, it.floor).await.id);
        }
        it
    }

    async fn seat(&self, test: &TestApp, n: usize, floor: FloorId) -> Seat {
        let want = CreateSeat {
            zone: self.world.quiet.id,
            name: format!("P-{n}"),
            kind: SeatKind::Desk,
            place: None,
        };
        let like = SeatChanges {
            floor: Some(Some(floor)),
            sockets: Some(3),
            ..SeatChanges::default()
        };
        let made = create_seat_like(&test.app, &self.owner, want, like).await;
        let made = made.unwrap();
        assert_eq!((made.floor, made.attributes.sockets), (Some(floor), 3));
        made
    }

    fn plan(&self, places: &[(usize, Place)]) -> SavePlan {
        SavePlan {
            floor: self.floor,
            seats: places.iter().map(|(n, it)| (self.seats[*n], *it)).collect(),
            areas: Vec::new(),
            seen: None,
        }
    }

    fn place(&self, plan: &Plan, n: usize) -> Option<Place> {
        let seat = plan.seats.iter().find(|seat| seat.id == self.seats[n]);
        seat.unwrap().place
    }

    async fn save(&self, test: &TestApp, want: SavePlan) -> Result<Plan, FlowError> {
        save_plan(&test.app, &self.owner, want).await
    }

    async fn read(&self, test: &TestApp) -> Plan {
        let mut tx = test.app.db.read().await.unwrap();
        let floor = floors::get(&mut tx, Scope::System, self.floor).await;
        let floor = floor.unwrap().unwrap();
        Plan::read(&mut tx, Scope::System, floor).await.unwrap()
    }
}

fn field(refusal: &Refusal) -> (Code, Option<&str>) {
    (refusal.code, refusal.data.get("field").map(String::as_str))
}

fn no<T: std::fmt::Debug>(outcome: Result<T, FlowError>) -> Refusal {
    match outcome {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_plan_is_saved_as_a_whole_or_not_at_all() {
    for test in TestApp::on_both().await {
        let it = Drawing::on(&test).await;
        let room = Shape {
            kind: AreaKind::Room,
            label: " 受付 ".to_owned(),
            place: at(0, 0),
        };
        let mut want = it.plan(&[(0, at(0, 0)), (1, at(16, 0))]);
        want.areas = vec![(None, room.clone())];
        let plan = it.save(&test, want).await.unwrap();
        let places = [0, 1, 2].map(|n| it.place(&plan, n));
        assert_eq!(places, [Some(at(0, 0)), Some(at(16, 0)), None]);
        assert_eq!(plan.areas[0].label, "受付");
        let version = plan.version();
        assert_eq!(it.read(&test).await.version(), version);
        assert!(version > 0);

        // What is not named goes; what is named stays what it is.
        let mut again = it.plan(&[(1, at(16, 0)), (2, at(0, 20))]);
        again.areas = vec![(Some(plan.areas[0].id), room.clone())];
        let next = it.save(&test, again.clone()).await.unwrap();
        assert_eq!(it.place(&next, 0), None);
        assert_eq!(next.areas, plan.areas);
        assert_ne!(next.version(), version);
        // The same once more changes nothing, not even versions.
        assert_eq!(it.save(&test, again).await.unwrap(), next);

        // One wrong part, and nothing of it is done.
        let foreign = it.world.seats[0].id;
        let bad = |change: &dyn Fn(&mut SavePlan)| {
            let mut want = it.plan(&[(0, at(0, 0)), (1, at(100, 0))]);
            change(&mut want);
            want
        };
        let far = Place {
            x: Place::FAR_MAX + 1,
            ..at(0, 0)
        };
        let cases: Vec<(SavePlan, &str)> = vec![
            (bad(&|it| it.seats.push((foreign, at(200, 0)))), "seats"),
            (
                bad(&|want| want.seats.push((it.seats[0], at(200, 0)))),
                "seats",
            ),
            (bad(&|want| want.seats.push((it.seats[2], far))), "place"),
            (
                bad(&|want| want.areas = vec![(Some(AreaId([9; 16])), room.clone())]),
                "areas",
            ),
            (
                bad(&|want| {
                    let id = Some(plan.areas[0].id);
                    want.areas = vec![(id, room.clone()), (id, room.clone())];
                }),
                "areas",
            ),
            (
                bad(&|want| want.areas = vec![(None, room.clone()); AREAS_MAX + 1]),
                "areas",
            ),
            (
                bad(&|want| {
                    let label = "a\u{202e}b".to_owned();
                    want.areas = vec![(
                        None,
                        Shape {
                            label,
                            ..room.clone()
                        },
                    )];
                }),
                "label",
            ),
        ];
        for (want, named) in cases {
            let refusal = no(it.save(&test, want).await);
            assert_eq!(field(&refusal), (Code::InvalidInput, Some(named)));
        }
        let over = no(it
            .save(&test, it.plan(&[(0, at(0, 0)), (1, at(15, 9))]))
            .await);
        assert_eq!(over.code, Code::SeatsOverlap);
        assert_eq!((&*over.data["seat"], &*over.data["other"]), ("P-0", "P-1"));
        assert_eq!(it.read(&test).await, next, "nothing of it was done");

        // Who does not run the site.
        let member = acting(&it.world.member, Role::Member);
        let outsider = acting(&it.world.outsider, Role::Owner);
        for (actor, code) in [(member, Code::NotAllowed), (outsider, Code::NotFound)] {
            let outcome = save_plan(&test.app, &actor, it.plan(&[])).await;
            assert_eq!(refused(outcome), code);
        }
        assert_eq!(it.read(&test).await, next);
    }
}

#[tokio::test]
async fn two_who_draw_at_once_do_not_lose_each_others_work() {
    for test in TestApp::on_both().await {
        let it = Drawing::on(&test).await;
        let first = it.save(&test, it.plan(&[(0, at(0, 0))])).await.unwrap();
        let seen = Some(first.version());
        let with = |places: &[(usize, Place)]| SavePlan {
            seen,
            ..it.plan(places)
        };
        // Both saw the same.
        let (a, b) = tokio::join!(
            it.save(&test, with(&[(0, at(40, 0))])),
            it.save(&test, with(&[(0, at(80, 0))]))
        );
        let lost: Vec<Code> = [a, b]
            .into_iter()
            .filter(Result::is_err)
            .map(refused)
            .collect();
        assert_eq!(lost, [Code::VersionMismatch], "one of them, and not both");

        // Also a change that was made elsewhere is noticed: one seat placed, a wall drawn, a seat that came.
        let elsewhere = it.read(&test).await.version();
        let want = PlaceSeat {
            seat: it.seats[1],
            place: Some(at(0, 40)),
            seen: None,
        };
        place_seat(&test.app, &it.owner, want).await.unwrap();
        let placed = it.read(&test).await.version();
        let wall = Shape {
            kind: AreaKind::Wall,
            label: String::new(),
            place: at(0, 60),
        };
        let stroke = Stroke::Add(it.floor, wall);
        draw_plan(&test.app, &it.owner, stroke).await.unwrap();
        let drawn = it.read(&test).await.version();
        it.seat(&test, 9, it.floor).await;
        for seen in [elsewhere, placed, drawn] {
            let want = SavePlan {
                seen: Some(seen),
                ..it.plan(&[])
            };
            assert_eq!(refused(it.save(&test, want).await), Code::VersionMismatch);
        }
        // What a seat is like has nothing to do with where it stands.
        let now = it.read(&test).await.version();
        let want = ChangeSeat {
            seat: it.seats[0],
            seen: None,
            set: SeatChanges {
                monitor: Some(true),
                ..SeatChanges::default()
            },
        };
        change_seat(&test.app, &it.owner, want).await.unwrap();
        assert_eq!(it.read(&test).await.version(), now);
    }
}

#[tokio::test]
async fn no_two_seats_stand_in_one_spot_whichever_way_they_get_there() {
    for test in TestApp::on_both().await {
        let it = Drawing::on(&test).await;
        it.save(&test, it.plan(&[(0, at(0, 0))])).await.unwrap();
        let place = |n: usize, place| {
            let want = PlaceSeat {
                seat: it.seats[n],
                place: Some(place),
                seen: None,
            };
            place_seat(&test.app, &it.owner, want)
        };
        let over = no(place(1, at(10, 5)).await);
        assert_eq!(over.code, Code::SeatsOverlap);
        assert_eq!((&*over.data["seat"], &*over.data["other"]), ("P-1", "P-0"));
        place(1, at(16, 0)).await.unwrap();
        place(1, at(16, 1)).await.unwrap();

        // On another floor the same spot is another one, until the seat comes over.
        let above = it.seat(&test, 7, it.other).await;
        let want = PlaceSeat {
            seat: above.id,
            place: Some(at(0, 0)),
            seen: None,
        };
        place_seat(&test.app, &it.owner, want).await.unwrap();
        let move_to = |floor| {
            let want = ChangeSeat {
                seat: above.id,
                seen: None,
                set: SeatChanges {
                    floor: Some(floor),
                    ..SeatChanges::default()
                },
            };
            change_seat(&test.app, &it.owner, want)
        };
        assert_eq!(refused(move_to(Some(it.floor)).await), Code::SeatsOverlap);
        move_to(None).await.unwrap();
        move_to(Some(it.other)).await.unwrap();

        // Made where one stands already. Without a floor it is among those without one.
        let make = |name: &str, x| {
            let want = CreateSeat {
                zone: it.world.quiet.id,
                name: name.to_owned(),
                kind: SeatKind::Desk,
                place: Some(at(x, 0)),
            };
            create_seat(&test.app, &it.owner, want)
        };
        make("Q-1", 0).await.unwrap();
        assert_eq!(refused(make("Q-2", 8).await), Code::SeatsOverlap);

        // Both to the same free spot at once.
        let (a, b) = tokio::join!(place(0, at(60, 60)), place(2, at(60, 60)));
        let lost: Vec<Code> = [a, b]
            .into_iter()
            .filter(Result::is_err)
            .map(refused)
            .collect();
        assert_eq!(lost, [Code::SeatsOverlap]);
        let mut tx = test.app.db.read().await.unwrap();
        let all = seats::list(&mut tx, Scope::System, it.world.site.id).await;
        let there = all.unwrap();
        let there = there.iter().filter(|seat| seat.place == Some(at(60, 60)));
        assert_eq!(there.count(), 1);
    }
}

#[tokio::test]
async fn the_api_reads_and_saves_a_plan_with_its_version() {
    for test in TestApp::on_both().await {
        let it = Drawing::on(&test).await;
        let web = Web::new(test);
        let cookie = sign_in(&web, &it.world.owner).await;
        let path = format!("/api/v1/floors/{}/plan", it.floor);
        let get = || web.get(&path).cookie(&cookie).send();
        let put = |tag: &str, body: &Value| {
            let ask = web.ask(Method::PUT, &path).cookie(&cookie);
            let ask = ask.header("content-type", "application/json");
            let ask = if tag.is_empty() {
                ask
            } else {
                ask.header("if-match", tag)
            };
            ask.bytes(body.to_string()).send()
        };
        let empty = get().await;
        assert_eq!(empty.expect(200), json!({ "seats": [], "areas": [] }));
        let tag = empty.headers["etag"].to_str().unwrap().to_owned();
        let place = json!({ "x": 0, "y": 0, "w": 16, "h": 10 });
        let plan = json!({
            "seats": [{ "seat": it.seats[0], "place": place }],
            "areas": [{ "kind": "wall", "place": { "x": 0, "y": 20, "w": 80, "h": 2 } }],
        });
        let saved = put(&tag, &plan).await;
        let body = saved.expect(200);
        assert_eq!(body["seats"], plan["seats"]);
        assert_eq!(body["areas"][0]["label"], "");
        assert_eq!(put(&tag, &plan).await.problem(412), "version_mismatch");
        let after = get().await;
        assert_eq!(after.headers["etag"], saved.headers["etag"]);
        assert_eq!(after.expect(200), body);
        // As it was read it is sent back, and stays.
        let same = put(saved.headers["etag"].to_str().unwrap(), &body).await;
        assert_eq!(same.expect(200), body);

        let over = json!({
            "seats": [{ "seat": it.seats[0], "place": place }, { "seat": it.seats[1], "place": place }],
            "areas": [],
        });
        let answer = put("", &over).await;
        assert_eq!(answer.problem(409), "seats_overlap");
        assert_eq!(answer.json()["data"]["other"], "P-1");
        for bad in [
            json!({ "seats": [] }),
            json!({ "seats": [], "areas": [], "more": 1 }),
            json!({ "seats": [{ "seat": "x", "place": place }], "areas": [] }),
            json!({ "seats": [{ "seat": it.seats[0], "place": { "x": 0, "y": 0, "w": 0, "h": 1 } }], "areas": [] }),
            json!({ "seats": [], "areas": [{ "kind": "pond", "place": place }] }),
        ] {
            assert_eq!(put("", &bad).await.problem(422), "invalid_input", "{bad}");
        }
        // Somebody else's: not there. A company to which the site is open reads and does not write.
        let outsider = sign_in(&web, &it.world.outsider).await;
        let answer = web.get(&path).cookie(&outsider).send().await;
        assert_eq!(answer.problem(404), "not_found");
        let member = sign_in(&web, &it.world.member).await;
        let read = web.get(&path).cookie(&member).send().await;
        assert_eq!(read.expect(200), body);
        let ask = web.ask(Method::PUT, &path).cookie(&member);
        let ask = ask.header("content-type", "application/json");
        let answer = ask.bytes(plan.to_string()).send().await;
        assert_eq!(answer.problem(403), "not_allowed");
    }
}
