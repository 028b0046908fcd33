//! Says which bookings need an approval: a site for all who come, a company for its own people; and how long a site lets a seat be
//! held.

use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{HOLD_MINUTES_MAX, Rule};
use sekisho_domain::ids::{ApprovalRuleId, OrganisationId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::ApprovalRuleBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::seats::SeatKind;
use crate::store::{Scope, approval_rules, held, sites};

/// Sets what a site says, for what is booked from now on; what waits already keeps waiting. Refused with `not_found`, `not_allowed`
/// or `invalid_input`.
pub async fn set_site_rule(
    app: &App,
    actor: &Actor,
    site: SiteId,
    rule: Rule,
    hold_minutes: u32,
) -> Result<(), FlowError> {
    let rule = &rule;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(of_site(actor, site, rule, hold_minutes, change))
    })
    .await
}

/// Sets what the actor's company says to itself, at every site. Refused with `not_allowed` or `invalid_input`.
pub async fn set_company_rule(app: &App, actor: &Actor, rule: Rule) -> Result<(), FlowError> {
    let rule = &rule;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(of_company(actor, rule, change))
    })
    .await
}

async fn of_site(
    actor: &Actor,
    id: SiteId,
    rule: &Rule,
    hold_minutes: u32,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let site = sites::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::WriteApprovalRule, &relations)?;
    rule.check(&SeatKind::ALL.map(SeatKind::name))?;
    if !(1..=HOLD_MINUTES_MAX).contains(&hold_minutes) {
        return Err(input::invalid("hold_minutes").into());
    }
    let scope = Scope::Organisation(site.operator);
    let rule_id = ApprovalRuleId::new(app.now().0, app.random());
    approval_rules::put_site(&mut change.tx, scope, rule_id, site.id, rule).await?;
    held::set_minutes(&mut change.tx, scope, site.id, hold_minutes).await?;
    let draft = Draft::new(app, Some(site.id), EventCode::ApprovalRuleSet)
        .actor(app, actor)
        .body(&body(rule, None, Some(hold_minutes)));
    record(&mut change.tx, app, draft).await?;
    Ok(())
}

async fn of_company(actor: &Actor, rule: &Rule, change: &mut Change<'_>) -> Result<(), FlowError> {
    let app = change.app;
    let company = actor.organisation.ok_or(Code::NotFound)?;
    authority::require(
        actor,
        Action::WriteApprovalRule,
        &[Relation::SameOrganisation],
    )?;
    rule.check(&SeatKind::ALL.map(SeatKind::name))?;
    let scope = Scope::Organisation(company);
    let rule_id = ApprovalRuleId::new(app.now().0, app.random());
    approval_rules::put_company(&mut change.tx, scope, rule_id, company, rule).await?;
    let draft = Draft::new(app, None, EventCode::ApprovalRuleSet)
        .actor(app, actor)
        .body(&body(rule, Some(company), None));
    record(&mut change.tx, app, draft).await?;
    Ok(())
}

fn body(rule: &Rule, company: Option<OrganisationId>, hold: Option<u32>) -> ApprovalRuleBody {
    ApprovalRuleBody {
        all: rule.all,
        kinds: rule.kinds.clone(),
        from_min: rule.hours.map(|(from, _)| from),
        until_min: rule.hours.map(|(_, until)| until),
        answer_minutes: rule.answer_minutes,
        hold_minutes: hold,
        company,
    }
}
