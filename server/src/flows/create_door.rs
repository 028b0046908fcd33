//! Adds a door to a site.

use minicbor::bytes::ByteArray;
use sekisho_domain::access::Mode;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DoorId, SiteId, ZoneId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::doors::{self, Door};
use crate::store::zones::Zone;
use crate::store::{Scope, sites, zones};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateDoor {
    /// At which site.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The zone that one enters.
    pub zone: ZoneId,
    /// The zone that one leaves; `None`: outside.
    pub from_zone: Option<ZoneId>,
    /// Least assurance of a credential, 0..=3.
    pub min_assurance: u8,
    /// How long the lock is released, 500..=60000 ms.
    pub unlock_ms: u32,
}

/// Adds a door; both zones have to be of the same site. Refused with `not_found`, `not_allowed` or `invalid_input`.
pub async fn create_door(app: &App, actor: &Actor, want: CreateDoor) -> Result<Door, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateDoor,
    change: &mut Change<'_>,
) -> Result<Door, FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    authority::require(
        actor,
        Action::WriteDoor,
        &authority::to_site(&mut change.tx, actor, &site).await?,
    )?;
    let zones = zones::list(&mut change.tx, actor.scope(), site.id).await?;
    let door = decide(app, want, &zones)?;
    doors::insert(&mut change.tx, Scope::Organisation(site.operator), &door).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(door.id.0)),
        parent: Some(ByteArray::from(site.id.0)),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, Some(site.id), EventCode::DoorCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    change.facts(site.id).await?;
    Ok(door)
}

fn decide(app: &App, want: &CreateDoor, zones: &[Zone]) -> Result<Door, Refusal> {
    let here = |zone: ZoneId| zones.iter().any(|other| other.id == zone);
    if !here(want.zone) {
        return Err(input::invalid("zone"));
    }
    if want
        .from_zone
        .is_some_and(|from| !here(from) || from == want.zone)
    {
        return Err(input::invalid("from_zone"));
    }
    if want.min_assurance > 3 {
        return Err(input::invalid("min_assurance"));
    }
    if !(500..=60_000).contains(&want.unlock_ms) {
        return Err(input::invalid("unlock_ms"));
    }
    let now = app.now();
    Ok(Door {
        id: DoorId::new(now.0, app.random()),
        site: want.site,
        name: input::name("name", &want.name)?,
        zone: want.zone,
        from_zone: want.from_zone,
        min_assurance: want.min_assurance,
        unlock_ms: want.unlock_ms,
        created_at: now,
        mode: Mode::Normal,
        mode_since: None,
    })
}
