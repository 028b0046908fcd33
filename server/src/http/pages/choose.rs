//! From the navigation to a page of one site: where there is one site, straight to it.

use askama::Template;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;

use super::{Frame, page, see_other};
use crate::http::api::Reader;
use crate::http::problem::Result;
use crate::http::session::Me;
use crate::store::sites;

#[derive(Template)]
#[template(path = "choose.html")]
struct Page {
    f: Frame,
    title: &'static str,
    /// Last part of the paths that are led to.
    to: &'static str,
    sites: Vec<(SiteId, String)>,
}

/// `GET /today`
pub async fn today(f: Frame, _: Me, reader: Reader) -> Result<Response> {
    let title = f.s.nav_today;
    lead(f, reader, Action::ReadPresence, title, "today").await
}

/// `GET /settings`
pub async fn settings(f: Frame, _: Me, reader: Reader) -> Result<Response> {
    let title = f.s.nav_settings;
    lead(f, reader, Action::WriteSite, title, "settings").await
}

/// `GET /evidence`
pub async fn evidence(f: Frame, _: Me, reader: Reader) -> Result<Response> {
    let title = f.s.nav_evidence;
    lead(f, reader, Action::ExportEvidence, title, "evidence").await
}

async fn lead(
    f: Frame,
    mut reader: Reader,
    action: Action,
    title: &'static str,
    to: &'static str,
) -> Result<Response> {
    let scope = reader.scope();
    let mut mine = Vec::new();
    for site in sites::list(&mut reader.tx, scope).await? {
        if reader.site(site.id, action).await.is_ok() {
            mine.push((site.id, site.name));
        }
    }
    if let [(only, _)] = mine.as_slice() {
        return Ok(see_other(&format!("/sites/{only}/{to}")));
    }
    page(&Page {
        f,
        title,
        to,
        sites: mine,
    })
}
