//! Gives a plan to a person or a company, or takes it away: its limits are theirs from then on, and until then.

use minicbor::bytes::ByteArray;
use sekisho_domain::ids::PlanId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::set_quota::{For, concerned, require};
use super::{Actor, FlowError, charge, input};
use crate::app::App;
use crate::store::plans::{self, Holder, Plan};
use crate::store::{Scope, SqlError, locks, quotas};

/// Gives a plan. What was booked before counts where it lies in a period that runs. Refused with `not_found`, `not_allowed`, or
/// `invalid_input` where they have it already.
pub async fn give_plan(app: &App, actor: &Actor, plan: PlanId, to: For) -> Result<(), FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(give(app, actor, plan, to, change))
    })
    .await
}

/// Takes a plan away. What is booked from now on is no longer charged to it. Refused with `not_found` or `not_allowed`.
pub async fn take_plan(app: &App, actor: &Actor, plan: PlanId, from: For) -> Result<(), FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(take(app, actor, plan, from, change))
    })
    .await
}

async fn give(
    app: &App,
    actor: &Actor,
    id: PlanId,
    to: For,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let plan = own_plan(actor, id, to, change).await?;
    concerned(&mut change.tx, plan.organisation, to).await?;
    let people = charge::people_of(&mut change.tx, to.kind(), &to.text()).await?;
    locks::lock_all(&mut change.tx, &people, &[]).await?;
    let scope = Scope::Organisation(plan.organisation);
    let holders = plans::holders(&mut change.tx, scope, id).await?;
    let has_it = |it: &Holder| it.holder == to.text() && it.until.is_none();
    if holders.iter().any(has_it) {
        return Err(input::invalid("holder").into());
    }
    let holder = Holder {
        kind: to.kind(),
        holder: to.text(),
        from: app.now(),
        until: None,
    };
    plans::give(&mut change.tx, scope, id, &holder).await?;
    for quota in quotas::list(&mut change.tx, scope, None, i64::MAX).await? {
        if quota.holder == id.text() {
            charge::catch_up(app, &mut change.tx, &quota).await?;
        }
    }
    tell(app, actor, &plan, to, EventCode::PlanGiven, change).await
}

async fn take(
    app: &App,
    actor: &Actor,
    id: PlanId,
    from: For,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let plan = own_plan(actor, id, from, change).await?;
    let scope = Scope::Organisation(plan.organisation);
    // Whoever does not have it may not even exist, and is not locked.
    let holders = plans::holders(&mut change.tx, scope, id).await?;
    if !holders.iter().any(|it| it.holder == from.text()) {
        return Err(Code::NotFound.into());
    }
    let people = charge::people_of(&mut change.tx, from.kind(), &from.text()).await?;
    locks::lock_all(&mut change.tx, &people, &[]).await?;
    // What was booked within this millisecond was booked before.
    let until = app.now().plus_ms(1);
    match plans::take(&mut change.tx, scope, id, &from.text(), until).await {
        Err(SqlError::RowNotFound) => return Err(Code::NotFound.into()),
        done => done?,
    }
    tell(app, actor, &plan, from, EventCode::PlanTaken, change).await
}

async fn own_plan(
    actor: &Actor,
    id: PlanId,
    holder: For,
    change: &mut Change<'_>,
) -> Result<Plan, FlowError> {
    let found = plans::get(&mut change.tx, actor.scope(), id).await?;
    let plan = found.ok_or(Code::NotFound)?;
    require(actor, plan.organisation)?;
    if matches!(holder, For::Plan(_)) {
        return Err(input::invalid("holder").into());
    }
    Ok(plan)
}

async fn tell(
    app: &App,
    actor: &Actor,
    plan: &Plan,
    holder: For,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let body = RegistryBody {
        id: Some(ByteArray::from(plan.id.0)),
        parent: match holder {
            For::Company(company) => Some(ByteArray::from(company.0)),
            _ => None,
        },
    };
    let mut draft = Draft::new(app, None, code).actor(app, actor).body(&body);
    if let For::Person(person) = holder {
        draft = draft.person(app, person);
    }
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
