//! The mail with a visitor's link. It follows the commit and can undo nothing; the secret in it is stored nowhere, so that it
//! is sent once or not at all.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::deliver_outbox::span;
use super::invite_visitor::Invited;
use crate::app::App;
use crate::store::people::{Locale, Person};
use crate::store::sites::Site;

/// Mails the link, where an address was given; in a thread of its own, since a mailer may wait.
pub fn send_link(app: &App, invited: &Invited, site: &Site, host: &Person) {
    let Some(to) = invited.visit.email.clone() else {
        return;
    };
    let mailer = Arc::clone(&app.mailer);
    let mail = compose(invited, site, host);
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

/// In both languages: nobody knows which one a visitor reads.
fn compose(invited: &Invited, site: &Site, host: &Person) -> anyhow::Result<(String, String)> {
    let (visit, link, place, zone) = (&invited.visit, &invited.link, &site.name, &site.time_zone);
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
