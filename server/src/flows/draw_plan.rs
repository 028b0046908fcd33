//! Draws what stands behind the seats on the plan of a floor: adds, moves or removes a room or a wall.

use sekisho_domain::ids::{AreaId, FloorId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_floor::stale;
use super::locked_seat::writable_site;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::plan_areas::{self, Area, AreaKind};
use crate::store::seats::Place;
use crate::store::{Scope, floors};

/// One change of a plan.
#[derive(Clone, Debug)]
pub enum Stroke {
    /// A new rectangle on a floor.
    Add(FloorId, Shape),
    /// Another shape for one that is there, if it still has this version.
    Change(AreaId, i64, Shape),
    /// Away with one, if it still has this version.
    Remove(AreaId, i64),
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Shape {
    /// A room or a wall.
    pub kind: AreaKind,
    /// What stands in it; may be empty.
    pub label: String,
    /// Where.
    pub place: Place,
}

/// Draws. Refused with `not_found`, `not_allowed`, `invalid_input` or `version_mismatch`.
pub async fn draw_plan(app: &App, actor: &Actor, stroke: Stroke) -> Result<Area, FlowError> {
    let stroke = &stroke;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, stroke, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    stroke: &Stroke,
    change: &mut Change<'_>,
) -> Result<Area, FlowError> {
    let area = match stroke {
        Stroke::Add(floor, shape) => added(app, *floor, shape)?,
        Stroke::Change(id, ..) | Stroke::Remove(id, _) => {
            plan_areas::get(&mut change.tx, actor.scope(), *id)
                .await?
                .ok_or(Code::NotFound)?
        }
    };
    let floor = floors::get(&mut change.tx, actor.scope(), area.floor)
        .await?
        .ok_or(Code::NotFound)?;
    let site = writable_site(actor, floor.site, change).await?;
    let scope = Scope::Organisation(site.operator);
    let area = match stroke {
        Stroke::Add(..) => {
            plan_areas::insert(&mut change.tx, scope, &area).await?;
            area
        }
        Stroke::Change(_, seen, shape) => {
            let mut area = shaped(&area, shape)?;
            area.version = *seen;
            plan_areas::update(&mut change.tx, scope, &area)
                .await
                .map_err(stale)?;
            area.version += 1;
            area
        }
        Stroke::Remove(id, seen) => {
            plan_areas::remove(&mut change.tx, scope, *id, *seen)
                .await
                .map_err(stale)?;
            area
        }
    };
    let code = EventCode::PlanDrawn;
    record_registry(
        &mut change.tx,
        app,
        actor,
        site.id,
        code,
        (area.id.0, floor.id.0),
    )
    .await?;
    Ok(area)
}

pub(super) fn added(app: &App, floor: FloorId, shape: &Shape) -> Result<Area, FlowError> {
    let now = app.now();
    let area = Area {
        id: AreaId::new(now.0, app.random()),
        floor,
        kind: shape.kind,
        label: String::new(),
        place: shape.place,
        version: 1,
        created_at: now,
    };
    shaped(&area, shape)
}

pub(super) fn shaped(area: &Area, shape: &Shape) -> Result<Area, FlowError> {
    if !shape.place.is_sound() {
        return Err(input::invalid("place").into());
    }
    let label = match shape.label.trim() {
        "" => String::new(),
        text => input::name("label", text)?,
    };
    Ok(Area {
        kind: shape.kind,
        label,
        place: shape.place,
        ..*area
    })
}
