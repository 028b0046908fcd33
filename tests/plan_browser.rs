//! The plan of a floor in a real browser (`browser/plan.test.mjs`): keys alone, the pointer, and no script at all.

use sekisho_domain::authority::Role;
use sekisho_server::flows::change_seat::SeatChanges;
use sekisho_server::flows::create_floor::{CreateFloor, create_floor};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat_like};
use sekisho_server::flows::place_seat::{PlaceSeat, place_seat};
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{World, acting};
use serde_json::json;

use crate::browser::{links, play, ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_drawn_with_keys_alone_with_the_pointer_and_without_script() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let owner = acting(&world.owner, Role::Owner);
    let want = CreateFloor {
        site: world.site.id,
        name: "2階".to_owned(),
        position: 2,
    };
    let floor = create_floor(&test.app, &owner, want).await.unwrap().id;
    for (name, x) in [("C-1", Some(20)), ("C-2", Some(60)), ("C-3", None)] {
        let want = CreateSeat {
            zone: world.lobby.id,
            name: name.to_owned(),
            kind: SeatKind::Desk,
            place: None,
        };
        let like = SeatChanges {
            floor: Some(Some(floor)),
            ..SeatChanges::default()
        };
        let seat = create_seat_like(&test.app, &owner, want, like).await;
        let place = x.map(|x| Place {
            x,
            y: 20,
            w: 16,
            h: 10,
        });
        let want = PlaceSeat {
            seat: seat.unwrap().id,
            place,
            seen: None,
        };
        place_seat(&test.app, &owner, want).await.unwrap();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sekisho_server::http::router(test.app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();
    let plan = json!({
        "url": url,
        "site": world.site.id,
        "floor": floor,
        "owners": links(&test, world.owner.id, 4).await,
        "members": links(&test, world.member.id, 1).await,
        "shots": shots,
    });
    play("plan.test.mjs", &plan, &shots).await;
    server.abort();
}
