//! The newest reading of each device. Never evidence: nothing is decided by it.

use sekisho_domain::ids::{DeviceId, GatewayId, SiteId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::Bytes8;
use sekisho_domain::wire::telemetry::{Health, Item, Measured, SeatState};

use super::values::{bytes, sound};
use super::{Scope, Tx};
use crate::on;

/// The newest reading of one kind of one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Through which gateway.
    pub gateway: GatewayId,
    /// Of which device.
    pub device: DeviceId,
    /// What it said last; totals of passages are those of the device's present boot.
    pub what: Measured,
    /// Of passages: inward and outward since the device was first heard, across its boots.
    pub sums: (i64, i64),
    /// The device's boot.
    pub boot: Bytes8,
    /// When the gateway heard it.
    pub at: Timestamp,
    /// When it came in here.
    pub received_at: Timestamp,
}

impl Reading {
    /// `seat`, `passages` or `health`.
    pub fn kind(&self) -> &'static str {
        columns(self.what).0
    }
}

type Row = (
    String,
    String,
    String,
    Vec<u8>,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
);

fn reading(
    (gateway, device, kind, boot, first, second, first_sum, second_sum, at, received_at): Row,
) -> sqlx::Result<Reading> {
    let total = |column: i64| u32::try_from(column).unwrap_or(u32::MAX);
    let what = match kind.as_str() {
        "seat" => Measured::Seat(match first {
            0 => SeatState::Vacant,
            1 => SeatState::Occupied,
            _ => SeatState::Unknown,
        }),
        "passages" => Measured::Passages(total(first), total(second)),
        _ => Measured::Health(Health {
            battery_pct: u8::try_from(first).ok(),
            fault: second == 1,
        }),
    };
    Ok(Reading {
        gateway: sound(GatewayId::parse_text(&gateway))?,
        device: sound(DeviceId::parse_text(&device))?,
        what,
        sums: (first_sum, second_sum),
        boot: bytes::<8>(boot)?.into(),
        at: Timestamp(at),
        received_at: Timestamp(received_at),
    })
}

/// Kind and two numbers.
fn columns(what: Measured) -> (&'static str, i64, i64) {
    match what {
        Measured::Seat(state) => {
            let state = match state {
                SeatState::Vacant => 0,
                SeatState::Occupied => 1,
                SeatState::Unknown => 2,
            };
            ("seat", state, 0)
        }
        Measured::Passages(inward, outward) => ("passages", inward.into(), outward.into()),
        Measured::Health(health) => (
            "health",
            health.battery_pct.map_or(-1, i64::from),
            health.fault.into(),
        ),
    }
}

/// The newest readings of a site's devices that are enrolled, by device and kind.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Reading>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT r.gateway_id, r.device_id, r.kind, r.boot, r.first, r.second, r.first_sum, r.second_sum, r.at, r.received_at
           FROM reading r
           JOIN device d ON d.id = r.device_id AND d.gateway_id = r.gateway_id
           JOIN site ON site.id = d.site_id
          WHERE d.site_id = $1 AND d.state = 'enrolled' AND ($2 IS NULL OR site.operator_id = $2)
          ORDER BY r.device_id, r.kind")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(reading).collect()
}

/// Writes down a reading. Totals of the same boot add what they grew by to the sums, those of another boot add themselves.
pub async fn put(
    tx: &mut Tx,
    gateway: GatewayId,
    item: &Item,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let (kind, first, second) = columns(item.what);
    let boot: &[u8] = item.boot.as_slice();
    on!(tx, c => sqlx::query(
        "INSERT INTO reading (gateway_id, device_id, kind, boot, first, second, first_sum, second_sum, at, err_ms, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $5, $6, $7, $8, $9)
         ON CONFLICT (gateway_id, device_id, kind) DO UPDATE SET
            first_sum = reading.first_sum + CASE WHEN reading.boot = excluded.boot AND reading.first <= excluded.first THEN excluded.first - reading.first ELSE excluded.first END,
            second_sum = reading.second_sum + CASE WHEN reading.boot = excluded.boot AND reading.second <= excluded.second THEN excluded.second - reading.second ELSE excluded.second END,
            boot = excluded.boot, first = excluded.first, second = excluded.second, at = excluded.at, err_ms = excluded.err_ms, received_at = excluded.received_at")
        .bind(gateway.text()).bind(item.device.text()).bind(kind).bind(boot).bind(first).bind(second)
        .bind(item.at.wall.0).bind(i64::from(item.at.err_ms)).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
