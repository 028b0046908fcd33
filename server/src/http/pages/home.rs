//! Home: the next booking as one card; the usual seat with one tap; then later bookings, then where a seat can be booked.
//! Nothing booked: the usual seat comes first. During the visit the card is about staying and leaving.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{BookingId, SiteId};
use sekisho_domain::time::Timestamp;

use super::map::Map;
use super::seat_texts::{SeatTexts, seat_texts};
use super::stay::{Stay, stay, troubles, way};
use super::usual::{Habit, habit};
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

/// Most bookings that are listed; the rest is on the page of all bookings.
const LATER: usize = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    f: Frame,
    w: &'static SeatTexts,
    next: Option<Next>,
    usual: Option<Habit>,
    later: Vec<Card>,
    more: bool,
    sites: Vec<Place>,
}

/// The card.
struct Next {
    card: Card,
    stay: Option<Stay>,
    map: Option<Map>,
    troubles: Vec<String>,
}

/// A booking on a page.
pub(super) struct Card {
    pub(super) id: BookingId,
    pub(super) site_id: SiteId,
    pub(super) site: String,
    pub(super) seat: String,
    pub(super) zone: String,
    pub(super) when: String,
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
    let (w, now) = (seat_texts(f.lang), app.now());
    let (scope, own) = (reader.scope(), reader.caller.organisation);
    let mut coming = bookings::of_person(&mut reader.tx, scope, me.id, now, 60).await?;
    coming.retain(|it| it.booking.state.is_live());
    let mut coming = coming.into_iter();
    let next = match coming.next() {
        Some(named) => Some(next(&mut reader, named, (w, f.lang), now).await?),
        None => None,
    };
    let mut later = Vec::new();
    for named in coming.by_ref().take(LATER) {
        later.push(card(&mut reader, named, f.lang, now).await?);
    }
    let usual = habit(&mut reader, me.id, w, f.lang, now).await?;
    let mut sites = sites::list(&mut reader.tx, scope).await?;
    sites.retain(|site| site.state != SiteState::Closed);
    for n in (0..sites.len()).rev() {
        if sites[n].operator != own && reader.has_ended(&sites[n]).await? {
            sites.remove(n);
        }
    }
    let place = |site: Site| Place {
        id: site.id,
        name: site.name,
        operated: f.runs_sites && site.operator == own,
    };
    page(&Page {
        w,
        next,
        usual,
        later,
        more: coming.next().is_some(),
        sites: sites.into_iter().map(place).collect(),
        f,
    })
}

async fn next(
    reader: &mut Reader,
    named: Named,
    (w, lang): (&'static SeatTexts, Lang),
    now: Timestamp,
) -> Result<Next> {
    let booking = named.booking.clone();
    let scope = reader.scope();
    let site = sites::get(&mut reader.tx, scope, booking.site).await?;
    let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), lang);
    Ok(Next {
        stay: stay(reader, &booking, &wall, (w, lang), now).await?,
        map: way(reader, &booking, w).await?,
        troubles: troubles(reader, booking.site, &wall, w).await?,
        card: card(reader, named, lang, now).await?,
    })
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
    let zone = zones::get(&mut reader.tx, scope, it.zone).await?;
    let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), lang);
    Ok(Card {
        id: it.id,
        site_id: it.site,
        site: named.site,
        seat: named.seat,
        zone: zone.map_or(String::new(), |zone| zone.name),
        when: wall.span(it.during),
        person: named.person,
        state: it.state,
        is_over: it.during.end <= now || !it.state.is_live(),
    })
}
