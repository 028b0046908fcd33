//! A rule of repetition in words.

use sekisho_domain::booking::series::{ByDay, Ends, Every, Rule};

use super::series_texts::weekdays;
use super::when::{self, Wall};
use crate::http::lang::Lang;

/// `毎週、水、2027年3月31日(水)まで` or `every week, on Wed, until Wednesday 31 March 2027`. A rule that is not one stays as it is.
pub(super) fn rule_words(rule: &str, wall: &Wall, lang: Lang) -> String {
    let Ok(rule) = rule.parse::<Rule>() else {
        return rule.to_owned();
    };
    let mut parts = vec![step(rule.every, rule.interval, lang)];
    if !rule.weekdays.is_empty() {
        let days: Vec<String> = rule.weekdays.iter().map(|it| weekday(*it, lang)).collect();
        parts.push(listed(&days, lang));
    }
    if !rule.month_days.is_empty() {
        let days: Vec<String> = rule
            .month_days
            .iter()
            .map(|it| month_day(*it, lang))
            .collect();
        parts.push(listed(&days, lang));
    }
    let until = |day: String| match lang {
        Lang::Ja => format!("{day}まで"),
        Lang::En => format!("until {day}"),
    };
    parts.push(match (rule.ends, lang) {
        (Ends::Count(n), Lang::Ja) => format!("{n}回"),
        (Ends::Count(n), Lang::En) => format!("{n} times"),
        (Ends::Day(day), _) => until(when::long(day, lang)),
        (Ends::Instant(at), _) => until(wall.date(at)),
    });
    parts.join(match lang {
        Lang::Ja => "、",
        Lang::En => ", ",
    })
}

fn step(every: Every, n: u16, lang: Lang) -> String {
    match (every, n, lang) {
        (Every::Day, 1, Lang::Ja) => "毎日".to_owned(),
        (Every::Week, 1, Lang::Ja) => "毎週".to_owned(),
        (Every::Month, 1, Lang::Ja) => "毎月".to_owned(),
        (Every::Day, n, Lang::Ja) => format!("{n}日ごと"),
        (Every::Week, n, Lang::Ja) => format!("{n}週間ごと"),
        (Every::Month, n, Lang::Ja) => format!("{n}か月ごと"),
        (Every::Day, 1, Lang::En) => "every day".to_owned(),
        (Every::Week, 1, Lang::En) => "every week".to_owned(),
        (Every::Month, 1, Lang::En) => "every month".to_owned(),
        (Every::Day, n, Lang::En) => format!("every {n} days"),
        (Every::Week, n, Lang::En) => format!("every {n} weeks"),
        (Every::Month, n, Lang::En) => format!("every {n} months"),
    }
}

fn listed(days: &[String], lang: Lang) -> String {
    match lang {
        Lang::Ja => days.join("・"),
        Lang::En => format!("on {}", days.join(" and ")),
    }
}

fn weekday(it: ByDay, lang: Lang) -> String {
    let name = weekdays(lang)
        .get(usize::from(it.weekday))
        .copied()
        .unwrap_or_default();
    let back = it.nth.unsigned_abs();
    match (it.nth, lang) {
        (0, _) => name.to_owned(),
        (-1, Lang::Ja) => format!("最終{name}"),
        (..0, Lang::Ja) => format!("最後から{back}番目の{name}"),
        (_, Lang::Ja) => format!("第{back}{name}"),
        (-1, Lang::En) => format!("the last {name}"),
        (..0, Lang::En) => format!("{name} number {back} from the end"),
        (_, Lang::En) => format!("{name} number {back}"),
    }
}

fn month_day(day: i8, lang: Lang) -> String {
    let back = day.unsigned_abs();
    match (day, lang) {
        (-1, Lang::Ja) => "末日".to_owned(),
        (..0, Lang::Ja) => format!("月末から{back}日目"),
        (_, Lang::Ja) => format!("{back}日"),
        (-1, Lang::En) => "the last day".to_owned(),
        (..0, Lang::En) => format!("day {back} from the end"),
        (_, Lang::En) => format!("day {back}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_people_say_it() {
        for (rule, ja, en) in [
            ("FREQ=WEEKLY;COUNT=9", "毎週、9回", "every week, 9 times"),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20270331",
                "2週間ごと、月・水、2027年3月31日(水)まで",
                "every 2 weeks, on Mon and Wed, until Wednesday 31 March 2027",
            ),
            (
                "FREQ=MONTHLY;BYDAY=2TU,-1FR;COUNT=3",
                "毎月、最終金・第2火、3回",
                "every month, on the last Fri and Tue number 2, 3 times",
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=-1,15;UNTIL=20270330T150000Z",
                "毎月、末日・15日、2027年3月31日(水)まで",
                "every month, on the last day and day 15, until Wednesday 31 March 2027",
            ),
            ("x", "x", "x"),
        ] {
            for (lang, words) in [(Lang::Ja, ja), (Lang::En, en)] {
                let wall = Wall::new("Asia/Tokyo", lang);
                assert_eq!(rule_words(rule, &wall, lang), words);
            }
        }
    }
}
