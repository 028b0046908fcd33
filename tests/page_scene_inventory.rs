//! What the scene of the pages has to offer: two floors with a plan, a pool, a room of two others.

use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId};
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::change_seat::SeatChanges;
use sekisho_server::flows::create_floor::{CreateFloor, create_floor};
use sekisho_server::flows::create_pool::{CreatePool, create_pool};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat_like};
use sekisho_server::flows::draw_plan::Shape;
use sekisho_server::flows::save_plan::{SavePlan, save_plan};
use sekisho_server::flows::set_parts::{SetParts, set_parts};
use sekisho_server::store::plan_areas::AreaKind;
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_tests::world::World;

use crate::page_scene::As::Owner;
use crate::page_scene::{Entry, Is};

/// A floor, a pool, and the seats that were made for them.
pub(crate) struct Offered {
    pub(crate) floor: FloorId,
    pub(crate) pool: PoolId,
    /// The last one is made of the two before it, and has no place.
    pub(crate) seats: Vec<SeatId>,
}

impl Offered {
    /// Everything that can have a name has one that ends with `name`.
    pub(crate) async fn on(app: &App, owner: &Actor, world: &World, name: &str) -> Self {
        let mut floors = Vec::new();
        for position in [1, 2] {
            let want = CreateFloor {
                site: world.site.id,
                name: format!("{position}{name}"),
                position,
            };
            floors.push(create_floor(app, owner, want).await.unwrap().id);
        }
        let like = |floor| SeatChanges {
            floor: Some(Some(floor)),
            monitor: Some(true),
            accessible: Some(true),
            sockets: Some(2),
            ..SeatChanges::default()
        };
        let mut seats = Vec::new();
        for n in 0..5 {
            let want = CreateSeat {
                zone: world.lobby.id,
                name: format!("{n}{name}"),
                kind: if n < 2 {
                    SeatKind::PhoneBox
                } else {
                    SeatKind::Room
                },
                place: None,
            };
            let made = create_seat_like(app, owner, want, like(floors[1])).await;
            seats.push(made.unwrap().id);
        }
        let want = CreatePool {
            site: world.site.id,
            name: format!("P{name}"),
            seats: seats[..2].to_vec(),
        };
        let pool = create_pool(app, owner, want).await.unwrap().id;
        let want = SetParts {
            seat: seats[4],
            parts: seats[2..4].to_vec(),
            seen: None,
        };
        set_parts(app, owner, want).await.unwrap();
        let at = |x, w| Place { x, y: 10, w, h: 10 };
        let shape = |kind, place| Shape {
            kind,
            label: format!("L{name}"),
            place,
        };
        let want = SavePlan {
            floor: floors[1],
            seats: (0..)
                .zip(&seats[..4])
                .map(|(n, seat)| (*seat, at(10 + n * 20, 16)))
                .collect(),
            areas: vec![
                (None, shape(AreaKind::Room, at(5, 90))),
                (None, shape(AreaKind::Wall, at(95, 2))),
            ],
            seen: None,
        };
        save_plan(app, owner, want).await.unwrap();
        Self {
            floor: floors[1],
            pool,
            seats,
        }
    }

    /// The pages on which this is set.
    pub(crate) fn pages(&self, site: SiteId) -> Vec<Entry> {
        let at = |what: String| format!("/sites/{site}/settings/{what}");
        let form = |route, path| Entry {
            route,
            path,
            who: Owner,
            get: Is::Page,
            post: true,
        };
        let only = |route, path| Entry {
            get: Is::Nothing,
            ..form(route, path)
        };
        let (floor, pool, seat) = (self.floor, self.pool, self.seats[4]);
        vec![
            form("/sites/{site}/settings/floors", at("floors".to_owned())),
            only(
                "/sites/{site}/settings/floors/{floor}",
                at(format!("floors/{floor}")),
            ),
            form(
                "/sites/{site}/settings/floors/{floor}/plan",
                at(format!("floors/{floor}/plan")),
            ),
            form("/sites/{site}/settings/seats", at("seats".to_owned())),
            form(
                "/sites/{site}/settings/seats/{seat}",
                at(format!("seats/{seat}")),
            ),
            only(
                "/sites/{site}/settings/seats/{seat}/service",
                at(format!("seats/{seat}/service")),
            ),
            only(
                "/sites/{site}/settings/seats/{seat}/parts",
                at(format!("seats/{seat}/parts")),
            ),
            form("/sites/{site}/settings/pools", at("pools".to_owned())),
            form(
                "/sites/{site}/settings/pools/{pool}",
                at(format!("pools/{pool}")),
            ),
        ]
    }
}
