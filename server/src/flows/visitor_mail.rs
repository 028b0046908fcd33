//! The mail with a visitor's link. It follows the commit and can undo nothing; the secret in it is stored nowhere, so that it
//! is sent once or not at all.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::deliver_outbox::span;
use super::secret::Secret;
use crate::app::App;
use crate::store::people::{Locale, Person};
use crate::store::sites::Site;
use crate::store::visits::Visit;

/// Mails the link, where an address was given; in a thread of its own, since a mailer may wait.
pub(super) fn send_link(app: &App, visit: &Visit, link: &str, site: &Site, host: &Person) {
    let Some(to) = visit.email.clone() else {
        return;
    };
    let mailer = Arc::clone(&app.mailer);
    let mail = compose(visit, link, site, host);
    tokio::task::spawn_blocking(move || {
        let sent = mail.and_then(|(subject, text)| mailer.send(&to, &subject, &text));
        if let Err(error) = sent {
            tracing::error!(
                error = format!("{error:#}"),
                "a visitor's mail was not sent"
            );
        }
    });
}

/// Where a visitor sees their pass. At the configured address, never the Host header of whoever asked.
pub(super) fn link(app: &App, secret: &Secret) -> String {
    let (base, token) = (app.config.public_url(), secret.text());
    format!("{base}/visitor-pass?token={token}")
}

/// In both languages: nobody knows which one a visitor reads.
fn compose(
    visit: &Visit,
    link: &str,
    site: &Site,
    host: &Person,
) -> anyhow::Result<(String, String)> {
    let (place, zone) = (&site.name, &site.time_zone);
    let tz = TimeZone::get(zone)?;
    let (ja, en) = (
        span(visit.during, &tz, Locale::Ja)?,
        span(visit.during, &tz, Locale::En)?,
    );
    let (name, host) = (&visit.name, &host.name);
    let subject = format!("来訪のご案内 / Your visit: {place}");
    let text = format!(
        "{name} 様\n\n{host} が次の施設にご招待します。\n\n施設: {place}\n日時: {ja}({zone})\n\n\
         次のページに入館証があります。アカウントは要りません。人に渡さないでください。\n{link}\n\n\
         ----\n\nDear {name},\n\n{host} invites you.\n\nSite: {place}\nTime: {en} ({zone})\n\n\
         Your pass is on this page. It needs no account; give it to nobody else.\n{link}\n"
    );
    Ok((subject, text))
}
