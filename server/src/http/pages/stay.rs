//! A booking that is running: how long it lasts, how much longer it could, and what is not known because the site is out of
//! reach.

use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::SiteId;
use sekisho_domain::time::Timestamp;

use super::map::{Map, in_order};
use super::seat_texts::SeatTexts;
use super::when::Wall;
use crate::flows::extend_booking::could_extend;
use crate::http::api::Reader;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::bookings::Booking;
use crate::store::gateways::GatewayState;
use crate::store::{Scope, gateways, holds, seats, zones};

/// How much longer is offered, ms.
const LONGER_MS: [i64; 3] = [30 * 60_000, 60 * 60_000, 120 * 60_000];

/// A stay.
pub(super) struct Stay {
    /// `残り 2時間15分`
    pub(super) left: String,
    pub(super) longer: Vec<Longer>,
    /// Whether only a shorter extension than the usual steps is possible.
    pub(super) only: bool,
}

/// One button.
pub(super) struct Longer {
    pub(super) until: String,
    pub(super) value: String,
}

/// Of a booking that is running and was neither cancelled nor given back.
pub(super) async fn stay(
    reader: &mut Reader,
    booking: &Booking,
    wall: &Wall,
    (w, lang): (&SeatTexts, Lang),
    now: Timestamp,
) -> Result<Option<Stay>> {
    let is_on = matches!(
        booking.state,
        AllocationState::Confirmed | AllocationState::Present | AllocationState::Left
    );
    if !is_on || !booking.during.contains(now) {
        return Ok(None);
    }
    let longer = |until: Timestamp| Longer {
        until: wall.clock(until),
        value: until.rfc3339(),
    };
    let left = duration(booking.during.end.since_ms(now), lang);
    let mut stay = Stay {
        left: format!("{} {left}{}", w.left_before, w.left_after),
        longer: Vec::new(),
        only: false,
    };
    for more in LONGER_MS {
        let until = booking.during.end.plus_ms(more);
        match could_extend(&mut reader.tx, booking, until, now).await? {
            Ok(during) => stay.longer.push(longer(during.end)),
            Err(refusal) => {
                let own = refusal
                    .alternatives
                    .iter()
                    .find(|other| other.seat == booking.seat);
                if let Some(other) = own.filter(|_| stay.longer.is_empty()) {
                    stay.longer.push(longer(other.during.end));
                    stay.only = true;
                }
                break;
            }
        }
    }
    Ok(Some(stay))
}

/// `2時間15分` or `2 h 15 min`; seconds only below a minute.
fn duration(ms: i64, lang: Lang) -> String {
    let (minutes, seconds) = (ms / 60_000, ms / 1000);
    let (hour, minute, second) = match lang {
        Lang::Ja => ("時間", "分", "秒"),
        Lang::En => (" h ", " min", " s"),
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}{second}"),
        (0, rest) => format!("{rest}{minute}"),
        (hours, 0) => format!("{hours}{}", hour.trim_end()),
        (hours, rest) => format!("{hours}{hour}{rest}{minute}"),
    }
}

/// The seat of a booking among those of its zone.
pub(super) async fn way(
    reader: &mut Reader,
    booking: &Booking,
    w: &'static SeatTexts,
) -> Result<Option<Map>> {
    let scope = reader.scope();
    let zones = zones::list(&mut reader.tx, scope, booking.site).await?;
    let seats = in_order(
        seats::list(&mut reader.tx, scope, booking.site).await?,
        &zones,
    );
    let zone = zones.iter().find(|zone| zone.id == booking.zone);
    Ok(zone.and_then(|zone| Map::way(w, zone, &seats, booking.seat)))
}

/// What is not known or not possible at a site of one's own booking right now, in words.
pub(super) async fn troubles(
    reader: &mut Reader,
    site: SiteId,
    wall: &Wall,
    w: &SeatTexts,
) -> Result<Vec<String>> {
    let mut troubles = Vec::new();
    let gateway = gateways::of_site(&mut reader.tx, site).await?;
    if let Some(gateway) = gateway.filter(|it| it.state == GatewayState::Enrolled && !it.alive) {
        let since = gateway
            .seen_at
            .map_or(w.offline_unknown.to_owned(), |at| wall.clock_of_day(at));
        troubles.push(format!("{}{since}{}", w.offline_before, w.offline_after));
    }
    if holds::of_site(&mut reader.tx, Scope::System, site)
        .await?
        .is_some()
    {
        troubles.push(w.held.to_owned());
    }
    Ok(troubles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_in_words() {
        let ja = |ms| duration(ms, Lang::Ja);
        assert_eq!(ja(8_130_000), "2時間15分");
        assert_eq!(ja(7_200_000), "2時間");
        assert_eq!(ja(59_999), "59秒");
        assert_eq!(duration(8_130_000, Lang::En), "2 h 15 min");
        assert_eq!(duration(3_600_000, Lang::En), "1 h");
        assert_eq!(duration(60_000, Lang::En), "1 min");
    }
}
