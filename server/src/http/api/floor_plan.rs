//! The plan of a floor as a whole: where its seats stand, and what stands behind them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{AreaId, FloorId, SeatId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seats::Place;
use super::types::etag;
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::draw_plan::Shape;
use crate::flows::save_plan::{self, SavePlan};
use crate::http::extract::{IfMatch, Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::floors;
use crate::store::plan_areas::{self, AreaKind};

/// The plan of a floor.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloorPlan {
    /// Seats of the floor that stand on its plan, by id.
    pub seats: Vec<PlacedSeat>,
    /// Rooms and walls behind them, by id.
    pub areas: Vec<Area>,
}

/// What the plan of a floor is to be: what is not named is not on it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetFloorPlan {
    /// Seats of the floor, no two in the same spot.
    pub seats: Vec<PlacedSeat>,
    /// Rooms and walls behind them, at most 200.
    pub areas: Vec<Area>,
}

/// A seat on a plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedSeat {
    /// Which.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// Where.
    pub place: Place,
}

/// A rectangle behind the seats.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Which; absent for a new one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub id: Option<AreaId>,
    /// `room` (an outline) or `wall` (filled).
    #[schema(value_type = String)]
    pub kind: AreaKind,
    /// What stands in it; may be empty.
    #[serde(default)]
    pub label: String,
    /// Where.
    pub place: Place,
}

impl From<plan_areas::Area> for Area {
    fn from(it: plan_areas::Area) -> Self {
        Self {
            id: Some(it.id),
            kind: it.kind,
            label: it.label,
            place: it.place.into(),
        }
    }
}

fn shown(plan: save_plan::Plan) -> (HeaderMap, Answer<FloorPlan>) {
    let tag = etag(plan.version());
    let seats = plan.seats.into_iter().filter_map(|it| {
        Some(PlacedSeat {
            seat: it.id,
            place: it.place?.into(),
        })
    });
    let plan = FloorPlan {
        seats: seats.collect(),
        areas: plan.areas.into_iter().map(Into::into).collect(),
    };
    (tag, Answer(plan))
}

/// The plan of a floor. Its ETag changes with whatever changes on it, however that was done.
#[utoipa::path(get, path = "/api/v1/floors/{floor}/plan", tag = "sites", params(("floor" = String, Path)), responses((status = 200, body = FloorPlan), (status = "default", body = Problem)))]
pub async fn floor_plan(
    mut reader: Reader,
    Path(id): Path<FloorId>,
) -> Result<(HeaderMap, Answer<FloorPlan>)> {
    let scope = reader.scope();
    let floor = floors::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(floor.site, Action::ReadSeat).await?;
    let plan = save_plan::Plan::read(&mut reader.tx, scope, floor).await?;
    Ok(shown(plan))
}

/// Saves the plan of a floor in one piece. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/floors/{floor}/plan", tag = "sites", params(("floor" = String, Path), ("If-Match" = Option<String>, Header)), request_body = SetFloorPlan,
    responses((status = 200, body = FloorPlan), (status = "default", body = Problem)))]
pub async fn put_floor_plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(floor): Path<FloorId>,
    IfMatch(seen): IfMatch,
    Json(SetFloorPlan { seats, areas }): Json<SetFloorPlan>,
) -> Result<(HeaderMap, Answer<FloorPlan>)> {
    let shape = |it: Area| Shape {
        kind: it.kind,
        label: it.label,
        place: it.place.into(),
    };
    let want = SavePlan {
        floor,
        seats: seats
            .into_iter()
            .map(|it| (it.seat, it.place.into()))
            .collect(),
        areas: areas.into_iter().map(|it| (it.id, shape(it))).collect(),
        seen,
    };
    let saved = save_plan::save_plan(&app, &caller.actor, want).await?;
    Ok(shown(saved))
}
