//! Ends a calendar feed: its address shows nothing any more.

use sekisho_domain::ids::FeedId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::give_feed::{lock, permitted, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::feeds::{self, Feed};

/// Ends it. Safe to repeat; only the first time is recorded.
pub async fn revoke_feed(app: &App, actor: &Actor, id: FeedId) -> Result<Feed, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: FeedId,
    change: &mut Change<'_>,
) -> Result<Feed, FlowError> {
    let feed = feeds::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    permitted(&mut change.tx, actor, feed.of).await?;
    lock(&mut change.tx, feed.of).await?;
    let now = app.now();
    if feeds::revoke(&mut change.tx, actor.scope(), id, now).await? == 0 {
        return Ok(feed);
    }
    tell(app, actor, &feed, EventCode::FeedRevoked, change).await?;
    Ok(Feed {
        revoked_at: Some(now),
        ..feed
    })
}
