//! Devices of the site bus. `device issue` and `device revoke` are processes of their own: they write rows, `run` records them.

use sekisho_certs::Serial;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DeviceId, DoorId, SeatId, ZoneId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;

use super::{Store, digest, id, parsed};

/// A device of the site bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// At which door; the nil id where it stands at none.
    pub door: DoorId,
    /// For a seat sensor: which seat.
    pub seat: Option<SeatId>,
    /// For a people counter at no door: of which zone.
    pub zone: Option<ZoneId>,
    /// What it is.
    pub kind: DeviceKind,
    /// For a reader: which way.
    pub direction: Option<Direction>,
    /// SHA-256 of its certificate.
    pub fingerprint: Digest,
    /// Whether `device.enrolled` is in the record.
    pub recorded: bool,
    /// Whether `device.revoked` is in the record.
    pub revoked: bool,
}

impl Device {
    /// The door that it stands at, if it stands at one.
    pub fn at_door(&self) -> Option<DoorId> {
        (self.door != DoorId::NIL).then_some(self.door)
    }
}

/// A device to be added.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Which.
    pub id: DeviceId,
    /// At which door; the nil id where it stands at none.
    pub door: DoorId,
    /// For a seat sensor: which seat.
    pub seat: Option<SeatId>,
    /// For a people counter at no door: of which zone.
    pub zone: Option<ZoneId>,
    /// What it is.
    pub kind: DeviceKind,
    /// For a reader: which way.
    pub direction: Option<Direction>,
    /// Serial of its certificate.
    pub serial: Serial,
    /// SHA-256 of its certificate.
    pub fingerprint: Digest,
}

/// What another process asked for and `run` has not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// A certificate was issued.
    Added(Device),
    /// A device is to be shut out.
    Revoke(Device),
}

type Row = (
    String,
    String,
    String,
    Option<String>,
    Vec<u8>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// Adds a device; `run` records it within a second, or at its next start.
    pub async fn add_device(&self, device: &NewDevice, now: Timestamp) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO device (id, door_id, kind, direction, serial, fingerprint, issued_at, seat_id, zone_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(device.id.text())
        .bind(device.door.text())
        .bind(kind_name(device.kind))
        .bind(device.direction.map(|direction| match direction {
            Direction::In => "in",
            Direction::Out => "out",
        }))
        .bind(device.serial.to_string())
        .bind(device.fingerprint.0.as_slice())
        .bind(now.0)
        .bind(device.seat.map(|seat| seat.text()))
        .bind(device.zone.map(|zone| zone.text()))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Asks for a device to be shut out; false when there is none of this id that is not already.
    pub async fn ask_revoke(&self, device: DeviceId, now: Timestamp) -> anyhow::Result<bool> {
        let done = sqlx::query(
            "UPDATE device SET revoke_asked_at = $2 WHERE id = $1 AND revoke_asked_at IS NULL",
        )
        .bind(device.text())
        .bind(now.0)
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Admits an observer until `expires_at`.
    pub async fn add_observer(
        &self,
        observer: [u8; 16],
        expires_at: Timestamp,
    ) -> anyhow::Result<()> {
        sqlx::query("INSERT INTO observer (id, expires_at) VALUES ($1, $2)")
            .bind(observer.as_slice())
            .bind(expires_at.0)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Every device ever issued, oldest first.
    pub async fn devices(&self) -> anyhow::Result<Vec<Device>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, door_id, kind, direction, fingerprint, recorded_at, revoke_asked_at, revoked_at, seat_id, zone_id FROM device ORDER BY issued_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(device).collect()
    }

    /// What waits to be recorded.
    pub async fn device_changes(&self) -> anyhow::Result<Vec<DeviceChange>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, door_id, kind, direction, fingerprint, recorded_at, revoke_asked_at, revoked_at, seat_id, zone_id FROM device
             WHERE recorded_at IS NULL OR (revoke_asked_at IS NOT NULL AND revoked_at IS NULL) ORDER BY issued_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut changes = Vec::new();
        for row in rows {
            let revoke = row.6.is_some();
            let device = device(row)?;
            if !device.recorded {
                changes.push(DeviceChange::Added(device.clone()));
            }
            if revoke {
                changes.push(DeviceChange::Revoke(device));
            }
        }
        Ok(changes)
    }

    /// Certificates for the revocation list: serial and since when (asked counts; it is enforced before it is recorded).
    pub async fn revoked_certificates(&self) -> anyhow::Result<Vec<(Serial, Timestamp)>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT serial, revoke_asked_at FROM device WHERE revoke_asked_at IS NOT NULL ORDER BY id").fetch_all(&self.pool).await?;
        rows.into_iter()
            .map(|(serial, at)| Ok((parsed(&serial)?, Timestamp(at))))
            .collect()
    }

    /// Observers admitted at `now`.
    pub async fn observers(&self, now: Timestamp) -> anyhow::Result<Vec<[u8; 16]>> {
        let rows: Vec<(Vec<u8>,)> =
            sqlx::query_as("SELECT id FROM observer WHERE expires_at > $1 ORDER BY id")
                .bind(now.0)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(id,)| id.try_into().ok())
            .collect())
    }
}

fn kind_name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Reader => "reader",
        DeviceKind::Lock => "lock",
        DeviceKind::SeatSensor => "seat_sensor",
        DeviceKind::PeopleCounter => "people_counter",
    }
}

fn device(
    (of, door, kind, direction, fingerprint, recorded, _, revoked, seat, zone): Row,
) -> anyhow::Result<Device> {
    Ok(Device {
        id: id(&of)?,
        door: id(&door)?,
        seat: seat.map(|seat| id(&seat)).transpose()?,
        zone: zone.map(|zone| id(&zone)).transpose()?,
        kind: [
            DeviceKind::Reader,
            DeviceKind::SeatSensor,
            DeviceKind::PeopleCounter,
        ]
        .into_iter()
        .find(|of| kind_name(*of) == kind)
        .unwrap_or(DeviceKind::Lock),
        direction: direction.map(|direction| {
            if direction == "in" {
                Direction::In
            } else {
                Direction::Out
            }
        }),
        fingerprint: digest(fingerprint),
        recorded: recorded.is_some(),
        revoked: revoked.is_some(),
    })
}
