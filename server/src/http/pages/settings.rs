//! What can be set at a site: one line a topic, with what holds now. Each topic has a page of its own below
//! `/sites/{site}/settings/`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;
use sekisho_domain::time::Timestamp;

use super::approval_texts::approval_texts;
use super::closure_texts::closure_texts;
use super::display_texts::display_texts;
use super::feed_texts::feed_texts;
use super::hours_texts::hours_texts;
use super::inventory_texts::inventory_texts;
use super::{Frame, page};
use crate::app::App;
use crate::http::api::Reader;
use crate::http::extract::Path;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::sites::Site;
use crate::store::{
    approval_rules, calendars, closures, displays, doors, floors, gateways, pools, seats,
};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    f: Frame,
    site: Site,
    topics: Vec<Topic>,
}

/// One line.
struct Topic {
    title: &'static str,
    /// Below `/sites/{site}/`.
    path: &'static str,
    /// What holds now.
    state: String,
}

/// `GET /sites/{site}/settings`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Response> {
    let site = reader.site(id, Action::WriteSite).await?;
    let mut topics = vec![
        equipment(&mut reader, &site, &f).await?,
        hours(&mut reader, &site, &f).await?,
        closed(&mut reader, &site, (&f, app.now())).await?,
        approval(&mut reader, &site, &f).await?,
    ];
    topics.extend(inventory(&mut reader, &site, &f).await?);
    topics.extend(outwards(&mut reader, &site, &f).await?);
    page(&Page { f, site, topics })
}

async fn approval(reader: &mut Reader, site: &Site, f: &Frame) -> Result<Topic> {
    let (scope, w) = (reader.scope(), approval_texts(f.lang));
    let rule = approval_rules::of_site(&mut reader.tx, scope, site.id).await?;
    let asks = rule.is_some_and(|rule| !rule.is_none());
    Ok(Topic {
        title: w.rules,
        path: "settings/approval",
        state: if asks { w.rule_some } else { w.rule_none }.to_owned(),
    })
}

async fn hours(reader: &mut Reader, site: &Site, f: &Frame) -> Result<Topic> {
    let (scope, w) = (reader.scope(), hours_texts(f.lang));
    let holidays = calendars::holidays(&mut reader.tx, scope, site.id).await?;
    Ok(Topic {
        title: w.title,
        path: "settings/hours",
        state: format!("{}: {}", w.holidays, w.policy(holidays.policy)),
    })
}

async fn closed(reader: &mut Reader, site: &Site, (f, now): (&Frame, Timestamp)) -> Result<Topic> {
    let (scope, w) = (reader.scope(), closure_texts(f.lang));
    let all = closures::list(&mut reader.tx, scope, site.id, now).await?;
    let any = all.iter().any(|it| it.state.counts() && now < it.until);
    Ok(Topic {
        title: w.title,
        path: "settings/closures",
        state: if any { w.state_some } else { w.state_none }.to_owned(),
    })
}

async fn equipment(reader: &mut Reader, site: &Site, f: &Frame) -> Result<Topic> {
    let scope = reader.scope();
    let doors = doors::list(&mut reader.tx, scope, site.id).await?.len();
    let gateways = gateways::list(&mut reader.tx, scope, site.id).await?.len();
    Ok(Topic {
        title: f.s.equipment,
        path: "equipment",
        state: match f.lang {
            Lang::Ja => format!("扉 {doors}、ゲートウェイ {gateways}"),
            Lang::En => format!("doors: {doors}, gateways: {gateways}"),
        },
    })
}

/// What the site has to offer.
async fn inventory(reader: &mut Reader, site: &Site, f: &Frame) -> Result<[Topic; 3]> {
    let (scope, w) = (reader.scope(), inventory_texts(f.lang));
    let seats = seats::list(&mut reader.tx, scope, site.id).await?;
    let floors = floors::list(&mut reader.tx, scope, site.id).await?.len();
    let pools = pools::list(&mut reader.tx, scope, site.id).await?.len();
    let out = seats.iter().filter(|it| it.outage.is_some()).count();
    let seats = match (f.lang, out) {
        (Lang::Ja, 0) => format!("席 {}", seats.len()),
        (Lang::Ja, out) => format!("席 {}、使用停止中 {out}", seats.len()),
        (Lang::En, 0) => format!("seats: {}", seats.len()),
        (Lang::En, out) => format!("seats: {}, out of service: {out}", seats.len()),
    };
    let (floors, pools) = match f.lang {
        Lang::Ja => (format!("階 {floors}"), format!("プール {pools}")),
        Lang::En => (format!("floors: {floors}"), format!("pools: {pools}")),
    };
    let topic = |title, path, state| Topic { title, path, state };
    Ok([
        topic(w.seats, "settings/seats", seats),
        topic(w.floors, "settings/floors", floors),
        topic(w.pools, "settings/pools", pools),
    ])
}

/// What is shown and handed out without a sign-in.
async fn outwards(reader: &mut Reader, site: &Site, f: &Frame) -> Result<[Topic; 2]> {
    let scope = reader.scope();
    let screens = displays::list(&mut reader.tx, scope, site.id).await?.len();
    let seats = seats::list(&mut reader.tx, scope, site.id).await?.len();
    let (screens, seats) = match f.lang {
        Lang::Ja => (format!("表示 {screens}"), format!("席 {seats}")),
        Lang::En => (format!("screens: {screens}"), format!("seats: {seats}")),
    };
    let topic = |title, path, state| Topic { title, path, state };
    Ok([
        topic(display_texts(f.lang).title, "settings/displays", screens),
        topic(feed_texts(f.lang).seats_title, "settings/feeds", seats),
    ])
}
