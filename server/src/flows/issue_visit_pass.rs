//! Issues a visitor's printed pass.

use std::sync::Arc;

use sekisho_certs::Purpose;
use sekisho_domain::authority::Action;
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::ids::{PassId, VisitId};
use sekisho_domain::pass::Claims;
use sekisho_domain::reach;
use sekisho_domain::refusal::Code;
use sekisho_domain::visit::{Escort, PASSES_MAX, require_pass_room};
use sekisho_domain::wire::body::PassBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::end_pass::STATIC;
use super::record::{Draft, record};
use super::secret::Secret;
use super::visitor_mail::{link, send_link};
use super::visits::{end_active_pass, locked};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::doors::Door;
use crate::store::people::Person;
use crate::store::sites::Site;
use crate::store::visits::{self, Visit, VisitPass};
use crate::store::{Scope, doors, holds, people, sites};

/// The key of passes.
pub(super) struct Signer(pub(super) Arc<SigningKey>);

/// Another pass of a visit.
#[derive(Clone, Debug)]
pub struct Reissued {
    /// The visit.
    pub visit: Visit,
    /// The pass to print.
    pub pass: VisitPass,
    /// Where the visitor sees it without an account. Said only here.
    pub link: String,
}

/// Issues another pass for a visit, where the first is lost or used up; that one ends, and the link to it, which may be in
/// wrong hands. The new link is mailed where the first one was. Refused with `not_found`, `not_allowed`, `visit_cancelled`,
/// `visit_ended`, `site_held`, `too_many_passes` or `static_not_accepted`.
pub async fn issue_visit_pass(
    app: &App,
    actor: &Actor,
    id: VisitId,
) -> Result<Reissued, FlowError> {
    let key = &Signer(app.key(Purpose::Pass)?);
    let secret = &Secret::new(app);
    let (made, site, host) = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, secret, key, change))
    })
    .await?;
    send_link(app, &made.visit, &made.link, &site, &host);
    Ok(made)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: VisitId,
    secret: &Secret,
    key: &Signer,
    change: &mut Change<'_>,
) -> Result<(Reissued, Site, Person), FlowError> {
    let mut visit = locked(actor, Action::WriteVisit, id, change).await?;
    if visit.cancelled {
        return Err(Code::VisitCancelled.into());
    }
    if visit.during.end <= app.now() {
        return Err(Code::VisitEnded.into());
    }
    if holds::of_site(&mut change.tx, Scope::System, visit.site)
        .await?
        .is_some()
    {
        return Err(Code::SiteHeld.into());
    }
    let made = visits::passes_made(&mut change.tx, Scope::System, visit.id).await?;
    require_pass_room(made, PASSES_MAX, visit.during.end)?;
    let site = sites::get(&mut change.tx, Scope::System, visit.site)
        .await?
        .ok_or(Code::NotFound)?;
    let host = people::get(&mut change.tx, Scope::System, visit.host)
        .await?
        .ok_or(Code::NotFound)?;
    let doors = doors::list(&mut change.tx, Scope::System, visit.site).await?;
    change.facts(visit.site).await?;
    end_active_pass(app, actor, &visit, PassState::Revoked, change).await?;
    let pass = issue(app, actor, &visit, &doors, key, change)
        .await?
        .ok_or(Code::StaticNotAccepted)?;
    visits::set_link(&mut change.tx, Scope::System, visit.id, secret.hash()).await?;
    visit.link_hash = secret.hash();
    visit.version += 1;
    let link = link(app, secret);
    Ok((Reissued { visit, pass, link }, site, host))
}

/// A pass for a visit without an active one; `None` where no door on the way takes a printed one. The caller has locked host
/// and site.
pub(super) async fn issue(
    app: &App,
    actor: &Actor,
    visit: &Visit,
    doors: &[Door],
    key: &Signer,
    change: &mut Change<'_>,
) -> Result<Option<VisitPass>, FlowError> {
    let wire: Vec<_> = doors.iter().map(Door::on_the_wire).collect();
    let zones = reach::zones(&wire, visit.zone);
    let takes = |door: &Door| door.min_assurance == 0 && zones.contains(&door.zone);
    if !doors.iter().any(takes) {
        return Ok(None);
    }
    // Whole seconds, inwards: a pass never opens earlier or later than its grant.
    let (start, end) = (visit.during.start.0, visit.during.end.0);
    let not_before_s = start.div_euclid(1000) + i64::from(start.rem_euclid(1000) > 0);
    let expires_s = end.div_euclid(1000);
    if not_before_s >= expires_s {
        return Ok(None);
    }
    let claims = Claims {
        pass: PassId::new(app.now().0, app.random()),
        subject: visit.subject,
        not_before_s,
        expires_s,
        issued_at_s: app.now().0.div_euclid(1000),
        site: visit.site,
        zones,
        holder: None,
        escort: (visit.escort == Escort::Escorted).then_some(visit.host_subject),
    };
    let pass = VisitPass {
        id: claims.pass,
        visit: visit.id,
        signed: claims.sign(&key.0),
        state: PassState::Active,
        created_at: app.now(),
    };
    visits::insert_pass(&mut change.tx, Scope::System, &pass).await?;
    let draft = Draft::new(app, Some(visit.site), EventCode::PassIssued)
        .visit(app, visit)
        .pass(app, pass.id)
        .actor(app, actor)
        .body(&PassBody {
            kind: STATIC,
            until: visit.during.end,
        });
    record(&mut change.tx, app, draft).await?;
    Ok(Some(pass))
}
