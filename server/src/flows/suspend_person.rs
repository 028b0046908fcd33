//! Suspends a person everywhere.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{PersonId, SiteId, SubjectId};
use sekisho_domain::pass::LIFE_MAX_S;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::{RevocationLine, Revoked};

use super::change::{Change, change};
use super::end_pass::end_pass;
use super::record::{Draft, record};
use super::visits::end_visits_of;
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::passes::{self, Pass};
use crate::store::people::{self, Person};
use crate::store::{Scope, locks, revocations, subjects};

/// Suspends a person: sessions and passes end, and every site that knows the person hears of it. Bookings stay, but open no
/// door. Again for somebody who is suspended: nothing happens. Refused with `not_found` or `not_allowed`.
pub async fn suspend_person(app: &App, actor: &Actor, id: PersonId) -> Result<Person, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: PersonId,
    change: &mut Change<'_>,
) -> Result<Person, FlowError> {
    let found = people::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_person(&mut change.tx, actor, &found).await?;
    authority::require(actor, Action::SuspendPerson, &relations)?;

    locks::lock_all(&mut change.tx, &[id], &[]).await?;
    let mut person = people::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    if !person.active {
        return Ok(person);
    }
    let scope = Scope::Organisation(person.organisation);
    people::suspend(&mut change.tx, scope, id).await?;
    person.active = false;
    people::end_sessions(&mut change.tx, scope, id, app.now()).await?;
    let body = RegistryBody {
        id: None,
        parent: Some(ByteArray::from(person.organisation.0)),
    };
    let draft = Draft::new(app, None, EventCode::PersonSuspended)
        .person(app, id)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;

    // Of every operator: the passes are the person's, wherever they were booked.
    let active = passes::active_of_person(&mut change.tx, Scope::System, id, app.now()).await?;
    for (site, subject) in subjects::of_person(&mut change.tx, id).await? {
        let here: Vec<&Pass> = active.iter().filter(|pass| pass.site == site).collect();
        leave_site(app, actor, id, (site, subject), &here, change).await?;
    }
    Ok(person)
}

async fn leave_site(
    app: &App,
    actor: &Actor,
    person: PersonId,
    (site, subject): (SiteId, SubjectId),
    here: &[&Pass],
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    change.facts(site).await?;
    for pass in here {
        end_pass(app, actor, pass, PassState::Revoked, change).await?;
    }
    end_visits_of(app, actor, person, site, change).await?;
    // As long as any pass could live, also one that the gateway has never heard of.
    let longest = app.now().plus_ms(LIFE_MAX_S * 1000);
    let until = here
        .iter()
        .map(|pass| pass.during.end)
        .max()
        .map_or(longest, |end| end.max(longest));
    revocations::put(
        &mut change.tx,
        site,
        RevocationLine {
            what: Revoked::Subject(subject),
            at: app.now(),
            until,
        },
    )
    .await?;
    let draft = Draft::new(app, Some(site), EventCode::PersonSuspended)
        .subject(app, subject, person)
        .actor(app, actor);
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
