//! The pass: the one page that needs script, because only a phone can sign its codes. Without it there is the printed pass,
//! where a door takes one.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{AllocationState, grant_interval};
use sekisho_domain::ids::{BookingId, PassId, PersonId};
use sekisho_domain::reach;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::snapshot::PassState;

use super::home::{Card, card};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use crate::http::api::Reader;
use crate::http::assets;
use crate::http::extract::Path;
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::bookings::{self, Booking};
use crate::store::doors::{self, Door};
use crate::store::sites::Site;
use crate::store::{Scope, columns, holder_keys, passes, sites};

/// What both pages show of a booking.
struct Facts {
    card: Card,
    /// `09:50`, by the site's clock: the first minute at which the pass opens doors.
    opens: String,
    /// When it opens doors, ms since 1970.
    during: Interval,
    /// Doors on the way that take a printed pass; none: there is no printed pass.
    print_doors: Vec<String>,
    is_cancelled: bool,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "pass.html")]
struct Page {
    f: Frame,
    it: Facts,
    person: PersonId,
    /// base64url of the public key of the phone that is registered.
    phone_key: String,
}

#[derive(Template)]
#[template(path = "pass_print.html")]
struct Print {
    f: Frame,
    it: Facts,
    pass: Option<PassId>,
}

/// `GET /bookings/pass`: where the installed page begins.
pub async fn current(State(app): State<Arc<App>>, me: Me, mut reader: Reader) -> Result<Response> {
    let scope = reader.scope();
    let coming = bookings::of_person(&mut reader.tx, scope, me.id, app.now(), 20).await?;
    let next = coming.into_iter().find(|it| !is_off(it.booking.state));
    Ok(see_other(&next.map_or("/".to_owned(), |it| {
        format!("/bookings/{}/pass", it.booking.id)
    })))
}

/// `GET /bookings/{booking}/pass`: one's own.
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    mut reader: Reader,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    let booking = reader.booking(id, Action::IssuePass).await?;
    if booking.person != me.id {
        return Err(Code::NotFound.into());
    }
    let scope = reader.scope();
    let key = holder_keys::active(&mut reader.tx, scope, me.id).await?;
    let it = facts(&mut reader, booking, &f, app.now()).await?;
    page(&Page {
        f,
        it,
        person: me.id,
        phone_key: key
            .map(|key| URL_SAFE_NO_PAD.encode(key.public_key.as_bytes()))
            .unwrap_or_default(),
    })
}

/// `GET /bookings/{booking}/pass/print`
pub async fn print(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    let booking = reader.booking(id, Action::IssuePass).await?;
    let scope = reader.scope();
    let known = passes::of_booking(&mut reader.tx, scope, id).await?;
    let pass = known
        .iter()
        .rfind(|pass| pass.holder_key.is_none() && pass.state == PassState::Active);
    let it = facts(&mut reader, booking, &f, app.now()).await?;
    page(&Print {
        pass: pass.filter(|_| !it.is_over).map(|pass| pass.id),
        it,
        f,
    })
}

/// `POST /bookings/{booking}/pass/print`
pub async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(booking): Path<BookingId>,
) -> Result<Response> {
    let kind = PassKind::Static;
    issue_pass(&app, &caller.actor, IssuePass { booking, kind }).await?;
    Ok(see_other(&format!("/bookings/{booking}/pass/print")))
}

/// `GET /pass-sw.js`: what keeps the page when there is no network. A worker serves what lies beside or below it, so it cannot
/// come from `/static`.
pub async fn worker() -> Result<Response> {
    let script = assets::bytes("pass-sw.js").ok_or(Error::from(Code::NotFound))?;
    Ok((
        [
            (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        script,
    )
        .into_response())
}

async fn facts(reader: &mut Reader, booking: Booking, f: &Frame, now: Timestamp) -> Result<Facts> {
    let scope = reader.scope();
    let site = sites::get(&mut reader.tx, Scope::System, booking.site)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let doors = doors::list(&mut reader.tx, Scope::System, booking.site).await?;
    let found = bookings::of_person(
        &mut reader.tx,
        scope,
        booking.person,
        booking.during.start,
        200,
    )
    .await?;
    let named = found
        .into_iter()
        .find(|it| it.booking.id == booking.id)
        .ok_or(Error::from(Code::NotFound))?;
    let during = opens(&booking, &site)?;
    Ok(Facts {
        card: card(reader, named, f.lang, now).await?,
        opens: Wall::new(&site.time_zone, f.lang).clock(during.start),
        during,
        print_doors: takes_printed(&doors, &booking),
        is_cancelled: is_off(booking.state),
        is_over: is_off(booking.state) || during.end <= now,
    })
}

/// When a booking opens doors, cancelled or not.
fn opens(booking: &Booking, site: &Site) -> Result<Interval> {
    let mut allocation = booking.allocation();
    allocation.state = AllocationState::Confirmed;
    let (before, after) = (
        columns::seconds(site.grant_before_s)?,
        columns::seconds(site.grant_after_s)?,
    );
    Ok(grant_interval(&allocation, before, after).unwrap_or(booking.during))
}

/// Names of the doors on the way to the seat that a printed pass opens.
fn takes_printed(doors: &[Door], booking: &Booking) -> Vec<String> {
    let wire: Vec<_> = doors.iter().map(Door::on_the_wire).collect();
    let zones = reach::zones(&wire, booking.zone);
    doors
        .iter()
        .filter(|door| door.min_assurance == 0 && zones.contains(&door.zone))
        .map(|door| door.name.clone())
        .collect()
}

fn is_off(state: AllocationState) -> bool {
    matches!(
        state,
        AllocationState::Cancelled | AllocationState::Released
    )
}
