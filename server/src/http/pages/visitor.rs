//! One visit: what becomes of it, and the badge to print. And the visitor's own page, which needs no account.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SiteId, VisitId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::visit::{Escort, Standing};
use sekisho_domain::wire::snapshot::PassState;
use serde::Deserialize;

use super::texts_visitors::{self, Words, words};
use super::visitors::{Line, lines};
use super::when::Wall;
use super::{Frame, page, page_with, see_other};
use crate::app::App;
use crate::flows::cancel_visit::cancel_visit;
use crate::flows::issue_visit_pass::issue_visit_pass;
use crate::flows::receive_visitor::{visitor_arrived, visitor_left};
use crate::flows::secret::hash_of;
use crate::http::api::Reader;
use crate::http::api::visits::{looked, picture};
use crate::http::extract::{Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, cookie, page_cookie};
use crate::store::sites::Site;
use crate::store::visits::{Visit, VisitPass};
use crate::store::{Scope, Tx, people, sites, visits, zones};

/// Holds a visitor's new link for the one page that shows it.
const LINK_COOKIE: &str = "visitor_link";

/// For how long, s.
const LINK_SHOWN_S: i64 = 600;

#[derive(Template)]
#[template(path = "visitor.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    it: Line,
    site: Site,
    escort: &'static str,
    zone: String,
    open: bool,
    may_arrive: bool,
    has_pass: bool,
}

/// What a badge says, printed or on the visitor's own page.
struct Card {
    name: String,
    host: String,
    site: String,
    zone: String,
    when: String,
    escorted: bool,
    early: bool,
}

#[derive(Template)]
#[template(path = "visitor_badge.html")]
struct Badge {
    f: Frame,
    w: &'static Words,
    it: Card,
    visit: VisitId,
    has_pass: bool,
    open: bool,
}

#[derive(Template)]
#[template(path = "visitor_invited.html")]
struct Invited {
    f: Frame,
    w: &'static Words,
    site: SiteId,
    visit: VisitId,
    name: String,
    when: String,
    /// `None` once the browser no longer knows it.
    link: Option<String>,
    mailed: bool,
}

#[derive(Template)]
#[template(path = "visitor_pass.html")]
struct Own {
    f: Frame,
    w: &'static Words,
    it: Option<Card>,
    /// Address of the picture; `None` where no door on the way takes a printed pass.
    picture: Option<String>,
}

/// What a link carries.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// `GET /visits/{visit}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    let visit = reader.visit(id, Action::ReadVisit).await?;
    let site = site_of(&mut reader.tx, &visit).await?;
    let now = app.now();
    let standing = visit.standing(now);
    let has_pass = active_pass(&mut reader.tx, &visit).await?.is_some();
    let (escort, zone) = (
        texts_visitors::escort(visit.escort, f.lang),
        zone_of(&mut reader.tx, &visit).await?,
    );
    let mut found = lines(&mut reader, &site, vec![visit], f.lang, now).await?;
    let (_, it) = found.pop().ok_or(Error::from(Code::NotFound))?;
    let open = matches!(
        standing,
        Standing::Invited | Standing::Inside | Standing::Left
    ) && has_time(&mut reader.tx, id, now).await?;
    looked(&app, reader, site.id).await?;
    page(&Page {
        w: words(f.lang),
        f,
        open,
        may_arrive: standing == Standing::Invited,
        it,
        site,
        escort,
        zone,
        has_pass,
    })
}

/// `GET /visits/{visit}/badge`
pub async fn badge(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    let visit = reader.visit(id, Action::WriteVisit).await?;
    let has_pass = active_pass(&mut reader.tx, &visit).await?.is_some();
    let it = card(&mut reader.tx, &visit, &f, app.now()).await?;
    looked(&app, reader, visit.site).await?;
    page(&Badge {
        w: words(f.lang),
        f,
        it,
        visit: id,
        has_pass,
        open: !visit.cancelled && app.now() < visit.during.end,
    })
}

/// `POST /visits/{visit}/cancel`
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    cancel_visit(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/visits/{id}")))
}

/// `POST /visits/{visit}/arrived`
pub async fn arrived(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    visitor_arrived(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/visits/{id}")))
}

/// `POST /visits/{visit}/left`
pub async fn left(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    visitor_left(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/visits/{id}")))
}

/// `POST /visits/{visit}/pass`
pub async fn reissue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<VisitId>,
) -> Result<Response> {
    let made = issue_visit_pass(&app, &caller.actor, id).await?;
    Ok(to_link(&app, id, &made.link))
}

/// To the page that shows a visitor's link to the host. The secret is stored nowhere here: it goes along in a cookie for that
/// page alone, so that loading it again asks for nothing.
pub(super) fn to_link(app: &App, id: VisitId, link: &str) -> Response {
    let path = format!("/visits/{id}/link");
    let token = link.rsplit_once("token=").map_or("", |(_, token)| token);
    let mut response = see_other(&path);
    response.headers_mut().append(
        header::SET_COOKIE,
        page_cookie(app, LINK_COOKIE, token, &path, LINK_SHOWN_S),
    );
    response
}

/// `GET /visits/{visit}/link`: after an invitation or another pass, for as long as the browser knows the link.
pub async fn link(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<VisitId>,
    headers: HeaderMap,
) -> Result<Response> {
    let visit = reader.visit(id, Action::WriteVisit).await?;
    let site = site_of(&mut reader.tx, &visit).await?;
    let token = cookie(&headers, LINK_COOKIE).unwrap_or_default().to_owned();
    let known = by_link(&mut reader.tx, &token, app.now()).await?;
    let base = app.config.public_url();
    let link = known
        .filter(|it| it.id == id)
        .map(|_| format!("{base}/visitor-pass?token={token}"));
    looked(&app, reader, site.id).await?;
    page(&Invited {
        w: words(f.lang),
        site: site.id,
        visit: id,
        when: Wall::new(&site.time_zone, f.lang).span(visit.during),
        name: visit.name,
        link,
        mailed: visit.email.is_some(),
        f,
    })
}

/// `GET /visitor-pass?token=…`: the visitor's own. Whoever has the link has the pass; see `by_link` for when it dies.
pub async fn own(
    State(app): State<Arc<App>>,
    mut f: Frame,
    Query(link): Query<Link>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let w = words(f.lang);
    let Some(visit) = by_link(&mut tx, &link.token, app.now()).await? else {
        let it = None;
        let picture = None;
        return page_with(StatusCode::FORBIDDEN, &Own { f, w, it, picture });
    };
    let pass = active_pass(&mut tx, &visit).await?;
    let it = Some(card(&mut tx, &visit, &f, app.now()).await?);
    // The token decodes, so it holds nothing that has to be escaped. In another language it is the same page.
    f.here = format!("/visitor-pass?token={}", link.token);
    let picture = pass.map(|_| format!("/visitor-pass.svg?token={}", link.token));
    page(&Own { f, w, it, picture })
}

/// `GET /visitor-pass.svg?token=…`
pub async fn own_code(State(app): State<Arc<App>>, Query(link): Query<Link>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let visit = by_link(&mut tx, &link.token, app.now())
        .await?
        .ok_or(Error::from(Code::LinkInvalid))?;
    let pass = active_pass(&mut tx, &visit)
        .await?
        .ok_or(Error::from(Code::PassNotActive))?;
    picture(&pass)
}

/// The visit behind a link. It is dead when the visit is over or cancelled, or the visitor has left and got no pass since.
async fn by_link(tx: &mut Tx, token: &str, now: Timestamp) -> Result<Option<Visit>> {
    let Some(hash) = hash_of(token) else {
        return Ok(None);
    };
    let Some(visit) = visits::by_link(tx, hash).await? else {
        return Ok(None);
    };
    let lives = match visit.standing(now) {
        Standing::Invited | Standing::Inside => true,
        Standing::Left if !visit.cancelled && now < visit.during.end => {
            let pass = active_pass(tx, &visit).await?;
            pass.is_some_and(|pass| pass.created_at >= visit.presence.since)
        }
        _ => false,
    };
    Ok(lives.then_some(visit))
}

async fn active_pass(tx: &mut Tx, visit: &Visit) -> Result<Option<VisitPass>> {
    Ok(visits::pass_of(tx, Scope::System, visit.id)
        .await?
        .filter(|pass| pass.state == PassState::Active))
}

async fn has_time(tx: &mut Tx, id: VisitId, now: Timestamp) -> Result<bool> {
    let visit = visits::get(tx, Scope::System, id).await?;
    Ok(visit.is_some_and(|visit| !visit.cancelled && now < visit.during.end))
}

async fn site_of(tx: &mut Tx, visit: &Visit) -> Result<Site> {
    sites::get(tx, Scope::System, visit.site)
        .await?
        .ok_or(Error::from(Code::NotFound))
}

async fn zone_of(tx: &mut Tx, visit: &Visit) -> Result<String> {
    let zone = zones::get(tx, Scope::System, visit.zone).await?;
    Ok(zone.map(|zone| zone.name).unwrap_or_default())
}

async fn card(tx: &mut Tx, visit: &Visit, f: &Frame, now: Timestamp) -> Result<Card> {
    let site = site_of(tx, visit).await?;
    let host = people::get(tx, Scope::System, visit.host).await?;
    Ok(Card {
        name: visit.name.clone(),
        host: host.map(|host| host.name).unwrap_or_default(),
        zone: zone_of(tx, visit).await?,
        when: Wall::new(&site.time_zone, f.lang).span(visit.during),
        site: site.name,
        escorted: visit.escort == Escort::Escorted,
        early: now < visit.during.start,
    })
}
