//! Devices, as the gateways' records name them.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DeviceId, DoorId, GatewayId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::bus::Direction;

use super::values::{sound, sound_option};
use super::{Scope, Tx};
use crate::on;

/// A device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// Where.
    pub site: SiteId,
    /// At which gateway.
    pub gateway: GatewayId,
    /// At which door; all zeros where it stands at none.
    pub door: DoorId,
    /// Of a seat sensor: at which seat.
    pub seat: Option<SeatId>,
    /// Of a people counter that stands at no door: of which zone.
    pub zone: Option<ZoneId>,
    /// What it is.
    pub kind: DeviceKind,
    /// For a reader: which way.
    pub direction: Option<Direction>,
    /// SHA-256 of its certificate, hexadecimal.
    pub certificate: String,
    /// False once it was revoked.
    pub enrolled: bool,
    /// When it was enrolled, by the gateway's clock.
    pub enrolled_at: Timestamp,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    i64,
    Option<String>,
    Option<String>,
);

fn device(
    (id, site, gateway, door, kind, direction, certificate, state, enrolled_at, seat, zone): Row,
) -> sqlx::Result<Device> {
    Ok(Device {
        id: sound(DeviceId::parse_text(&id))?,
        site: sound(SiteId::parse_text(&site))?,
        gateway: sound(GatewayId::parse_text(&gateway))?,
        door: sound(DoorId::parse_text(&door))?,
        kind: match kind.as_str() {
            "reader" => DeviceKind::Reader,
            "seat_sensor" => DeviceKind::SeatSensor,
            "people_counter" => DeviceKind::PeopleCounter,
            _ => DeviceKind::Lock,
        },
        direction: direction.map(|direction| {
            if direction == "in" {
                Direction::In
            } else {
                Direction::Out
            }
        }),
        certificate,
        enrolled: state == "enrolled",
        enrolled_at: Timestamp(enrolled_at),
        seat: sound_option(seat.as_deref(), SeatId::parse_text)?,
        zone: sound_option(zone.as_deref(), ZoneId::parse_text)?,
    })
}

/// The devices of a site, revoked ones included.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Device>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.site_id, d.gateway_id, d.door_id, d.kind, d.direction, d.certificate, d.state, d.enrolled_at, d.seat_id, d.zone_id
           FROM device d JOIN site ON site.id = d.site_id
          WHERE d.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY d.id")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(device).collect()
}

/// The devices of a gateway that are enrolled.
pub async fn enrolled(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<Vec<DeviceId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as("SELECT id FROM device WHERE gateway_id = $1 AND state = 'enrolled' ORDER BY id")
        .bind(gateway.text()).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id,)| sound(DeviceId::parse_text(&id)))
        .collect()
}

/// Writes down a device as its gateway recorded it; a known one of the same gateway is brought up to date.
pub async fn enrol(
    tx: &mut Tx,
    site: SiteId,
    gateway: GatewayId,
    body: &DeviceEnrolled,
    at: Timestamp,
) -> sqlx::Result<u64> {
    let kind = match body.kind {
        DeviceKind::Reader => "reader",
        DeviceKind::Lock => "lock",
        DeviceKind::SeatSensor => "seat_sensor",
        DeviceKind::PeopleCounter => "people_counter",
    };
    let direction = body.direction.map(|direction| match direction {
        Direction::In => "in",
        Direction::Out => "out",
    });
    on!(tx, c => sqlx::query(
        "INSERT INTO device (id, site_id, gateway_id, door_id, kind, direction, certificate, state, enrolled_at, seat_id, zone_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'enrolled', $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET door_id = $4, kind = $5, direction = $6, certificate = $7, state = 'enrolled', enrolled_at = $8, seat_id = $9, zone_id = $10
          WHERE device.gateway_id = $3")
        .bind(body.device.text()).bind(site.text()).bind(gateway.text()).bind(body.door.text())
        .bind(kind).bind(direction).bind(body.certificate.hex()).bind(at.0)
        .bind(body.seat.map(|id| id.text())).bind(body.zone.map(|id| id.text()))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down that a device of this gateway is revoked.
pub async fn revoke(tx: &mut Tx, gateway: GatewayId, id: DeviceId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE device SET state = 'revoked' WHERE id = $1 AND gateway_id = $2")
        .bind(id.text()).bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down that every device of a gateway is revoked; how many.
pub async fn revoke_all(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE device SET state = 'revoked' WHERE gateway_id = $1 AND state = 'enrolled'")
        .bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

impl Device {
    /// The record that made it; `None` when the stored digest is damaged.
    pub fn body(&self) -> Option<DeviceEnrolled> {
        let certificate = Digest::from_hex(&self.certificate)?;
        Some(DeviceEnrolled {
            device: self.id,
            kind: self.kind,
            door: self.door,
            direction: self.direction,
            certificate,
            seat: self.seat,
            zone: self.zone,
        })
    }
}
