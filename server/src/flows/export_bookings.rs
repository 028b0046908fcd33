//! Hands out the bookings of a site as a table. Names leave the system, so that it happened is itself recorded.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::bookings::{self, Named};
use crate::store::sites::{self, Site};

/// Longest span of one table, days: more than a quarter.
pub const DAYS_MAX: i64 = 100;

/// Bookings that touch the span, by start: the operator's all, a company's its own.
pub async fn export_bookings(
    app: &App,
    actor: &Actor,
    site: SiteId,
    from: Timestamp,
    until: Timestamp,
) -> Result<(Site, Vec<Named>), FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, site, (from, until), change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: SiteId,
    (from, until): (Timestamp, Timestamp),
    change: &mut Change<'_>,
) -> Result<(Site, Vec<Named>), FlowError> {
    let tx = &mut change.tx;
    let site = sites::get(tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let mut relations = authority::to_site(tx, actor, &site).await?;
    // A company's managers see its own bookings there, and nobody else's: the scope sees to that.
    if let Some(own) = actor.organisation {
        relations.extend(authority::to_organisation(tx, actor, own).await?);
    }
    authority::require(actor, Action::ReadBooking, &relations)?;
    let during = Interval::new(from, until).ok_or(Code::IntervalEmpty)?;
    if during.duration_ms() > DAYS_MAX * 86_400_000 {
        return Err(Refusal::new(Code::InvalidInput)
            .with("why", format!("a table has at most {DAYS_MAX} days"))
            .into());
    }
    let found = bookings::at_site(tx, actor.scope(), site.id, during).await?;
    let draft = Draft::new(app, Some(site.id), EventCode::BookingsExported).actor(app, actor);
    record(tx, app, draft).await?;
    Ok((site, found))
}
