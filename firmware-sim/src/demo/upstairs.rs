//! A second floor: desks of which any will do, and two rooms that are one large one when the wall between them is open.

use sekisho_domain::ids::{FloorId, SeatId};
use serde_json::json;

use crate::boot::World;

/// Desks upstairs.
const DESKS: usize = 4;
/// Rooms upstairs; the last one is made of the two before it. Left, top, width, height in units of 10 cm.
const ROOMS: [(&str, [i64; 4]); 3] = [
    ("会議室A", [10, 40, 30, 20]),
    ("会議室B", [42, 40, 30, 20]),
    ("会議室A+B", [10, 64, 62, 10]),
];

/// Puts what was booted on the ground floor and adds the floor above.
pub(super) async fn build(world: &World) -> anyhow::Result<()> {
    let (api, site) = (&world.api, world.site);
    let ground = api.create_floor(site, "1階", 1).await?;
    let above = api.create_floor(site, "2階", 2).await?;
    for (n, seat) in world.seats.iter().enumerate() {
        let quiet = world.quiet_seats.contains(seat);
        let like = json!({
            "floor": ground, "sockets": 2, "monitor": n % 3 == 0, "accessible": n % 4 == 0,
            "visual": if quiet { "enclosed" } else { "open" },
            "acoustic": if quiet { "soundproof" } else { "open" },
        });
        api.change_seat(*seat, like).await?;
    }
    let mut placed = Vec::new();
    let mut desks = Vec::new();
    for n in 0..DESKS {
        let name = format!("C{}", n + 1);
        let desk = seat(world, above, &name, "desk").await?;
        placed.push((desk, [10 + i64::try_from(n)? * 18, 10, 16, 10]));
        desks.push(desk);
    }
    let mut rooms = Vec::new();
    for (name, place) in ROOMS {
        let room = seat(world, above, name, "room").await?;
        placed.push((room, place));
        rooms.push(room);
    }
    if let [parts @ .., whole] = rooms.as_slice() {
        api.combine(*whole, parts).await?;
    }
    api.create_pool(site, "2階のデスク", &desks).await?;
    let seats = placed.iter().map(
        |(seat, [x, y, w, h])| json!({"seat": seat, "place": {"x": x, "y": y, "w": w, "h": h}}),
    );
    let areas = json!([
        {"kind": "wall", "place": {"x": 5, "y": 32, "w": 78, "h": 2}},
    ]);
    let plan = json!({"seats": seats.collect::<Vec<_>>(), "areas": areas});
    api.save_plan(above, plan).await?;
    Ok(())
}

async fn seat(world: &World, floor: FloorId, name: &str, kind: &str) -> anyhow::Result<SeatId> {
    let zone = world.front.zone;
    let seat = world.api.create_seat(world.site, name, zone, kind).await?;
    let like = json!({"floor": floor, "sockets": 2, "monitor": kind == "room"});
    world.api.change_seat(seat, like).await?;
    Ok(seat)
}
