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
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a seat to a zone of a site of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, seat: &Seat) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO seat (id, site_id, zone_id, name, kind, created_at)
         SELECT $1, s.id, z.id, $4, $5, $6
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
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One seat of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: SeatId) -> sqlx::Result<Option<Seat>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.created_at
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
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.created_at
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
        "SELECT t.id, t.site_id, t.zone_id, t.name, t.kind, t.created_at
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
