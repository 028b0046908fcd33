//! The desk says that a visitor has come, or has gone.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::VisitId;
use sekisho_domain::presence::{Presence, State};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::visits::{body, end_active_pass, locked};
use super::{Actor, FlowError};
use crate::app::{App, Live};
use crate::store::Scope;
use crate::store::visits::{self, Visit};

/// The visitor is here. Again for one who is: nothing happens. Refused with `not_found`, `not_allowed`, `visit_cancelled` or
/// `visit_ended`.
pub async fn visitor_arrived(app: &App, actor: &Actor, id: VisitId) -> Result<Visit, FlowError> {
    let visit = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(arrive(app, actor, id, change))
    })
    .await?;
    // Nobody watching is no error.
    let _ = app.live.send(Live { site: visit.site });
    Ok(visit)
}

/// The visitor is gone, and the pass with them. Refused with `not_found`, `not_allowed` or `visitor_not_here`.
pub async fn visitor_left(app: &App, actor: &Actor, id: VisitId) -> Result<Visit, FlowError> {
    let visit = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(leave(app, actor, id, change))
    })
    .await?;
    let _ = app.live.send(Live { site: visit.site });
    Ok(visit)
}

async fn arrive(
    app: &App,
    actor: &Actor,
    id: VisitId,
    change: &mut Change<'_>,
) -> Result<Visit, FlowError> {
    let visit = locked(actor, Action::ReceiveVisitor, id, change).await?;
    if matches!(visit.presence.state, State::Present | State::Away) {
        return Ok(visit);
    }
    if visit.cancelled {
        return Err(Code::VisitCancelled.into());
    }
    if visit.during.end <= app.now() {
        return Err(Code::VisitEnded.into());
    }
    say(app, actor, visit, State::Present, change).await
}

async fn leave(
    app: &App,
    actor: &Actor,
    id: VisitId,
    change: &mut Change<'_>,
) -> Result<Visit, FlowError> {
    let visit = locked(actor, Action::ReceiveVisitor, id, change).await?;
    if !visit.presence.state.may_be_inside() {
        return Err(Code::VisitorNotHere.into());
    }
    change.facts(visit.site).await?;
    end_active_pass(app, actor, &visit, PassState::Revoked, change).await?;
    say(app, actor, visit, State::Departed, change).await
}

async fn say(
    app: &App,
    actor: &Actor,
    mut visit: Visit,
    state: State,
    change: &mut Change<'_>,
) -> Result<Visit, FlowError> {
    visit.presence = Presence {
        state,
        zone: None,
        since: app.now(),
        evidence_at: app.now(),
    };
    visits::set_presence(&mut change.tx, Scope::System, visit.id, &visit.presence).await?;
    visit.version += 1;
    let code = match state {
        State::Departed => EventCode::VisitLeft,
        _ => EventCode::VisitArrived,
    };
    let draft = Draft::new(app, Some(visit.site), code)
        .visit(app, &visit)
        .actor(app, actor)
        .body(&body(&visit));
    record(&mut change.tx, app, draft).await?;
    Ok(visit)
}
