//! Revokes a pass.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::PassId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::end_pass::end_pass;
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::passes::{self, Pass};
use crate::store::{bookings, locks};

/// Revokes an active pass; its booking stays, and another pass can be issued for it. Refused with `not_found`, `not_allowed`
/// or `pass_not_active`.
pub async fn revoke_pass(app: &App, actor: &Actor, id: PassId) -> Result<Pass, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: PassId,
    change: &mut Change<'_>,
) -> Result<Pass, FlowError> {
    let found = passes::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    let booking = bookings::get(&mut change.tx, actor.scope(), found.booking)
        .await?
        .ok_or(Code::NotFound)?;
    authority::require(
        actor,
        Action::RevokePass,
        &authority::to_booking(actor, &booking),
    )?;

    locks::lock_all(&mut change.tx, &[found.person], &[]).await?;
    let mut pass = passes::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    if pass.state != PassState::Active {
        return Err(Code::PassNotActive.into());
    }
    change.facts(pass.site).await?;
    end_pass(app, actor, &pass, PassState::Revoked, change).await?;
    pass.state = PassState::Revoked;
    Ok(pass)
}
