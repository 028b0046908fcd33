//! The mail to one of those who may approve a booking, with a link of their own.
//!
//! The secret is made when the mail is: stored hashed, good for one answer, no longer than the booking is kept. A mail that comes
//! twice has two links, of which the first answer ends the question.

use anyhow::Context;
use jiff::tz::TimeZone;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{ApprovalId, PersonId};
use sekisho_domain::time::{Interval, Timestamp};

use super::deliver_outbox::{Mail, span};
use super::secret::Secret;
use crate::app::App;
use crate::store::approvals::{self, Approval};
use crate::store::bookings::Booking;
use crate::store::outbox::Waiting;
use crate::store::people::{Locale, Person};
use crate::store::seats::Seat;
use crate::store::sites::Site;
use crate::store::{Scope, bookings, organisations, people, seats, sites};

/// How long a link is remembered after it ended, ms.
const FORGET_MS: i64 = 24 * 3_600_000;

#[derive(serde::Deserialize)]
struct About {
    approval: ApprovalId,
    person: PersonId,
}

struct Asked {
    it: Approval,
    booking: Booking,
    to: Person,
    of: Person,
    company: String,
    site: Site,
    seat: Seat,
}

/// The mail; `None` where there is nothing left to ask.
pub(super) async fn compose(app: &App, row: &Waiting) -> anyhow::Result<Option<Mail>> {
    let about: About = serde_json::from_str(&row.payload).context("unreadable payload")?;
    let Some(asked) = asked(app, &about).await? else {
        return Ok(None);
    };
    let secret = Secret::new(app);
    let mut tx = app.db.write().await?;
    approvals::delete_links(&mut tx, app.now().plus_ms(-FORGET_MS)).await?;
    let (approval, until) = (asked.it.id, asked.it.until);
    approvals::insert_link(&mut tx, secret.hash(), approval, asked.to.id, until).await?;
    tx.commit().await?;
    let base = app.config.public_url();
    let link = format!("{base}/approvals/link?token={}", secret.text());
    write(&asked, &link).map(Some)
}

async fn asked(app: &App, about: &About) -> anyhow::Result<Option<Asked>> {
    let mut tx = app.db.read().await?;
    let all = Scope::System;
    let it = approvals::get(&mut tx, all, about.approval)
        .await?
        .context("no such approval")?;
    let booking = bookings::get(&mut tx, all, it.booking)
        .await?
        .context("no such booking")?;
    let to = people::get(&mut tx, all, about.person)
        .await?
        .context("no such person")?;
    let waits = it.answer.is_none()
        && booking.state == AllocationState::Held
        && app.now() < it.until
        && to.active;
    if !waits {
        return Ok(None);
    }
    let of = people::get(&mut tx, all, booking.person)
        .await?
        .context("no such person")?;
    let company = organisations::get(&mut tx, all, booking.company)
        .await?
        .context("no such company")?;
    let site = sites::get(&mut tx, all, booking.site)
        .await?
        .context("no such site")?;
    let seat = seats::get(&mut tx, all, booking.seat)
        .await?
        .context("no such seat")?;
    Ok(Some(Asked {
        it,
        booking,
        to,
        of,
        company: company.name,
        site,
        seat,
    }))
}

fn write(asked: &Asked, link: &str) -> anyhow::Result<Mail> {
    let (zone, locale) = (&asked.site.time_zone, asked.to.locale);
    let tz = TimeZone::get(zone)?;
    let time = span(asked.booking.during, &tz, locale)?;
    let until = moment(asked.it.until, &tz, locale)?;
    let (name, of, company) = (&asked.to.name, &asked.of.name, &asked.company);
    let (place, seat) = (&asked.site.name, &asked.seat.name);
    let (subject, text) = match locale {
        Locale::Ja => (
            format!("予約の承認のお願い: {place} {time}"),
            format!(
                "{name} 様\n\n次の予約には承認が必要です。{until}({zone})までに回答がないときは、席は解放されます。\n\n\
                 利用者: {of}({company})\n施設: {place}\n席: {seat}\n日時: {time}({zone})\n\n\
                 次のページで承認または却下ができます。サインインは要りません。あなただけが使えるリンクですので、転送しないでください。\n{link}\n"
            ),
        ),
        Locale::En => (
            format!("Please approve a booking: {place} {time}"),
            format!(
                "Dear {name},\n\nthis booking needs an approval. Without an answer by {until} ({zone}) the seat is given up.\n\n\
                 For: {of} ({company})\nSite: {place}\nSeat: {seat}\nTime: {time} ({zone})\n\n\
                 Approve or decline it on this page. You need not sign in; the link is yours alone, so do not pass it on.\n{link}\n"
            ),
        ),
    };
    Ok(Mail {
        to: asked.to.email.clone(),
        subject,
        text,
    })
}

/// `2026年11月20日(金) 10:00`
fn moment(at: Timestamp, zone: &TimeZone, locale: Locale) -> anyhow::Result<String> {
    let text = span(Interval { start: at, end: at }, zone, locale)?;
    Ok(text.split('–').next().unwrap_or_default().to_owned())
}
