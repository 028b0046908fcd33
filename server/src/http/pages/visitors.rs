//! Visitors of a site: the list, the form that invites one, and the part of "today at the site" that names them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil;
use sekisho_domain::authority::{Action, Relation, allowed};
use sekisho_domain::ids::{PersonId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::{Escort, Standing};
use serde::Deserialize;

use super::texts_visitors::{self, Words, words};
use super::visitor::to_link;
use super::when::Wall;
use super::{Frame, page_with};
use crate::app::App;
use crate::flows::invite_visitor::{InviteVisitor, invite_visitor};
use crate::flows::{FlowError, input};
use crate::http::api::Reader;
use crate::http::api::visits::looked;
use crate::http::extract::{Form, Path};
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::http::session::{Caller, Me};
use crate::store::sites::Site;
use crate::store::visits::Visit;
use crate::store::zones::Zone;
use crate::store::{Scope, people, visitor_policies, zones};

/// A visit as lists show it.
pub struct Line {
    /// Which.
    pub id: String,
    /// The visitor.
    pub name: String,
    /// What they come for.
    pub purpose: String,
    /// The host.
    pub host: String,
    /// When.
    pub span: String,
    /// What the state is called.
    pub state: &'static str,
    /// Its shape.
    pub mark: &'static str,
    /// Since when, of somebody inside.
    pub since: Option<String>,
    /// In which zone, where a door has seen it.
    pub zone: Option<String>,
    /// Whether nobody has seen them go.
    pub overdue: bool,
    /// Whether somebody has to be with them.
    pub escorted: bool,
    /// Whether they may be inside.
    pub may_be_inside: bool,
}

/// The visitors of a site now: who may be inside, and who is expected. Part of "today at the site" and of the roll-call.
#[derive(Template)]
#[template(path = "visitors_now.html")]
pub struct VisitorsNow {
    w: &'static Words,
    /// Who may be inside, overdue ones first.
    pub inside: Vec<Line>,
    /// Who is to come today.
    pub expected: Vec<Line>,
}

#[derive(Template)]
#[template(path = "visitors.html")]
struct List {
    f: Frame,
    w: &'static Words,
    site: Site,
    visits: Vec<Line>,
    form: Option<Filled>,
    /// Why the form came back.
    refused: Option<&'static str>,
}

/// The form, empty or as it was sent.
struct Filled {
    zones: Vec<Zone>,
    escort_required: bool,
    escorts: [(&'static str, &'static str); 2],
    it: Invite,
}

/// A form.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    zone: String,
    name: String,
    purpose: String,
    email: String,
    day: String,
    from: String,
    to: String,
    escort: String,
}

/// Reads the visitors of a site that the caller runs.
pub async fn at_site(
    app: &App,
    reader: &mut Reader,
    site: &Site,
    lang: Lang,
) -> Result<VisitorsNow> {
    let (wall, now) = (Wall::new(&site.time_zone, lang), app.now());
    let today = wall
        .whole(wall.day(now))
        .ok_or_else(|| anyhow::anyhow!("a day without an end"))?;
    let found = reader.visits_at(site.id, today).await?;
    let mut lines = lines(reader, site, found, lang, now).await?;
    let mut inside: Vec<_> = lines.extract_if(.., |(it, _)| it.may_be_inside()).collect();
    inside.sort_by_key(|(it, _)| *it != Standing::Overdue);
    let only = |lines: Vec<(Standing, Line)>| lines.into_iter().map(|(_, line)| line).collect();
    lines.retain(|(it, _)| *it == Standing::Invited);
    Ok(VisitorsNow {
        w: words(lang),
        inside: only(inside),
        expected: only(lines),
    })
}

/// `GET /sites/{site}/visits`: one's own, or the site's for who runs it; and the form.
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Response> {
    list(&app, f, reader, id, None).await
}

/// `POST /sites/{site}/visits`. A refusal brings the form back as it was sent.
pub async fn invite(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(form): Form<Invite>,
) -> Result<Response> {
    let tx = app.db.read().await?;
    let mut reader = Reader {
        caller: caller.clone(),
        tx,
    };
    let site = reader.site(id, Action::ReadSite).await?;
    drop(reader);
    let (w, wall) = (words(f.lang), Wall::new(&site.time_zone, f.lang));
    let made = match wanted(id, me.id, &wall, &form) {
        Some(want) => invite_visitor(&app, &caller.actor, want).await,
        None => Err(input::invalid("time").into()),
    };
    match made {
        Ok(made) => Ok(to_link(&app, made.visit.id, &made.link)),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => {
            let tx = app.db.read().await?;
            let sentence = match refusal.data.get("field") {
                Some(field) if field == "time" => w.bad_times,
                _ => f.lang.refusal(refusal.code),
            };
            let status = StatusCode::from_u16(refusal.code.status()).ok();
            let back = (status.unwrap_or_default(), sentence, form);
            list(&app, f, Reader { caller, tx }, id, Some(back)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form asks for; `None` when it names no zone, time or rule.
fn wanted(site: SiteId, host: PersonId, wall: &Wall, form: &Invite) -> Option<InviteVisitor> {
    let (starts_at, ends_at) = times(wall, form)?;
    Some(InviteVisitor {
        site,
        zone: form.zone.parse().ok()?,
        host,
        name: form.name.clone(),
        purpose: form.purpose.clone(),
        email: Some(form.email.clone()).filter(|email| !email.trim().is_empty()),
        starts_at,
        ends_at,
        escort: Escort::from_name(&form.escort)?,
    })
}

/// The page with the list, and with the form, perhaps one that came back.
async fn list(
    app: &App,
    f: Frame,
    mut reader: Reader,
    id: SiteId,
    back: Option<(StatusCode, &'static str, Invite)>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadSite).await?;
    let now = app.now();
    let coming = Interval {
        start: now.plus_ms(-12 * 3_600_000),
        end: Timestamp(i64::MAX),
    };
    let found = reader.visits_at(id, coming).await?;
    let visits = lines(&mut reader, &site, found, f.lang, now).await?;
    let (status, refused, sent) = match back {
        Some((status, sentence, form)) => (status, Some(sentence), Some(form)),
        None => (StatusCode::OK, None, None),
    };
    let is_host = reader.caller.person.is_some()
        && allowed(reader.caller.actor.role, Action::WriteVisit, Relation::Own);
    let form = if is_host {
        Some(filled(&mut reader, &site, f.lang, now, sent).await?)
    } else {
        None
    };
    looked(app, reader, id).await?;
    let template = List {
        w: words(f.lang),
        f,
        site,
        visits: visits.into_iter().map(|(_, line)| line).collect(),
        form,
        refused,
    };
    page_with(status, &template)
}

/// Visits as lists show them.
pub(super) async fn lines(
    reader: &mut Reader,
    site: &Site,
    visits: Vec<Visit>,
    lang: Lang,
    now: Timestamp,
) -> Result<Vec<(Standing, Line)>> {
    let zones = zones::list(&mut reader.tx, Scope::System, site.id).await?;
    let wall = Wall::new(&site.time_zone, lang);
    let mut hosts: BTreeMap<PersonId, String> = BTreeMap::new();
    let mut out = Vec::with_capacity(visits.len());
    for visit in visits {
        if let Entry::Vacant(name) = hosts.entry(visit.host) {
            // The visit was checked: who may see it may see who receives the visitor.
            let host = people::get(&mut reader.tx, Scope::System, visit.host).await?;
            name.insert(host.map(|host| host.name).unwrap_or_default());
        }
        let host = hosts.get(&visit.host).cloned().unwrap_or_default();
        let standing = visit.standing(now);
        let (state, mark) = texts_visitors::standing(standing, lang);
        let zone = |id| zones.iter().find(|zone| Some(zone.id) == id);
        let line = Line {
            id: visit.id.to_string(),
            name: visit.name,
            purpose: visit.purpose,
            host,
            span: wall.span(visit.during),
            state,
            mark,
            since: standing
                .may_be_inside()
                .then(|| wall.clock(visit.presence.since)),
            zone: zone(visit.presence.zone).map(|zone| zone.name.clone()),
            overdue: standing == Standing::Overdue,
            escorted: visit.escort == Escort::Escorted,
            may_be_inside: standing.may_be_inside(),
        };
        out.push((standing, line));
    }
    Ok(out)
}

async fn filled(
    reader: &mut Reader,
    site: &Site,
    lang: Lang,
    now: Timestamp,
    sent: Option<Invite>,
) -> Result<Filled> {
    let policy = visitor_policies::get(&mut reader.tx, Scope::System, site.id).await?;
    let mut zones = zones::list(&mut reader.tx, Scope::System, site.id).await?;
    zones.retain(|zone| !policy.closed_zones.contains(&zone.id));
    let wall = Wall::new(&site.time_zone, lang);
    let empty = || Invite {
        day: wall.day(now).to_string(),
        from: minutes(&wall.seconds(now)),
        to: minutes(&wall.seconds(now.plus_ms(3_600_000))),
        ..Invite::default()
    };
    Ok(Filled {
        zones,
        escort_required: policy.escort_required,
        escorts: [Escort::Escorted, Escort::None]
            .map(|it| (it.name(), texts_visitors::escort(it, lang))),
        it: sent.unwrap_or_else(empty),
    })
}

fn minutes(clock: &str) -> String {
    clock.get(..5).unwrap_or(clock).to_owned()
}

/// An end before the beginning is on the next day.
fn times(wall: &Wall, form: &Invite) -> Option<(Timestamp, Timestamp)> {
    let day: civil::Date = form.day.parse().ok()?;
    let start = wall.instant(day, &form.from)?;
    let end = wall.instant(day, &form.to)?;
    if end > start {
        return Some((start, end));
    }
    Some((start, wall.instant(day.tomorrow().ok()?, &form.to)?))
}
