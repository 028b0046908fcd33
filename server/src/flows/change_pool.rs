//! Renames a pool and says which seats it has.

use sekisho_domain::ids::{PoolId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_floor::stale;
use super::create_pool::fill;
use super::locked_seat::writable_site;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::Scope;
use crate::store::pools::{self, Pool};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ChangePool {
    /// Which pool.
    pub pool: PoolId,
    /// What it is called.
    pub name: String,
    /// Its seats, in the order in which they are given; none ends it.
    pub seats: Vec<SeatId>,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Changes a pool. Bookings of its seats stay. Refused with `not_found`, `not_allowed`, `version_mismatch` or `invalid_input` as
/// for a new one.
pub async fn change_pool(app: &App, actor: &Actor, want: ChangePool) -> Result<Pool, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &ChangePool,
    change: &mut Change<'_>,
) -> Result<Pool, FlowError> {
    let mut pool = pools::get(&mut change.tx, actor.scope(), want.pool)
        .await?
        .ok_or(Code::NotFound)?;
    let site = writable_site(actor, pool.site, change).await?;
    pool.name = input::name("name", &want.name)?;
    pool.version = want.seen.unwrap_or(pool.version);
    let scope = Scope::Organisation(site.operator);
    pools::rename(&mut change.tx, scope, &pool)
        .await
        .map_err(stale)?;
    pool.version += 1;
    fill(actor, &site, pool.id, &want.seats, change).await?;
    let code = EventCode::PoolChanged;
    record_registry(
        &mut change.tx,
        app,
        actor,
        site.id,
        code,
        (pool.id.0, site.id.0),
    )
    .await?;
    Ok(pool)
}
