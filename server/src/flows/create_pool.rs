//! Makes a pool of equal seats, of which any will do.

use sekisho_domain::ids::{PoolId, SeatId, SiteId};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::writable_site;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::pools::{self, Pool};
use crate::store::sites::Site;
use crate::store::{Scope, locks, seats};

/// Most seats of a pool.
pub const SEATS_MAX: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreatePool {
    /// At which site.
    pub site: SiteId,
    /// What it is called.
    pub name: String,
    /// Its seats, in the order in which they are given.
    pub seats: Vec<SeatId>,
}

/// Makes a pool. Refused with `not_found`, `not_allowed` or `invalid_input` (the seats have to be of one kind, of the site, and
/// of no other pool).
pub async fn create_pool(app: &App, actor: &Actor, want: CreatePool) -> Result<Pool, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreatePool,
    change: &mut Change<'_>,
) -> Result<Pool, FlowError> {
    let site = writable_site(actor, want.site, change).await?;
    let now = app.now();
    let pool = Pool {
        id: PoolId::new(now.0, app.random()),
        site: site.id,
        name: input::name("name", &want.name)?,
        version: 1,
        created_at: now,
    };
    let scope = Scope::Organisation(site.operator);
    pools::insert(&mut change.tx, scope, &pool).await?;
    fill(actor, &site, pool.id, &want.seats, change).await?;
    let code = EventCode::PoolCreated;
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

/// Makes these the seats of a pool, in this order, and no others.
pub(super) async fn fill(
    actor: &Actor,
    site: &Site,
    pool: PoolId,
    wanted: &[SeatId],
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let were = pools::seats(&mut change.tx, pool).await?;
    let mut all = were.clone();
    all.extend(wanted);
    if wanted.len() > SEATS_MAX {
        return Err(input::invalid("seats").into());
    }
    let mut kind = None;
    for (n, seat) in wanted.iter().enumerate() {
        let seat = seats::get(&mut change.tx, actor.scope(), *seat).await?;
        let fits = seat.is_some_and(|it| {
            it.site == site.id
                && *kind.get_or_insert(it.kind) == it.kind
                && it.pool.is_none_or(|(other, _)| other == pool)
        });
        if !fits || wanted[..n].contains(&wanted[n]) {
            return Err(input::invalid("seats").into());
        }
    }
    locks::lock_all(&mut change.tx, &[], &all).await?;
    let scope = Scope::Organisation(site.operator);
    for seat in were.iter().filter(|seat| !wanted.contains(seat)) {
        pools::join(&mut change.tx, scope, *seat, None, 0).await?;
    }
    for (position, seat) in (0..).zip(wanted) {
        pools::join(&mut change.tx, scope, *seat, Some(pool), position).await?;
    }
    Ok(())
}
