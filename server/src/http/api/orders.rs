//! Orders for doors: releases and modes from afar, and what became of them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::access::Mode;
use sekisho_domain::authority::Action;
use sekisho_domain::cbor;
use sekisho_domain::ids::{CommandId, DoorId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::{Order, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::order_mode::order_mode;
use crate::flows::order_unlock::order_unlock;
use crate::http::extract::{Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::commands;

/// A release to order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUnlock {
    /// Why, 1 to 200 characters: it stands beside the record, never in the log.
    pub reason: String,
}

/// A mode to order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMode {
    /// `normal` (decides by credential), `lockdown` (nobody enters) or `blocked` (out of use). The way out is always free.
    #[schema(example = "lockdown")]
    pub mode: String,
    /// Why, 1 to 200 characters: it stands beside the record, never in the log.
    pub reason: String,
}

/// An order for a door.
#[derive(Debug, Serialize, ToSchema)]
pub struct Command {
    /// Which.
    #[schema(value_type = String, example = "cmd_01jd6xwq5t0000000000000000")]
    pub id: CommandId,
    /// At which site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// For which door.
    #[schema(value_type = String)]
    pub door: DoorId,
    /// The mode that is wanted; null: one release.
    pub mode: Option<&'static str>,
    /// Why.
    pub reason: String,
    /// `waiting` (for at most ten seconds), `executed`, `expired` (came too late, nothing was done), `rejected` (the gateway
    /// cannot do it), or `unanswered`: it was sent and nobody said what became of it; the gateway's record will tell.
    pub state: &'static str,
    /// When it was given.
    #[schema(inline)]
    pub issued_at: Time,
    /// Until when it may be carried out.
    #[schema(inline)]
    pub not_after: Time,
    /// When the gateway's answer came.
    #[schema(inline)]
    pub answered_at: Option<Time>,
}

impl Command {
    /// What is known about a stored order at `now`.
    pub fn of(stored: &commands::DoorOrder, now: Timestamp) -> Result<Self> {
        let order: Order =
            cbor::decode(&stored.order, stored.order.len()).map_err(anyhow::Error::new)?;
        let (door, mode, reason) = match order {
            Order::Unlock(door, reason) => (door, None, reason),
            Order::Mode(door, mode, reason) => (door, Some(mode.name()), reason),
            Order::Cut(_) => return Err(Code::NotFound.into()),
        };
        let state = match stored.outcome {
            Some(Outcome::Executed) => "executed",
            Some(Outcome::Rejected) => "rejected",
            None if now <= stored.not_after => "waiting",
            None if stored.sent => "unanswered",
            // Told so by the gateway, or never sent.
            Some(Outcome::Expired) | None => "expired",
        };
        Ok(Self {
            id: stored.id,
            site: stored.site,
            door,
            mode,
            reason,
            state,
            issued_at: stored.issued_at.into(),
            not_after: stored.not_after.into(),
            answered_at: stored.answered_at.map(Into::into),
        })
    }
}

impl Reader {
    /// An order for a door of a site at which the caller may give such orders.
    pub async fn command(&mut self, app: &App, id: CommandId) -> Result<Command> {
        let scope = self.scope();
        let found = commands::for_door(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        self.site(found.site, Action::UnlockDoor).await?;
        Command::of(&found, app.now())
    }
}

/// Orders one release of a door. Look at the command until it is no longer waiting.
#[utoipa::path(post, path = "/api/v1/doors/{door}/unlock", tag = "doors", params(("door" = String, Path)), request_body = AddUnlock,
    responses((status = 201, body = Command), (status = "default", body = Problem)))]
pub async fn unlock(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(door): Path<DoorId>,
    Json(want): Json<AddUnlock>,
) -> Result<Response> {
    let id = order_unlock(&app, &caller.actor, door, &want.reason).await?;
    given(&app, caller, id).await
}

/// Orders a mode of a door. Look at the command until it is no longer waiting.
#[utoipa::path(post, path = "/api/v1/doors/{door}/mode", tag = "doors", params(("door" = String, Path)), request_body = AddMode,
    responses((status = 201, body = Command), (status = "default", body = Problem)))]
pub async fn change_mode(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(door): Path<DoorId>,
    Json(want): Json<AddMode>,
) -> Result<Response> {
    let mode = Mode::from_name(&want.mode)
        .ok_or_else(|| Error::invalid("mode: normal, lockdown or blocked"))?;
    let id = order_mode(&app, &caller.actor, door, mode, &want.reason).await?;
    given(&app, caller, id).await
}

/// One order for a door and what became of it.
#[utoipa::path(get, path = "/api/v1/commands/{command}", tag = "doors", params(("command" = String, Path)), responses((status = 200, body = Command), (status = "default", body = Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(id): Path<CommandId>,
) -> Result<Answer<Command>> {
    Ok(Answer(reader.command(&app, id).await?))
}

async fn given(app: &App, caller: Caller, id: CommandId) -> Result<Response> {
    let tx = app.db.read().await?;
    let command = Reader { caller, tx }.command(app, id).await?;
    Ok(created(&format!("/api/v1/commands/{id}"), &command))
}
