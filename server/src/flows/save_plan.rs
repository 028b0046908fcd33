//! Saves the plan of a floor as a whole: where each of its seats stands, and what stands behind them.

use std::collections::BTreeSet;

use sekisho_domain::booking::layout::first_overlap;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{AreaId, FloorId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_floor::stale;
use super::draw_plan::{Shape, added, shaped};
use super::locked_seat::writable_site;
use super::place_seat::overlap;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::floors::Floor;
use crate::store::plan_areas::{self, Area};
use crate::store::seats::{self, Place, Seat};
use crate::store::sites::Site;
use crate::store::{Scope, SqlError, Tx, floors, locks};

/// Most rectangles behind the seats of a floor.
pub const AREAS_MAX: usize = 200;

/// What is asked for: what is not named is not on the plan afterwards.
#[derive(Clone, Debug)]
pub struct SavePlan {
    /// Of which floor.
    pub floor: FloorId,
    /// Where its seats stand.
    pub seats: Vec<(SeatId, Place)>,
    /// What stands behind them; without an id it is new.
    pub areas: Vec<(Option<AreaId>, Shape)>,
    /// The version that the actor saw ([`Plan::version`]), if that matters.
    pub seen: Option<i64>,
}

/// The plan of a floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Of which.
    pub floor: Floor,
    /// All its seats, placed or not, by id.
    pub seats: Vec<Seat>,
    /// What stands behind them, by id.
    pub areas: Vec<Area>,
}

impl Plan {
    /// Reads the plan of a floor that the scope can see.
    pub async fn read(tx: &mut Tx, scope: Scope, floor: Floor) -> Result<Self, SqlError> {
        let mut seats = seats::list(tx, scope, floor.site).await?;
        seats.retain(|seat| seat.floor == Some(floor.id));
        let mut areas = plan_areas::list(tx, scope, floor.site).await?;
        areas.retain(|area| area.floor == floor.id);
        Ok(Self {
            floor,
            seats,
            areas,
        })
    }

    /// Follows from what is where, so that every change of the plan is noticed, whoever makes it: 63 bits of a digest.
    pub fn version(&self) -> i64 {
        let seats = self.seats.iter().map(|it| (it.id.0, it.place, 0));
        let areas = self
            .areas
            .iter()
            .map(|it| (it.id.0, Some(it.place), it.version));
        let mut all: Vec<_> = seats.chain(areas).collect();
        all.sort_unstable_by_key(|(id, ..)| *id);
        let mut parts = vec![self.floor.id.0.to_vec()];
        for (id, place, version) in all {
            parts.push(id.to_vec());
            parts.push(format!("{place:?} {version}").into_bytes());
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let digest = Digest::of(&parts);
        let mut first = [0; 8];
        first.copy_from_slice(&digest.0[..8]);
        i64::from_be_bytes(first) & i64::MAX
    }
}

/// Saves a plan in one piece. Refused with `not_found`, `not_allowed`, `version_mismatch`, `invalid_input` (`seats`: of another
/// floor or twice; `areas`: not of this floor, twice or too many; `place`, `label`) or `seats_overlap`.
pub async fn save_plan(app: &App, actor: &Actor, want: SavePlan) -> Result<Plan, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &SavePlan,
    change: &mut Change<'_>,
) -> Result<Plan, FlowError> {
    let floor = floors::get(&mut change.tx, actor.scope(), want.floor)
        .await?
        .ok_or(Code::NotFound)?;
    let site = writable_site(actor, floor.site, change).await?;
    let scope = Scope::Organisation(site.operator);
    let of_floor = Plan::read(&mut change.tx, scope, floor.clone()).await?;
    let ids: Vec<SeatId> = of_floor.seats.iter().map(|seat| seat.id).collect();
    locks::lock_all(&mut change.tx, &[], &ids).await?;
    locks::lock_site(&mut change.tx, site.id).await?;
    let was = Plan::read(&mut change.tx, scope, floor.clone()).await?;
    if was.seats.iter().any(|seat| !ids.contains(&seat.id)) {
        // It came to this floor meanwhile, and whoever drew the plan did not see it.
        return Err(Code::VersionMismatch.into());
    }
    if want.seen.is_some_and(|seen| seen != was.version()) {
        return Err(Code::VersionMismatch.into());
    }
    place(app, actor, (&site, &was), want, change).await?;
    draw(app, actor, (&site, &was), want, change).await?;
    Ok(Plan::read(&mut change.tx, scope, floor).await?)
}

async fn place(
    app: &App,
    actor: &Actor,
    (site, was): (&Site, &Plan),
    want: &SavePlan,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let scope = Scope::Organisation(site.operator);
    let mut named = BTreeSet::new();
    let mut placed: Vec<(&Seat, Place)> = Vec::new();
    for (id, place) in &want.seats {
        let seat = was.seats.iter().find(|seat| seat.id == *id);
        let seat = seat.filter(|_| named.insert(*id));
        placed.push((seat.ok_or_else(|| input::invalid("seats"))?, *place));
        if !place.is_sound() {
            return Err(input::invalid("place").into());
        }
    }
    if let Some((seat, other)) = first_overlap(&placed) {
        return Err(overlap(&seat.name, &other.name).into());
    }
    for seat in &was.seats {
        let place = placed.iter().find(|(it, _)| it.id == seat.id);
        let place = place.map(|(_, place)| *place);
        if place == seat.place {
            continue;
        }
        seats::set_place(&mut change.tx, scope, seat.id, place).await?;
        let about = (seat.id.0, seat.zone.0);
        let code = EventCode::SeatPlaced;
        record_registry(&mut change.tx, app, actor, site.id, code, about).await?;
    }
    Ok(())
}

async fn draw(
    app: &App,
    actor: &Actor,
    (site, was): (&Site, &Plan),
    want: &SavePlan,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let scope = Scope::Organisation(site.operator);
    if want.areas.len() > AREAS_MAX {
        return Err(input::invalid("areas").into());
    }
    let mut kept = BTreeSet::new();
    let mut drawn = Vec::new();
    for (id, shape) in &want.areas {
        let Some(id) = id else {
            let area = added(app, was.floor.id, shape)?;
            plan_areas::insert(&mut change.tx, scope, &area).await?;
            drawn.push(area.id);
            continue;
        };
        let old = was.areas.iter().find(|area| area.id == *id);
        let old = old.filter(|_| kept.insert(*id));
        let old = old.ok_or_else(|| input::invalid("areas"))?;
        let area = shaped(old, shape)?;
        if area != *old {
            let done = plan_areas::update(&mut change.tx, scope, &area).await;
            done.map_err(stale)?;
            drawn.push(area.id);
        }
    }
    for area in was.areas.iter().filter(|area| !kept.contains(&area.id)) {
        let done = plan_areas::remove(&mut change.tx, scope, area.id, area.version).await;
        done.map_err(stale)?;
        drawn.push(area.id);
    }
    for area in drawn {
        let about = (area.0, was.floor.id.0);
        let code = EventCode::PlanDrawn;
        record_registry(&mut change.tx, app, actor, site.id, code, about).await?;
    }
    Ok(())
}
