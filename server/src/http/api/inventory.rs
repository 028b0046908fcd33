//! Floors, pools of equal seats, and seats that are made of others.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::change_floor::{ChangeFloor, change_floor};
use crate::flows::change_pool::{ChangePool, change_pool};
use crate::flows::create_floor::{CreateFloor, create_floor};
use crate::flows::create_pool::{CreatePool, create_pool};
use crate::flows::set_parts;
use crate::http::extract::{IfMatch, Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{floors, occupancy, pools, seats};

/// A floor of a site.
#[derive(Debug, Serialize, ToSchema)]
pub struct Floor {
    /// Which.
    #[schema(value_type = String)]
    pub id: FloorId,
    /// What it is called.
    pub name: String,
    /// Its place from the lowest upwards.
    pub position: i64,
    /// Counts changes; the ETag.
    pub version: i64,
}

/// A floor to add, or what one is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetFloor {
    /// What it is called.
    pub name: String,
    /// Its place from the lowest upwards.
    #[schema(minimum = -1000, maximum = 1000)]
    pub position: i64,
}

/// Equal seats of which any will do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pool {
    /// Which.
    #[schema(value_type = String)]
    pub id: PoolId,
    /// What it is called.
    pub name: String,
    /// Its seats, in the order in which they are given.
    #[schema(value_type = Vec<String>)]
    pub seats: Vec<SeatId>,
    /// Counts changes; the ETag.
    pub version: i64,
}

/// A pool to make, or what one is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPool {
    /// What it is called.
    pub name: String,
    /// Its seats, all of one kind and of no other pool, in the order in which they are to be given; at most 200.
    #[schema(value_type = Vec<String>)]
    pub seats: Vec<SeatId>,
}

/// Of which other seats a seat is made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// At least two, at most 20, by id; none: it is a seat of its own.
    #[schema(value_type = Vec<String>)]
    pub parts: Vec<SeatId>,
}

impl From<floors::Floor> for Floor {
    fn from(it: floors::Floor) -> Self {
        Self {
            id: it.id,
            name: it.name,
            position: it.position,
            version: it.version,
        }
    }
}

fn pool(it: pools::Pool, seats: Vec<SeatId>) -> Pool {
    Pool {
        id: it.id,
        name: it.name,
        seats,
        version: it.version,
    }
}

/// Floors of a site, from the lowest upwards.
#[utoipa::path(get, path = "/api/v1/sites/{site}/floors", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Floor>), (status = "default", body = Problem)))]
pub async fn floors_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Floor>>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    let found = floors::list(&mut reader.tx, scope, site.id).await?;
    Ok(Page::all(found.into_iter().map(Into::into).collect()))
}

/// Adds a floor.
#[utoipa::path(post, path = "/api/v1/sites/{site}/floors", tag = "sites", params(("site" = String, Path)), request_body = SetFloor,
    responses((status = 201, body = Floor), (status = "default", body = Problem)))]
pub async fn create_floor_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(SetFloor { name, position }): Json<SetFloor>,
) -> Result<Response> {
    let want = CreateFloor {
        site,
        name,
        position,
    };
    let made: Floor = create_floor(&app, &caller.actor, want).await?.into();
    let mut response = created(&format!("/api/v1/floors/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// One floor.
#[utoipa::path(get, path = "/api/v1/floors/{floor}", tag = "sites", params(("floor" = String, Path)), responses((status = 200, body = Floor), (status = "default", body = Problem)))]
pub async fn floor(
    mut reader: Reader,
    Path(id): Path<FloorId>,
) -> Result<(HeaderMap, Answer<Floor>)> {
    let scope = reader.scope();
    let floor = floors::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(floor.site, Action::ReadSeat).await?;
    Ok((etag(floor.version), Answer(floor.into())))
}

/// Renames a floor or gives it another place. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/floors/{floor}", tag = "sites", params(("floor" = String, Path), ("If-Match" = Option<String>, Header)), request_body = SetFloor,
    responses((status = 200, body = Floor), (status = "default", body = Problem)))]
pub async fn put_floor(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(floor): Path<FloorId>,
    IfMatch(seen): IfMatch,
    Json(SetFloor { name, position }): Json<SetFloor>,
) -> Result<(HeaderMap, Answer<Floor>)> {
    let want = ChangeFloor {
        floor,
        name,
        position,
        seen,
    };
    let changed = change_floor(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Pools of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/pools", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Pool>), (status = "default", body = Problem)))]
pub async fn pools_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Pool>>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    let mut found = Vec::new();
    for it in pools::list(&mut reader.tx, scope, site.id).await? {
        let seats = pools::seats(&mut reader.tx, it.id).await?;
        found.push(pool(it, seats));
    }
    Ok(Page::all(found))
}

/// Makes a pool of equal seats.
#[utoipa::path(post, path = "/api/v1/sites/{site}/pools", tag = "sites", params(("site" = String, Path)), request_body = SetPool,
    responses((status = 201, body = Pool), (status = "default", body = Problem)))]
pub async fn create_pool_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(SetPool { name, seats }): Json<SetPool>,
) -> Result<Response> {
    let want = CreatePool {
        site,
        name,
        seats: seats.clone(),
    };
    let made = pool(create_pool(&app, &caller.actor, want).await?, seats);
    let mut response = created(&format!("/api/v1/pools/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// One pool.
#[utoipa::path(get, path = "/api/v1/pools/{pool}", tag = "sites", params(("pool" = String, Path)), responses((status = 200, body = Pool), (status = "default", body = Problem)))]
pub async fn get_pool(
    mut reader: Reader,
    Path(id): Path<PoolId>,
) -> Result<(HeaderMap, Answer<Pool>)> {
    let scope = reader.scope();
    let found = pools::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(found.site, Action::ReadSeat).await?;
    let seats = pools::seats(&mut reader.tx, id).await?;
    Ok((etag(found.version), Answer(pool(found, seats))))
}

/// Renames a pool and says which seats it has. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/pools/{pool}", tag = "sites", params(("pool" = String, Path), ("If-Match" = Option<String>, Header)), request_body = SetPool,
    responses((status = 200, body = Pool), (status = "default", body = Problem)))]
pub async fn put_pool(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PoolId>,
    IfMatch(seen): IfMatch,
    Json(SetPool { name, seats }): Json<SetPool>,
) -> Result<(HeaderMap, Answer<Pool>)> {
    let want = ChangePool {
        pool: id,
        name,
        seats: seats.clone(),
        seen,
    };
    let changed = change_pool(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(pool(changed, seats))))
}

/// Of which other seats a seat is made.
#[utoipa::path(get, path = "/api/v1/seats/{seat}/parts", tag = "sites", params(("seat" = String, Path)), responses((status = 200, body = Parts), (status = "default", body = Problem)))]
pub async fn parts(
    mut reader: Reader,
    Path(id): Path<SeatId>,
) -> Result<(HeaderMap, Answer<Parts>)> {
    let scope = reader.scope();
    let seat = seats::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(seat.site, Action::ReadSeat).await?;
    let mut parts = occupancy::units(&mut reader.tx, id).await?;
    parts.retain(|part| *part != id);
    Ok((etag(seat.version), Answer(Parts { parts })))
}

/// Says of which other seats a seat is made: whoever books it has all of them, and the other way round.
#[utoipa::path(put, path = "/api/v1/seats/{seat}/parts", tag = "sites", params(("seat" = String, Path), ("If-Match" = Option<String>, Header)), request_body = Parts,
    responses((status = 200, body = Parts), (status = "default", body = Problem)))]
pub async fn put_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(seat): Path<SeatId>,
    IfMatch(seen): IfMatch,
    Json(Parts { parts }): Json<Parts>,
) -> Result<(HeaderMap, Answer<Parts>)> {
    let want = set_parts::SetParts {
        seat,
        parts: parts.clone(),
        seen,
    };
    let version = set_parts::set_parts(&app, &caller.actor, want).await?;
    Ok((etag(version), Answer(Parts { parts })))
}
