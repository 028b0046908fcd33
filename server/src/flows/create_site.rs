//! Adds a site, with its keys and its log.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{OpeningHours, check_opening_hours, check_time_zone};
use sekisho_domain::ids::{OrganisationId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input, open_log};
use crate::app::App;
use crate::store::sites::{self, Site, SiteState};
use crate::store::{Scope, organisations};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateSite {
    /// Who runs it.
    pub operator: OrganisationId,
    /// Its name.
    pub name: String,
    /// IANA name of its time zone, e.g. `Asia/Tokyo`.
    pub time_zone: String,
    /// When it is open; a weekday without a row is closed.
    pub hours: Vec<OpeningHours>,
    /// Step of bookings, s; [`GRID_S`] where absent.
    pub grid_s: Option<i64>,
    /// How long before a booking doors open, s; [`GRANT_BEFORE_S`] where absent.
    pub grant_before_s: Option<i64>,
    /// How long after a booking doors open, s; [`GRANT_AFTER_S`] where absent.
    pub grant_after_s: Option<i64>,
}

/// Default step of bookings, s.
pub const GRID_S: i64 = 900;
/// Default margin before a booking, s.
pub const GRANT_BEFORE_S: i64 = 600;
/// Default margin after a booking, s.
pub const GRANT_AFTER_S: i64 = 900;
/// Most opening hours of a site: four blocks a day.
pub(super) const HOURS_MAX: usize = 28;
const DAY_S: i64 = 86_400;
const MARGIN_MAX_S: i64 = 4 * 3600;

/// Adds a site to an operator. Refused with `not_found`, `not_allowed`, `invalid_input` or `unknown_time_zone`.
pub async fn create_site(app: &App, actor: &Actor, want: CreateSite) -> Result<Site, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateSite,
    change: &mut Change<'_>,
) -> Result<Site, FlowError> {
    let operator = organisations::get(&mut change.tx, actor.scope(), want.operator)
        .await?
        .ok_or(Code::NotFound)?;
    let same = if actor.organisation == Some(operator.id) {
        Relation::SameOrganisation
    } else {
        Relation::None
    };
    authority::require(actor, Action::AddSite, &[same])?;
    if !operator.kind.operates() {
        return Err(Code::NotAllowed.into());
    }
    let mut site = decide(app, want)?;
    let scope = Scope::Organisation(operator.id);
    sites::insert(&mut change.tx, scope, &site).await?;
    for hours in &want.hours {
        sites::insert_hours(&mut change.tx, scope, site.id, *hours).await?;
    }
    open_log::open_log(&mut change.tx, app, Some(site.id)).await?;
    sites::set_state(&mut change.tx, scope, site.id, SiteState::Open).await?;
    site.state = SiteState::Open;
    let body = RegistryBody {
        id: Some(ByteArray::from(site.id.0)),
        parent: Some(ByteArray::from(operator.id.0)),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, Some(site.id), EventCode::SiteCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(site)
}

fn decide(app: &App, want: &CreateSite) -> Result<Site, Refusal> {
    let now = app.now();
    check_time_zone(&want.time_zone)?;
    if want.hours.len() > HOURS_MAX {
        return Err(input::invalid("opening_hours"));
    }
    check_opening_hours(&want.hours)?;
    let within = |field, value: Option<i64>, default, max| match value.unwrap_or(default) {
        value if (0..=max).contains(&value) => Ok(value),
        _ => Err(input::invalid(field)),
    };
    Ok(Site {
        id: SiteId::new(now.0, app.random()),
        operator: want.operator,
        name: input::name("name", &want.name)?,
        time_zone: want.time_zone.clone(),
        state: SiteState::AwaitingKeys,
        grid_s: within("grid_s", want.grid_s, GRID_S, DAY_S).and_then(|grid| {
            if grid == 0 {
                Err(input::invalid("grid_s"))
            } else {
                Ok(grid)
            }
        })?,
        grant_before_s: within(
            "grant_before_s",
            want.grant_before_s,
            GRANT_BEFORE_S,
            MARGIN_MAX_S,
        )?,
        grant_after_s: within(
            "grant_after_s",
            want.grant_after_s,
            GRANT_AFTER_S,
            MARGIN_MAX_S,
        )?,
        facts_version: 1,
        created_at: now,
    })
}
