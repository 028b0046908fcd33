//! Switches a screen off: its address shows nothing any more.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::DisplayId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::add_display::tell;
use super::change::{Change, change};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::displays::{self, Display};
use crate::store::sites;

/// Switches it off. Safe to repeat; only the first time is recorded.
pub async fn revoke_display(app: &App, actor: &Actor, id: DisplayId) -> Result<Display, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: DisplayId,
    change: &mut Change<'_>,
) -> Result<Display, FlowError> {
    let tx = &mut change.tx;
    let display = displays::get(tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(tx, actor.scope(), display.site)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_site(tx, actor, &site).await?;
    authority::require(actor, Action::WriteDisplay, &relations)?;
    let now = app.now();
    if displays::revoke(tx, actor.scope(), id, now).await? == 0 {
        return Ok(display);
    }
    tell(app, actor, &display, EventCode::DisplayRevoked, change).await?;
    Ok(Display {
        revoked_at: Some(now),
        ..display
    })
}
