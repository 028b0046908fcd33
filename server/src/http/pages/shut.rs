//! When a site is open on a day, and why it is not.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sekisho_domain::booking::{Calendar, Why, Zone, open_times};
use sekisho_domain::ids::{SeatId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};

use super::hours_texts::{HoursTexts, hours_texts};
use super::when::Wall;
use crate::http::api::Reader;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::seats::Seat;
use crate::store::sites::{OpeningHours, Site};
use crate::store::{at_site, calendars, closures};

/// Minutes of a day.
const DAY: u16 = 1440;

/// What stands beside the hours of a day.
pub(super) struct Shut {
    pub(super) w: &'static HoursTexts,
    /// The names of what makes the day another one: a holiday, what the site says, closures.
    pub(super) why: Vec<String>,
    /// When it opens next after the beginning of the day, and which day that is.
    pub(super) opens: Option<(String, String)>,
}

/// The hours of a day as a page draws them, with what reaches over from the day before, and what is to be said beside them.
pub(super) async fn of_day(
    reader: &mut Reader,
    site: &Site,
    wall: &Wall,
    day: Date,
) -> Result<(Vec<OpeningHours>, Shut)> {
    let scope = reader.scope();
    let whole = wall.whole(day).ok_or_else(|| Error::invalid("day"))?;
    let calendar = calendars::calendar(&mut reader.tx, scope, site.id, None, whole.start).await?;
    let zone = Zone::named(&site.time_zone)?;
    let opens = calendar.opens_after(&zone, whole.start);
    let shut = Shut {
        w: hours_texts(wall.lang()),
        why: why(&calendar, wall, day, whole),
        opens: opens.map(|at| {
            let text = format!("{} {}", wall.date(at), wall.clock(at));
            (text, wall.day(at).to_string())
        }),
    };
    let open = open_times(&site.time_zone, &calendar, &whole);
    let hours = open.iter().filter(|block| block.overlaps(&whole));
    let hours = hours.filter_map(|block| drawn(&zone, day, whole, *block));
    Ok((hours.collect(), shut))
}

/// When seats cannot be had on a day: somebody has them, or their zone is closed.
pub(super) async fn taken(
    reader: &mut Reader,
    site: SiteId,
    whole: Interval,
    seats: &[Seat],
) -> Result<BTreeMap<SeatId, Vec<Interval>>> {
    let scope = reader.scope();
    let mut taken: BTreeMap<SeatId, Vec<Interval>> = BTreeMap::new();
    for (seat, span) in at_site::taken(&mut reader.tx, scope, site, whole).await? {
        taken.entry(seat).or_default().push(span);
    }
    // The minutes around one's own booking have to be free of others as well.
    for seat in seats {
        for span in taken.get_mut(&seat.id).into_iter().flatten() {
            *span = seat.buffers.kept_from(span);
        }
    }
    for zone in closures::zones(&mut reader.tx, scope, site, whole).await? {
        let tx = &mut reader.tx;
        let all = closures::in_force(tx, scope, site, Some(zone), whole.start).await?;
        for closed in all.iter().filter(|it| it.during.overlaps(&whole)) {
            for seat in seats.iter().filter(|seat| seat.zone == zone) {
                taken.entry(seat.id).or_default().push(closed.during);
            }
        }
    }
    Ok(taken)
}

/// A block as it is drawn on a day: from midnight where it began before, past midnight where it is a night of this day.
fn drawn(zone: &Zone, day: Date, whole: Interval, block: Interval) -> Option<OpeningHours> {
    let minutes = |at: Timestamp| {
        let time = zone.local(at)?.time();
        u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok()
    };
    let opens_min = if block.start <= whole.start {
        0
    } else {
        minutes(block.start)?
    };
    let closes_min = if block.end < whole.end {
        minutes(block.end)?
    } else {
        let ends = zone.local(block.end)?.date();
        let night = block.start > whole.start && day.tomorrow().ok() == Some(ends);
        let past = if night { minutes(block.end)? } else { 0 };
        DAY + past.min(opens_min)
    };
    Some(OpeningHours {
        weekday: u8::try_from(day.weekday().to_monday_zero_offset()).ok()?,
        opens_min,
        closes_min,
    })
}

fn why(calendar: &Calendar, wall: &Wall, day: Date, whole: Interval) -> Vec<String> {
    let own = |ja: &str, en: &str| {
        let (first, second) = match wall.lang() {
            Lang::Ja => (ja, en),
            Lang::En => (en, ja),
        };
        if first.is_empty() { second } else { first }.to_owned()
    };
    let mut said = match calendar.opening(day).why {
        Why::Weekday => Vec::new(),
        Why::Holiday(it) => vec![own(it.ja, it.en)],
        Why::Special { ja, en } => vec![own(&ja, &en)],
    };
    let closures = calendar.closures.iter();
    for closed in closures.filter(|closed| closed.during.overlaps(&whole)) {
        let reason = own(&closed.ja, &closed.en);
        said.push(format!("{reason} ({})", wall.within(day, closed.during)));
    }
    said.retain(|text| !text.is_empty());
    said
}
