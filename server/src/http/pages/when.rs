//! Instants as people at a site read them, and local times of a form as instants.

use jiff::civil;
use jiff::tz::TimeZone;
use sekisho_domain::time::{Interval, Timestamp};

use crate::http::lang::Lang;

/// The clock on a site's wall.
#[derive(Clone, Debug)]
pub struct Wall {
    zone: TimeZone,
    lang: Lang,
}

impl Wall {
    /// Of a time zone that the site was created with; UTC when the name is not known any more.
    pub fn new(time_zone: &str, lang: Lang) -> Self {
        Self {
            zone: TimeZone::get(time_zone).unwrap_or(TimeZone::UTC),
            lang,
        }
    }

    /// In which language it is read.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    fn civil(&self, at: Timestamp) -> civil::DateTime {
        jiff::Timestamp::from_millisecond(at.0)
            .map(|at| self.zone.to_datetime(at))
            .unwrap_or_default()
    }

    /// The date there.
    pub fn day(&self, at: Timestamp) -> civil::Date {
        self.civil(at).date()
    }

    /// `13:05`, or `13:05:12` where the seconds are not zero.
    pub fn clock(&self, at: Timestamp) -> String {
        clock(self.civil(at).time())
    }

    /// `13:05:12`
    pub fn seconds(&self, at: Timestamp) -> String {
        self.civil(at).time().strftime("%H:%M:%S").to_string()
    }

    /// `13:05`, without seconds, for what is only about right; with the date before it.
    pub fn clock_of_day(&self, at: Timestamp) -> String {
        let clock = self.civil(at).time().strftime("%H:%M").to_string();
        format!("{} {clock}", short(self.day(at), self.lang))
    }

    /// `2026年11月20日(金)` or `Friday 20 November 2026`.
    pub fn date(&self, at: Timestamp) -> String {
        long(self.day(at), self.lang)
    }

    /// `2026年11月20日(金) 09:00–18:00`; the second date too where it is another one.
    pub fn span(&self, during: Interval) -> String {
        let (start, end) = (self.civil(during.start), self.civil(during.end));
        // Midnight at the end belongs to the day that ends.
        let until = if end.time() == civil::Time::midnight() {
            "24:00".to_owned()
        } else {
            clock(end.time())
        };
        let same = start.date() == end.date()
            || (until == "24:00" && start.date().tomorrow().ok() == Some(end.date()));
        let until = if same {
            until
        } else {
            format!("{} {}", long(end.date(), self.lang), clock(end.time()))
        };
        format!(
            "{} {}–{until}",
            long(start.date(), self.lang),
            clock(start.time())
        )
    }

    /// `09:00–12:00` within `day`; what reaches over its ends is cut there.
    pub fn within(&self, day: civil::Date, during: Interval) -> String {
        let (start, end) = (self.civil(during.start), self.civil(during.end));
        let from = if start.date() < day {
            "00:00".to_owned()
        } else {
            clock(start.time())
        };
        let until = if end.date() > day {
            "24:00".to_owned()
        } else {
            clock(end.time())
        };
        format!("{from}–{until}")
    }

    /// Since when: today only the time of day, before that the date too.
    pub fn since(&self, at: Timestamp, now: Timestamp) -> String {
        if self.day(at) == self.day(now) {
            self.seconds(at)
        } else {
            format!("{} {}", self.date(at), self.seconds(at))
        }
    }

    /// `12秒前`, `3 min ago`: how long ago something was, ms. What lies ahead by a clock's error is now.
    pub fn age(&self, ms: i64) -> String {
        let s = ms.max(0) / 1000;
        let (n, ja, en) = match s {
            0..120 => (s, "秒", "s"),
            120..7200 => (s / 60, "分", "min"),
            7200..172_800 => (s / 3600, "時間", "h"),
            _ => (s / 86_400, "日", "days"),
        };
        match self.lang {
            Lang::Ja => format!("{n}{ja}前"),
            Lang::En => format!("{n} {en} ago"),
        }
    }

    /// All of a day: from its first instant to that of the next one.
    pub fn whole(&self, day: civil::Date) -> Option<Interval> {
        Interval::new(self.instant(day, "00:00")?, self.instant(day, "24:00")?)
    }

    /// A local time of a day, `HH:MM` or `HH:MM:SS`, up to `24:00`. A time that the clocks skip or pass twice is none.
    pub fn instant(&self, day: civil::Date, time: &str) -> Option<Timestamp> {
        let at = match time {
            "24:00" | "24:00:00" => day.tomorrow().ok()?.at(0, 0, 0, 0),
            _ => civil::Time::strptime(if time.len() == 5 { "%H:%M" } else { "%H:%M:%S" }, time)
                .ok()?
                .on(day.year(), day.month(), day.day()),
        };
        let at = self.zone.to_ambiguous_timestamp(at).unambiguous().ok()?;
        Some(Timestamp(at.as_millisecond()))
    }
}

/// `2026年11月20日(金)` or `Friday 20 November 2026`.
pub fn long(day: civil::Date, lang: Lang) -> String {
    let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
    match lang {
        Lang::Ja => format!(
            "{}年{}月{}日({})",
            day.year(),
            day.month(),
            day.day(),
            WEEKDAYS_JA[weekday]
        ),
        Lang::En => format!(
            "{} {} {} {}",
            WEEKDAYS_EN[weekday],
            day.day(),
            MONTHS_EN[usize::from(day.month().unsigned_abs()) - 1],
            day.year()
        ),
    }
}

/// `20日(金)` or `Fri 20`, for a strip of days.
pub fn short(day: civil::Date, lang: Lang) -> String {
    let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
    match lang {
        Lang::Ja => format!("{}/{}({})", day.month(), day.day(), WEEKDAYS_JA[weekday]),
        Lang::En => format!("{} {}", &WEEKDAYS_EN[weekday][..3], day.day()),
    }
}

/// `月` or `Monday`; 0 is Monday.
pub fn weekday(day: usize, lang: Lang) -> &'static str {
    match lang {
        Lang::Ja => WEEKDAYS_JA[day % 7],
        Lang::En => WEEKDAYS_EN[day % 7],
    }
}

fn clock(time: civil::Time) -> String {
    time.strftime(if time.second() == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    })
    .to_string()
}

const WEEKDAYS_JA: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];
const WEEKDAYS_EN: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn dates_and_spans_read_as_the_glossary_says() {
        let wall = Wall::new("Asia/Tokyo", Lang::Ja);
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(wall.date(at("2026-11-19T15:00:00Z")), "2026年11月20日(金)");
        let span = |start, end| wall.span(Interval::new(at(start), at(end)).unwrap());
        assert_eq!(
            span("2026-11-20T09:00:00+09:00", "2026-11-20T18:30:00+09:00"),
            "2026年11月20日(金) 09:00–18:30"
        );
        assert_eq!(
            span("2026-11-20T22:00:00+09:00", "2026-11-21T00:00:00+09:00"),
            "2026年11月20日(金) 22:00–24:00"
        );
        assert_eq!(
            span("2026-11-20T22:00:00+09:00", "2026-11-21T06:00:01+09:00"),
            "2026年11月20日(金) 22:00–2026年11月21日(土) 06:00:01"
        );
        assert_eq!(
            Wall::new("Asia/Tokyo", Lang::En).date(at("2026-11-20T00:00:00Z")),
            "Friday 20 November 2026"
        );
    }

    #[test]
    fn a_local_time_that_is_two_instants_or_none_is_refused() {
        let wall = Wall::new("Europe/Berlin", Lang::En);
        let day = |text: &str| text.parse::<civil::Date>().unwrap();
        assert_eq!(wall.instant(day("2026-03-29"), "02:30"), None, "skipped");
        assert_eq!(wall.instant(day("2026-10-25"), "02:30"), None, "twice");
        assert_eq!(
            wall.whole(day("2026-10-25")).unwrap().duration_ms(),
            25 * 3_600_000
        );
        assert_eq!(wall.instant(day("2026-10-25"), "9 Uhr"), None);
        assert_eq!(
            wall.instant(day("2026-11-20"), "24:00"),
            wall.instant(day("2026-11-21"), "00:00")
        );
    }
}
