//! The times that the page about booking offers, and the day that it draws.

use jiff::civil::Date;
use sekisho_domain::time::{Interval, Timestamp};

use super::when::{self, Wall};
use crate::http::lang::Lang;
use crate::store::sites::{OpeningHours, Site};

/// Times are offered in steps of at least this, s.
const OFFER_S: i64 = 300;

/// How long somebody may look at the page before the first time that it offers has passed, s.
const READ_S: i64 = 60;

/// How many days the strip shows.
const DAYS: usize = 14;

/// Width of the line of a day.
const LINE: i64 = 640;

/// One day of the strip.
pub(super) struct Day {
    pub(super) date: String,
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// A day of one seat as a line: from opening to closing.
pub(super) struct Line {
    pub(super) width: i64,
    /// Where which hour is.
    pub(super) ticks: Vec<(i64, String)>,
    /// Left and width of what is taken.
    pub(super) taken: Vec<(i64, i64)>,
    /// Left and width of what is asked for.
    pub(super) wanted: Option<(i64, i64)>,
}

impl Line {
    /// None on a day on which the site is closed.
    pub(super) fn new(
        wall: &Wall,
        day: Date,
        hours: &[OpeningHours],
        taken: &[Interval],
        wanted: Option<Interval>,
    ) -> Option<Self> {
        // What runs past midnight is drawn up to it.
        let (opens, closes) = (hours.first()?.opens_min, hours.last()?.closes_min.min(1440));
        let open = Interval::new(
            wall.instant(day, &clock(opens))?,
            wall.instant(day, &clock(closes))?,
        )?;
        let at = |it: Timestamp| {
            let it = it.clamp(open.start, open.end);
            it.since_ms(open.start).saturating_mul(LINE) / open.duration_ms().max(1)
        };
        let bar = |it: &Interval| (at(it.start), (at(it.end) - at(it.start)).max(2));
        let every = match closes - opens {
            0..=480 => 60,
            481..=960 => 120,
            _ => 240,
        };
        let ticks = (opens.div_ceil(60)..=closes / 60)
            .map(|hour| hour * 60)
            .filter(|minutes| minutes % every == 0)
            .filter_map(|minutes| {
                Some((
                    at(wall.instant(day, &clock(minutes))?),
                    (minutes / 60).to_string(),
                ))
            });
        Some(Self {
            width: LINE,
            ticks: ticks.collect(),
            taken: taken.iter().map(bar).collect(),
            wanted: wanted.filter(|it| it.overlaps(&open)).map(|it| bar(&it)),
        })
    }
}

/// A time of day; past midnight it begins again.
fn clock(minutes: u16) -> String {
    let minutes = if minutes > 1440 {
        minutes - 1440
    } else {
        minutes
    };
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `09:00–18:00`
pub(super) fn span(hours: OpeningHours) -> String {
    format!("{}–{}", clock(hours.opens_min), clock(hours.closes_min))
}

/// The times offered first: from the next step of the grid (today) or from opening, for three hours or until closing.
pub(super) fn times(
    site: &Site,
    wall: &Wall,
    hours: &[OpeningHours],
    day: Date,
    now: Timestamp,
) -> (String, String) {
    let (opens, closes) = hours.first().map_or((540, 1080), |it| {
        (
            i64::from(it.opens_min) * 60,
            i64::from(hours.last().unwrap_or(it).closes_min) * 60,
        )
    });
    let passed = wall
        .instant(day, "00:00")
        .map_or(0, |midnight| now.since_ms(midnight) / 1000);
    // A whole number of grid steps, and time enough to read the page before it begins.
    let grid = site.grid_s.max(1);
    let step = grid * (OFFER_S + grid - 1).div_euclid(grid);
    let earliest = opens.max(passed + READ_S);
    let from = ((earliest + step - 1).div_euclid(step) * step)
        .min(closes - step)
        .max(0);
    (field(from), field((from + 3 * 3600).min(closes)))
}

/// A time field's text; it has no 24:00, so the end of the day is 00:00 ([`until`]).
fn field(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds == 0 {
        format!("{hours:02}:{minutes:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// The end of a booking that a time field says: midnight is that at the end of the day.
pub(super) fn until(text: &str) -> &str {
    if matches!(text, "00:00" | "00:00:00") {
        "24:00"
    } else {
        text
    }
}

/// When a booking ends that begins on a day: on the day after, where the clock shows no more than at its beginning.
pub(super) fn end(wall: &Wall, day: Date, from: &str, to: &str) -> Option<Timestamp> {
    if until(to) > from {
        return wall.instant(day, until(to));
    }
    wall.instant(day.tomorrow().ok()?, to)
}

/// The days from today on.
pub(super) fn strip(today: Date, chosen: Date, lang: Lang) -> Vec<Day> {
    let day = |date: Date| Day {
        date: date.to_string(),
        name: when::short(date, lang),
        chosen: date == chosen,
    };
    today
        .series(jiff::ToSpan::day(1))
        .take(DAYS)
        .map(day)
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::store::sites::SiteState;
    use sekisho_domain::ids::{OrganisationId, SiteId};

    fn offered(grid_s: i64, opens_min: u16, closes_min: u16, now: &str) -> (String, String) {
        let site = Site {
            id: SiteId([1; 16]),
            operator: OrganisationId([2; 16]),
            name: String::new(),
            time_zone: "Asia/Tokyo".to_owned(),
            state: SiteState::Open,
            grid_s,
            grant_before_s: 0,
            grant_after_s: 0,
            facts_version: 1,
            created_at: Timestamp(0),
        };
        let hours = [OpeningHours {
            weekday: 4,
            opens_min,
            closes_min,
        }];
        times(
            &site,
            &Wall::new("Asia/Tokyo", Lang::Ja),
            &hours,
            "2026-11-20".parse().unwrap(),
            Timestamp::parse_rfc3339(now).unwrap(),
        )
    }

    #[test]
    fn offered_times_fit_the_grid_the_hours_and_the_clock() {
        let text = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            offered(900, 480, 1200, "2026-11-19T12:00:00+09:00"),
            text("08:00", "11:00"),
            "another day: from opening"
        );
        assert_eq!(
            offered(900, 490, 1200, "2026-11-19T12:00:00+09:00"),
            text("08:15", "11:15"),
            "opening off the grid"
        );
        assert_eq!(
            offered(900, 480, 1200, "2026-11-20T09:00:00+09:00"),
            text("09:15", "12:15"),
            "never a time that passes while one reads"
        );
        assert_eq!(
            offered(1, 0, 1440, "2026-11-20T09:01:07+09:00"),
            text("09:05", "12:05"),
            "a fine grid is offered coarsely"
        );
        assert_eq!(
            offered(900, 480, 1200, "2026-11-20T19:50:00+09:00"),
            text("19:45", "20:00"),
            "the last step, whatever the time"
        );
        assert_eq!(
            offered(900, 0, 1440, "2026-11-20T23:00:00+09:00"),
            text("23:15", "00:00"),
            "the end of the day"
        );
        assert_eq!(until("00:00"), "24:00");
    }
}
