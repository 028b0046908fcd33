//! Adds a floor to a site.

use sekisho_domain::ids::{FloorId, SiteId};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::writable_site;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::Scope;
use crate::store::floors::{self, Floor};

/// Places of floors lie within this, both ways.
pub const POSITION_MAX: i64 = 1000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateFloor {
    /// At which site.
    pub site: SiteId,
    /// What it is called.
    pub name: String,
    /// Its place from the lowest upwards.
    pub position: i64,
}

/// Adds a floor. Refused with `not_found`, `not_allowed` or `invalid_input`.
pub async fn create_floor(app: &App, actor: &Actor, want: CreateFloor) -> Result<Floor, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateFloor,
    change: &mut Change<'_>,
) -> Result<Floor, FlowError> {
    let site = writable_site(actor, want.site, change).await?;
    let now = app.now();
    let floor = Floor {
        id: FloorId::new(now.0, app.random()),
        site: site.id,
        name: input::name("name", &want.name)?,
        position: position(want.position)?,
        version: 1,
        created_at: now,
    };
    floors::insert(&mut change.tx, Scope::Organisation(site.operator), &floor).await?;
    let code = EventCode::FloorCreated;
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

/// A place of a floor within its limits.
pub(super) fn position(position: i64) -> Result<i64, FlowError> {
    if (-POSITION_MAX..=POSITION_MAX).contains(&position) {
        Ok(position)
    } else {
        Err(input::invalid("position").into())
    }
}
