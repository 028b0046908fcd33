//! Changes how much a limit allows.

use sekisho_domain::booking::quota::check_terms;
use sekisho_domain::ids::QuotaId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::set_quota::{require, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::quotas::{self, Quota};
use crate::store::{Scope, SqlError};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ChangeQuota {
    /// Which limit.
    pub quota: QuotaId,
    /// How much: minutes, bookings or seats.
    pub amount: i64,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Changes it for what is booked from now on; nobody loses a booking where it gets less. Refused with `not_found`, `not_allowed`,
/// `invalid_input` or `version_mismatch`.
pub async fn change_quota(app: &App, actor: &Actor, want: ChangeQuota) -> Result<Quota, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: ChangeQuota,
    change: &mut Change<'_>,
) -> Result<Quota, FlowError> {
    let found = quotas::get(&mut change.tx, actor.scope(), want.quota).await?;
    let mut quota = found.ok_or(Code::NotFound)?;
    require(actor, quota.organisation)?;
    check_terms(quota.terms.measure, quota.terms.period, want.amount)?;
    if quota.terms.until.is_some() || want.seen.is_some_and(|seen| seen != quota.version) {
        return Err(Code::VersionMismatch.into());
    }
    let scope = Scope::Organisation(quota.organisation);
    let (id, version) = (quota.id, quota.version);
    match quotas::set_amount(&mut change.tx, scope, id, version, want.amount).await {
        Err(SqlError::RowNotFound) => return Err(Code::VersionMismatch.into()),
        done => done?,
    }
    quota.terms.amount = want.amount;
    quota.version += 1;
    tell(app, actor, &quota, EventCode::QuotaChanged, change).await?;
    Ok(quota)
}
