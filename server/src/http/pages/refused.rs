//! A refusal about a seat: which rule, until when, and what is possible instead, each with one tap.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::{Alternative, Code, Refusal};

use super::change_texts::change_texts;
use super::seat_texts::{SeatTexts, seat_texts};
use super::when::Wall;
use super::{Frame, page_with};
use crate::app::App;
use crate::flows::Actor;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::bookings::Booking;
use crate::store::seats;
use crate::store::sites::Site;

/// What was refused.
pub(super) struct Refused<'a> {
    /// Where.
    pub(super) site: &'a Site,
    /// Why.
    pub(super) refusal: &'a Refusal,
    /// The booking that was to become longer: what is possible for its own seat is a shorter extension.
    pub(super) own: Option<&'a Booking>,
    /// Where one goes on, and what that is called.
    pub(super) again: (&'static str, String),
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Page {
    f: Frame,
    sentence: &'static str,
    /// Why, where somebody or the law has said so.
    why: Option<String>,
    lifts: Option<String>,
    offers: Vec<Offer>,
    /// Where all are taken: that one can wait, where, and what that is called.
    wait: Option<(&'static str, String, &'static str)>,
    again: (&'static str, String),
}

struct Offer {
    action: String,
    /// Hidden fields.
    fields: Vec<(&'static str, String)>,
    first: String,
    second: String,
}

/// The page, with the status of the refusal.
pub(super) async fn refused(
    app: &App,
    f: Frame,
    actor: &Actor,
    it: Refused<'_>,
) -> Result<Response> {
    refused_at(app, f, actor, it, None).await
}

/// The same, where what is offered goes to another form with the same fields: that of a change.
pub(super) async fn refused_at(
    app: &App,
    f: Frame,
    actor: &Actor,
    it: Refused<'_>,
    action: Option<String>,
) -> Result<Response> {
    let wall = Wall::new(&it.site.time_zone, f.lang);
    let names: BTreeMap<_, _> = seats::list(&mut app.db.read().await?, actor.scope(), it.site.id)
        .await?
        .into_iter()
        .map(|it| (it.id, it.name))
        .collect();
    let w = seat_texts(f.lang);
    let offers = it
        .refusal
        .alternatives
        .iter()
        .map(|other| offer(w, &wall, &names, &it, other))
        .map(|offer| Offer {
            action: action.clone().unwrap_or(offer.action),
            ..offer
        })
        .collect();
    let page = Page {
        sentence: f.lang.refusal(it.refusal.code),
        why: why(it.refusal, f.lang),
        lifts: it
            .refusal
            .lifts_at
            .map(|at| format!("{} {}", wall.date(at), wall.clock(at))),
        offers,
        wait: (it.refusal.code == Code::SeatTaken).then(|| {
            let c = change_texts(f.lang);
            (
                c.all_taken,
                format!("/sites/{}/waiting", it.site.id),
                c.join,
            )
        }),
        again: it.again,
        f,
    };
    page_with(Error::from(it.refusal.clone()).status(), &page)
}

/// The name of a holiday, or what the site says of a day or a closure.
pub(super) fn why(refusal: &Refusal, lang: Lang) -> Option<String> {
    let (own, other) = match lang {
        Lang::Ja => ("reason_ja", "reason_en"),
        Lang::En => ("reason_en", "reason_ja"),
    };
    let said = |name| refusal.data.get(name).filter(|text| !text.is_empty());
    said(own).or_else(|| said(other)).cloned()
}

fn offer(
    w: &SeatTexts,
    wall: &Wall,
    names: &BTreeMap<SeatId, String>,
    it: &Refused<'_>,
    other: &Alternative,
) -> Offer {
    if let Some(own) = it.own.filter(|own| own.seat == other.seat) {
        let until = wall.clock(other.during.end);
        return Offer {
            action: format!("/bookings/{}/extend", own.id),
            fields: vec![("until", other.during.end.rfc3339())],
            first: format!("{}{until}{}", w.extend_before, w.extend_after),
            second: wall.span(other.during),
        };
    }
    Offer {
        action: format!("/sites/{}/book", it.site.id),
        fields: vec![
            ("seat", other.seat.to_string()),
            ("from", other.during.start.rfc3339()),
            ("to", other.during.end.rfc3339()),
        ],
        first: names.get(&other.seat).cloned().unwrap_or_default(),
        second: wall.span(other.during),
    }
}
