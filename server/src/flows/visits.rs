//! What the changes of visits have in common, and what the loss of a host means.

use sekisho_domain::authority::{Action, Role};
use sekisho_domain::booking::{Access, AllocationState};
use sekisho_domain::ids::{PersonId, SiteId, VisitId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Interval;
use sekisho_domain::visit::{Escort, HostFacts, require_host};
use sekisho_domain::wire::body::{PassBody, VisitBody};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::{RevocationLine, Revoked};

use super::change::Change;
use super::end_pass::STATIC;
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::sites::Site;
use crate::store::visits::{self, Visit};
use crate::store::{Scope, Tx, bookings, locks, people, revocations, site_access, sites};

/// Most bookings of a host that are looked at.
const BOOKINGS_MAX: i64 = 200;

/// A visit to which the actor may do `action`, its host locked.
pub(super) async fn locked(
    actor: &Actor,
    action: Action,
    id: VisitId,
    change: &mut Change<'_>,
) -> Result<Visit, FlowError> {
    let found = visits::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    authority::require(actor, action, &authority::to_visit(actor, &found))?;
    locks::lock_all(&mut change.tx, &[found.host], &[]).await?;
    Ok(visits::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?)
}

/// Whether a host can be at a site, as far as that touches `during`.
pub(super) async fn host_facts(
    tx: &mut Tx,
    site: &Site,
    host: PersonId,
    during: Interval,
) -> Result<HostFacts, FlowError> {
    let host = people::get(tx, Scope::System, host)
        .await?
        .ok_or(Code::NotFound)?;
    let own = host.organisation == site.operator;
    let access = if own {
        Some(Access::ALWAYS)
    } else {
        let row = site_access::get(tx, Scope::System, site.id, host.organisation).await?;
        row.map(|row| Access {
            from: row.from,
            until: row.until,
        })
    };
    let runs = people::memberships(tx, Scope::System, host.id)
        .await?
        .iter()
        .any(|it| {
            it.organisation == site.operator && matches!(it.role, Role::Owner | Role::Manager)
        });
    let booked =
        bookings::of_person(tx, Scope::System, host.id, during.start, BOOKINGS_MAX).await?;
    let live = |state| {
        matches!(
            state,
            AllocationState::Confirmed | AllocationState::Present | AllocationState::Left
        )
    };
    Ok(HostFacts {
        active: host.active,
        access,
        runs_site: own && runs,
        booked: booked
            .iter()
            .filter(|it| it.booking.site == site.id && live(it.booking.state))
            .map(|it| it.booking.during)
            .collect(),
    })
}

/// What the records of a visit say.
pub(super) fn body(visit: &Visit) -> VisitBody {
    VisitBody {
        during: visit.during,
        zone: visit.zone,
        escorted: visit.escort == Escort::Escorted,
        host: None,
        visitor: None,
    }
}

/// Cancels a visit and ends its pass. A visitor who is inside stays on the read-out. The caller has locked host and site.
pub(super) async fn end_visit(
    app: &App,
    actor: &Actor,
    visit: &Visit,
    state: PassState,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    visits::cancel(&mut change.tx, Scope::System, visit.id).await?;
    let draft = Draft::new(app, Some(visit.site), EventCode::VisitCancelled)
        .visit(app, visit)
        .actor(app, actor)
        .body(&body(visit));
    record(&mut change.tx, app, draft).await?;
    end_active_pass(app, actor, visit, state, change).await
}

/// Ends the pass of a visit, if one is active. The caller has locked host and site.
pub(super) async fn end_active_pass(
    app: &App,
    actor: &Actor,
    visit: &Visit,
    state: PassState,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let pass = visits::pass_of(&mut change.tx, Scope::System, visit.id)
        .await?
        .filter(|pass| pass.state == PassState::Active);
    let Some(pass) = pass else { return Ok(()) };
    visits::end_pass(&mut change.tx, Scope::System, pass.id, state).await?;
    let line = RevocationLine {
        what: Revoked::Pass(pass.id),
        at: app.now(),
        until: visit.during.end,
    };
    revocations::put(&mut change.tx, visit.site, line).await?;
    let draft = Draft::new(app, Some(visit.site), EventCode::PassRevoked)
        .visit(app, visit)
        .pass(app, pass.id)
        .actor(app, actor)
        .body(&PassBody {
            kind: STATIC,
            until: visit.during.end,
        });
    record(&mut change.tx, app, draft).await?;
    Ok(())
}

/// A suspended host receives nobody: all their visits at a site end. The caller has locked host and site.
pub(super) async fn end_visits_of(
    app: &App,
    actor: &Actor,
    host: PersonId,
    site: SiteId,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    for visit in at(host, site, app, change).await? {
        end_visit(app, actor, &visit, PassState::Revoked, change).await?;
    }
    Ok(())
}

/// After a host has lost a booking: the visits at that site for which they can no longer be there end. The caller has locked
/// host and site.
pub(super) async fn end_hostless_visits(
    app: &App,
    actor: &Actor,
    host: PersonId,
    site: SiteId,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let waiting = at(host, site, app, change).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let site = sites::get(&mut change.tx, Scope::System, site)
        .await?
        .ok_or(Code::NotFound)?;
    for visit in waiting {
        // What has passed of it needs no host any more.
        let rest = Interval {
            start: visit.during.start.max(app.now()),
            end: visit.during.end,
        };
        let facts = host_facts(&mut change.tx, &site, host, rest).await?;
        if require_host(&facts, &rest).is_err() {
            end_visit(app, actor, &visit, PassState::Cancelled, change).await?;
        }
    }
    Ok(())
}

async fn at(
    host: PersonId,
    site: SiteId,
    app: &App,
    change: &mut Change<'_>,
) -> Result<Vec<Visit>, FlowError> {
    let mut open = visits::open_of_host(&mut change.tx, Scope::System, host, app.now()).await?;
    open.retain(|visit| visit.site == site);
    Ok(open)
}
