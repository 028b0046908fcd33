//! Doors of sites.

use sekisho_domain::access::Mode;
use sekisho_domain::ids::{DoorId, SiteId, ZoneId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A door between two zones, or between outside and a zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    /// Which.
    pub id: DoorId,
    /// Where.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The zone that one enters.
    pub zone: ZoneId,
    /// The zone that one leaves; `None`: outside.
    pub from_zone: Option<ZoneId>,
    /// Least assurance of a credential (0: a static code is enough).
    pub min_assurance: u8,
    /// How long the lock is released, ms.
    pub unlock_ms: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// Its mode, as the gateway last recorded it.
    pub mode: Mode,
    /// Since when, by the gateway's clock; `None`: it was never in another.
    pub mode_since: Option<Timestamp>,
}

impl Door {
    /// As a gateway knows it.
    pub fn on_the_wire(&self) -> sekisho_domain::wire::snapshot::Door {
        sekisho_domain::wire::snapshot::Door {
            id: self.id,
            zone: self.zone,
            from: self.from_zone,
            min_assurance: self.min_assurance,
            unlock_ms: self.unlock_ms,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    name: String,
    zone_id: String,
    from_zone_id: Option<String>,
    min_assurance: i64,
    unlock_ms: i64,
    created_at: i64,
    mode: Option<String>,
    mode_since: Option<i64>,
}

impl TryFrom<Row> for Door {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let out_of_range = |_| corrupt("a door out of range");
        Ok(Self {
            id: read(DoorId::parse_text, &row.id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            name: row.name,
            zone: read(ZoneId::parse_text, &row.zone_id)?,
            from_zone: read_opt(ZoneId::parse_text, row.from_zone_id.as_deref())?,
            min_assurance: row.min_assurance.try_into().map_err(out_of_range)?,
            unlock_ms: row.unlock_ms.try_into().map_err(out_of_range)?,
            created_at: Timestamp(row.created_at),
            mode: match row.mode.as_deref() {
                None => Mode::Normal,
                Some(name) => Mode::from_name(name).ok_or_else(|| corrupt("a mode of a door"))?,
            },
            mode_since: row.mode_since.map(Timestamp),
        })
    }
}

/// Adds a door to a site of the scope. Both zones have to be of that site.
pub async fn insert(tx: &mut Tx, scope: Scope, door: &Door) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO door (id, site_id, name, zone_id, from_zone_id, min_assurance, unlock_ms, created_at)
         SELECT $1, s.id, $3, z.id, $5, $6, $7, $8
           FROM site s
           JOIN zone z ON z.site_id = s.id
          WHERE s.id = $2
            AND z.id = $4
            AND ($5 IS NULL OR EXISTS (SELECT 1 FROM zone f WHERE f.id = $5 AND f.site_id = s.id))
            AND ($9 IS NULL OR s.operator_id = $9)")
        .bind(door.id.text())
        .bind(door.site.text())
        .bind(&door.name)
        .bind(door.zone.text())
        .bind(door.from_zone.map(|zone| zone.text()))
        .bind(i64::from(door.min_assurance))
        .bind(i64::from(door.unlock_ms))
        .bind(door.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One door of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: DoorId) -> sqlx::Result<Option<Door>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.site_id, d.name, d.zone_id, d.from_zone_id, d.min_assurance, d.unlock_ms, d.created_at,
                m.mode, m.changed_at AS mode_since
           FROM door d
           JOIN site s ON s.id = d.site_id
           LEFT JOIN door_mode m ON m.door_id = d.id
          WHERE d.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Door::try_from).transpose()
}

/// Doors of a site that the scope can see, by id.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Door>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.site_id, d.name, d.zone_id, d.from_zone_id, d.min_assurance, d.unlock_ms, d.created_at,
                m.mode, m.changed_at AS mode_since
           FROM door d
           JOIN site s ON s.id = d.site_id
           LEFT JOIN door_mode m ON m.door_id = d.id
          WHERE d.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY d.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Door::try_from).collect()
}

/// Writes down the mode that a gateway of the site recorded; 0 when there is no such door.
pub async fn set_mode(
    tx: &mut Tx,
    site: SiteId,
    door: DoorId,
    mode: Mode,
    at: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO door_mode (door_id, site_id, mode, changed_at)
         SELECT d.id, d.site_id, $3, $4 FROM door d WHERE d.id = $1 AND d.site_id = $2
         ON CONFLICT (door_id) DO UPDATE SET mode = excluded.mode, changed_at = excluded.changed_at")
        .bind(door.text())
        .bind(site.text())
        .bind(mode.name())
        .bind(at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets all modes of a site: another gateway begins there, and knows of none.
pub async fn forget_modes(tx: &mut Tx, site: SiteId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM door_mode WHERE site_id = $1")
        .bind(site.text())
        .execute(c).await.map(|done| done.rows_affected()))
}
