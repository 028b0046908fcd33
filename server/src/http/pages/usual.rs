//! The usual seat, offered for today or tomorrow with one tap.

use sekisho_domain::booking::{self, USUAL_DAYS, Usual};
use sekisho_domain::ids::{PersonId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};

use super::seat_texts::SeatTexts;
use super::texts;
use super::when::{self, Wall};
use crate::flows::book_seat::{BookSeat, could_book};
use crate::http::api::Reader;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::sites::Site;
use crate::store::{allocations, columns, seats, sites, zones};

/// How far ahead a day is looked for on which the seat could be booked, and how many are offered.
const DAYS: (i64, usize) = (7, 2);

/// The usual seat, with what can be booked.
pub(super) struct Habit {
    pub(super) site: SiteId,
    pub(super) place: String,
    pub(super) seat: String,
    pub(super) kind: &'static str,
    pub(super) zone: String,
    pub(super) offers: Vec<Offer>,
    /// Whether one of them is another seat.
    pub(super) moved: bool,
}

/// One button.
pub(super) struct Offer {
    pub(super) seat: SeatId,
    pub(super) from: String,
    pub(super) to: String,
    /// `今日`, `明日` or a date.
    pub(super) day: String,
    pub(super) times: String,
    /// Name of the seat, where it is not the usual one.
    pub(super) instead: Option<String>,
}

/// What somebody may book again with one tap; `None` for who has no habit yet, and when nothing is possible.
pub(super) async fn habit(
    reader: &mut Reader,
    me: PersonId,
    w: &SeatTexts,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<Habit>> {
    let scope = reader.scope();
    let since = now.plus_ms(-USUAL_DAYS * 86_400_000);
    let past = allocations::habits(&mut reader.tx, scope, me, since, now).await?;
    let Some(usual) = booking::usual(&past, now) else {
        return Ok(None);
    };
    let seat = seats::get(&mut reader.tx, scope, usual.seat).await?;
    let site = sites::get(&mut reader.tx, scope, usual.site).await?;
    let Some((seat, site)) = seat.zip(site) else {
        return Ok(None);
    };
    let zone = zones::get(&mut reader.tx, scope, seat.zone).await?;
    let mut habit = Habit {
        site: site.id,
        place: site.name.clone(),
        seat: seat.name,
        kind: texts::seat_kind(seat.kind, lang),
        zone: zone.map_or(String::new(), |zone| zone.name),
        offers: Vec::new(),
        moved: false,
    };
    let wall = Wall::new(&site.time_zone, lang);
    for days in 0..DAYS.0 {
        let found = possible(reader, me, &usual, &site, days, now).await?;
        let Some((seat, during)) = found else {
            continue;
        };
        let instead = if seat == usual.seat {
            None
        } else {
            let other = seats::get(&mut reader.tx, scope, seat).await?;
            other.map(|seat| seat.name)
        };
        habit.moved |= instead.is_some();
        habit.offers.push(Offer {
            seat,
            from: during.start.rfc3339(),
            to: during.end.rfc3339(),
            day: match days {
                0 => w.today.to_owned(),
                1 => w.tomorrow.to_owned(),
                _ => when::short(wall.day(during.start), lang),
            },
            times: wall.within(wall.day(during.start), during),
            instead,
        });
        if habit.offers.len() == DAYS.1 {
            break;
        }
    }
    Ok(Some(habit).filter(|habit| !habit.offers.is_empty()))
}

/// The usual seat at the usual hours of a day; where somebody else has it, the seat that the rules offer instead.
async fn possible(
    reader: &mut Reader,
    me: PersonId,
    usual: &Usual,
    site: &Site,
    days: i64,
    now: Timestamp,
) -> Result<Option<(SeatId, Interval)>> {
    let Some(during) = usual.on(days, columns::seconds(site.grid_s)?, now) else {
        return Ok(None);
    };
    let want = BookSeat {
        person: me,
        seat: usual.seat,
        starts_at: during.start,
        ends_at: during.end,
    };
    let answer = could_book(&mut reader.tx, &reader.caller.actor, want, now).await?;
    Ok(match answer {
        Some(Ok(plan)) => Some((plan.seat, plan.during)),
        Some(Err(refusal)) if refusal.code == Code::SeatTaken => refusal
            .alternatives
            .iter()
            .find(|other| other.during == during)
            .map(|other| (other.seat, other.during)),
        _ => None,
    })
}
