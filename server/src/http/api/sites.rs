//! Sites, and to whom they are open.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{OrganisationId, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_site::{CreateSite, create_site};
use crate::flows::grant_site_access::{GrantSiteAccess, grant_site_access};
use crate::http::extract::{Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::sites::{self, SiteState};
use crate::store::{Scope, Tx, site_access};

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub struct Site {
    /// Which.
    #[schema(value_type = String, example = "sit_01jd6xwq5t0000000000000000")]
    pub id: SiteId,
    /// Who runs it.
    #[schema(value_type = String)]
    pub operator: OrganisationId,
    /// Its name.
    pub name: String,
    /// IANA name of its time zone.
    #[schema(example = "Asia/Tokyo")]
    pub time_zone: String,
    /// `awaiting_keys`, `open` or `closed`.
    #[schema(value_type = String)]
    pub state: SiteState,
    /// Bookings start and end on multiples of this, s.
    pub grid_s: i64,
    /// How long before a booking doors open, s.
    pub grant_before_s: i64,
    /// How long after a booking doors open, s.
    pub grant_after_s: i64,
    /// When it can be booked, local time. A weekday without a line is closed.
    pub opening_hours: Vec<OpeningHours>,
    /// Since when it is known.
    #[schema(inline)]
    pub created_at: Time,
}

/// Open from one local time to another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningHours {
    /// 0 is Monday.
    #[schema(minimum = 0, maximum = 6)]
    pub weekday: u8,
    /// `HH:MM`
    #[schema(example = "08:00")]
    pub opens: String,
    /// `HH:MM`; `24:00` is the end of the day, and no later than `opens` is on the day after.
    #[schema(example = "24:00")]
    pub closes: String,
}

/// A site to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSite {
    /// Its name.
    pub name: String,
    /// IANA name of its time zone.
    #[schema(example = "Asia/Tokyo")]
    pub time_zone: String,
    /// 900 when absent.
    pub grid_s: Option<i64>,
    /// 600 when absent.
    pub grant_before_s: Option<i64>,
    /// 900 when absent.
    pub grant_after_s: Option<i64>,
    /// All day, every day, when absent.
    pub opening_hours: Option<Vec<OpeningHours>>,
}

/// A site is open to a company.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteAccess {
    /// Which site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Which company.
    #[schema(value_type = String)]
    pub company: OrganisationId,
    /// From when.
    #[schema(inline)]
    pub from: Time,
    /// Until when; null: until further notice.
    #[schema(inline)]
    pub until: Option<Time>,
}

/// A company to open a site to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSiteAccess {
    /// Which company.
    #[schema(value_type = String)]
    pub company: OrganisationId,
    /// Now when absent.
    #[schema(inline)]
    pub from: Option<Time>,
    /// Until further notice when absent.
    #[schema(inline)]
    pub until: Option<Time>,
}

impl From<site_access::SiteAccess> for SiteAccess {
    fn from(it: site_access::SiteAccess) -> Self {
        Self {
            site: it.site,
            company: it.company,
            from: it.from.into(),
            until: it.until.map(Into::into),
        }
    }
}

/// Adds a site to the caller's organisation.
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = AddSite, responses((status = 201, body = Site), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddSite>,
) -> Result<Response> {
    let made = create_site(&app, &caller.actor, want.read(caller.organisation)?).await?;
    let made = with_hours(&mut app.db.read().await?, caller.actor.scope(), made).await?;
    Ok(created(&format!("/api/v1/sites/{}", made.id), &made))
}

impl AddSite {
    fn read(self, operator: OrganisationId) -> Result<CreateSite> {
        let hours = self.opening_hours.unwrap_or_else(always_open);
        Ok(CreateSite {
            operator,
            name: self.name,
            time_zone: self.time_zone,
            hours: hours.iter().map(read_hours).collect::<Result<_>>()?,
            grid_s: self.grid_s,
            grant_before_s: self.grant_before_s,
            grant_after_s: self.grant_after_s,
        })
    }
}

/// Sites that the caller's organisation operates or may use.
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", responses((status = 200, body = Page<Site>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader) -> Result<Answer<Page<Site>>> {
    let scope = reader.scope();
    let mut items = Vec::new();
    for site in sites::list(&mut reader.tx, scope).await? {
        if site.operator != reader.caller.organisation && reader.has_ended(&site).await? {
            continue;
        }
        items.push(with_hours(&mut reader.tx, scope, site).await?);
    }
    Ok(Page::all(items))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Site), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Site>> {
    let site = reader.site(id, Action::ReadSite).await?;
    let scope = reader.scope();
    Ok(Answer(with_hours(&mut reader.tx, scope, site).await?))
}

/// Opens a site to a company.
#[utoipa::path(post, path = "/api/v1/sites/{site}/access", tag = "sites", params(("site" = String, Path)), request_body = AddSiteAccess,
    responses((status = 201, body = SiteAccess), (status = "default", body = Problem)))]
pub async fn grant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddSiteAccess>,
) -> Result<Response> {
    let from = want.from.map_or_else(|| app.now(), |time| time.0);
    let want = GrantSiteAccess {
        site,
        company: want.company,
        from,
        until: want.until.map(|time| time.0),
    };
    let made: SiteAccess = grant_site_access(&app, &caller.actor, want).await?.into();
    Ok(created(&format!("/api/v1/sites/{site}/access"), &made))
}

/// To whom a site is open.
#[utoipa::path(get, path = "/api/v1/sites/{site}/access", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<SiteAccess>), (status = "default", body = Problem)))]
pub async fn access(
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Answer<Page<SiteAccess>>> {
    let site = reader.site(id, Action::ReadSiteAccess).await?;
    let scope = reader.scope();
    Ok(Page::all(
        site_access::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

async fn with_hours(tx: &mut Tx, scope: Scope, it: sites::Site) -> Result<Site> {
    let hours = sites::hours(tx, scope, it.id).await?;
    Ok(Site {
        id: it.id,
        operator: it.operator,
        name: it.name,
        time_zone: it.time_zone,
        state: it.state,
        grid_s: it.grid_s,
        grant_before_s: it.grant_before_s,
        grant_after_s: it.grant_after_s,
        opening_hours: hours.into_iter().map(written_hours).collect(),
        created_at: it.created_at.into(),
    })
}

fn always_open() -> Vec<OpeningHours> {
    (0..7)
        .map(|weekday| OpeningHours {
            weekday,
            opens: "00:00".to_owned(),
            closes: "24:00".to_owned(),
        })
        .collect()
}

/// As the API says them.
pub(super) fn written_hours(it: sites::OpeningHours) -> OpeningHours {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    OpeningHours {
        weekday: it.weekday,
        opens: clock(it.opens_min),
        closes: clock(match it.closes_min {
            past @ 1441.. => past - 1440,
            within => within,
        }),
    }
}

pub(super) fn read_hours(it: &OpeningHours) -> Result<sites::OpeningHours> {
    let minutes = |text: &str| {
        let (hours, minutes) = text
            .split_once(':')
            .filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (minutes < 60 && hours * 60 + minutes <= 1440).then_some(hours * 60 + minutes)
    };
    match (minutes(&it.opens), minutes(&it.closes)) {
        (Some(opens_min), Some(closes)) if it.weekday <= 6 && opens_min < 1440 => {
            Ok(sites::OpeningHours {
                weekday: it.weekday,
                opens_min,
                closes_min: if closes <= opens_min {
                    closes + 1440
                } else {
                    closes
                },
            })
        }
        _ => Err(Error::invalid(
            "opening_hours: weekday 0 to 6, HH:MM up to 24:00",
        )),
    }
}
