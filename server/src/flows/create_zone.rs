//! Adds a zone to a site.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::zones::{self, Zone};
use crate::store::{Scope, sites};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateZone {
    /// At which site.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Whether a certification covers it.
    pub certified: bool,
}

/// Adds a zone. Refused with `not_found`, `not_allowed` or `invalid_input`.
pub async fn create_zone(app: &App, actor: &Actor, want: CreateZone) -> Result<Zone, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateZone,
    change: &mut Change<'_>,
) -> Result<Zone, FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    authority::require(
        actor,
        Action::WriteZone,
        &authority::to_site(&mut change.tx, actor, &site).await?,
    )?;
    let now = app.now();
    let zone = Zone {
        id: ZoneId::new(now.0, app.random()),
        site: site.id,
        name: input::name("name", &want.name)?,
        certified: want.certified,
        created_at: now,
    };
    zones::insert(&mut change.tx, Scope::Organisation(site.operator), &zone).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(zone.id.0)),
        parent: Some(ByteArray::from(site.id.0)),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, Some(site.id), EventCode::ZoneCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(zone)
}
