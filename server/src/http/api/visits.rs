//! Visits: visitors without an account, and the hosts who receive them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{PassId, PersonId, SiteId, VisitId, ZoneId};
use sekisho_domain::pass::static_text;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::{Escort, Policy};
use sekisho_domain::wire::snapshot::PassState;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::cancel_visit::cancel_visit;
use crate::flows::invite_visitor::{InviteVisitor, invite_visitor};
use crate::flows::issue_visit_pass::issue_visit_pass;
use crate::flows::read_openings::read_openings;
use crate::flows::receive_visitor::{visitor_arrived, visitor_left};
use crate::flows::set_visitor_policy::set_visitor_policy;
use crate::http::extract::{Json, NoBody, Path, Query};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::visits::VisitPass;
use crate::store::{passes, sites, visitor_policies, visits};

/// A visit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Visit {
    /// Which.
    #[schema(value_type = String, example = "vst_01jd6xwq5t0000000000000000")]
    pub id: VisitId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Into which zone.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// Who receives them.
    #[schema(value_type = String)]
    pub host: PersonId,
    /// What the visitor is called.
    pub name: String,
    /// What they come for.
    pub purpose: String,
    /// First instant at which the pass opens doors.
    #[schema(inline)]
    pub starts_at: Time,
    /// First instant at which it no longer does.
    #[schema(inline)]
    pub ends_at: Time,
    /// `none`, or `escorted`: they enter with the host or after them.
    #[schema(value_type = String)]
    pub escort: Escort,
    /// `invited`, `inside`, `overdue` (inside although the visit is over or cancelled), `left`, `cancelled` or `not_come`.
    pub state: &'static str,
    /// The printed pass; null where no door on the way takes one.
    #[schema(value_type = Option<String>)]
    pub pass: Option<PassId>,
    /// `active`, `revoked` or `cancelled`.
    pub pass_state: Option<&'static str>,
    /// The zone they are in, where a door has seen it.
    #[schema(value_type = Option<String>)]
    pub in_zone: Option<ZoneId>,
    /// Since when they are there, or gone.
    #[schema(inline)]
    pub since: Option<Time>,
    /// When they were invited.
    #[schema(inline)]
    pub created_at: Time,
    /// Only where they were just invited: what is printed (`K1:…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only where they were just invited: the page that shows the code without an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A visitor to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddVisit {
    /// Into which zone.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// What the visitor is called: 1 to 120 characters.
    pub name: String,
    /// What they come for: 1 to 100 characters.
    pub purpose: String,
    /// From when. A bare local time is refused.
    #[schema(inline)]
    pub starts_at: Time,
    /// Until when: 24 hours at most.
    #[schema(inline)]
    pub ends_at: Time,
    /// `none` or `escorted`; a site can ask for the latter.
    #[schema(value_type = String, example = "escorted")]
    pub escort: Escort,
    /// Who receives them; the caller when absent. A token has to say it.
    #[schema(value_type = Option<String>)]
    pub host: Option<PersonId>,
    /// Where to send the link.
    pub email: Option<String>,
}

/// The code of a visitor's pass.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitCode {
    /// Which pass.
    #[schema(value_type = String)]
    pub pass: PassId,
    /// What is printed (`K1:…`). It lets in once.
    pub code: String,
    /// Only where it was just issued: the page that shows the code without an account. The one before is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a site says about visitors.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitorPolicy {
    /// Whether every visitor is escorted.
    pub escort_required: bool,
    /// Most visitors of one host at a time, 0 to 100.
    pub visitors_per_host: u32,
    /// Zones that no visitor crosses.
    #[schema(value_type = Vec<String>)]
    pub closed_zones: Vec<ZoneId>,
}

/// Which visits.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VisitQuery {
    /// What has not ended by then; now when absent. Whoever may be inside is always among them.
    #[param(inline)]
    pub from: Option<Time>,
    /// What begins before then; without end when absent.
    #[param(inline)]
    pub until: Option<Time>,
}

impl Visit {
    /// What is known about a stored visit at `now`.
    pub fn of(it: visits::Visit, pass: Option<&VisitPass>, now: Timestamp) -> Self {
        let state = it.standing(now);
        let seen = it.presence.evidence_at.0 > i64::MIN;
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            host: it.host,
            name: it.name,
            purpose: it.purpose,
            starts_at: it.during.start.into(),
            ends_at: it.during.end.into(),
            escort: it.escort,
            state: state.name(),
            pass: pass.map(|pass| pass.id),
            pass_state: pass.map(|pass| passes::state_name(pass.state)),
            in_zone: it.presence.zone,
            since: seen.then(|| it.presence.since.into()),
            created_at: it.created_at.into(),
            code: None,
            link: None,
        }
    }
}

impl From<Policy> for VisitorPolicy {
    fn from(it: Policy) -> Self {
        Self {
            escort_required: it.escort_required,
            visitors_per_host: it.per_host,
            closed_zones: it.closed_zones,
        }
    }
}

/// Invites a visitor and issues their printed pass. The code and the link are said here and the link nowhere else.
#[utoipa::path(post, path = "/api/v1/sites/{site}/visits", tag = "visits", params(("site" = String, Path)), request_body = AddVisit,
    responses((status = 201, body = Visit), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddVisit>,
) -> Result<Response> {
    let host = want
        .host
        .or(caller.person.as_ref().map(|me| me.id))
        .ok_or_else(|| Error::invalid("host: a token has to say who receives the visitor"))?;
    let want = InviteVisitor {
        site,
        zone: want.zone,
        host,
        name: want.name,
        purpose: want.purpose,
        email: want.email,
        starts_at: want.starts_at.0,
        ends_at: want.ends_at.0,
        escort: want.escort,
    };
    let made = invite_visitor(&app, &caller.actor, want).await?;
    let mut visit = Visit::of(made.visit, made.pass.as_ref(), app.now());
    visit.code = made.pass.map(|pass| static_text(&pass.signed));
    visit.link = Some(made.link);
    let mut response = created(&format!("/api/v1/visits/{}", visit.id), &visit);
    // A repeat gets everything but the secret, which is stored nowhere.
    visit.link = None;
    response.extensions_mut().insert(KeepInstead(json!(visit)));
    Ok(response)
}

/// Visits at a site: a host's own, all of them for who runs it; by beginning.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visits", tag = "visits", params(("site" = String, Path), VisitQuery), responses((status = 200, body = Page<Visit>), (status = "default", body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(site): Path<SiteId>,
    Query(query): Query<VisitQuery>,
) -> Result<Answer<Page<Visit>>> {
    let during = Interval {
        start: query.from.map_or(app.now(), |at| at.0),
        end: query.until.map_or(Timestamp(i64::MAX), |at| at.0),
    };
    let found = reader.visits_at(site, during).await?;
    let mut items = Vec::with_capacity(found.len());
    for it in found {
        items.push(reader.shown(it, app.now()).await?);
    }
    looked(&app, reader, site).await?;
    Ok(Page::all(items))
}

/// One visit.
#[utoipa::path(get, path = "/api/v1/visits/{visit}", tag = "visits", params(("visit" = String, Path)), responses((status = 200, body = Visit), (status = "default", body = Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(id): Path<VisitId>,
) -> Result<Answer<Visit>> {
    seen(&app, reader, id).await
}

/// The code of the visitor's pass, to be printed. Refused with `pass_not_active` where there is none that opens anything.
#[utoipa::path(get, path = "/api/v1/visits/{visit}/code", tag = "visits", params(("visit" = String, Path)), responses((status = 200, body = VisitCode), (status = "default", body = Problem)))]
pub async fn code(mut reader: Reader, Path(id): Path<VisitId>) -> Result<Answer<VisitCode>> {
    let pass = reader.visitor_pass(id).await?;
    Ok(Answer(VisitCode {
        pass: pass.id,
        code: static_text(&pass.signed),
        link: None,
    }))
}

/// The QR code of the visitor's pass.
#[utoipa::path(get, path = "/api/v1/visits/{visit}/qr.svg", tag = "visits", params(("visit" = String, Path)),
    responses((status = 200, body = String, content_type = "image/svg+xml"), (status = "default", body = Problem)))]
pub async fn qr(mut reader: Reader, Path(id): Path<VisitId>) -> Result<Response> {
    let pass = reader.visitor_pass(id).await?;
    picture(&pass)
}

/// Issues another pass, where the first is lost or used up; that one ends, and so does the visitor's link. Refused with
/// `too_many_passes` where the visit has had five.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/pass", tag = "visits", params(("visit" = String, Path)),
    responses((status = 201, body = VisitCode), (status = "default", body = Problem)))]
pub async fn reissue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
    _: NoBody,
) -> Result<Response> {
    let made = issue_visit_pass(&app, &caller.actor, id).await?;
    let mut code = VisitCode {
        pass: made.pass.id,
        code: static_text(&made.pass.signed),
        link: Some(made.link),
    };
    let mut response = created(&format!("/api/v1/visits/{id}/code"), &code);
    // As of an invitation: a repeat gets everything but the secret.
    code.link = None;
    response.extensions_mut().insert(KeepInstead(json!(code)));
    Ok(response)
}

/// Cancels a visit; its pass opens nothing from then on. Whoever is inside stays listed until somebody sees them go.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/cancel", tag = "visits", params(("visit" = String, Path)), responses((status = 200, body = Visit), (status = "default", body = Problem)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
    _: NoBody,
) -> Result<Answer<Visit>> {
    cancel_visit(&app, &caller.actor, id).await?;
    again(&app, caller, id).await
}

/// The visitor is here, says the desk.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/arrived", tag = "visits", params(("visit" = String, Path)), responses((status = 200, body = Visit), (status = "default", body = Problem)))]
pub async fn arrived(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
    _: NoBody,
) -> Result<Answer<Visit>> {
    visitor_arrived(&app, &caller.actor, id).await?;
    again(&app, caller, id).await
}

/// The visitor has gone, says the desk; the pass ends.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/left", tag = "visits", params(("visit" = String, Path)), responses((status = 200, body = Visit), (status = "default", body = Problem)))]
pub async fn left(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
    _: NoBody,
) -> Result<Answer<Visit>> {
    visitor_left(&app, &caller.actor, id).await?;
    again(&app, caller, id).await
}

/// What the site says about visitors.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visitor-policy", tag = "visits", params(("site" = String, Path)), responses((status = 200, body = VisitorPolicy), (status = "default", body = Problem)))]
pub async fn policy(mut reader: Reader, Path(site): Path<SiteId>) -> Result<Answer<VisitorPolicy>> {
    reader.site(site, Action::ReadSite).await?;
    let scope = reader.scope();
    let policy = visitor_policies::get(&mut reader.tx, scope, site).await?;
    Ok(Answer(policy.into()))
}

/// Sets what the site says about visitors, for the visits that are asked for from now on.
#[utoipa::path(post, path = "/api/v1/sites/{site}/visitor-policy", tag = "visits", params(("site" = String, Path)), request_body = VisitorPolicy,
    responses((status = 201, body = VisitorPolicy), (status = "default", body = Problem)))]
pub async fn set_policy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<VisitorPolicy>,
) -> Result<Response> {
    let policy = Policy {
        escort_required: want.escort_required,
        per_host: want.visitors_per_host,
        closed_zones: want.closed_zones,
    };
    let policy = set_visitor_policy(&app, &caller.actor, site, policy).await?;
    Ok(created(
        &format!("/api/v1/sites/{site}/visitor-policy"),
        &VisitorPolicy::from(policy),
    ))
}

/// A pass as a QR code.
pub fn picture(pass: &VisitPass) -> Result<Response> {
    let code = fast_qr::QRBuilder::new(static_text(&pass.signed))
        .ecl(fast_qr::ECL::M)
        .build()
        .map_err(|error| anyhow::anyhow!("a pass does not fit a QR code: {error:?}"))?;
    let svg = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    let kind = HeaderValue::from_static("image/svg+xml");
    Ok(([(header::CONTENT_TYPE, kind)], svg).into_response())
}

async fn again(app: &App, caller: Caller, id: VisitId) -> Result<Answer<Visit>> {
    let tx = app.db.read().await?;
    seen(app, Reader { caller, tx }, id).await
}

async fn seen(app: &App, mut reader: Reader, id: VisitId) -> Result<Answer<Visit>> {
    let it = reader.visit(id, Action::ReadVisit).await?;
    let site = it.site;
    let shown = reader.shown(it, app.now()).await?;
    looked(app, reader, site).await?;
    Ok(Answer(shown))
}

/// Records the look at visitors' names, before they are shown. The reader's transaction ends first.
pub async fn looked(app: &App, reader: Reader, site: SiteId) -> Result<()> {
    let actor = reader.caller.actor.clone();
    drop(reader);
    Ok(read_openings(app, &actor, site, "visits").await?)
}

impl Reader {
    /// A visit to which the caller may do `action`.
    pub async fn visit(&mut self, id: VisitId, action: Action) -> Result<visits::Visit> {
        let scope = self.scope();
        let found = visits::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let actor = &self.caller.actor;
        authority::require(actor, action, &authority::to_visit(actor, &found))?;
        Ok(found)
    }

    /// The visits at a site that the caller may see.
    pub async fn visits_at(&mut self, id: SiteId, during: Interval) -> Result<Vec<visits::Visit>> {
        let scope = self.scope();
        sites::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let mut found = visits::at_site(&mut self.tx, scope, id, None, during).await?;
        let actor = &self.caller.actor;
        found.retain(|it| {
            authority::require(actor, Action::ReadVisit, &authority::to_visit(actor, it)).is_ok()
        });
        Ok(found)
    }

    /// The active pass of a visit. Seeing it is holding it, so it takes what inviting takes.
    pub async fn visitor_pass(&mut self, id: VisitId) -> Result<VisitPass> {
        let (visit, scope) = (self.visit(id, Action::WriteVisit).await?, self.scope());
        visits::pass_of(&mut self.tx, scope, visit.id)
            .await?
            .filter(|pass| pass.state == PassState::Active)
            .ok_or(Error::from(Code::PassNotActive))
    }

    async fn shown(&mut self, it: visits::Visit, now: Timestamp) -> Result<Visit> {
        let scope = self.scope();
        let pass = visits::pass_of(&mut self.tx, scope, it.id).await?;
        Ok(Visit::of(it, pass.as_ref(), now))
    }
}
