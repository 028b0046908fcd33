//! Opens a site to a company.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{OrganisationId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::visits::end_hostless_visits;
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::site_access::{self, SiteAccess};
use crate::store::{Scope, locks, organisations, people, sites, visits};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct GrantSiteAccess {
    /// Which site.
    pub site: SiteId,
    /// To which company.
    pub company: OrganisationId,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None`: until further notice.
    pub until: Option<Timestamp>,
}

/// Opens a site to a company, or changes from and until when. Bookings that were made before stay; visits whose hosts can no
/// longer be there end. Refused with `not_found`,
/// `not_allowed`, `invalid_input` or `interval_empty`.
pub async fn grant_site_access(
    app: &App,
    actor: &Actor,
    want: GrantSiteAccess,
) -> Result<SiteAccess, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &GrantSiteAccess,
    change: &mut Change<'_>,
) -> Result<SiteAccess, FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    authority::require(
        actor,
        Action::WriteSiteAccess,
        &authority::to_site(&mut change.tx, actor, &site).await?,
    )?;
    // The company is not yet visible to this operator: knowing its id is what the company gave away.
    let company = organisations::get(&mut change.tx, Scope::System, want.company)
        .await?
        .ok_or(Code::NotFound)?;
    if company.id == site.operator {
        return Err(input::invalid("company").into());
    }
    if want.until.is_some_and(|until| until <= want.from) {
        return Err(Code::IntervalEmpty.into());
    }
    // Whoever invites somebody meanwhile waits here, and then finds the new times.
    let people: Vec<_> =
        people::list(&mut change.tx, Scope::System, company.id, None, i64::MAX).await?;
    let people: Vec<_> = people.iter().map(|it| it.id).collect();
    locks::lock_all(&mut change.tx, &people, &[]).await?;
    let access = SiteAccess {
        site: site.id,
        company: company.id,
        from: want.from,
        until: want.until,
        created_at: app.now(),
    };
    site_access::put(&mut change.tx, Scope::Organisation(site.operator), &access).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(company.id.0)),
        parent: Some(ByteArray::from(site.id.0)),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, Some(site.id), EventCode::SiteAccessGranted)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    end_visits(app, actor, &access, change).await?;
    Ok(access)
}

/// Ends the visits for which the company's access no longer lasts.
async fn end_visits(
    app: &App,
    actor: &Actor,
    access: &SiteAccess,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let (site, company, now) = (access.site, access.company, app.now());
    let hosts = visits::hosts_at(&mut change.tx, Scope::System, site, company, now).await?;
    if hosts.is_empty() {
        return Ok(());
    }
    change.facts(site).await?;
    for host in hosts {
        end_hostless_visits(app, actor, host, site, change).await?;
    }
    Ok(())
}
