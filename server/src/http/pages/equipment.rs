//! Doors, devices and the gateway of a site: what the top line of "today" counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::access::Mode;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DeviceId, DoorId, SiteId};
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::code::EventCode;

use super::when::Wall;
use super::{Frame, page, texts};
use crate::app::App;
use crate::http::api::Reader;
use crate::http::extract::Path;
use crate::http::problem::Result;
use crate::store::devices::Device;
use crate::store::gateways::GatewayState;
use crate::store::sites::Site;
use crate::store::{alarms, devices, doors, gateways, zones};

/// Alarms that are looked at for silent devices.
const ALARMS: i64 = 200;

#[derive(Template)]
#[template(path = "equipment.html")]
struct Page {
    f: Frame,
    site: Site,
    doors: Vec<DoorLine>,
    devices: Vec<DeviceLine>,
    gateways: Vec<GatewayLine>,
}

struct DoorLine {
    name: String,
    zone: String,
    mode: &'static str,
    shape: &'static str,
    since: Option<String>,
}

struct DeviceLine {
    id: DeviceId,
    what: &'static str,
    door: String,
    word: &'static str,
    shape: &'static str,
    since: String,
}

struct GatewayLine {
    id: String,
    word: &'static str,
    shape: &'static str,
    heard: Option<String>,
    software: String,
    snapshot: u64,
    revocation: u64,
}

/// `GET /sites/{site}/equipment`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadDevice).await?;
    reader.site(id, Action::ReadGateway).await?;
    let (scope, tx) = (reader.scope(), &mut reader.tx);
    let wall = Wall::new(&site.time_zone, f.lang);
    let zone_names: BTreeMap<_, _> = zones::list(tx, scope, id)
        .await?
        .into_iter()
        .map(|zone| (zone.id, zone.name))
        .collect();
    let doors = doors::list(tx, scope, id).await?;
    let door_names: BTreeMap<DoorId, String> = doors
        .iter()
        .map(|door| (door.id, door.name.clone()))
        .collect();
    let silent: BTreeMap<DeviceId, String> = alarms::list(tx, scope, id, true, ALARMS)
        .await?
        .into_iter()
        .filter(|it| it.is_active() && it.code == EventCode::DeviceOffline)
        .filter_map(|it| Some((it.device?, wall.since(it.since, app.now()))))
        .collect();
    let devices = devices::list(tx, scope, id).await?;
    let gateways = gateways::list(tx, scope, id).await?;
    page(&Page {
        doors: doors
            .into_iter()
            .map(|door| DoorLine {
                zone: zone_names.get(&door.zone).cloned().unwrap_or_default(),
                mode: texts::mode(door.mode, f.lang),
                shape: shape(door.mode),
                since: door
                    .mode_since
                    .filter(|_| door.mode != Mode::Normal)
                    .map(|at| wall.since(at, app.now())),
                name: door.name,
            })
            .collect(),
        devices: devices
            .into_iter()
            .map(|it| device(&it, &silent, &door_names, &wall, &f))
            .collect(),
        gateways: gateways
            .into_iter()
            .filter(|it| it.state != GatewayState::Revoked)
            .map(|it| GatewayLine {
                id: it.id.to_string(),
                word: match (it.state, it.alive) {
                    (GatewayState::Enrolled, true) => f.t.link_up,
                    (GatewayState::Enrolled, false) => f.t.link_down,
                    _ => f.t.link_none,
                },
                shape: if it.alive { "yes" } else { "no" },
                heard: it.seen_at.map(|at| wall.since(at, app.now())),
                software: it.software.unwrap_or_default(),
                snapshot: it.snapshot_epoch,
                revocation: it.revocation_epoch,
            })
            .collect(),
        site,
        f,
    })
}

fn shape(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "yes",
        Mode::Lockdown => "no",
        Mode::Blocked => "halt",
    }
}

fn device(
    it: &Device,
    silent: &BTreeMap<DeviceId, String>,
    doors: &BTreeMap<DoorId, String>,
    wall: &Wall,
    f: &Frame,
) -> DeviceLine {
    let enrolled = || format!("{} {}", f.s.enrolled_at, wall.date(it.enrolled_at));
    let (word, shape, since) = match (it.enrolled, silent.get(&it.id)) {
        (false, _) => (f.s.revoked, "halt", enrolled()),
        (true, Some(since)) => (f.s.silent, "no", since.clone()),
        (true, None) => (f.s.answers, "yes", enrolled()),
    };
    DeviceLine {
        id: it.id,
        what: match (it.kind, it.direction) {
            (DeviceKind::Reader, Some(Direction::Out)) => f.s.reader_out,
            (DeviceKind::Reader, _) => f.s.reader_in,
            (DeviceKind::Lock, _) => f.s.lock,
            (DeviceKind::SeatSensor, _) => f.s.seat_sensor,
            (DeviceKind::PeopleCounter, _) => f.s.people_counter,
        },
        door: doors.get(&it.door).cloned().unwrap_or_default(),
        word,
        shape,
        since,
    }
}
