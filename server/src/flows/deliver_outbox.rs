//! Tells people by mail what became of their bookings. Nothing here can undo a booking.
//!
//! *At least once*: when the server dies, or the database fails, between sending a mail and marking it done, the mail is
//! sent a second time. A try is counted before it is made, so that such a crash counts too and that of several servers one
//! sends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Zoned;
use jiff::tz::TimeZone;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{BookingId, ClosureId, OutboxId};
use sekisho_domain::time::{Interval, Timestamp};

use super::ask_approval::{AWAITED, REQUESTED};
use super::{FlowError, approval_mail, series_mail, work_closures};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::outbox::{self, Waiting};
use crate::store::people::Locale;
use crate::store::{Scope, Tx, approvals, bookings, closures, people, seats, sites, waiting};

const CANCELLED: &str = "booking.cancelled";
const DECLINED: &str = "approval.declined";
const OFFERED: &str = "waiting.offered";

/// Waiting rows looked at: far above what is ever stuck, so that the stuck ones do not hide those behind them.
const LOOK_MAX: i64 = 10_000;

/// Most mails of one call.
const BATCH: usize = 32;

/// A mailer that has not answered by then does not hold up the mails behind; a mail that goes out later all the same is
/// one that may come twice.
const MAIL_LASTS_MAX: Duration = Duration::from_secs(30);

/// After so many tries a mail is left where it is.
const TRIES_MAX: i64 = 10;

/// Sends the mails that are due, oldest first; how many went out. A row of a kind that is not known here keeps waiting and
/// is logged when it is new in `unknown`.
pub async fn deliver_outbox(
    app: &App,
    unknown: &mut BTreeSet<OutboxId>,
) -> Result<usize, FlowError> {
    let mut rows = outbox::waiting(&mut app.db.read().await?, LOOK_MAX).await?;
    rows.retain(|row| {
        let known = row.kind == REQUESTED
            || words(&row.kind, Locale::En).is_some()
            || series_mail::words(&row.kind, Locale::En).is_some();
        if !known && unknown.insert(row.id) {
            tracing::warn!(outbox.id = %row.id, row.kind, "nothing here knows what to do with this; it waits");
        }
        known && due(row, app.now())
    });
    let mut sent = 0;
    for row in rows.iter().take(BATCH) {
        let mut tx = app.db.write().await?;
        let ours = outbox::claim(&mut tx, row.id, row.attempts).await?;
        tx.commit().await?;
        if !ours {
            continue;
        }
        match deliver(app, row).await {
            Ok(went) => {
                sent += usize::from(went);
                let mut tx = app.db.write().await?;
                outbox::done(&mut tx, row.id, app.now()).await?;
                tx.commit().await?;
            }
            Err(error) => complain(row, &error),
        }
    }
    Ok(sent)
}

/// At once; after `n` tries in vain, 2ⁿ minutes after it was asked for.
fn due(row: &Waiting, now: Timestamp) -> bool {
    let lifts = row
        .created_at
        .plus_ms(60_000 << row.attempts.clamp(0, TRIES_MAX));
    row.attempts == 0 || (row.attempts < TRIES_MAX && lifts <= now)
}

fn complain(row: &Waiting, error: &anyhow::Error) {
    let (tries, error) = (row.attempts + 1, format!("{error:#}"));
    if tries >= TRIES_MAX {
        tracing::warn!(outbox.id = %row.id, tries, error, "a mail is given up");
    } else {
        tracing::info!(outbox.id = %row.id, tries, error, "a mail was not sent; tried again later");
    }
}

/// A mail to one person.
pub(super) struct Mail {
    /// Their address.
    pub(super) to: String,
    /// Subject.
    pub(super) subject: String,
    /// Text.
    pub(super) text: String,
}

#[derive(serde::Deserialize)]
struct About {
    booking: BookingId,
    /// One of many: the mail is about all of them.
    #[serde(default)]
    in_bulk: bool,
    /// What became of it because something is closed.
    closure: Option<ClosureId>,
}

/// Whether a mail went out: there may be nothing left to say.
async fn deliver(app: &App, row: &Waiting) -> anyhow::Result<bool> {
    let mail = match row.kind.as_str() {
        REQUESTED => approval_mail::compose(app, row).await?,
        _ => compose(app, row).await?,
    };
    let Some(mail) = mail else {
        return Ok(false);
    };
    let mailer = Arc::clone(&app.mailer);
    let sending =
        tokio::task::spawn_blocking(move || mailer.send(&mail.to, &mail.subject, &mail.text));
    let sent = tokio::time::timeout(MAIL_LASTS_MAX, sending).await;
    sent.context("the mailer takes too long")?
        .context("the mailer broke")??;
    Ok(true)
}

async fn compose(app: &App, row: &Waiting) -> anyhow::Result<Option<Mail>> {
    if series_mail::words(&row.kind, Locale::En).is_some() {
        return Ok(Some(series_mail::compose(app, row).await?));
    }
    let About {
        booking,
        in_bulk,
        closure,
    } = serde_json::from_str(&row.payload).context("unreadable payload")?;
    if in_bulk {
        return Ok(None);
    }
    let mut tx = app.db.read().await?;
    let booking = bookings::get(&mut tx, Scope::System, booking).await?;
    let booking = booking.context("no such booking")?;
    // A mail that was held up must not say "booked" after the one that says "cancelled", nor the other way round.
    let ends = matches!(row.kind.as_str(), CANCELLED | work_closures::CANCELLED);
    if ends != (booking.state == AllocationState::Cancelled) {
        return Ok(None);
    }
    let offer = match waiting_for(&mut tx, row, &booking).await? {
        // It was answered before it could be said.
        Some(None) => return Ok(None),
        Some(until) => until,
        None => None,
    };
    let closed = match closure {
        Some(id) => closures::get(&mut tx, Scope::System, id).await?,
        None => None,
    };
    let why = match row.kind.as_str() {
        DECLINED => reason(&mut tx, booking.id).await?,
        _ => None,
    };
    let person = people::get(&mut tx, Scope::System, booking.person).await?;
    let site = sites::get(&mut tx, Scope::System, booking.site).await?;
    let seat = seats::get(&mut tx, Scope::System, booking.seat).await?;
    let person = person.context("no such person")?;
    let why = why.or(closed.map(|it| match person.locale {
        Locale::Ja => it.ja,
        Locale::En => it.en,
    }));
    let (site, seat) = site.zip(seat).context("no such site or seat")?;
    let (name, place, seat, zone) = (person.name, site.name, seat.name, site.time_zone);
    let time = span(booking.during, &TimeZone::get(&zone)?, person.locale)?;
    let zone_of = TimeZone::get(&zone)?;
    let until = offer
        .map(|at| instant(at, &zone_of, person.locale))
        .transpose()?;
    let link = format!("{}/bookings/{}", app.config.public_url(), booking.id);
    let (subject, first) = words(&row.kind, person.locale).context("no words for this")?;
    let answer = match (until, person.locale) {
        (None, _) => String::new(),
        (Some(until), Locale::Ja) => format!("回答の期限: {until}\n"),
        (Some(until), Locale::En) => format!("Answer by: {until}\n"),
    };
    let first = match (why, person.locale) {
        (None, _) => first.to_owned(),
        (Some(why), Locale::Ja) => format!("{first}\n理由: {why}"),
        (Some(why), Locale::En) => format!("{first}\nReason: {why}"),
    };
    let text = match person.locale {
        Locale::Ja => format!(
            "{name} 様\n\n{first}\n\n施設: {place}\n席: {seat}\n日時: {time}({zone})\n{answer}\n予約の内容は、次のページで確認できます。\n{link}\n"
        ),
        Locale::En => format!(
            "Dear {name},\n\n{first}\n\nSite: {place}\nSeat: {seat}\nTime: {time} ({zone})\n{answer}\nSee the booking on this page:\n{link}\n"
        ),
    };
    let (to, subject) = (person.email, format!("{subject}: {place} {time}"));
    Ok(Some(Mail { to, subject, text }))
}

/// Of a mail about an offer: until when it stands, or that there is nothing left to say.
async fn waiting_for(
    tx: &mut Tx,
    row: &Waiting,
    booking: &Booking,
) -> anyhow::Result<Option<Option<Timestamp>>> {
    if row.kind != OFFERED {
        return Ok(None);
    }
    let entry = waiting::of_booking(tx, Scope::System, booking.id).await?;
    let stands = entry.filter(|_| booking.state == AllocationState::Held);
    Ok(Some(stands.and_then(|entry| entry.offer_until)))
}

fn instant(at: Timestamp, zone: &TimeZone, locale: Locale) -> anyhow::Result<String> {
    let at = jiff::Timestamp::from_millisecond(at.0)?.to_zoned(zone.clone());
    Ok(format!("{} {}", date(&at, locale), clock(&at)))
}

/// Why a booking was declined.
async fn reason(tx: &mut Tx, booking: BookingId) -> anyhow::Result<Option<String>> {
    let asked = approvals::of_booking(tx, Scope::System, booking).await?;
    let no = asked
        .into_iter()
        .filter_map(|it| it.answer)
        .find(|answer| !answer.approved);
    Ok(no.and_then(|no| no.reason))
}

/// Subject and first line of the mail about one kind of change.
#[expect(clippy::too_many_lines, reason = "a table of words")]
fn words(kind: &str, locale: Locale) -> Option<(&'static str, &'static str)> {
    let (ja, en) = match kind {
        "booking.made" => (
            ("席を予約しました", "次の席を予約しました。"),
            ("Your seat is booked", "This seat is booked for you."),
        ),
        "booking.held" => (
            (
                "席を仮に押さえました",
                "次の席を仮に押さえました。期限までに確定しないと、予約は解放されます。",
            ),
            (
                "Your seat is held",
                "This seat is held for you. The booking ends unless it is confirmed in time.",
            ),
        ),
        AWAITED => (
            (
                "予約の承認を待っています",
                "次の予約は承認を待っています。承認されると確定し、お知らせします。",
            ),
            (
                "Your booking waits for an approval",
                "This booking waits for an approval. It is confirmed once it is approved.",
            ),
        ),
        DECLINED => (
            (
                "予約が承認されませんでした",
                "次の予約は承認されませんでした。",
            ),
            (
                "Your booking was not approved",
                "This booking was not approved.",
            ),
        ),
        "booking.confirmed" => (
            ("予約が確定しました", "次の予約が確定しました。"),
            ("Your booking is confirmed", "This booking is confirmed."),
        ),
        "booking.hold_expired" => (
            (
                "仮予約の期限が過ぎました",
                "期限までに確定しなかったため、次の予約を解放しました。",
            ),
            (
                "Your hold has run out",
                "This was not confirmed in time, so the seat is free again.",
            ),
        ),
        work_closures::KEPT => (
            (
                "ご予約の時間は閉館しています",
                "次の予約の時間は閉館していますが、予約はそのまま残っています。",
            ),
            (
                "The site is closed at the time of your booking",
                "The site is closed at the time of this booking; the booking stays.",
            ),
        ),
        work_closures::MOVED => (
            (
                "閉館のため予約を移しました",
                "閉館のため、予約を次のとおり移しました。",
            ),
            (
                "Your booking has moved",
                "Because of a closure your booking has moved to:",
            ),
        ),
        work_closures::CANCELLED => (
            (
                "閉館のため予約を取り消しました",
                "閉館のため、次の予約を取り消しました。",
            ),
            (
                "Your booking is cancelled",
                "Because of a closure this booking is cancelled.",
            ),
        ),
        CANCELLED => (
            ("予約を取り消しました", "次の予約を取り消しました。"),
            ("Your booking is cancelled", "This booking is cancelled."),
        ),
        "booking.restored" => (
            (
                "予約を元に戻しました",
                "取り消した次の予約を元に戻しました。",
            ),
            (
                "Your booking is back",
                "This booking was cancelled and is yours again.",
            ),
        ),
        "booking.extended" => (
            ("予約を延長しました", "次の予約を延長しました。"),
            ("Your booking is longer now", "This booking was extended."),
        ),
        "booking.changed" => (
            ("予約を変更しました", "予約を次のとおり変更しました。"),
            ("Your booking is changed", "This booking is changed to:"),
        ),
        "booking.change_undone" => (
            (
                "予約の変更を元に戻しました",
                "予約を変更前の次の内容に戻しました。",
            ),
            (
                "Your booking is as before",
                "The change is taken back; the booking is again:",
            ),
        ),
        OFFERED => (
            (
                "お待ちの席が空きました",
                "空き待ちの席が空きました。次のページで、期限までに予約を確定してください。期限を過ぎると、次の方へご案内します。",
            ),
            (
                "A seat is free for you",
                "A seat that you are waiting for is free. Please take it on the page below in time; after that it is passed on to the next in line.",
            ),
        ),
        "waiting.lapsed" => (
            (
                "空き待ちのご案内が終わりました",
                "期限までにお返事がなかったため、次の席は次の方へご案内しました。",
            ),
            (
                "The offer has ended",
                "There was no answer in time, and this seat was passed on to the next in line.",
            ),
        ),
        "booking.released" => (
            ("席を返しました", "次の予約の席を返しました。"),
            (
                "Your seat is given back",
                "The seat of this booking is given back.",
            ),
        ),
        _ => return None,
    };
    Some(match locale {
        Locale::Ja => ja,
        Locale::En => en,
    })
}

/// `2026年11月20日(金) 10:00–12:00`; the second date too where it is another one.
pub(super) fn span(during: Interval, zone: &TimeZone, locale: Locale) -> anyhow::Result<String> {
    let local = |ms| jiff::Timestamp::from_millisecond(ms).map(|at| at.to_zoned(zone.clone()));
    let (start, end) = (local(during.start.0)?, local(during.end.0)?);
    let (day, from, mut until) = (date(&start, locale), clock(&start), clock(&end));
    if start.date() != end.date() {
        until = format!("{} {until}", date(&end, locale));
    }
    Ok(format!("{day} {from}–{until}"))
}

fn date(at: &Zoned, locale: Locale) -> String {
    let day = usize::from(at.weekday().to_monday_zero_offset().unsigned_abs());
    match locale {
        Locale::Ja => {
            let day = ["月", "火", "水", "木", "金", "土", "日"][day];
            format!("{}年{}月{}日({day})", at.year(), at.month(), at.day())
        }
        Locale::En => at.strftime("%A %-d %B %Y").to_string(),
    }
}

fn clock(at: &Zoned) -> String {
    let format = if at.second() == 0 { "%H:%M" } else { "%T" };
    at.strftime(format).to_string()
}
