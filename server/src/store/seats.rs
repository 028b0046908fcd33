//! Seats of sites.

use sekisho_domain::ids::{SeatId, SiteId, ZoneId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, one, read};
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
    /// Where it stands on the site's plan, if somebody said so.
    pub place: Option<Place>,
    /// Counts changes of the place, for ETag and If-Match.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

/// A rectangle on the plan of a site, in its units (about 10 cm), from its upper left corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// To the right, 0 to [`Place::FAR_MAX`].
    pub x: i64,
    /// Downwards, 0 to [`Place::FAR_MAX`].
    pub y: i64,
    /// Width, 1 to [`Place::LONG_MAX`].
    pub w: i64,
    /// Height, 1 to [`Place::LONG_MAX`].
    pub h: i64,
}

impl Place {
    /// Largest coordinate: ten kilometres.
    pub const FAR_MAX: i64 = 100_000;
    /// Longest side: a kilometre.
    pub const LONG_MAX: i64 = 10_000;

    /// Whether all four are within their limits.
    pub fn is_sound(&self) -> bool {
        let far = 0..=Self::FAR_MAX;
        let long = 1..=Self::LONG_MAX;
        far.contains(&self.x)
            && far.contains(&self.y)
            && long.contains(&self.w)
            && long.contains(&self.h)
    }
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
    map_x: Option<i64>,
    map_y: Option<i64>,
    map_w: Option<i64>,
    map_h: Option<i64>,
    version: i64,
    created_at: i64,
}

impl TryFrom<Row> for Seat {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(SeatId::parse_text, &row.id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            zone: read(ZoneId::parse_text, &row.zone_id)?,
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
        "INSERT INTO seat (id, site_id, zone_id, name, kind, created_at, map_x, map_y, map_w, map_h, version)
         SELECT $1, s.id, z.id, $4, $5, $6, CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS BIGINT), $12
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
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.map_x, t.map_y, t.map_w, t.map_h, t.version, t.created_at
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
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.map_x, t.map_y, t.map_w, t.map_h, t.version, t.created_at
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

/// The seats of [`list`] that nobody has at any instant of `during`.
pub async fn free(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
) -> sqlx::Result<Vec<Seat>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.map_x, t.map_y, t.map_w, t.map_h, t.version, t.created_at
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
            AND NOT EXISTS (SELECT 1 FROM allocation al
                             WHERE al.seat_id = t.id
                               AND al.state IN ('held', 'confirmed', 'present', 'left')
                               AND al.starts_at < $4 AND $3 < al.ends_at)
          ORDER BY t.id")
        .bind(site.text())
        .bind(scope.bind())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Seat::try_from).collect()
}
