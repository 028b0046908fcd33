//! Sets a limit: how much a person, a company, or whoever has a plan may book.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::quota::{Counts, Kind, Measure, Period, Terms, check_terms};
use sekisho_domain::ids::{OrganisationId, PersonId, PlanId, QuotaId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, charge, input};
use crate::app::App;
use crate::store::quotas::{self, Quota};
use crate::store::{Scope, Tx, locks, people, plans, site_access, sites};

/// Most limits of an organisation.
pub const QUOTAS_MAX: usize = 2_000;

/// For whom a limit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum For {
    /// One person.
    Person(PersonId),
    /// A company.
    Company(OrganisationId),
    /// Whoever has a plan.
    Plan(PlanId),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SetQuota {
    /// Whose limit it is to be.
    pub organisation: OrganisationId,
    /// For whom.
    pub holder: For,
    /// Who shares an account.
    pub counts: Counts,
    /// Where; absent: everywhere.
    pub site: Option<SiteId>,
    /// What is counted.
    pub measure: Measure,
    /// Within which time.
    pub period: Period,
    /// How much: minutes, bookings or seats.
    pub amount: i64,
}

impl For {
    /// Which kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Person(_) => Kind::Person,
            Self::Company(_) => Kind::Company,
            Self::Plan(_) => Kind::Plan,
        }
    }

    /// The id without its prefix.
    pub fn text(&self) -> String {
        match self {
            Self::Person(id) => id.text(),
            Self::Company(id) => id.text(),
            Self::Plan(id) => id.text(),
        }
    }
}

/// Sets a limit. What was booked before counts where it lies in the period that runs; nobody loses a booking. Refused with
/// `not_found`, `not_allowed` or `invalid_input`.
pub async fn set_quota(app: &App, actor: &Actor, want: SetQuota) -> Result<Quota, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: SetQuota,
    change: &mut Change<'_>,
) -> Result<Quota, FlowError> {
    require(actor, want.organisation)?;
    check_terms(want.measure, want.period, want.amount)?;
    if want.counts == Counts::Each && want.holder.kind() == Kind::Person {
        return Err(input::invalid("counts").into());
    }
    let scope = Scope::Organisation(want.organisation);
    if let Some(site) = want.site {
        let found = sites::get(&mut change.tx, scope, site).await?;
        found.ok_or(Code::NotFound)?;
    }
    let company = concerned(&mut change.tx, want.organisation, want.holder).await?;
    let theirs = quotas::list(&mut change.tx, scope, None, i64::MAX).await?;
    let in_force = theirs.iter().filter(|it| it.terms.until.is_none());
    if in_force.count() >= QUOTAS_MAX {
        return Err(input::invalid("quotas").with("max", QUOTAS_MAX).into());
    }
    let quota = Quota {
        id: QuotaId::new(app.now().0, app.random()),
        organisation: want.organisation,
        company,
        site: want.site,
        kind: want.holder.kind(),
        holder: want.holder.text(),
        counts: want.counts,
        terms: Terms {
            measure: want.measure,
            period: want.period,
            amount: want.amount,
            from: app.now(),
            until: None,
        },
        version: 1,
    };
    let people = charge::people_of(&mut change.tx, quota.kind, &quota.holder).await?;
    locks::lock_all(&mut change.tx, &people, &[]).await?;
    quotas::insert(&mut change.tx, scope, &quota).await?;
    charge::catch_up(app, &mut change.tx, &quota).await?;
    tell(app, actor, &quota, EventCode::QuotaSet, change).await?;
    Ok(quota)
}

/// Whether the actor may set limits in the name of an organisation. Another one's do not exist.
pub(super) fn require(actor: &Actor, organisation: OrganisationId) -> Result<(), FlowError> {
    let own = actor.organisation == Some(organisation);
    let relation = if own {
        Relation::SameOrganisation
    } else {
        Relation::None
    };
    Ok(authority::require(actor, Action::WriteQuota, &[relation])?)
}

/// The organisation that a limit concerns besides the one that sets it; refuses whom that one has nothing to do with.
pub(super) async fn concerned(
    tx: &mut Tx,
    own: OrganisationId,
    holder: For,
) -> Result<Option<OrganisationId>, FlowError> {
    let of = match holder {
        For::Company(company) => company,
        For::Person(person) => {
            let found = people::get(tx, Scope::System, person).await?;
            found.ok_or(Code::NotFound)?.organisation
        }
        For::Plan(plan) => {
            let found = plans::get(tx, Scope::Organisation(own), plan).await?;
            found.ok_or(Code::NotFound)?;
            return Ok(None);
        }
    };
    if of == own {
        return Ok(None);
    }
    if !site_access::serves(tx, own, of).await? {
        return Err(Code::NotFound.into());
    }
    Ok(Some(of))
}

/// Records what became of a limit. About a person, it says so by a digest.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    quota: &Quota,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let body = RegistryBody {
        id: Some(ByteArray::from(quota.id.0)),
        parent: quota.site.map(|site| ByteArray::from(site.0)),
    };
    let mut draft = Draft::new(app, quota.site, code)
        .actor(app, actor)
        .body(&body);
    if quota.kind == Kind::Person
        && let Ok(person) = PersonId::parse_text(&quota.holder)
    {
        draft = draft.person(app, person);
    }
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
