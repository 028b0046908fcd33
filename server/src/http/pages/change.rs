//! Changing a booking: other times, another seat. The times are asked for first and the seats that are free then follow, each
//! with one button; what is refused leaves the booking as it is and offers what is possible.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{has_begun, still_on};
use sekisho_domain::ids::{BookingId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use serde::Deserialize;

use super::change_texts::{ChangeTexts, change_texts};
use super::home::{Card, card};
use super::map::in_order;
use super::offer::until;
use super::refused::{Refused, refused_at};
use super::when::Wall;
use super::{Frame, page, see_other, texts};
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::change_booking::{ChangeBooking, change_booking};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::bookings::{self, Booking};
use crate::store::sites::Site;
use crate::store::{Scope, at_site, seats, sites, zones};

#[derive(Template)]
#[template(path = "change.html")]
struct Page {
    f: Frame,
    c: &'static ChangeTexts,
    card: Card,
    time_zone: String,
    step: i64,
    /// Only the end can move.
    begun: bool,
    bad_times: bool,
    day: String,
    from: String,
    to_day: String,
    to: String,
    /// The times as they are asked for.
    when: Option<String>,
    zones: Vec<Zone>,
}

struct Zone {
    name: String,
    seats: Vec<Row>,
}

struct Row {
    id: SeatId,
    name: String,
    kind: &'static str,
    free: bool,
    own: bool,
}

/// Local times, as in the address bar; what is absent is what the booking has.
#[derive(Default, Deserialize)]
pub struct Asked {
    day: Option<String>,
    from: Option<String>,
    to_day: Option<String>,
    to: Option<String>,
}

/// Local times with their days, or instants without.
#[derive(Deserialize)]
pub struct Want {
    seat: String,
    day: Option<String>,
    from: String,
    to_day: Option<String>,
    to: String,
}

/// `GET /bookings/{booking}/change`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<BookingId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let booking = reader.booking(id, Action::WriteBooking).await?;
    let now = app.now();
    still_on(&booking.allocation(), now)?;
    let scope = reader.scope();
    let site = sites::get(&mut reader.tx, Scope::System, booking.site)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let asked = asked.or_as_is(&booking, &wall);
    let during = asked
        .instants(&wall)
        .and_then(|(start, end)| Interval::new(start, end));
    let named = bookings::of_person(
        &mut reader.tx,
        scope,
        booking.person,
        booking.during.start,
        200,
    )
    .await?
    .into_iter()
    .find(|it| it.booking.id == id)
    .ok_or(Error::from(Code::NotFound))?;
    let begun = has_begun(&booking.allocation(), now);
    let zones = match during {
        Some(during) => offered(&mut reader, &booking, during, begun, f.lang).await?,
        None => Vec::new(),
    };
    let card = card(&mut reader, named, f.lang, now).await?;
    page(&Page {
        c: change_texts(f.lang),
        f,
        card,
        time_zone: site.time_zone,
        step: site.grid_s,
        begun,
        bad_times: during.is_none(),
        day: asked.day,
        from: asked.from,
        to_day: asked.to_day,
        to: asked.to,
        when: during.map(|during| wall.span(during)),
        zones,
    })
}

/// `POST /bookings/{booking}/change`
pub async fn change(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<BookingId>,
    Form(want): Form<Want>,
) -> Result<Response> {
    let actor = caller.actor;
    let site = site_of(&app, &actor, id).await?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let seat: SeatId = want.seat.parse().map_err(|_| Error::invalid("seat"))?;
    let (start, end) = want
        .instants(&wall)
        .ok_or_else(|| Error::invalid("from, to"))?;
    let change = ChangeBooking {
        booking: id,
        seat: Some(seat),
        starts_at: Some(start),
        ends_at: Some(end),
        seen: None,
    };
    match change_booking(&app, &actor, change).await {
        Ok(_) => Ok(see_other(&format!("/bookings/{id}?done=changed"))),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => {
            let told = Refused {
                site: &site,
                refusal: &refusal,
                own: None,
                again: (f.t.choose_again, format!("/bookings/{id}/change")),
            };
            let action = format!("/bookings/{id}/change");
            refused_at(&app, f, &actor, told, Some(action)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn site_of(app: &App, actor: &crate::flows::Actor, id: BookingId) -> Result<Site> {
    let mut tx = app.db.read().await?;
    let booking = bookings::get(&mut tx, actor.scope(), id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let site = sites::get(&mut tx, Scope::System, booking.site).await?;
    site.ok_or(Error::from(Code::NotFound))
}

/// The seats of the site with whether each is free then, this booking apart; of one that has begun only its own.
async fn offered(
    reader: &mut Reader,
    booking: &Booking,
    during: Interval,
    begun: bool,
    lang: crate::http::lang::Lang,
) -> Result<Vec<Zone>> {
    let scope = reader.scope();
    let taken: BTreeSet<SeatId> = at_site::taken(&mut reader.tx, scope, booking.site, during)
        .await?
        .into_iter()
        .filter(|(seat, span)| (*seat, *span) != (booking.seat, booking.during))
        .map(|(seat, _)| seat)
        .collect();
    let zones = zones::list(&mut reader.tx, scope, booking.site).await?;
    let seats = in_order(
        seats::list(&mut reader.tx, scope, booking.site).await?,
        &zones,
    );
    let row = |seat: &seats::Seat| Row {
        id: seat.id,
        name: seat.name.clone(),
        kind: texts::seat_kind(seat.kind, lang),
        free: !taken.contains(&seat.id),
        own: seat.id == booking.seat,
    };
    let of_zone = |zone: &zones::Zone| Zone {
        name: zone.name.clone(),
        seats: seats
            .iter()
            .filter(|seat| seat.zone == zone.id && (!begun || seat.id == booking.seat))
            .map(row)
            .collect(),
    };
    let mut zones: Vec<Zone> = zones.iter().map(of_zone).collect();
    zones.retain(|zone| !zone.seats.is_empty());
    // The zone where one is comes first, and there one's own seat.
    for zone in &mut zones {
        zone.seats.sort_by_key(|seat| !seat.own);
    }
    zones.sort_by_key(|zone| !zone.seats.iter().any(|seat| seat.own));
    Ok(zones)
}

/// Times as they stand in the fields.
struct Fields {
    day: String,
    from: String,
    to_day: String,
    to: String,
}

impl Asked {
    fn or_as_is(self, booking: &Booking, wall: &Wall) -> Fields {
        let during = booking.during;
        // Midnight at the end is that of the day that ends.
        let last = wall.day(during.end.plus_ms(-1));
        let day = self
            .day
            .unwrap_or_else(|| wall.day(during.start).to_string());
        let same_day = wall.day(during.start) == last;
        let to_day = self.to_day.unwrap_or_else(|| {
            if same_day {
                day.clone()
            } else {
                last.to_string()
            }
        });
        Fields {
            day,
            to_day,
            from: self.from.unwrap_or_else(|| wall.clock(during.start)),
            to: self.to.unwrap_or_else(|| wall.clock(during.end)),
        }
    }
}

impl Fields {
    fn instants(&self, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
        let (day, to_day) = (self.day.parse().ok()?, self.to_day.parse().ok()?);
        wall.instant(day, &self.from)
            .zip(wall.instant(to_day, until(&self.to)))
    }
}

impl Want {
    fn instants(&self, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
        match &self.day {
            Some(day) => Fields {
                day: day.clone(),
                from: self.from.clone(),
                to_day: self.to_day.clone().unwrap_or_else(|| day.clone()),
                to: self.to.clone(),
            }
            .instants(wall),
            None => Timestamp::parse_rfc3339(&self.from)
                .ok()
                .zip(Timestamp::parse_rfc3339(&self.to).ok()),
        }
    }
}
