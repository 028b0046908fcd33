//! Home: the next booking as one card, then later ones, then where a seat can be booked.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{BookingId, PersonId, SiteId};
use sekisho_domain::time::Timestamp;

use super::when::Wall;
use super::{Frame, page};
use crate::app::App;
use crate::http::api::Reader;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::http::session::Me;
use crate::store::bookings::{self, Named};
use crate::store::sites::{Site, SiteState};
use crate::store::{sites, zones};

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    f: Frame,
    next: Option<Card>,
    later: Vec<Card>,
    sites: Vec<Place>,
}

/// A booking on a page.
pub(super) struct Card {
    pub(super) id: BookingId,
    pub(super) site_id: SiteId,
    pub(super) site: String,
    pub(super) seat: String,
    pub(super) zone: String,
    pub(super) when: String,
    pub(super) until: String,
    pub(super) person: String,
    pub(super) state: AllocationState,
    pub(super) is_over: bool,
}

struct Place {
    id: SiteId,
    name: String,
    operated: bool,
}

/// `GET /`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    mut reader: Reader,
) -> Result<Response> {
    let mut cards = coming(&mut reader, me.id, f.lang, app.now())
        .await?
        .into_iter();
    let (scope, own) = (reader.scope(), reader.caller.organisation);
    let sites = sites::list(&mut reader.tx, scope)
        .await?
        .into_iter()
        .filter(|site| site.state != SiteState::Closed);
    let place = |site: Site| Place {
        id: site.id,
        name: site.name,
        operated: f.runs_sites && site.operator == own,
    };
    page(&Page {
        next: cards.next(),
        later: cards.collect(),
        sites: sites.map(place).collect(),
        f,
    })
}

async fn coming(
    reader: &mut Reader,
    me: PersonId,
    lang: Lang,
    now: Timestamp,
) -> Result<Vec<Card>> {
    let scope = reader.scope();
    let mut cards = Vec::new();
    for named in bookings::of_person(&mut reader.tx, scope, me, now, 20).await? {
        if !matches!(
            named.booking.state,
            AllocationState::Cancelled | AllocationState::Released
        ) {
            cards.push(card(reader, named, lang, now).await?);
        }
    }
    Ok(cards)
}

/// A booking with what the page about it shows.
pub(super) async fn card(
    reader: &mut Reader,
    named: Named,
    lang: Lang,
    now: Timestamp,
) -> Result<Card> {
    let (scope, it) = (reader.scope(), named.booking);
    let site = sites::get(&mut reader.tx, scope, it.site).await?;
    let zones: BTreeMap<_, _> = zones::list(&mut reader.tx, scope, it.site)
        .await?
        .into_iter()
        .map(|zone| (zone.id, zone.name))
        .collect();
    let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), lang);
    Ok(Card {
        id: it.id,
        site_id: it.site,
        site: named.site,
        seat: named.seat,
        zone: zones.get(&it.zone).cloned().unwrap_or_default(),
        when: wall.span(it.during),
        until: wall.clock(it.during.end),
        person: named.person,
        state: it.state,
        is_over: it.during.end <= now
            || matches!(
                it.state,
                AllocationState::Cancelled | AllocationState::Released
            ),
    })
}
