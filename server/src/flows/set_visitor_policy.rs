//! Sets what a site says about visitors.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;
use sekisho_domain::visit::Policy;
use sekisho_domain::wire::body::VisitorPolicyBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::{Scope, sites, visitor_policies, zones};

/// Most visitors of one host at a time that a site may allow.
pub const PER_HOST_MAX: u32 = 100;

/// Most zones that may be closed to visitors.
pub const CLOSED_ZONES_MAX: usize = 256;

/// Sets it for the visits that are asked for from now on; those that stand already stay. Refused with `not_found`, `not_allowed`
/// or `invalid_input`.
pub async fn set_visitor_policy(
    app: &App,
    actor: &Actor,
    site: SiteId,
    policy: Policy,
) -> Result<Policy, FlowError> {
    let mut policy = policy;
    policy.closed_zones.sort_unstable();
    policy.closed_zones.dedup();
    let policy = &policy;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, site, policy, change))
    })
    .await?;
    Ok(policy.clone())
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: SiteId,
    policy: &Policy,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::WriteSite, &relations)?;
    if policy.per_host > PER_HOST_MAX {
        return Err(input::invalid("visitors_per_host").into());
    }
    let known = zones::list(&mut change.tx, Scope::System, site.id).await?;
    let of_site = |id| known.iter().any(|zone| zone.id == id);
    if policy.closed_zones.len() > CLOSED_ZONES_MAX
        || !policy.closed_zones.iter().all(|zone| of_site(*zone))
    {
        return Err(input::invalid("closed_zones").into());
    }
    let scope = Scope::Organisation(site.operator);
    visitor_policies::put(&mut change.tx, scope, site.id, policy).await?;
    let draft = Draft::new(app, Some(site.id), EventCode::VisitorPolicySet)
        .actor(app, actor)
        .body(&VisitorPolicyBody {
            escort_required: policy.escort_required,
            per_host: policy.per_host,
            closed_zones: policy.closed_zones.clone(),
        });
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
