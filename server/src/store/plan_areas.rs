//! What stands behind the seats on the plan of a floor: rooms with a name, and walls.

use sekisho_domain::ids::{AreaId, FloorId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::seats::Place;
use super::{Scope, Tx};
use crate::on;

/// A rectangle on the plan of a floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Area {
    /// Which.
    pub id: AreaId,
    /// On which floor.
    pub floor: FloorId,
    /// What it is.
    pub kind: AreaKind,
    /// What stands in it, e.g. `受付`; may be empty.
    pub label: String,
    /// Where.
    pub place: Place,
    /// Counts changes, for If-Match.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a rectangle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaKind {
    /// An outline.
    Room,
    /// Filled.
    Wall,
}

impl AreaKind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Wall => "wall",
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    floor_id: String,
    kind: String,
    label: String,
    map_x: i64,
    map_y: i64,
    map_w: i64,
    map_h: i64,
    version: i64,
    created_at: i64,
}

impl TryFrom<Row> for Area {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(AreaId::parse_text, &row.id)?,
            floor: read(FloorId::parse_text, &row.floor_id)?,
            kind: match row.kind.as_str() {
                "room" => AreaKind::Room,
                "wall" => AreaKind::Wall,
                _ => return Err(corrupt("an unknown kind of area")),
            },
            label: row.label,
            place: Place {
                x: row.map_x,
                y: row.map_y,
                w: row.map_w,
                h: row.map_h,
            },
            version: row.version,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Draws a rectangle on a floor of a site of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, area: &Area) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO plan_area (id, floor_id, kind, label, map_x, map_y, map_w, map_h, version, created_at)
         SELECT $1, f.id, $3, $4, $5, $6, $7, $8, $9, $10
           FROM floor f
           JOIN site s ON s.id = f.site_id
          WHERE f.id = $2
            AND ($11 IS NULL OR s.operator_id = $11)")
        .bind(area.id.text())
        .bind(area.floor.text())
        .bind(area.kind.name())
        .bind(&area.label)
        .bind(area.place.x)
        .bind(area.place.y)
        .bind(area.place.w)
        .bind(area.place.h)
        .bind(area.version)
        .bind(area.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Moves and renames a rectangle of the scope; [`sqlx::Error::RowNotFound`] when it no longer has `version`.
pub async fn update(tx: &mut Tx, scope: Scope, area: &Area) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE plan_area
            SET kind = $3, label = $4, map_x = $5, map_y = $6, map_w = $7, map_h = $8, version = version + 1
          WHERE id = $1
            AND version = $9
            AND EXISTS (SELECT 1 FROM floor f JOIN site s ON s.id = f.site_id
                         WHERE f.id = plan_area.floor_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(area.id.text())
        .bind(scope.bind())
        .bind(area.kind.name())
        .bind(&area.label)
        .bind(area.place.x)
        .bind(area.place.y)
        .bind(area.place.w)
        .bind(area.place.h)
        .bind(area.version)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Takes a rectangle of the scope off the plan; [`sqlx::Error::RowNotFound`] when it no longer has `version`.
pub async fn remove(tx: &mut Tx, scope: Scope, id: AreaId, version: i64) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "DELETE FROM plan_area
          WHERE id = $1
            AND version = $3
            AND EXISTS (SELECT 1 FROM floor f JOIN site s ON s.id = f.site_id
                         WHERE f.id = plan_area.floor_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .bind(version)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One rectangle of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: AreaId) -> sqlx::Result<Option<Area>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.floor_id, p.kind, p.label, p.map_x, p.map_y, p.map_w, p.map_h, p.version, p.created_at
           FROM plan_area p
           JOIN floor f ON f.id = p.floor_id
           JOIN site s ON s.id = f.site_id
          WHERE p.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Area::try_from).transpose()
}

/// The rectangles of all floors of a site that the scope can see, by id.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Area>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.floor_id, p.kind, p.label, p.map_x, p.map_y, p.map_w, p.map_h, p.version, p.created_at
           FROM plan_area p
           JOIN floor f ON f.id = p.floor_id
           JOIN site s ON s.id = f.site_id
          WHERE f.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY p.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Area::try_from).collect()
}
