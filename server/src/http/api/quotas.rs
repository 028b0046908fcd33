//! Limits: how much may be booked, and what is used of it.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::quota::{Counts, Kind, Measure, Period};
use sekisho_domain::ids::{
    AccountId, BookingId, EntryId, OrganisationId, PersonId, PlanId, QuotaId, SiteId,
};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Paging, Time, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::change_quota::{ChangeQuota, change_quota};
use crate::flows::end_quota::end_quota;
use crate::flows::set_quota::{For, SetQuota, set_quota};
use crate::http::extract::{IfMatch, Json, NoBody, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{quota_ledger, quotas};

/// A limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quota {
    /// Which.
    #[schema(value_type = String, example = "quo_01jd6xwq5t0000000000000000")]
    pub id: QuotaId,
    /// Who set it.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// For whom: a person, a company or a plan.
    pub holder: String,
    /// `together`: one account for all; `each`: everybody has their own.
    pub counts: &'static str,
    /// Where; null: everywhere.
    #[schema(value_type = Option<String>)]
    pub site: Option<SiteId>,
    /// `minutes`, `bookings` or `seats` (at the same time).
    pub measure: &'static str,
    /// `day`, `week`, `month`, `fiscal_year` (from April) or `total`, by the local calendar of the site.
    pub period: &'static str,
    /// How much.
    pub limit: i64,
    /// Counts changes; the ETag.
    pub version: i64,
    /// From when it is in force.
    #[schema(inline)]
    pub from: Time,
    /// Until when; null: until further notice.
    #[schema(inline)]
    pub until: Option<Time>,
}

/// A limit to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddQuota {
    /// For whom: a person, a company or a plan.
    #[schema(example = "org_01jd6xwq5t0000000000000000")]
    pub holder: String,
    /// `together` when absent.
    pub counts: Option<String>,
    /// Everywhere when absent.
    #[schema(value_type = Option<String>)]
    pub site: Option<SiteId>,
    /// `minutes`, `bookings` or `seats`.
    #[schema(example = "minutes")]
    pub measure: String,
    /// `day`, `week`, `month`, `fiscal_year` or `total`; of seats only `total`.
    #[schema(example = "month")]
    pub period: String,
    /// 0 to 10,000,000.
    #[schema(minimum = 0, maximum = 10_000_000, example = 2400)]
    pub limit: i64,
}

/// How much a limit is to allow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLimit {
    /// 0 to 10,000,000.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub limit: i64,
}

/// What a booking took from an account or gave back. Entries are added and never changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Which.
    #[schema(value_type = String)]
    pub id: EntryId,
    /// Whose account.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// Of which booking.
    #[schema(value_type = String)]
    pub booking: BookingId,
    /// `reserve`, `return` or `adjust`.
    pub kind: &'static str,
    /// First local day of the period; empty: for ever.
    pub period: String,
    /// Signed: milliseconds, bookings or seats.
    pub amount: i64,
    /// Sum of the period up to here.
    pub balance: i64,
    /// When it was written.
    #[schema(inline)]
    pub at: Time,
}

impl From<quotas::Quota> for Quota {
    fn from(it: quotas::Quota) -> Self {
        Self {
            id: it.id,
            organisation: it.organisation,
            holder: holder_text(it.kind, &it.holder),
            counts: it.counts.name(),
            site: it.site,
            measure: it.terms.measure.name(),
            period: it.terms.period.name(),
            limit: it.terms.amount,
            version: it.version,
            from: it.terms.from.into(),
            until: it.terms.until.map(Into::into),
        }
    }
}

/// An id with its prefix.
pub(crate) fn holder_text(kind: Kind, holder: &str) -> String {
    let prefix = match kind {
        Kind::Person => "per",
        Kind::Company => "org",
        Kind::Plan => "pln",
    };
    format!("{prefix}_{holder}")
}

/// For whom a limit is to be.
pub(crate) fn read_holder(text: &str) -> Result<For> {
    let person = text.parse::<PersonId>().map(For::Person);
    let company = || text.parse::<OrganisationId>().map(For::Company);
    let plan = || text.parse::<PlanId>().map(For::Plan);
    person
        .or_else(|_| company())
        .or_else(|_| plan())
        .map_err(|_| Error::invalid("holder: the id of a person, a company or a plan"))
}

impl AddQuota {
    /// What is asked for, in the name of an organisation.
    pub(crate) fn read(&self, organisation: OrganisationId) -> Result<SetQuota> {
        let counts = self.counts.as_deref().unwrap_or(Counts::Together.name());
        let unknown = |field: &str| Error::invalid(format!("{field}: not one of the known words"));
        Ok(SetQuota {
            organisation,
            holder: read_holder(&self.holder)?,
            counts: Counts::from_name(counts).ok_or_else(|| unknown("counts"))?,
            site: self.site,
            measure: Measure::from_name(&self.measure).ok_or_else(|| unknown("measure"))?,
            period: Period::from_name(&self.period).ok_or_else(|| unknown("period"))?,
            amount: self.limit,
        })
    }
}

/// Sets a limit in the name of the caller's organisation. Nobody loses a booking by it.
#[utoipa::path(post, path = "/api/v1/quotas", tag = "limits", request_body = AddQuota, responses((status = 201, body = Quota), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddQuota>,
) -> Result<Response> {
    let want = want.read(caller.organisation)?;
    let made: Quota = set_quota(&app, &caller.actor, want).await?.into();
    let mut response = created(&format!("/api/v1/quotas/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// Limits that the caller's organisation set, and those that concern it.
#[utoipa::path(get, path = "/api/v1/quotas", tag = "limits", params(Paging), responses((status = 200, body = Page<Quota>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Query(paging): Query<Paging>) -> Result<Answer<Page<Quota>>> {
    let (limit, after) = (paging.limit()?, paging.after::<QuotaId>()?);
    reader.limits()?;
    let scope = reader.scope();
    let found = quotas::list(&mut reader.tx, scope, after, limit + 1).await?;
    let items = found.into_iter().map(Quota::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

/// One limit.
#[utoipa::path(get, path = "/api/v1/quotas/{quota}", tag = "limits", params(("quota" = String, Path)), responses((status = 200, body = Quota), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path(id): Path<QuotaId>,
) -> Result<(HeaderMap, Answer<Quota>)> {
    reader.limits()?;
    let scope = reader.scope();
    let found = quotas::get(&mut reader.tx, scope, id).await?;
    let found = found.ok_or(Error::from(Code::NotFound))?;
    Ok((etag(found.version), Answer(found.into())))
}

/// Changes how much a limit allows, for what is booked from now on.
#[utoipa::path(put, path = "/api/v1/quotas/{quota}", tag = "limits", params(("quota" = String, Path), ("If-Match" = Option<String>, Header)), request_body = NewLimit,
    responses((status = 200, body = Quota), (status = "default", body = Problem)))]
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(quota): Path<QuotaId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<NewLimit>,
) -> Result<(HeaderMap, Answer<Quota>)> {
    let want = ChangeQuota {
        quota,
        amount: want.limit,
        seen,
    };
    let changed = change_quota(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Ends a limit. Its entries stay.
#[utoipa::path(post, path = "/api/v1/quotas/{quota}/end", tag = "limits", params(("quota" = String, Path)), responses((status = 200, body = Quota), (status = "default", body = Problem)))]
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<QuotaId>,
    _: NoBody,
) -> Result<Answer<Quota>> {
    Ok(Answer(end_quota(&app, &caller.actor, id).await?.into()))
}

/// The entries of a limit, newest first.
#[utoipa::path(get, path = "/api/v1/quotas/{quota}/entries", tag = "limits", params(("quota" = String, Path), Paging), responses((status = 200, body = Page<Entry>), (status = "default", body = Problem)))]
pub async fn entries(
    mut reader: Reader,
    Path(id): Path<QuotaId>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Entry>>> {
    let (limit, before) = (paging.limit()?, paging.after::<EntryId>()?);
    reader.limits()?;
    let scope = reader.scope();
    let found = quotas::get(&mut reader.tx, scope, id).await?;
    found.ok_or(Error::from(Code::NotFound))?;
    let lines = quota_ledger::lines(&mut reader.tx, scope, id, before, limit + 1).await?;
    let items = lines.into_iter().map(Entry::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

impl From<quota_ledger::Line> for Entry {
    fn from(it: quota_ledger::Line) -> Self {
        let entry = it.entry;
        Self {
            id: entry.id,
            account: entry.account,
            booking: entry.booking,
            kind: entry.kind,
            period: entry.slot.period,
            amount: entry.amount,
            balance: it.balance,
            at: entry.at.into(),
        }
    }
}

impl Reader {
    /// Whether the caller sees the limits of their organisation.
    pub(crate) fn limits(&self) -> Result<()> {
        let relations = [Relation::SameOrganisation];
        Ok(authority::require(
            &self.caller.actor,
            Action::ReadQuota,
            &relations,
        )?)
    }
}
