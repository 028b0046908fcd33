//! Creates a plan: a named set of limits.

use minicbor::bytes::ByteArray;
use sekisho_domain::ids::{OrganisationId, PlanId};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::set_quota::require;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::Scope;
use crate::store::plans::{self, Plan};

/// Most plans of an organisation.
pub const PLANS_MAX: usize = 200;

/// Creates it in the name of an organisation. Refused with `not_found`, `not_allowed` or `invalid_input`.
pub async fn create_plan(
    app: &App,
    actor: &Actor,
    organisation: OrganisationId,
    name: &str,
) -> Result<Plan, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, organisation, name, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    organisation: OrganisationId,
    name: &str,
    change: &mut Change<'_>,
) -> Result<Plan, FlowError> {
    require(actor, organisation)?;
    let plan = Plan {
        id: PlanId::new(app.now().0, app.random()),
        organisation,
        name: input::name("name", name)?,
        created_at: app.now(),
    };
    let scope = Scope::Organisation(organisation);
    if plans::list(&mut change.tx, scope).await?.len() >= PLANS_MAX {
        return Err(input::invalid("plans").with("max", PLANS_MAX).into());
    }
    plans::insert(&mut change.tx, scope, &plan).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(plan.id.0)),
        parent: Some(ByteArray::from(organisation.0)),
    };
    let draft = Draft::new(app, None, EventCode::PlanCreated)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(plan)
}
