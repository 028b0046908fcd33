//! Seats of sites.

use sekisho_domain::booking::inventory::{Acoustic, Attributes, Buffers, Outage, Visual};
pub use sekisho_domain::booking::layout::Place;
use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// Desk, booth, room or phone box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// Which.
    pub id: SeatId,
    /// Where.
    pub site: SiteId,
    /// In which part of it.
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SeatKind,
    /// On which floor; absent where the site has none.
    pub floor: Option<FloorId>,
    /// Where it stands on the plan of its floor, if somebody said so.
    pub place: Option<Place>,
    /// What it is like.
    pub attributes: Attributes,
    /// Out of service; absent: in service.
    pub outage: Option<Outage>,
    /// The minutes around its bookings that nobody else gets.
    pub buffers: Buffers,
    /// Its pool, and when its turn comes there: the lowest free one is given.
    pub pool: Option<(PoolId, i64)>,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a seat is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatKind {
    /// A place at a table.
    Desk,
    /// Closed on three sides.
    Booth,
    /// A room of its own.
    Room,
    /// For calls.
    PhoneBox,
}

impl SeatKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Desk, Self::Booth, Self::Room, Self::PhoneBox];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Booth => "booth",
            Self::Room => "room",
            Self::PhoneBox => "phone_box",
        }
    }

    /// The kind of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    zone_id: String,
    name: String,
    kind: String,
    floor_id: Option<String>,
    pool_id: Option<String>,
    pool_position: i64,
    visual: i64,
    acoustic: i64,
    monitor: i64,
    accessible: i64,
    sockets: i64,
    out_reason: Option<String>,
    out_until: Option<i64>,
    before_min: i64,
    after_min: i64,
    map_x: Option<i64>,
    map_y: Option<i64>,
    map_w: Option<i64>,
    map_h: Option<i64>,
    version: i64,
    created_at: i64,
}

impl Row {
    fn attributes(&self) -> Option<Attributes> {
        Some(Attributes {
            visual: Visual::from_rank(u8::try_from(self.visual).ok()?)?,
            acoustic: Acoustic::from_rank(u8::try_from(self.acoustic).ok()?)?,
            monitor: self.monitor == 1,
            accessible: self.accessible == 1,
            sockets: u8::try_from(self.sockets).ok()?,
        })
    }

    fn buffers(&self) -> Option<Buffers> {
        Some(Buffers {
            before_min: u16::try_from(self.before_min).ok()?,
            after_min: u16::try_from(self.after_min).ok()?,
        })
    }
}

impl TryFrom<Row> for Seat {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let pool = read_opt(PoolId::parse_text, row.pool_id.as_deref())?;
        Ok(Self {
            id: read(SeatId::parse_text, &row.id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            zone: read(ZoneId::parse_text, &row.zone_id)?,
            floor: read_opt(FloorId::parse_text, row.floor_id.as_deref())?,
            pool: pool.map(|pool| (pool, row.pool_position)),
            attributes: row
                .attributes()
                .ok_or_else(|| corrupt("an unknown class of privacy"))?,
            buffers: row
                .buffers()
                .ok_or_else(|| corrupt("a buffer out of range"))?,
            outage: row.out_reason.map(|reason| Outage {
                reason,
                until: row.out_until.map(Timestamp),
            }),
            name: row.name,
            kind: SeatKind::from_name(&row.kind)
                .ok_or_else(|| corrupt("an unknown kind of seat"))?,
            place: row
                .map_x
                .zip(row.map_y)
                .zip(row.map_w.zip(row.map_h))
                .map(|((x, y), (w, h))| Place { x, y, w, h }),
            version: row.version,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a seat to a zone of a site of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, seat: &Seat) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO seat (id, site_id, zone_id, name, kind, created_at, map_x, map_y, map_w, map_h, version, floor_id, visual,
                           acoustic, monitor, accessible, sockets, before_min, after_min)
         SELECT $1, s.id, z.id, $4, $5, $6, CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS BIGINT), $12,
                CAST($13 AS TEXT), $14, $15, $16, $17, $18, $19, $20
           FROM site s
           JOIN zone z ON z.site_id = s.id
          WHERE s.id = $2
            AND z.id = $3
            AND ($7 IS NULL OR s.operator_id = $7)")
        .bind(seat.id.text())
        .bind(seat.site.text())
        .bind(seat.zone.text())
        .bind(&seat.name)
        .bind(seat.kind.name())
        .bind(seat.created_at.0)
        .bind(scope.bind())
        .bind(seat.place.map(|it| it.x))
        .bind(seat.place.map(|it| it.y))
        .bind(seat.place.map(|it| it.w))
        .bind(seat.place.map(|it| it.h))
        .bind(seat.version)
        .bind(seat.floor.map(|id| id.text()))
        .bind(i64::from(seat.attributes.visual.rank()))
        .bind(i64::from(seat.attributes.acoustic.rank()))
        .bind(i64::from(seat.attributes.monitor))
        .bind(i64::from(seat.attributes.accessible))
        .bind(i64::from(seat.attributes.sockets))
        .bind(i64::from(seat.buffers.before_min))
        .bind(i64::from(seat.buffers.after_min))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Writes all of a seat of the scope that can be changed but its place, its pool and its parts.
pub async fn update(tx: &mut Tx, scope: Scope, seat: &Seat) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE seat
            SET name = $3, kind = $4, zone_id = $5, floor_id = CAST($6 AS TEXT), visual = $7, acoustic = $8, monitor = $9,
                accessible = $10, sockets = $11, before_min = $12, after_min = $13, out_reason = CAST($14 AS TEXT),
                out_until = CAST($15 AS BIGINT), version = version + 1
          WHERE id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = seat.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(seat.id.text())
        .bind(scope.bind())
        .bind(&seat.name)
        .bind(seat.kind.name())
        .bind(seat.zone.text())
        .bind(seat.floor.map(|id| id.text()))
        .bind(i64::from(seat.attributes.visual.rank()))
        .bind(i64::from(seat.attributes.acoustic.rank()))
        .bind(i64::from(seat.attributes.monitor))
        .bind(i64::from(seat.attributes.accessible))
        .bind(i64::from(seat.attributes.sockets))
        .bind(i64::from(seat.buffers.before_min))
        .bind(i64::from(seat.buffers.after_min))
        .bind(seat.outage.as_ref().map(|it| it.reason.clone()))
        .bind(seat.outage.as_ref().and_then(|it| it.until).map(|at| at.0))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Says where a seat of a site of the scope stands, or that nobody says so.
pub async fn set_place(
    tx: &mut Tx,
    scope: Scope,
    id: SeatId,
    place: Option<Place>,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE seat
            SET map_x = CAST($3 AS BIGINT), map_y = CAST($4 AS BIGINT), map_w = CAST($5 AS BIGINT), map_h = CAST($6 AS BIGINT),
                version = version + 1
          WHERE id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = seat.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .bind(place.map(|it| it.x))
        .bind(place.map(|it| it.y))
        .bind(place.map(|it| it.w))
        .bind(place.map(|it| it.h))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One seat of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: SeatId) -> sqlx::Result<Option<Seat>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.*
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Seat::try_from).transpose()
}

/// Seats of a site that the scope can see, by id.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Seat>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.*
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY t.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Seat::try_from).collect()
}

/// Seats of a site that the scope can see, by id, after `after`, at most `limit`.
pub async fn page(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    after: Option<SeatId>,
    limit: i64,
) -> sqlx::Result<Vec<Seat>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.*
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
            AND t.id > $3
          ORDER BY t.id
          LIMIT $4")
        .bind(site.text())
        .bind(scope.bind())
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Seat::try_from).collect()
}

/// The seats of [`list`] that are in service and that nobody has at any instant of `during`, buffers included.
pub async fn free(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
) -> sqlx::Result<Vec<Seat>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.*
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
            AND (t.out_reason IS NULL OR t.out_until <= $3)
            AND NOT EXISTS (SELECT 1 FROM seat_unit u
                             WHERE u.seat_id = t.id
                               AND (SELECT o.starts_at FROM occupancy o
                                     WHERE o.unit_id = u.unit_id AND o.ends_at > $3 - t.before_min * 60000
                                     ORDER BY o.ends_at LIMIT 1) < $4 + t.after_min * 60000)
          ORDER BY t.id")
        .bind(site.text())
        .bind(scope.bind())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Seat::try_from).collect()
}
