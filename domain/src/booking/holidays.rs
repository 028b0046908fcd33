//! The public holidays of Japan: computed, not listed.
//!
//! Source: 国民の祝日に関する法律 (Act 178 of 1948) with its amendments of 1966, 1973 (substitute holidays), 1985 (days between two
//! holidays), 1989, 1995, 1998, 2001, 2005, 2014, 2017 and 2018, the single acts about the imperial household, and the act about the
//! Olympic years. Equinoxes follow the approximation for 1900–2099; the calendar that the government announces each February rules,
//! and has agreed with it so far.

use jiff::civil::{Date, Weekday, date};

/// The last year whose equinoxes are known.
pub const LAST_YEAR: i16 = 2099;

/// A public holiday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holiday {
    /// When.
    pub date: Date,
    /// Its name in Japanese.
    pub ja: &'static str,
    /// Its name in English.
    pub en: &'static str,
}

type Name = (&'static str, &'static str);

const SUBSTITUTE: Name = ("振替休日", "Substitute Holiday");
const BETWEEN: Name = ("国民の休日", "Citizens' Holiday");
const EMPEROR: Name = ("天皇誕生日", "Emperor's Birthday");
const GREENERY: Name = ("みどりの日", "Greenery Day");
const MARINE: Name = ("海の日", "Marine Day");
const MOUNTAIN: Name = ("山の日", "Mountain Day");
const SPORTS: Name = ("スポーツの日", "Sports Day");
const HEALTH: Name = ("体育の日", "Health and Sports Day");
const AGED: Name = ("敬老の日", "Respect for the Aged Day");
const ADULTS: Name = ("成人の日", "Coming of Age Day");
const ENTHRONEMENT: Name = ("即位礼正殿の儀", "Enthronement Ceremony");

/// First day of the law.
const LAW: Date = date(1948, 7, 20);
/// First day on which a holiday on a Sunday has a substitute.
const SUBSTITUTES: Date = date(1973, 4, 12);
/// First day of the amendment about days between two holidays.
const BETWEENS: Date = date(1985, 12, 27);

/// Which holiday a day is, from 20 July 1948 to the end of [`LAST_YEAR`]; days outside are none.
pub fn holiday(day: Date) -> Option<Holiday> {
    if day < LAW || day.year() > LAST_YEAR {
        return None;
    }
    let (ja, en) = national(day).or_else(|| derived(day))?;
    Some(Holiday { date: day, ja, en })
}

/// The holidays from a day on, at most so many.
pub fn holidays_from(day: Date, most: usize) -> Vec<Holiday> {
    let days = day.series(jiff::ToSpan::day(1));
    days.take_while(|day| day.year() <= LAST_YEAR)
        .filter_map(holiday)
        .take(most)
        .collect()
}

/// A holiday of Article 2, or of an act of its own.
fn national(day: Date) -> Option<Name> {
    if day < LAW {
        return None;
    }
    of_an_act(day)
        .or_else(|| of_the_olympics(day))
        .or_else(|| of_the_law(day))
}

/// Acts about single days.
fn of_an_act(day: Date) -> Option<Name> {
    Some(match (day.year(), day.month(), day.day()) {
        (1959, 4, 10) => (
            "皇太子明仁親王の結婚の儀",
            "Wedding of Crown Prince Akihito",
        ),
        (1989, 2, 24) => ("昭和天皇の大喪の礼", "Funeral of Emperor Showa"),
        (1990, 11, 12) | (2019, 10, 22) => ENTHRONEMENT,
        (1993, 6, 9) => (
            "皇太子徳仁親王の結婚の儀",
            "Wedding of Crown Prince Naruhito",
        ),
        (2019, 5, 1) => ("天皇の即位の日", "Day of the Emperor's Accession"),
        _ => return None,
    })
}

/// Three days were moved for the Olympic Games, in the year for which they were planned and in the one in which they were held.
fn of_the_olympics(day: Date) -> Option<Name> {
    Some(match (day.year(), day.month(), day.day()) {
        (2020, 7, 23) | (2021, 7, 22) => MARINE,
        (2020, 7, 24) | (2021, 7, 23) => SPORTS,
        (2020, 8, 10) | (2021, 8, 8) => MOUNTAIN,
        _ => return None,
    })
}

/// Article 2 as it stood in that year.
fn of_the_law(day: Date) -> Option<Name> {
    let year = day.year();
    let olympics = matches!(year, 2020 | 2021);
    let nth_monday = |nth: i8| {
        day.weekday() == Weekday::Monday && (nth - 1) * 7 < day.day() && day.day() <= nth * 7
    };
    let name = match (day.month(), day.day()) {
        (1, 1) => ("元日", "New Year's Day"),
        (1, 15) if year < 2000 => ADULTS,
        (1, _) if year >= 2000 && nth_monday(2) => ADULTS,
        (2, 11) if year >= 1967 => ("建国記念の日", "National Foundation Day"),
        (2, 23) if year >= 2020 => EMPEROR,
        (3, d) if d == spring(year) => ("春分の日", "Vernal Equinox Day"),
        (4, 29) if year < 1989 => EMPEROR,
        (4, 29) if year < 2007 => GREENERY,
        (4, 29) => ("昭和の日", "Showa Day"),
        (5, 3) => ("憲法記念日", "Constitution Memorial Day"),
        (5, 4) if year >= 2007 => GREENERY,
        (5, 5) => ("こどもの日", "Children's Day"),
        (7, 20) if (1996..2003).contains(&year) => MARINE,
        (7, _) if year >= 2003 && !olympics && nth_monday(3) => MARINE,
        (8, 11) if year >= 2016 && !olympics => MOUNTAIN,
        (9, 15) if (1966..2003).contains(&year) => AGED,
        (9, _) if year >= 2003 && nth_monday(3) => AGED,
        (9, d) if d == autumn(year) => ("秋分の日", "Autumnal Equinox Day"),
        (10, 10) if (1966..2000).contains(&year) => HEALTH,
        (10, _) if (2000..2020).contains(&year) && nth_monday(2) => HEALTH,
        (10, _) if year >= 2020 && !olympics && nth_monday(2) => SPORTS,
        (11, 3) => ("文化の日", "Culture Day"),
        (11, 23) => ("勤労感謝の日", "Labour Thanksgiving Day"),
        (12, 23) if (1989..2019).contains(&year) => EMPEROR,
        _ => return None,
    };
    Some(name)
}

/// Article 3, paragraphs 2 and 3: what follows from the holidays around.
fn derived(day: Date) -> Option<Name> {
    let (before, after) = (day.yesterday().ok()?, day.tomorrow().ok()?);
    if is_substitute(day) {
        return Some(SUBSTITUTE);
    }
    let between = day >= BETWEENS
        && day.weekday() != Weekday::Sunday
        && national(before).is_some()
        && national(after).is_some();
    between.then_some(BETWEEN)
}

/// Whether a day that is no holiday itself stands for one on a Sunday: the Monday after it, and since 2007 the first day after it
/// that is none.
fn is_substitute(day: Date) -> bool {
    if day.year() < 2007 {
        let sunday = day.yesterday().ok();
        return day.weekday() == Weekday::Monday
            && sunday.is_some_and(|it| it >= SUBSTITUTES && national(it).is_some());
    }
    let mut at = day;
    while let Ok(before) = at.yesterday() {
        if national(before).is_none() {
            return false;
        }
        if before.weekday() == Weekday::Sunday {
            return true;
        }
        at = before;
    }
    false
}

/// The day of March on which spring begins in Japan.
fn spring(year: i16) -> i8 {
    equinox(year, 20_835_700, 20_843_100)
}

/// The day of September on which autumn begins in Japan.
fn autumn(year: i16) -> i8 {
    equinox(year, 23_258_800, 23_248_800)
}

/// In millionths of a day: where the equinox lay in 1980, a tropical year's rest of 0.242194 days a year, less the leap days.
fn equinox(year: i16, until_1979: i64, from_1980: i64) -> i8 {
    let year = i64::from(year);
    let (base, leaps) = if year < 1980 {
        (until_1979, (year - 1983) / 4)
    } else {
        (from_1980, (year - 1980) / 4)
    };
    let day = (base + 242_194 * (year - 1980)) / 1_000_000 - leaps;
    i8::try_from(day).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ja(day: Date) -> Option<&'static str> {
        holiday(day).map(|it| it.ja)
    }

    #[test]
    fn a_holiday_on_a_sunday_has_a_substitute_since_1973() {
        assert_eq!(ja(date(1973, 2, 12)), None, "before the amendment");
        assert_eq!(ja(date(1973, 4, 30)), Some("振替休日"));
        // Since 2007 it is the first day that is none: 2008-05-04 was a Sunday.
        assert_eq!(ja(date(2008, 5, 6)), Some("振替休日"));
        assert_eq!(ja(date(2003, 5, 6)), None, "in 2003 it was not");
    }

    #[test]
    fn a_day_between_two_holidays_is_one() {
        assert_eq!(ja(date(1985, 5, 4)), None, "before the amendment");
        assert_eq!(ja(date(1988, 5, 4)), Some("国民の休日"));
        assert_eq!(ja(date(2026, 9, 22)), Some("国民の休日"));
        for day in [date(2019, 4, 30), date(2019, 5, 2)] {
            assert_eq!(ja(day), Some("国民の休日"), "{day}");
        }
    }

    #[test]
    fn the_years_around_the_enthronement_and_the_games_are_their_own() {
        assert_eq!(ja(date(2019, 5, 1)), Some("天皇の即位の日"));
        assert_eq!(ja(date(2019, 5, 6)), Some("振替休日"));
        assert_eq!(ja(date(2019, 12, 23)), None, "no birthday that year");
        assert_eq!(ja(date(2020, 7, 20)), None, "moved to the 23rd");
        assert_eq!(ja(date(2020, 7, 23)), Some("海の日"));
        assert_eq!(ja(date(2021, 8, 9)), Some("振替休日"));
        assert_eq!(ja(date(2021, 10, 11)), None, "moved to July");
        assert_eq!(
            holiday(date(2022, 10, 10)).map(|it| it.en),
            Some("Sports Day")
        );
    }

    #[test]
    fn the_next_ones_come_in_order_and_end_where_nothing_is_known() {
        let next: Vec<_> = holidays_from(date(2026, 12, 1), 3)
            .iter()
            .map(|it| it.date)
            .collect();
        assert_eq!(
            next,
            [date(2027, 1, 1), date(2027, 1, 11), date(2027, 2, 11)]
        );
        assert_eq!(holidays_from(date(2099, 11, 24), 9), []);
        assert_eq!(holiday(date(2100, 1, 1)), None);
        assert_eq!(holiday(date(1948, 1, 1)), None, "before the law");
    }
}
