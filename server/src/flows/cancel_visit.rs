//! Cancels a visit; its pass ends with it.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::VisitId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::visits::{end_visit, locked};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::visits::Visit;

/// Cancels a visit that is not over. A visitor who is inside stays on the read-out until somebody sees them go. Refused with
/// `not_found`, `not_allowed`, `visit_cancelled` or `visit_ended`.
pub async fn cancel_visit(app: &App, actor: &Actor, id: VisitId) -> Result<Visit, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: VisitId,
    change: &mut Change<'_>,
) -> Result<Visit, FlowError> {
    let mut visit = locked(actor, Action::WriteVisit, id, change).await?;
    if visit.cancelled {
        return Err(Code::VisitCancelled.into());
    }
    if visit.during.end <= app.now() {
        return Err(Code::VisitEnded.into());
    }
    change.facts(visit.site).await?;
    end_visit(app, actor, &visit, PassState::Cancelled, change).await?;
    visit.cancelled = true;
    visit.version += 1;
    Ok(visit)
}
