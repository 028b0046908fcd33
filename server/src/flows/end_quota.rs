//! Ends a limit. Its accounts and entries stay.

use sekisho_domain::ids::QuotaId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::set_quota::{require, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::quotas::{self, Quota};
use crate::store::{Scope, SqlError};

/// Ends it for what is booked from now on. Refused with `not_found`, `not_allowed`, or `version_mismatch` where it has ended.
pub async fn end_quota(app: &App, actor: &Actor, id: QuotaId) -> Result<Quota, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: QuotaId,
    change: &mut Change<'_>,
) -> Result<Quota, FlowError> {
    let found = quotas::get(&mut change.tx, actor.scope(), id).await?;
    let mut quota = found.ok_or(Code::NotFound)?;
    require(actor, quota.organisation)?;
    let scope = Scope::Organisation(quota.organisation);
    // What was booked within this millisecond was booked before.
    let until = app.now().plus_ms(1);
    match quotas::end(&mut change.tx, scope, id, until).await {
        Err(SqlError::RowNotFound) => return Err(Code::VersionMismatch.into()),
        done => done?,
    }
    quota.terms.until = Some(until);
    quota.version += 1;
    tell(app, actor, &quota, EventCode::QuotaEnded, change).await?;
    Ok(quota)
}
