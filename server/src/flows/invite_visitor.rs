//! Invites a visitor: the visit, the printed pass, the link to it.

use sekisho_certs::Purpose;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{PersonId, SiteId, SubjectId, VisitId, ZoneId};
use sekisho_domain::presence::Presence;
use sekisho_domain::reach;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::{self, Escort};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::issue_visit_pass::{Signer, issue};
use super::record::{Draft, record};
use super::secret::Secret;
use super::visitor_mail::{link, send_link};
use super::visits::{body, host_facts};
use super::{Actor, FlowError, authority, book_seat, input};
use crate::app::App;
use crate::store::doors::Door;
use crate::store::people::Person;
use crate::store::sites::{Site, SiteState};
use crate::store::visits::{self, Visit, VisitPass};
use crate::store::{
    Scope, Tx, calendars, doors, holds, locks, people, sites, subjects, visitor_policies, zones,
};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct InviteVisitor {
    /// Where.
    pub site: SiteId,
    /// Into which zone.
    pub zone: ZoneId,
    /// Who receives them.
    pub host: PersonId,
    /// What the visitor is called.
    pub name: String,
    /// What they come for.
    pub purpose: String,
    /// Where to send the link, if anywhere.
    pub email: Option<String>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Whether they may be alone.
    pub escort: Escort,
}

/// A visitor who was invited.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The visit.
    pub visit: Visit,
    /// The pass to print; `None` where no door on the way takes a printed one.
    pub pass: Option<VisitPass>,
    /// Where the visitor sees it without an account. Said only here: the secret in it is stored hashed.
    pub link: String,
}

/// Invites a visitor. Refused with the codes of [`visit::invite`] and [`visit::require_room`], `invalid_input`, `site_held`, `not_found` or `not_allowed`;
/// recorded as `visit.refused`.
pub async fn invite_visitor(
    app: &App,
    actor: &Actor,
    want: InviteVisitor,
) -> Result<Invited, FlowError> {
    let want = InviteVisitor {
        name: input::name("name", &want.name)?,
        purpose: input::purpose(&want.purpose)?,
        email: want.email.as_deref().map(input::email).transpose()?,
        ..want
    };
    let (want, key) = (&want, &Signer(app.key(Purpose::Pass)?));
    let secret = &Secret::new(app);
    let (invited, site, host) = change(app, actor, EventCode::VisitRefused, |change| {
        Box::pin(attempt(app, actor, want, secret, key, change))
    })
    .await?;
    send_link(app, &invited.visit, &invited.link, &site, &host);
    Ok(invited)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &InviteVisitor,
    secret: &Secret,
    key: &Signer,
    change: &mut Change<'_>,
) -> Result<(Invited, Site, Person), FlowError> {
    let (site, host) = about(actor, want, change).await?;
    locks::lock_all(&mut change.tx, &[host.id], &[]).await?;
    if holds::of_site(&mut change.tx, Scope::System, site.id)
        .await?
        .is_some()
    {
        return Err(Code::SiteHeld.into());
    }
    let a_day_ago = app.now().plus_ms(-visit::LENGTH_MAX_MS);
    let made =
        visits::made_for_host(&mut change.tx, Scope::System, host.id, a_day_ago, app.now()).await?;
    visit::require_room(&made, app.now())?;
    let request = visit::Request {
        start: want.starts_at,
        end: want.ends_at,
        escort: want.escort,
    };
    let doors = doors::list(&mut change.tx, Scope::System, site.id).await?;
    let facts = facts(&mut change.tx, &request, want, &site, &doors).await?;
    let plan = visit::invite(&request, &facts, app.now())?;

    let candidate = SubjectId::new(app.now().0, app.random());
    let host_subject = subjects::ensure(&mut change.tx, candidate, site.id, host.id).await?;
    let visit = Visit {
        id: VisitId::new(app.now().0, app.random()),
        operator: site.operator,
        company: host.organisation,
        site: site.id,
        zone: want.zone,
        host: host.id,
        host_subject,
        subject: SubjectId::new(app.now().0, app.random()),
        name: want.name.clone(),
        purpose: want.purpose.clone(),
        email: want.email.clone(),
        escort: plan.escort,
        during: plan.during,
        cancelled: false,
        presence: Presence::expected(app.now()),
        link_hash: secret.hash(),
        version: 1,
        created_by: actor.text(),
        created_at: app.now(),
    };
    visits::insert(&mut change.tx, Scope::Organisation(site.operator), &visit).await?;
    tell(app, actor, &visit, change).await?;
    change.facts(site.id).await?;
    let pass = issue(app, actor, &visit, &doors, key, change).await?;
    let link = link(app, secret);
    Ok((Invited { visit, pass, link }, site, host))
}

/// The site and the host, if the actor sees them and may ask for this.
async fn about(
    actor: &Actor,
    want: &InviteVisitor,
    change: &mut Change<'_>,
) -> Result<(Site, Person), FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    zones::get(&mut change.tx, actor.scope(), want.zone)
        .await?
        .filter(|zone| zone.site == site.id)
        .ok_or(Code::NotFound)?;
    let host = people::get(&mut change.tx, Scope::System, want.host)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = book_seat::relations(&mut change.tx, actor, &site, &host).await?;
    authority::require(actor, Action::WriteVisit, &relations)?;
    Ok((site, host))
}

/// Everything that the rules look at, read under the lock.
async fn facts(
    tx: &mut Tx,
    request: &visit::Request,
    want: &InviteVisitor,
    site: &Site,
    doors: &[Door],
) -> Result<visit::Facts, FlowError> {
    let during = Interval {
        start: request.start,
        end: request.end,
    };
    let wire: Vec<_> = doors.iter().map(Door::on_the_wire).collect();
    let others = visits::at_site(tx, Scope::System, site.id, Some(want.host), during).await?;
    let others = others
        .iter()
        .filter(|it| !it.cancelled && it.during.overlaps(&during));
    Ok(visit::Facts {
        time_zone: site.time_zone.clone(),
        site_open: site.state == SiteState::Open,
        calendar: calendars::calendar(tx, Scope::System, site.id, Some(want.zone), during.start)
            .await?,
        policy: visitor_policies::get(tx, Scope::System, site.id).await?,
        way: reach::zones(&wire, want.zone),
        others: u32::try_from(others.count()).unwrap_or(u32::MAX),
        host: host_facts(tx, site, want.host, during).await?,
    })
}

async fn tell(
    app: &App,
    actor: &Actor,
    visit: &Visit,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let mut draft = Draft::new(app, Some(visit.site), EventCode::VisitInvited)
        .visit(app, visit)
        .actor(app, actor);
    let said = said(&visit.name, &visit.purpose);
    let mut body = body(visit);
    body.host = Some(draft.commit(app, "subject", &visit.host_subject.to_string()));
    body.visitor = Some(draft.commit(app, "visitor", &said));
    record(&mut change.tx, app, draft.body(&body)).await?;
    Ok(())
}

/// What the opening says of a visitor.
fn said(name: &str, purpose: &str) -> String {
    serde_json::json!({ "name": name, "purpose": purpose }).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;
    use sekisho_domain::evidence::disclosure::{OPENING_MAX, disclose, read};

    use super::input::{NAME_MAX, PURPOSE_MAX};
    use super::*;

    fn opens(name: &str, purpose: &str) {
        let (name, purpose) = (
            input::name("name", name).unwrap(),
            input::purpose(purpose).unwrap(),
        );
        let said = said(&name, &purpose);
        let opening = disclose([255; 16], "visitor", &said);
        assert!(opening.len() <= OPENING_MAX, "{}", opening.len());
        assert_eq!(read(&opening), Some(("visitor".to_owned(), said)));
    }

    #[test]
    fn the_longest_name_and_purpose_fit_an_opening_in_any_script() {
        for c in ["来", "𠮷", "\"", "\\", "a"] {
            opens(&c.repeat(NAME_MAX), &c.repeat(PURPOSE_MAX));
        }
        let long = input::purpose(&"来".repeat(PURPOSE_MAX + 1)).unwrap_err();
        assert_eq!(
            (long.code, long.data["max"].as_str()),
            (Code::InvalidInput, "100")
        );
    }

    proptest! {
        #[test]
        fn the_longest_kanji_fit(name in "[一-龠𠀀-𪛖\"\\\\]{120}", purpose in "[一-龠𠀀-𪛖\"\\\\]{100}") {
            opens(&name, &purpose);
        }
    }
}
