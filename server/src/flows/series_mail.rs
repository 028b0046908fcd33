//! Mails about series: one for what was done at once, never one for each day.

use anyhow::Context;
use jiff::tz::TimeZone;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::SeriesId;

use super::deliver_outbox::{Mail, span};
use crate::app::App;
use crate::store::outbox::Waiting;
use crate::store::people::Locale;
use crate::store::series::{self as store, Occurrence};
use crate::store::{Scope, people, seats, sites};

/// Most days that a mail lists.
const LISTED_MAX: usize = 10;

#[derive(serde::Deserialize)]
struct About {
    series: SeriesId,
}

/// The mail about one kind of change of a series.
pub(super) async fn compose(app: &App, row: &Waiting) -> anyhow::Result<Mail> {
    let About { series } = serde_json::from_str(&row.payload).context("unreadable payload")?;
    let mut tx = app.db.read().await?;
    let series = store::get(&mut tx, Scope::System, series)
        .await?
        .context("no such series")?;
    let person = people::get(&mut tx, Scope::System, series.person).await?;
    let site = sites::get(&mut tx, Scope::System, series.site).await?;
    let seat = seats::get(&mut tx, Scope::System, series.seat).await?;
    let person = person.context("no such person")?;
    let (site, seat) = site.zip(seat).context("no such site or seat")?;
    let occurrences = store::occurrences(&mut tx, Scope::System, series.id).await?;
    let zone = TimeZone::get(&series.time_zone)?;
    let mut lines = Vec::new();
    for it in occurrences
        .iter()
        .filter(|it| it.during.is_some_and(|it| app.now() < it.end))
    {
        if let Some(during) = it.during {
            let when = span(during, &zone, person.locale)?;
            lines.push(format!("- {when}: {}", state(it, person.locale)));
        }
    }
    let more = lines.len().saturating_sub(LISTED_MAX);
    lines.truncate(LISTED_MAX);
    if more > 0 {
        lines.push(match person.locale {
            Locale::Ja => format!("- ほか{more}件"),
            Locale::En => format!("- and {more} more"),
        });
    }
    let (name, days) = (person.name, lines.join("\n"));
    let link = format!("{}/series/{}", app.config.public_url(), series.id);
    let (subject, first) = words(&row.kind, person.locale).context("no words for this")?;
    let (place, seat, zone) = (site.name, seat.name, series.time_zone);
    let text = match person.locale {
        Locale::Ja => format!(
            "{name} 様\n\n{first}\n\n施設: {place}\n席: {seat}\n日時({zone}):\n{days}\n\nそれぞれの日の状況は、次のページで確認できます。\n{link}\n"
        ),
        Locale::En => format!(
            "Dear {name},\n\n{first}\n\nSite: {place}\nSeat: {seat}\nTimes ({zone}):\n{days}\n\nSee each day on this page:\n{link}\n"
        ),
    };
    Ok(Mail {
        to: person.email,
        subject: format!("{subject}: {place}"),
        text,
    })
}

fn state(it: &Occurrence, locale: Locale) -> &'static str {
    let ended = it.state.is_some_and(|state| !state.is_live());
    let (ja, en) = match it.verdict {
        Verdict::Booked if it.state == Some(AllocationState::Released) => {
            ("席を返却済み", "given back")
        }
        Verdict::Booked if ended => ("取り消し済み", "cancelled"),
        Verdict::Booked => ("予約済み", "booked"),
        Verdict::Due => (
            "予約できる日になると予約します",
            "booked when its time has come",
        ),
        Verdict::Refused => ("予約できません", "could not be booked"),
        Verdict::Excepted => ("除外", "left out"),
        Verdict::Skipped => ("時計の切り替えのためなし", "skipped by the clocks"),
        Verdict::Cancelled => ("取り消し済み", "cancelled"),
    };
    match locale {
        Locale::Ja => ja,
        Locale::En => en,
    }
}

/// Subject and first line.
#[expect(clippy::too_many_lines, reason = "a table of words")]
pub(super) fn words(kind: &str, locale: Locale) -> Option<(&'static str, &'static str)> {
    let (ja, en) = match kind {
        "series.made" => (
            (
                "繰り返し予約を登録しました",
                "次の繰り返し予約を登録しました。",
            ),
            (
                "Your repeating booking",
                "This repeating booking is made for you.",
            ),
        ),
        "series.changed" => (
            (
                "繰り返し予約を変更しました",
                "次の繰り返し予約は、途中から別の内容に変わりました。",
            ),
            (
                "Your repeating booking has changed",
                "This repeating booking goes on as another one from a day on.",
            ),
        ),
        "series.cancelled" => (
            (
                "繰り返し予約を取り消しました",
                "次の繰り返し予約を取り消しました。",
            ),
            (
                "Your repeating booking is cancelled",
                "This repeating booking is cancelled.",
            ),
        ),
        "series.restored" => (
            (
                "繰り返し予約を元に戻しました",
                "取り消した次の繰り返し予約を元に戻しました。",
            ),
            (
                "Your repeating booking is back",
                "This repeating booking was cancelled and is yours again.",
            ),
        ),
        "series.excepted" => (
            (
                "繰り返し予約から1日を除きました",
                "次の繰り返し予約から1日を除きました。",
            ),
            (
                "A day is left out of your repeating booking",
                "A day is left out of this repeating booking.",
            ),
        ),
        "series.unbooked" => (
            (
                "繰り返し予約に予約できない日があります",
                "次の繰り返し予約に、予約できなかった日があります。別の席や時間をお選びください。",
            ),
            (
                "A day of your repeating booking could not be booked",
                "A day of this repeating booking could not be booked. Please choose another seat or time for it.",
            ),
        ),
        "series.moved" => (
            (
                "時計の規則の変更に予約を合わせました",
                "施設のある地域の時刻の規則が変わったため、次の繰り返し予約を現地の時計に合わせました。",
            ),
            (
                "Your repeating booking follows the clocks",
                "The rules for local time at the site have changed. This repeating booking keeps its time by the clock on the wall.",
            ),
        ),
        _ => return None,
    };
    Some(match locale {
        Locale::Ja => ja,
        Locale::En => en,
    })
}
