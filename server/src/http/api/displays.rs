//! Screens at doors, rooms and counters.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DisplayId, SeatId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::add_display::{AddDisplay, add_display};
use crate::flows::revoke_display::revoke_display;
use crate::http::extract::{Json, NoBody, Path};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::displays;

/// A screen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Display {
    /// Which.
    #[schema(value_type = String, example = "dsp_01jd6xwq5t0000000000000000")]
    pub id: DisplayId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Which seat it is about; null: all of the site's.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// Where it hangs.
    pub name: String,
    /// Since when.
    #[schema(inline)]
    pub created_at: Time,
    /// When it was switched off.
    #[schema(inline)]
    pub revoked_at: Option<Time>,
}

/// A screen that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewDisplay {
    /// The screen.
    #[serde(flatten)]
    pub display: Display,
    /// The page that the screen shows. Whoever has it sees when seats are taken. Shown only now; null when a repeat is answered.
    pub url: Option<String>,
}

/// A screen to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename = "AddScreen")]
pub struct AddScreen {
    /// Where it hangs.
    pub name: String,
    /// Which seat it is about; all of the site's when absent.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
}

impl From<displays::Display> for Display {
    fn from(it: displays::Display) -> Self {
        Self {
            id: it.id,
            site: it.site,
            seat: it.seat,
            name: it.name,
            created_at: it.created_at.into(),
            revoked_at: it.revoked_at.map(Into::into),
        }
    }
}

/// Adds a screen.
#[utoipa::path(post, path = "/api/v1/sites/{site}/displays", tag = "sites", params(("site" = String, Path)), request_body = AddScreen,
    responses((status = 201, body = NewDisplay), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddScreen>,
) -> Result<Response> {
    let want = AddDisplay {
        site,
        seat: want.seat,
        name: want.name,
    };
    let made = add_display(&app, &caller.actor, want).await?;
    let mut new = NewDisplay {
        url: Some(format!(
            "{}/display/{}",
            app.config.public_url(),
            made.secret
        )),
        display: made.display.into(),
    };
    let mut response = created(&format!("/api/v1/sites/{site}/displays"), &new);
    new.url = None;
    response.extensions_mut().insert(KeepInstead(json!(new)));
    Ok(response)
}

/// Screens of a site that work.
#[utoipa::path(get, path = "/api/v1/sites/{site}/displays", tag = "sites", params(("site" = String, Path)),
    responses((status = 200, body = Page<Display>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Path(site): Path<SiteId>) -> Result<Answer<Page<Display>>> {
    let site = reader.site(site, Action::WriteDisplay).await?;
    let scope = reader.scope();
    let found = displays::list(&mut reader.tx, scope, site.id).await?;
    Ok(Page::all(found.into_iter().map(Display::from).collect()))
}

/// Switches a screen off.
#[utoipa::path(post, path = "/api/v1/displays/{display}/revoke", tag = "sites", params(("display" = String, Path)),
    responses((status = 200, body = Display), (status = "default", body = Problem)))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<DisplayId>,
    _: NoBody,
) -> Result<Answer<Display>> {
    Ok(Answer(
        revoke_display(&app, &caller.actor, id).await?.into(),
    ))
}
