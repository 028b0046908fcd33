//! When a site is open, as forms: hours of the week and holidays, days of their own, and the holidays to come.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{
    Blocks, Calendar, HolidayPolicy, OpeningHours, SpecialDay, holidays_from,
};
use sekisho_domain::ids::SiteId;
use serde::Deserialize;

use super::hours_texts::{HoursTexts, hours_texts};
use super::when::{self, Wall};
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::set_calendar::{SetCalendar, set_calendar};
use crate::http::api::Reader;
use crate::http::api::calendar::{LISTED, date};
use crate::http::extract::{Form, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::calendars;
use crate::store::sites::Site;

#[derive(Template)]
#[template(path = "hours.html")]
struct Page {
    f: Frame,
    w: &'static HoursTexts,
    site: Site,
    /// Name of the field, weekday, hours.
    week: Vec<(String, String, String)>,
    /// Stable name, word, chosen.
    policies: Vec<(&'static str, &'static str, bool)>,
    holiday_hours: String,
    days: Vec<Day>,
    next: Vec<Day>,
    version: i64,
    saved: bool,
}

struct Day {
    date: String,
    long: String,
    hours: String,
    why: String,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// Hours of the week and holidays.
#[derive(Deserialize)]
pub struct Week {
    #[serde(default)]
    day0: String,
    #[serde(default)]
    day1: String,
    #[serde(default)]
    day2: String,
    #[serde(default)]
    day3: String,
    #[serde(default)]
    day4: String,
    #[serde(default)]
    day5: String,
    #[serde(default)]
    day6: String,
    holidays: HolidayPolicy,
    #[serde(default)]
    holiday_hours: String,
    version: i64,
}

/// A day of its own.
#[derive(Deserialize)]
pub struct AddDay {
    date: String,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    reason_ja: String,
    #[serde(default)]
    reason_en: String,
    version: i64,
}

/// A day that is to be like others again.
#[derive(Deserialize)]
pub struct RemoveDay {
    date: String,
    version: i64,
}

/// `GET /sites/{site}/settings/hours`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(id, Action::WriteSite).await?;
    let scope = reader.scope();
    let version = calendars::holidays(&mut reader.tx, scope, id)
        .await?
        .version;
    let calendar = calendars::whole(&mut reader.tx, scope, id).await?;
    let (w, lang) = (hours_texts(f.lang), f.lang);
    let today = Wall::new(&site.time_zone, lang).day(app.now());
    let coming = calendar.special.iter().filter(|day| day.date >= today);
    let next = holidays_from(today, LISTED).into_iter();
    page(&Page {
        week: week(&calendar, lang),
        policies: HolidayPolicy::ALL
            .map(|it| (it.name(), w.policy(it), it == calendar.holidays))
            .into(),
        holiday_hours: calendar.holiday_hours.to_string(),
        days: coming
            .map(|day| {
                let why = [day.ja.as_str(), day.en.as_str()];
                let why: Vec<_> = why.into_iter().filter(|text| !text.is_empty()).collect();
                line(w, lang, day.date, &day.blocks, why.join(" / "))
            })
            .collect(),
        next: next
            .map(|it| {
                let opening = calendar.opening(it.date);
                let name = match lang {
                    Lang::Ja => it.ja,
                    Lang::En => it.en,
                };
                line(w, lang, it.date, &opening.blocks, name.to_owned())
            })
            .collect(),
        version,
        saved: asked.done.is_some(),
        w,
        f,
        site,
    })
}

fn line(w: &HoursTexts, lang: Lang, date: jiff::civil::Date, blocks: &Blocks, why: String) -> Day {
    Day {
        date: date.to_string(),
        long: when::long(date, lang),
        hours: if blocks.0.is_empty() {
            w.closed.to_owned()
        } else {
            blocks.to_string()
        },
        why,
    }
}

fn week(calendar: &Calendar, lang: Lang) -> Vec<(String, String, String)> {
    (0..7)
        .map(|weekday| {
            let hours = calendars::of_weekday(&calendar.weekly, weekday);
            (
                format!("day{weekday}"),
                when::weekday(usize::from(weekday), lang).to_owned(),
                hours.to_string(),
            )
        })
        .collect()
}

/// `POST /sites/{site}/settings/hours`
pub async fn save(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<Week>,
) -> Result<Response> {
    let w = hours_texts(f.lang);
    let days = [
        &want.day0, &want.day1, &want.day2, &want.day3, &want.day4, &want.day5, &want.day6,
    ];
    let mut weekly = Vec::new();
    for (weekday, text) in (0u8..).zip(days) {
        weekly.extend(blocks(w, text)?.0.into_iter().map(|block| OpeningHours {
            weekday,
            opens_min: block.opens_min,
            closes_min: block.closes_min,
        }));
    }
    let holiday_hours = blocks(w, &want.holiday_hours)?;
    let set = |calendar: &mut Calendar| {
        calendar.weekly = weekly;
        calendar.holidays = want.holidays;
        calendar.holiday_hours = holiday_hours;
    };
    change(&app, caller, id, want.version, set).await
}

/// `POST /sites/{site}/settings/hours/days`
pub async fn add_day(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<AddDay>,
) -> Result<Response> {
    let w = hours_texts(f.lang);
    let day = SpecialDay {
        date: date(&want.date).ok_or_else(|| Error::invalid(w.bad_day))?,
        blocks: blocks(w, &want.hours)?,
        ja: want.reason_ja,
        en: want.reason_en,
    };
    let set = |calendar: &mut Calendar| {
        calendar.special.retain(|it| it.date != day.date);
        calendar.special.push(day);
    };
    change(&app, caller, id, want.version, set).await
}

/// `POST /sites/{site}/settings/hours/days/remove`
pub async fn remove_day(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<RemoveDay>,
) -> Result<Response> {
    let set = |calendar: &mut Calendar| {
        calendar
            .special
            .retain(|it| it.date.to_string() != want.date);
    };
    change(&app, caller, id, want.version, set).await
}

/// The calendar as it is, with one part of it changed.
async fn change(
    app: &App,
    caller: Caller,
    id: SiteId,
    seen: i64,
    set: impl FnOnce(&mut Calendar),
) -> Result<Response> {
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    reader.site(id, Action::WriteSite).await?;
    let scope = reader.scope();
    let mut calendar = calendars::whole(&mut reader.tx, scope, id).await?;
    let actor = reader.caller.actor.clone();
    drop(reader);
    set(&mut calendar);
    let want = SetCalendar {
        site: id,
        calendar,
        seen: Some(seen),
    };
    set_calendar(app, &actor, want).await?;
    Ok(see_other(&format!("/sites/{id}/settings/hours?done=1")))
}

fn blocks(w: &HoursTexts, text: &str) -> Result<Blocks> {
    text.parse().map_err(|_| Error::invalid(w.bad_hours))
}
