//! The API: one file per resource, its JSON shapes and its doors into flows. Reads go to `store` through [`Reader`].

#![expect(
    unused_qualifications,
    reason = "the macros that write the OpenAPI document spell out paths"
)]

pub mod approvals;
pub mod availability;
pub mod bookings;
pub mod calendar;
pub mod closures;
pub mod displays;
pub mod document;
pub mod events;
pub mod evidence;
pub mod exports;
pub mod feeds;
pub mod floor_plan;
pub mod gateways;
pub mod groups;
pub mod health;
pub mod inventory;
pub mod orders;
pub mod organisations;
pub mod passes;
pub mod people;
pub mod places;
pub mod plans;
pub mod quotas;
pub mod seats;
pub mod series;
pub mod series_shown;
pub mod sites;
pub mod tokens;
pub mod types;
pub mod visits;
pub mod waiting;
pub mod webhooks;
pub mod when;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;

use super::problem::{Error, Problem, Result};
use super::session::Caller;
use crate::app::App;
use crate::flows::authority;
use crate::store::{self, Scope, Tx};

pub(crate) use series_shown::code_named;

/// Anything else below `/api`.
pub async fn nothing() -> Error {
    Code::NotFound.into()
}

/// A caller with an open read transaction: what a GET needs.
pub struct Reader {
    /// On whose behalf.
    pub caller: Caller,
    /// Only for reading.
    pub tx: Tx,
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        Ok(Self {
            caller,
            tx: app.db.read().await?,
        })
    }
}

impl Reader {
    /// Whose rows may be seen.
    pub fn scope(&self) -> Scope {
        self.caller.actor.scope()
    }

    /// A site at which the caller may do `action`.
    pub async fn site(&mut self, id: SiteId, action: Action) -> Result<store::sites::Site> {
        let scope = self.scope();
        let site = store::sites::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let mut relations = authority::to_site(&mut self.tx, &self.caller.actor, &site).await?;
        if self.has_ended(&site).await? {
            relations.retain(|relation| *relation != Relation::AccessibleSite);
        }
        authority::require(&self.caller.actor, action, &relations)?;
        Ok(site)
    }

    /// Whether a site was open to the caller's organisation and is so no more. What was booked there before stays theirs to see;
    /// the site itself does not.
    pub async fn has_ended(&mut self, site: &store::sites::Site) -> Result<bool> {
        let own = self.caller.organisation;
        let access = store::site_access::get(&mut self.tx, Scope::System, site.id, own).await?;
        let until = access.and_then(|access| access.until);
        Ok(until.is_some_and(|until| until <= self.caller.at))
    }
}
