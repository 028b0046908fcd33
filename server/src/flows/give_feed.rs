//! Hands out the address of a calendar feed: a first one, or one that takes the place of the one before.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{FeedId, OrganisationId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::secret::Secret;
use super::{Actor, FlowError, Who, authority};
use crate::app::App;
use crate::store::feeds::{self, Feed, Of};
use crate::store::{Scope, Tx, locks, people, seats, sites};

/// A feed whose address was just made.
pub struct NewFeed {
    /// As it is stored.
    pub feed: Feed,
    /// The secret part of the address: shown once, to whoever asked.
    pub secret: String,
}

/// Gives a person (only oneself) or a seat a feed with a new address; the address before it ends at once.
pub async fn give_feed(app: &App, actor: &Actor, of: Of) -> Result<NewFeed, FlowError> {
    let secret = Secret::new(app);
    let id = FeedId::new(app.now().0, app.random());
    let hash = secret.hash();
    let feed = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, of, id, hash, change))
    })
    .await?;
    Ok(NewFeed {
        feed,
        secret: secret.text(),
    })
}

async fn attempt(
    app: &App,
    actor: &Actor,
    of: Of,
    id: FeedId,
    hash: Digest,
    change: &mut Change<'_>,
) -> Result<Feed, FlowError> {
    let organisation = permitted(&mut change.tx, actor, of).await?;
    lock(&mut change.tx, of).await?;
    let scope = Scope::Organisation(organisation);
    let before = feeds::live(&mut change.tx, scope, of).await?;
    let now = app.now();
    if let Some(before) = &before {
        feeds::revoke(&mut change.tx, scope, before.id, now).await?;
    }
    let feed = Feed {
        id,
        organisation,
        of,
        created_by: actor.text(),
        created_at: now,
        revoked_at: None,
    };
    feeds::insert(&mut change.tx, scope, &feed, hash).await?;
    let code = match before {
        Some(_) => EventCode::FeedRotated,
        None => EventCode::FeedCreated,
    };
    tell(app, actor, &feed, code, change).await?;
    Ok(feed)
}

/// Whose the feed is, where the actor may have it made or ended. A person's feed shows where that person will be: it is made
/// by nobody else, whatever their role.
pub(super) async fn permitted(
    tx: &mut Tx,
    actor: &Actor,
    of: Of,
) -> Result<OrganisationId, FlowError> {
    match of {
        Of::Person(id) => {
            let person = people::get(tx, actor.scope(), id)
                .await?
                .ok_or(Code::NotFound)?;
            let own = actor.who == Who::Person(id);
            let relation = if own {
                Relation::Own
            } else {
                Relation::SameOrganisation
            };
            authority::require(actor, Action::WriteFeed, &[relation])?;
            Ok(person.organisation)
        }
        Of::Seat(id) => {
            let seat = seats::get(tx, actor.scope(), id)
                .await?
                .ok_or(Code::NotFound)?;
            let site = sites::get(tx, actor.scope(), seat.site)
                .await?
                .ok_or(Code::NotFound)?;
            let relations = authority::to_site(tx, actor, &site).await?;
            authority::require(actor, Action::WriteFeed, &relations)?;
            Ok(site.operator)
        }
    }
}

/// Two that ask at once take turns.
pub(super) async fn lock(tx: &mut Tx, of: Of) -> Result<(), FlowError> {
    match of {
        Of::Person(id) => locks::lock_all(tx, &[id], &[]).await?,
        Of::Seat(id) => locks::lock_all(tx, &[], &[id]).await?,
    }
    Ok(())
}

/// Records what became of a feed.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    feed: &Feed,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let parent = match feed.of {
        Of::Person(_) => feed.organisation.0,
        Of::Seat(id) => id.0,
    };
    let body = RegistryBody {
        id: Some(ByteArray::from(feed.id.0)),
        parent: Some(ByteArray::from(parent)),
    };
    let draft = Draft::new(app, None, code).actor(app, actor).body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
