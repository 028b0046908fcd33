//! Approvals: what waits, the answers, and the rules that ask for them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{ANSWER_MINUTES, HOLD_MINUTES, Rule};
use sekisho_domain::ids::{ApprovalId, BookingId, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bookings::Booking;
use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::answer_approval::{AnswerApproval, answer_approval};
use crate::flows::authority;
use crate::flows::set_approval_rule::{set_company_rule, set_site_rule};
use crate::http::extract::{Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{approval_rules, approvals, held};

/// Approvals in one answer.
const LISTED_MAX: i64 = 200;

/// That somebody has to approve a booking.
#[derive(Debug, Serialize, ToSchema)]
pub struct Approval {
    /// Which.
    #[schema(value_type = String, example = "apv_01jd6xwq5t0000000000000000")]
    pub id: ApprovalId,
    /// Of which booking.
    #[schema(value_type = String)]
    pub booking: BookingId,
    /// Who may answer: `site` (who runs the site) or `company` (who runs the company); never who asked or whom it is for.
    pub kind: &'static str,
    /// When it was asked for.
    #[schema(inline)]
    pub asked_at: Time,
    /// First instant at which no answer counts: the seat is given up.
    #[schema(inline)]
    pub until: Time,
    /// `approved` or `declined`; null while nobody has answered.
    pub answer: Option<&'static str>,
    /// Why.
    pub reason: Option<String>,
    /// When it was answered.
    #[schema(inline)]
    pub answered_at: Option<Time>,
}

/// An answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Why: needed to decline. The person is told.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub reason: String,
}

/// Which bookings need an approval. Everything false and empty: none.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// All of them.
    #[serde(default)]
    pub all: bool,
    /// Those of these kinds of seats.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub kinds: Vec<SeatKind>,
    /// Those that do not lie within these hours of one local day.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Minutes within which somebody has to answer, 5 to 10080; never later than the booking begins.
    #[serde(default = "answer_minutes")]
    #[schema(minimum = 5, maximum = 10080)]
    pub answer_minutes: u32,
    /// Of a site: longest hold of a seat, minutes, 1 to 60. Of a company: absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 60)]
    pub hold_minutes: Option<u32>,
}

/// Hours of a local day.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Minutes after local midnight.
    #[schema(maximum = 1439)]
    pub from_min: u16,
    /// Minutes after local midnight, up to 1440.
    #[schema(maximum = 1440)]
    pub until_min: u16,
}

fn answer_minutes() -> u32 {
    ANSWER_MINUTES
}

impl From<approvals::Approval> for Approval {
    fn from(it: approvals::Approval) -> Self {
        let answer = it.answer;
        Self {
            id: it.id,
            booking: it.booking,
            kind: it.kind.name(),
            asked_at: it.asked_at.into(),
            until: it.until.into(),
            answer: answer
                .as_ref()
                .map(|it| if it.approved { "approved" } else { "declined" }),
            answered_at: answer.as_ref().map(|it| it.at.into()),
            reason: answer.and_then(|it| it.reason),
        }
    }
}

impl ApprovalRule {
    fn of(rule: &Rule, hold_minutes: Option<u32>) -> Self {
        Self {
            all: rule.all,
            kinds: rule
                .kinds
                .iter()
                .filter_map(|kind| SeatKind::from_name(kind))
                .collect(),
            hours: rule.hours.map(|(from_min, until_min)| Hours {
                from_min,
                until_min,
            }),
            answer_minutes: match rule.answer_minutes {
                0 => ANSWER_MINUTES,
                minutes => minutes,
            },
            hold_minutes,
        }
    }

    fn rule(&self) -> Rule {
        Rule {
            all: self.all,
            kinds: self.kinds.iter().map(|it| it.name().to_owned()).collect(),
            hours: self.hours.map(|it| (it.from_min, it.until_min)),
            answer_minutes: self.answer_minutes,
        }
    }
}

/// What waits for the caller's organisation, as an operator and as a company; what ends first comes first, at most 200.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approvals", responses((status = 200, body = Page<Approval>), (status = "default", body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    mut reader: Reader,
) -> Result<Answer<Page<Approval>>> {
    let relation = [Relation::SameOrganisation];
    authority::require(&reader.caller.actor, Action::ReadApproval, &relation)?;
    let scope = reader.scope();
    let found = approvals::waiting(&mut reader.tx, scope, app.now(), LISTED_MAX).await?;
    Ok(Page::all(
        found.into_iter().map(|it| it.approval.into()).collect(),
    ))
}

/// Who has to approve a booking, and what they said.
#[utoipa::path(get, path = "/api/v1/bookings/{booking}/approvals", tag = "approvals", params(("booking" = String, Path)), responses((status = 200, body = Page<Approval>), (status = "default", body = Problem)))]
pub async fn of_booking(
    mut reader: Reader,
    Path(id): Path<BookingId>,
) -> Result<Answer<Page<Approval>>> {
    reader.booking(id, Action::ReadBooking).await?;
    let scope = reader.scope();
    let found = approvals::of_booking(&mut reader.tx, scope, id).await?;
    Ok(Page::all(found.into_iter().map(Approval::from).collect()))
}

/// Approves a booking. With the last approval that it waits for it is confirmed. People only: a token cannot approve.
#[utoipa::path(post, path = "/api/v1/approvals/{approval}/approve", tag = "approvals", params(("approval" = String, Path)), request_body = Said,
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(said): Json<Said>,
) -> Result<Answer<Booking>> {
    answered(&app, &caller, id, true, said).await
}

/// Declines a booking, with a reason; the seat is free again. People only: a token cannot decline.
#[utoipa::path(post, path = "/api/v1/approvals/{approval}/decline", tag = "approvals", params(("approval" = String, Path)), request_body = Said,
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    Json(said): Json<Said>,
) -> Result<Answer<Booking>> {
    answered(&app, &caller, id, false, said).await
}

async fn answered(
    app: &App,
    caller: &Caller,
    approval: ApprovalId,
    approve: bool,
    said: Said,
) -> Result<Answer<Booking>> {
    let want = AnswerApproval {
        approval,
        approve,
        reason: said.reason,
    };
    Ok(Answer(
        answer_approval(app, &caller.actor, want).await?.into(),
    ))
}

/// Which bookings at a site need an approval, and how long its seats can be held.
#[utoipa::path(get, path = "/api/v1/sites/{site}/approval-rule", tag = "approvals", params(("site" = String, Path)), responses((status = 200, body = ApprovalRule), (status = "default", body = Problem)))]
pub async fn rule_of_site(
    mut reader: Reader,
    Path(site): Path<SiteId>,
) -> Result<Answer<ApprovalRule>> {
    reader.site(site, Action::ReadApprovalRule).await?;
    let scope = reader.scope();
    let rule = approval_rules::of_site(&mut reader.tx, scope, site).await?;
    let minutes = held::minutes(&mut reader.tx, scope, site).await?;
    Ok(Answer(ApprovalRule::of(
        &rule.unwrap_or_default(),
        Some(minutes),
    )))
}

/// Sets which bookings at a site need an approval, for what is booked from now on.
#[utoipa::path(post, path = "/api/v1/sites/{site}/approval-rule", tag = "approvals", params(("site" = String, Path)), request_body = ApprovalRule,
    responses((status = 201, body = ApprovalRule), (status = "default", body = Problem)))]
pub async fn set_rule_of_site(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<ApprovalRule>,
) -> Result<Response> {
    let minutes = want.hold_minutes.unwrap_or(HOLD_MINUTES);
    set_site_rule(&app, &caller.actor, site, want.rule(), minutes).await?;
    let said = ApprovalRule::of(&want.rule(), Some(minutes));
    Ok(created(
        &format!("/api/v1/sites/{site}/approval-rule"),
        &said,
    ))
}

/// Which bookings of the caller's own people need an approval of the company.
#[utoipa::path(get, path = "/api/v1/organisation/approval-rule", tag = "approvals", responses((status = 200, body = ApprovalRule), (status = "default", body = Problem)))]
pub async fn rule_of_company(mut reader: Reader) -> Result<Answer<ApprovalRule>> {
    let relation = [Relation::SameOrganisation];
    authority::require(&reader.caller.actor, Action::ReadApprovalRule, &relation)?;
    let (scope, own) = (reader.scope(), reader.caller.organisation);
    let rule = approval_rules::of_company(&mut reader.tx, scope, own).await?;
    Ok(Answer(ApprovalRule::of(&rule.unwrap_or_default(), None)))
}

/// Sets which bookings of the caller's own people need an approval of the company, at whatever site.
#[utoipa::path(post, path = "/api/v1/organisation/approval-rule", tag = "approvals", request_body = ApprovalRule,
    responses((status = 201, body = ApprovalRule), (status = "default", body = Problem)))]
pub async fn set_rule_of_company(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<ApprovalRule>,
) -> Result<Response> {
    if want.hold_minutes.is_some() {
        return Err(Error::invalid("hold_minutes: a site says that"));
    }
    set_company_rule(&app, &caller.actor, want.rule()).await?;
    let said = ApprovalRule::of(&want.rule(), None);
    Ok(created("/api/v1/organisation/approval-rule", &said))
}
