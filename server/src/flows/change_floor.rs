//! Renames a floor and gives it another place among the floors.

use sekisho_domain::ids::FloorId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::create_floor::position;
use super::locked_seat::writable_site;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::floors::{self, Floor};
use crate::store::{Scope, SqlError};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ChangeFloor {
    /// Which floor.
    pub floor: FloorId,
    /// What it is called.
    pub name: String,
    /// Its place from the lowest upwards.
    pub position: i64,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Changes a floor. Refused with `not_found`, `not_allowed`, `invalid_input` or `version_mismatch`.
pub async fn change_floor(app: &App, actor: &Actor, want: ChangeFloor) -> Result<Floor, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &ChangeFloor,
    change: &mut Change<'_>,
) -> Result<Floor, FlowError> {
    let mut floor = floors::get(&mut change.tx, actor.scope(), want.floor)
        .await?
        .ok_or(Code::NotFound)?;
    let site = writable_site(actor, floor.site, change).await?;
    floor.name = input::name("name", &want.name)?;
    floor.position = position(want.position)?;
    floor.version = want.seen.unwrap_or(floor.version);
    let scope = Scope::Organisation(site.operator);
    floors::update(&mut change.tx, scope, &floor)
        .await
        .map_err(stale)?;
    floor.version += 1;
    let code = EventCode::FloorChanged;
    record_registry(
        &mut change.tx,
        app,
        actor,
        site.id,
        code,
        (floor.id.0, site.id.0),
    )
    .await?;
    Ok(floor)
}

/// No row of the version that was seen: somebody was faster.
pub(super) fn stale(error: SqlError) -> FlowError {
    match error {
        SqlError::RowNotFound => Code::VersionMismatch.into(),
        error => error.into(),
    }
}
