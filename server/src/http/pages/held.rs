//! On the page of a booking that does not count yet: what it waits for, until when, and the button that confirms it; afterwards,
//! why nothing became of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sekisho_domain::booking::{AllocationState, ApprovalKind};
use sekisho_domain::ids::BookingId;
use sekisho_domain::time::Timestamp;

use super::approval_texts::{ApprovalTexts, approval_texts};
use super::see_other;
use super::when::Wall;
use crate::app::App;
use crate::flows::confirm_booking::confirm_booking;
use crate::http::api::Reader;
use crate::http::extract::Path;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::approvals;
use crate::store::bookings::Booking;

/// What a booking waits for.
pub(super) struct Waits {
    pub(super) w: &'static ApprovalTexts,
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    /// `13:05:12 (残り 8分)`
    pub(super) until: Option<String>,
    pub(super) can_confirm: bool,
    /// Who approves, and what they said.
    pub(super) approvals: Vec<(&'static str, &'static str)>,
    /// Why it was declined.
    pub(super) reason: Option<String>,
}

/// Of a booking that is held, or was until it ran out or was declined.
pub(super) async fn waits(
    reader: &mut Reader,
    booking: &Booking,
    wall: &Wall,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<Waits>> {
    let w = approval_texts(lang);
    let is_held = booking.state == AllocationState::Held;
    if !is_held && booking.state != AllocationState::Released {
        return Ok(None);
    }
    let scope = reader.scope();
    let asked = approvals::of_booking(&mut reader.tx, scope, booking.id).await?;
    let mut waits = Waits {
        w,
        title: w.held,
        note: w.held_note,
        until: None,
        can_confirm: false,
        approvals: Vec::new(),
        reason: None,
    };
    let no = asked
        .iter()
        .filter_map(|it| it.answer.as_ref())
        .find(|answer| !answer.approved);
    if !is_held {
        return Ok(match (no, booking.hold_until) {
            (Some(no), _) => Some(Waits {
                title: w.declined,
                note: "",
                reason: no.reason.clone(),
                ..waits
            }),
            (None, Some(_)) => Some(Waits {
                title: w.run_out,
                note: "",
                ..waits
            }),
            (None, None) => None,
        });
    }
    waits.until = booking.hold_until.map(|until| left(until, wall, w, now));
    if asked.is_empty() {
        waits.can_confirm = booking.hold_until.is_some_and(|until| now < until);
        return Ok(Some(waits));
    }
    (waits.title, waits.note) = (w.awaiting, w.awaiting_note);
    let said = |it: &approvals::Approval| {
        let who = match it.kind {
            ApprovalKind::Site => w.by_site,
            ApprovalKind::Company => w.by_company,
        };
        (
            who,
            if it.answer.is_some() {
                w.said_yes
            } else {
                w.said_nothing
            },
        )
    };
    waits.approvals = asked.iter().map(said).collect();
    Ok(Some(waits))
}

/// The time, and how long it still is.
fn left(until: Timestamp, wall: &Wall, w: &ApprovalTexts, now: Timestamp) -> String {
    let minutes = until.since_ms(now).max(0) / 60_000;
    let at = if wall.day(until) == wall.day(now) {
        wall.seconds(until)
    } else {
        wall.clock_of_day(until)
    };
    let unit = if w.left_before.is_empty() {
        " min"
    } else {
        "分"
    };
    if minutes >= 120 {
        return at;
    }
    let before = if w.left_before.is_empty() {
        String::new()
    } else {
        format!("{} ", w.left_before)
    };
    format!("{at} ({before}{minutes}{unit}{})", w.left_after)
}

/// `POST /bookings/{booking}/confirm`
pub async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    confirm_booking(&app, &caller.actor, id, None).await?;
    Ok(see_other(&format!("/bookings/{id}?done=made")))
}
