//! Sets how long a booking at a site may be at most.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::series::LENGTH_MAX_S;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::{Scope, series, sites};

/// Sets it for what is booked from now on: a step of the site's grid to 31 days, s. What is booked already stays. Refused with
/// `not_found`, `not_allowed` or `invalid_input`.
pub async fn set_length_max(
    app: &App,
    actor: &Actor,
    site: SiteId,
    length_max_s: i64,
) -> Result<(), FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, site, length_max_s, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: SiteId,
    length_max_s: i64,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::WriteSite, &relations)?;
    if !(site.grid_s.max(60)..=i64::from(LENGTH_MAX_S)).contains(&length_max_s) {
        return Err(input::invalid("length_max_s").into());
    }
    let scope = Scope::Organisation(site.operator);
    series::set_length_max(&mut change.tx, scope, site.id, length_max_s).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(site.id.0)),
        parent: Some(ByteArray::from(site.operator.0)),
    };
    let draft = Draft::new(app, Some(site.id), EventCode::BookingLengthSet)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
